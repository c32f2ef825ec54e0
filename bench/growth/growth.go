//go:build linux

// Package growth measures what more of everything costs: members of a room, rooms, idle connections.
//
//	growth.go   Options, Run
//	fanout.go   time for a delivery, as rooms grow and as there are more of them
//	idle.go     memory and time of idle connections, as there are more of them
//	report.go   what came out
package growth

import (
	"context"
	"errors"
	"io"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Options say how to measure.
type Options struct {
	Rounds   int  // of the fan-out
	Short    bool // few connections for a moment: the figures mean nothing
	Progress io.Writer
}

// runner has what the measurements share.
type runner struct {
	*process.Workbench
	options Options
}

// Run measures. Beside an error of some of the measurements it returns a report on the others.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	files := uint64(20_000)
	if options.Short {
		files = 1000
	}
	bench, err := process.SetUp(ctx, "growth", options.Progress, files, "./cmd/sockeye", "./bench/server", "./bench/barewrite", "./bench/load", "./bench/trial")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bench.Close()) }()
	if options.Short {
		bench.Unpin()
	}
	r := &runner{bench, options}
	report = &Report{Short: options.Short}
	err = r.fanOut(ctx, report)
	if ctx.Err() == nil {
		err = errors.Join(err, r.idle(ctx, report))
	}
	return report, err
}

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
	"fmt"
	"io"
	"os"
	"path/filepath"

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
	options Options
	dir     string // of the programs, and of data
	server  process.Cores
	clients process.Cores
}

// Run measures. Beside an error of some of the measurements it returns a report on the others.
func Run(ctx context.Context, options Options) (*Report, error) {
	dir, err := os.MkdirTemp("", "sockeye-growth-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &runner{options: options, dir: dir}
	if r.server, r.clients, err = process.Split(); err != nil {
		return nil, err
	}
	if err := process.Build(ctx, dir, "./cmd/sockeye", "./bench/server", "./bench/barewrite", "./bench/load", "./bench/trial"); err != nil {
		return nil, err
	}
	if !options.Short {
		if err := process.AllowFiles(20_000); err != nil {
			return nil, err
		}
	}
	report := &Report{Short: options.Short}
	err = r.fanOut(ctx, report)
	if ctx.Err() == nil {
		err = errors.Join(err, r.idle(ctx, report))
	}
	return report, err
}

func (r *runner) path(program string) string { return filepath.Join(r.dir, program) }

func (r *runner) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.options.Progress, "growth  "+format+"\n", args...) // progress is all it is
}

//go:build linux

// Package product measures the whole server, `sockeye serve`: what is validated, authorised and stored before it is told,
// beside the Socket.IO library that it stands on and beside its store alone, in the same run.
//
//	product.go     Options, Run
//	scenarios.go   what is measured
//	server.go      the servers: ours with its users and its room, the bare library, the store
//	report.go      what came out
package product

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Options say how to measure.
type Options struct {
	Rounds   int
	Short    bool     // few connections for a moment: the figures mean nothing
	Only     []string // scenarios by name; none: all
	Profile  string   // directory for profiles of the server; none if empty
	Progress io.Writer
}

// runner has what the measurements share.
type runner struct {
	*process.Workbench
	options Options
	started int // servers, for the names of their folders
}

// Run measures. Beside an error of some of the measurements it returns a report on the others; without a report nothing
// could be measured.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	bench, err := process.SetUp(ctx, "product", options.Progress, 4000, "./cmd/sockeye", "./bench/server", "./bench/storerate", "./bench/trial")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bench.Close()) }()
	if options.Short {
		bench.Unpin()
	}
	r := &runner{Workbench: bench, options: options}
	report = &Report{Short: options.Short, results: make(results)}
	var failures error
	for round := range options.Rounds {
		for _, measure := range []func(context.Context, *Report, int) error{r.fanOut, r.direct} {
			if ctx.Err() == nil {
				failures = errors.Join(failures, measure(ctx, report, round))
			}
		}
	}
	return report, failures
}

// check looks for scenarios that do not exist.
func (o *Options) check() error {
	for _, name := range o.Only {
		if !slices.Contains(Scenarios(), name) {
			return fmt.Errorf("no scenario of the product is called %q", name)
		}
	}
	return nil
}

func (o *Options) wants(scenario string) bool {
	return len(o.Only) == 0 || slices.Contains(o.Only, scenario)
}

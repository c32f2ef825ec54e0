//go:build linux

// Package hostile measures the whole server, `sockeye serve`, when its clients do what it likes least: all come back at
// once, some do not read, some mean harm.
//
//	hostile.go   Options, Run
//	storm.go     a reconnect storm, and one behind a kill
//	slow.go      members of a room who stop reading
//	attacks.go   clients that mean harm
//	strangers.go   many who have not signed in, doing their worst
//	report.go    what came out
package hostile

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// Options say how to measure.
type Options struct {
	Short    bool // few connections for a moment: the figures mean nothing
	Progress io.Writer
}

// runner has what the measurements share.
type runner struct {
	*process.Workbench
	options Options
}

// patience is how long those who mean well wait for an answer. In the short form it only has to be there: how soon is up to
// the machine.
func (r *runner) patience() time.Duration {
	if r.options.Short {
		return 5 * time.Minute
	}
	return 20 * time.Second
}

// Run measures. Beside an error of some of the measurements it returns a report on the others.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	files := uint64(20_000)
	if options.Short {
		files = 1000
	}
	bench, err := process.SetUp(ctx, "hostile", options.Progress, files, "./cmd/sockeye", "./bench/trial")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bench.Close()) }()
	if options.Short {
		bench.Unpin()
	}
	r := &runner{bench, options}
	report = &Report{Short: options.Short}
	var failures error
	for _, measure := range []func(context.Context, *Report) error{r.storm, r.slow, r.attacks, r.strangers} {
		if ctx.Err() == nil {
			failures = errors.Join(failures, measure(ctx, report))
		}
	}
	return report, failures
}

// start starts a server with fresh data and signs tokens for users.
func (r *runner) start(ctx context.Context, name string, users int, args ...string) (*process.Sockeye, []string, error) {
	server, err := r.Start(ctx, name, args...)
	if err != nil {
		return nil, nil, err
	}
	tokens, err := process.Tokens(server.Data, users)
	if err != nil {
		return nil, nil, errors.Join(err, server.Stop())
	}
	return server, tokens, nil
}

// try runs a trial against a server.
func (r *runner) try(ctx context.Context, server *process.Sockeye, trial crowd.Trial, result any) error {
	trial.Plan = crowd.Plan{Addr: server.Addr, PID: server.PID()}
	return r.Try(ctx, trial, result)
}

//go:build linux

// Package hostile measures the whole server, `sockeye serve`, when its clients do what it likes least: all come back at
// once, some do not read, some mean harm.
//
//	hostile.go   Options, Run
//	storm.go     a reconnect storm, and one behind a kill
//	slow.go      members of a room who stop reading
//	attacks.go   clients that mean harm
//	report.go    what came out
package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
	options Options
	dir     string // of the programs, and of data
	server  process.Cores
	clients process.Cores
}

// Run measures. Beside an error of some of the measurements it returns a report on the others.
func Run(ctx context.Context, options Options) (*Report, error) {
	dir, err := os.MkdirTemp("", "sockeye-hostile-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &runner{options: options, dir: dir}
	if r.server, r.clients, err = process.Split(); err != nil {
		return nil, err
	}
	if err := process.Build(ctx, dir, "./cmd/sockeye", "./bench/trial"); err != nil {
		return nil, err
	}
	if !options.Short {
		if err := process.AllowFiles(20_000); err != nil {
			return nil, err
		}
	}
	report := &Report{Short: options.Short}
	var failures error
	for _, measure := range []func(context.Context, *Report) error{r.storm, r.slow, r.attacks} {
		if ctx.Err() == nil {
			failures = errors.Join(failures, measure(ctx, report))
		}
	}
	return report, failures
}

func (r *runner) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.options.Progress, "hostile  "+format+"\n", args...) // progress is all it is
}

// start starts a server with fresh data and signs tokens for users.
func (r *runner) start(ctx context.Context, name string, users int, args ...string) (*process.Sockeye, []string, error) {
	data := filepath.Join(r.dir, name)
	server, err := process.StartSockeye(ctx, r.dir, data, r.server, args...)
	if err != nil {
		return nil, nil, err
	}
	tokens, err := process.Tokens(data, users)
	if err != nil {
		return nil, nil, errors.Join(err, server.Stop())
	}
	return server, tokens, nil
}

// try runs a trial against a server.
func (r *runner) try(ctx context.Context, server *process.Sockeye, trial crowd.Trial, result any) error {
	trial.Plan = crowd.Plan{Addr: server.Addr, PID: server.PID()}
	return r.clients.Converse(ctx, filepath.Join(r.dir, "trial"), trial, result)
}

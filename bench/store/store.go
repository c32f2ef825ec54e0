//go:build linux

// Package store measures the stores by themselves: durable sends a second and what they cost, of PostgreSQL's beside what
// a bare writer reaches that puts the same rows into the same tables, and of SQLite's; in one run and in turns.
//
//	store.go      Options, Run, what is measured
//	database.go   PostgreSQL on the core of what is measured
//	report.go     what came out
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// Options say how to measure.
type Options struct {
	Rounds   int
	Short    bool   // few callers for a moment: the figures mean nothing
	Profile  string // directory for profiles of what stores, without the database; none if empty
	Progress io.Writer
}

// contestant is what stores, by its name in the program that measures it.
type contestant struct{ name, title string }

const (
	bare     = "bare"
	postgres = "postgres"
	sqlite   = "sqlite"
)

var contestants = []contestant{
	{bare, "bare pgx batch writer"}, {postgres, "**Sockeye on PostgreSQL**"}, {sqlite, "Sockeye on SQLite"},
}

// shape is where messages go.
type shape struct {
	title         string
	conversations int
}

func (o *Options) shapes() []shape {
	if o.Short {
		return []shape{{"One conversation", 1}, {"100 conversations", 100}}
	}
	return []shape{{"One conversation", 1}, {"10,000 conversations", 10_000}}
}

// runner has what the measurements share.
type runner struct {
	*process.Workbench
	options  Options
	database *database
	started  int // measurements, for the names of their data
}

// Run measures. Beside an error of some of the measurements it returns a report on the others; without a report nothing
// could be measured.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	bench, err := process.SetUp(ctx, "store", options.Progress, 1000, "./bench/storerate")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bench.Close()) }()
	if options.Short {
		bench.Unpin()
	}
	r := &runner{Workbench: bench, options: options}
	if r.database, err = startDatabase(bench.Server); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.database.Stop()) }()
	report = &Report{Short: options.Short, Shapes: options.shapes(), results: make(map[key]crowd.Result)}
	var failures error
	for round := range options.Rounds {
		for _, s := range report.Shapes {
			failures = errors.Join(failures, r.turn(ctx, report, s, round))
		}
	}
	return report, failures
}

// turn measures all contestants, one after the other; each is the first in its turn.
func (r *runner) turn(ctx context.Context, report *Report, s shape, round int) error {
	var failures error
	for i := range contestants {
		c := contestants[(i+round)%len(contestants)]
		if ctx.Err() != nil {
			return errors.Join(failures, ctx.Err())
		}
		result, err := r.measure(ctx, c, s, round)
		if err != nil {
			failures = errors.Join(failures, fmt.Errorf("%s, %d conversations, run %d: %w", c.name, s.conversations, round+1, err))
			continue
		}
		report.results[key{c.name, s.conversations, round}] = result
		r.Say("run %d  %5d conversations  %-8s %6.0f sends a second, %5.1f µs and %5.1f µs of PostgreSQL, batch %.0f", round+1,
			s.conversations, c.name, result.Rate(), result.Micros(), databaseMicros(result), result.Batch)
	}
	return failures
}

// measure measures one, in a database of its own, on the core that PostgreSQL is on.
func (r *runner) measure(ctx context.Context, c contestant, s shape, round int) (result crowd.Result, err error) {
	r.started++
	name := fmt.Sprintf("bench%d", r.started)
	args := []string{
		"-store", c.name, "-conversations", strconv.Itoa(s.conversations), "-callers", "1000", "-vocabulary", "2000",
		"-warmup", time.Second.String(), "-duration", (4 * time.Second).String(), "-least", "10000",
	}
	if r.options.Short {
		args = append(args, "-callers", "50", "-warmup", "0s", "-duration", "0s", "-least", "500")
	}
	if r.options.Profile != "" {
		args = append(args, "-profile", filepath.Join(r.options.Profile, fmt.Sprintf("store-%s-%d-%d.cpu", c.name, s.conversations, round+1)))
	}
	if c.name == sqlite {
		args = append(args, "-data", r.Path(name))
	} else {
		address, err := r.database.CreateDatabase(ctx, name)
		if err != nil {
			return result, err
		}
		defer func() { err = errors.Join(err, r.database.DropDatabase(context.WithoutCancel(ctx), name)) }()
		args = append(args, "-database", address, "-database-pid", strconv.Itoa(r.database.PID()))
	}
	out, err := r.Server.Output(exec.CommandContext(ctx, r.Path("storerate"), args...))
	if err != nil {
		return result, err
	}
	err = json.Unmarshal(out, &result)
	if err == nil && result.Operations == 0 {
		err = errors.New("nothing was stored")
	}
	return result, err
}

//go:build linux

// Package jobs measures the queue of jobs: what it takes to enqueue one in the transaction of a message, how many a second are
// enqueued and done, and what messages between users notice of them.
//
//	jobs.go      Options, Run, what is measured
//	beside.go    the whole server, with jobs and without
//	report.go    what came out
//	measure      what the programs that are run answer
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/bench/jobs/measure"
	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// Options say how to measure.
type Options struct {
	Rounds   int
	Short    bool   // few jobs for a moment: the figures mean nothing
	Profile  string // directory for profiles of what enqueues and does jobs; none if empty
	Progress io.Writer
}

// runner has what the measurements share.
type runner struct {
	*process.Workbench
	options  Options
	database *pgtest.Server
	started  int // for the names of data
}

// settings are PostgreSQL's own defaults where the server that it is started as has others.
var settings = []string{
	"shared_buffers=128MB", "max_wal_size=1GB", "min_wal_size=80MB", "wal_level=replica", "max_wal_senders=10", "autovacuum_naptime=1min",
}

// Run measures. Beside an error of some of the measurements it returns a report on the others; without a report nothing could be
// measured.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	bench, err := process.SetUp(ctx, "jobs", options.Progress, 4000, "./bench/jobrate", "./bench/jobserver", "./bench/trial")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bench.Close()) }()
	if options.Short {
		bench.Unpin()
	}
	r := &runner{Workbench: bench, options: options}
	err = r.Server.Do(func() (err error) {
		r.database, err = pgtest.Launch(settings...)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.database.Stop()) }()
	report = &Report{Short: options.Short}
	var failures error
	for round := range options.Rounds {
		for _, part := range []func(context.Context, *Report, int) error{r.enqueue, r.throughSQLite, r.throughPostgres, r.beside} {
			if ctx.Err() != nil {
				return report, errors.Join(failures, ctx.Err())
			}
			failures = errors.Join(failures, part(ctx, report, round))
		}
	}
	return report, failures
}

// enqueue measures what it takes to enqueue a job on SQLite.
func (r *runner) enqueue(ctx context.Context, report *Report, round int) error {
	messages := 5000
	if r.options.Short {
		messages = 100
	}
	result, err := r.rate(ctx, r.Server, "enqueue", round, "-data", r.data(), "-measure", measure.Enqueue, "-jobs", strconv.Itoa(messages))
	if err != nil {
		return fmt.Errorf("enqueue, run %d: %w", round+1, err)
	}
	report.Enqueued = append(report.Enqueued, result)
	r.Say("run %d  enqueue on SQLite: a message %.1f µs, a job that follows it %.1f µs more, each further one %.1f µs", round+1,
		result.Message, result.First, result.More)
	return nil
}

// all is how many jobs are enqueued and done in a measurement.
func (r *runner) all() int {
	if r.options.Short {
		return 400
	}
	return 20_000
}

// throughSQLite measures how many jobs a second one server does.
func (r *runner) throughSQLite(ctx context.Context, report *Report, round int) error {
	result, err := r.rate(ctx, r.Server, "sqlite", round, "-data", r.data(), "-jobs", strconv.Itoa(r.all()))
	if err != nil {
		return fmt.Errorf("jobs on SQLite, run %d: %w", round+1, err)
	}
	done := throughOf([]measure.Result{result})
	report.SQLite = append(report.SQLite, done)
	r.Say("run %d  SQLite: %.0f jobs a second, %.1f µs each", round+1, done.Rate(), done.Micros())
	return nil
}

// nodes is how many servers share a PostgreSQL database.
const nodes = 2

// throughPostgres measures how many two servers do, which enqueue a half each. They are on one core, the database is on another.
func (r *runner) throughPostgres(ctx context.Context, report *Report, round int) (err error) {
	r.started++
	name := fmt.Sprintf("bench%d", r.started)
	address, err := r.database.CreateDatabase(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.database.DropDatabase(context.WithoutCancel(ctx), name)) }()
	if _, err := r.rate(ctx, r.Clients, "", round, "-database", address, "-jobs", "1"); err != nil { // which makes the tables
		return fmt.Errorf("jobs on PostgreSQL, run %d: %w", round+1, err)
	}
	before, err := process.FamilyTime(r.database.PID())
	if err != nil {
		return err
	}
	results, failures := make([]measure.Result, nodes), make([]error, nodes)
	var running sync.WaitGroup
	for i := range nodes {
		running.Go(func() {
			results[i], failures[i] = r.rate(ctx, r.Clients, fmt.Sprintf("postgres%d", i+1), round, "-database", address, "-jobs", strconv.Itoa(r.all()/nodes))
		})
	}
	running.Wait()
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("jobs on PostgreSQL, run %d: %w", round+1, err)
	}
	after, err := process.FamilyTime(r.database.PID())
	done := throughOf(results)
	done.DatabaseCPU = after - before
	report.Postgres = append(report.Postgres, done)
	r.Say("run %d  PostgreSQL, %d nodes: %.0f jobs a second, %.1f µs each and %.1f µs of PostgreSQL; the nodes did %v", round+1, nodes,
		done.Rate(), done.Micros(), done.DatabaseMicros(), done.By)
	return err
}

// rate runs bench/jobrate; a profile has the name.
func (r *runner) rate(ctx context.Context, on process.Cores, name string, round int, args ...string) (result measure.Result, err error) {
	if r.options.Profile != "" && name != "" {
		args = append(args, "-profile", filepath.Join(r.options.Profile, fmt.Sprintf("jobs-%s-%d.cpu", name, round+1)))
	}
	out, err := on.Output(exec.CommandContext(ctx, r.Path("jobrate"), args...))
	if err == nil {
		err = json.Unmarshal(out, &result)
	}
	return result, err
}

// data names a new folder for data.
func (r *runner) data() string {
	r.started++
	return r.Path(fmt.Sprintf("data-%d", r.started))
}

// Through is how many jobs some servers have done, and what it took.
type Through struct {
	By               []int64 // each
	Jobs             int64
	Elapsed          time.Duration
	CPU, DatabaseCPU time.Duration
}

// throughOf is that of servers that worked at the same time.
func throughOf(results []measure.Result) (t Through) {
	began, ended := results[0].Began, results[0].Ended
	for _, result := range results {
		t.By, t.Jobs, t.CPU = append(t.By, result.Jobs), t.Jobs+result.Jobs, t.CPU+result.CPU
		if result.Began.Before(began) {
			began = result.Began
		}
		if result.Ended.After(ended) {
			ended = result.Ended
		}
	}
	t.Elapsed = ended.Sub(began)
	return t
}

// Rate is jobs a second.
func (t Through) Rate() float64 { return float64(t.Jobs) / t.Elapsed.Seconds() }

// Micros is the CPU time of the servers for a job, DatabaseMicros that of PostgreSQL, in microseconds.
func (t Through) Micros() float64 { return perJob(t.CPU, t.Jobs) }

// DatabaseMicros is PostgreSQL's part.
func (t Through) DatabaseMicros() float64 { return perJob(t.DatabaseCPU, t.Jobs) }

func perJob(spent time.Duration, jobs int64) float64 {
	return float64(spent.Nanoseconds()) / 1e3 / float64(max(1, jobs))
}

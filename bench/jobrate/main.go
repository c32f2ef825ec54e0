//go:build linux

// Command jobrate measures the queue of jobs by itself: what it takes to enqueue one in a transaction that is there anyway, and how
// many a second are enqueued, claimed, done and ended. It prints what came out as JSON.
//
//	go run ./bench/jobrate -data /tmp/store                                # jobs a second
//	go run ./bench/jobrate -data /tmp/store -measure enqueue
//	go run ./bench/jobrate -database postgres://… -jobs 10000              # and the same in another shell, for two nodes
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/sockeye-im/sockeye/bench/jobs/measure"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

func main() {
	var p plan
	flag.StringVar(&p.measure, "measure", measure.Through, "`what` to measure: "+measure.Through+", "+measure.Enqueue)
	flag.StringVar(&p.data, "data", "", "`folder` for SQLite's database")
	flag.StringVar(&p.database, "database", "", "`address` of a PostgreSQL database, instead")
	flag.IntVar(&p.callers, "callers", 100, "how many enqueue at a time")
	flag.IntVar(&p.jobs, "jobs", 20_000, "how many jobs to enqueue; for "+measure.Enqueue+", how many messages to store in each window")
	flag.StringVar(&p.profile, "profile", "", "write a CPU profile to this `file`")
	flag.Parse()
	result, err := p.run(context.Background())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "jobrate:", err)
		os.Exit(1)
	}
}

type plan struct {
	measure, data, database, profile string
	callers, jobs                    int
}

// store is where messages and jobs go.
type store interface {
	AppendMessage(ctx context.Context, cmd chat.Append) (chat.Message, error)
	Follow(follow func([]chat.Event, []account.Event) []job.Job)
	io.Closer
}

func (p plan) run(ctx context.Context) (result measure.Result, err error) {
	s, jobs, err := p.open(ctx)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if p.profile != "" {
		file, err := os.Create(p.profile)
		if err != nil {
			return result, err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return result, errors.Join(err, file.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, file.Close())
		}()
	}
	if p.measure == measure.Enqueue {
		return p.enqueue(ctx, s, jobs)
	}
	return p.through(ctx, jobs)
}

func (p plan) open(ctx context.Context) (store, job.Store, error) {
	discard := func([]chat.Event) {}
	if p.database == "" {
		s, err := sqlite.Open(ctx, sqlite.DefaultConfig(p.data), discard)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Jobs(), nil
	}
	s, err := postgres.Open(ctx, postgres.DefaultConfig(p.database), discard)
	if err == nil {
		err = s.Attend(ctx, postgres.Node{ID: chat.NewID(), Started: time.Now()})
	}
	if err != nil {
		return nil, nil, err
	}
	return s, s.Jobs(), nil
}

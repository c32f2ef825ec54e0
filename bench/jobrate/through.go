//go:build linux

package main

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/bench/jobs/measure"
	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
)

// kind is the only one there is. Its jobs do nothing: what they cost is what the queue costs.
const kind = "bench"

// look is how often it is looked whether all is done.
const look = 20 * time.Millisecond

// payload is about what a job that sends something has to know.
var payload = make([]byte, 200)

// through has jobs enqueued one by one, and done, until none is left.
func (p plan) through(ctx context.Context, store job.Store) (result measure.Result, err error) {
	var done, last atomic.Int64
	queue, runner, err := p.runner(store, func(context.Context, *job.Job) (job.Result, error) {
		done.Add(1)
		last.Store(time.Now().UnixNano())
		return job.Result{}, nil
	})
	if err != nil {
		return result, err
	}
	runner.Start()
	defer func() {
		if stopped := runner.Stop(ctx); err == nil {
			err = stopped
		}
	}()
	before, err := process.CPUTime(os.Getpid())
	if err != nil {
		return result, err
	}
	result.Began = time.Now()
	err = each(p.jobs, p.callers, func(int) error {
		_, err := queue.Enqueue(ctx, job.New{Kind: kind, Payload: payload})
		return err
	})
	if err != nil {
		return result, err
	}
	for left := true; left; {
		time.Sleep(look)
		counts, err := store.Counts(ctx, []string{kind}, time.Now())
		if err != nil {
			return result, err
		}
		left = counts[0].Waiting+counts[0].Running > 0
	}
	after, err := process.CPUTime(os.Getpid())
	result.Jobs, result.CPU, result.Ended = done.Load(), after-before, time.Unix(0, last.Load())
	return result, err
}

func (p plan) runner(store job.Store, handle job.Handler) (*job.Queue, *job.Runner, error) {
	queue, err := job.NewQueue([]job.Kind{{Name: kind, Handle: handle}}, job.QueueDeps{Store: store, Now: time.Now, NewID: chat.NewID})
	if err != nil {
		return nil, nil, err
	}
	cfg := job.DefaultConfig()
	if p.database != "" {
		cfg = job.SharedConfig()
	}
	runner, err := job.NewRunner(cfg, job.Deps{
		Queue: queue, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Observe: func(string, job.Outcome, time.Duration) {},
	})
	return queue, runner, err
}

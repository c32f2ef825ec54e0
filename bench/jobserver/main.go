//go:build linux

// Command jobserver is the whole server, with the flags of `sockeye serve`, which does some jobs beside: as many a second as the last
// line on standard input says, none at first. Each does nothing, so that what it costs is what the queue costs.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockeye-im/sockeye/bench/jobs/measure"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/job"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "jobserver:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := config.Parse(os.Args[1:], os.LookupEnv)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	server, err := app.New(ctx, app.SettingsOf(cfg), log)
	if err != nil {
		return err
	}
	defer server.Stop()
	w, err := startWork(server, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.runner.Stop(context.Background())) }()
	go w.obey(ctx)
	return server.Serve(ctx, func(addr string) { fmt.Println("ready: http://" + addr) })
}

// work is jobs that are enqueued by the clock, and done.
type work struct {
	queue  *job.Queue
	runner *job.Runner
	log    *slog.Logger
	rate   atomic.Int64 // jobs a second
	done   atomic.Int64
	slots  chan struct{} // of those who enqueue
}

// most is how many jobs are being enqueued at a time at most. Where that is not enough there are fewer than were asked for.
const most = 100

const kind = "bench"

// payload is about what a job that sends something has to know.
var payload = make([]byte, 200)

// startWork does jobs of a kind that the server has not. It is told of what is enqueued in place of the server's own runner, whose
// upkeep waits until that looks by itself.
func startWork(server *app.Server, log *slog.Logger) (w *work, err error) {
	w = &work{log: log, slots: make(chan struct{}, most)}
	handle := func(context.Context, *job.Job) (job.Result, error) { w.done.Add(1); return job.Result{}, nil }
	w.queue, err = job.NewQueue([]job.Kind{{Name: kind, Handle: handle}}, job.QueueDeps{Store: server.Store.Jobs(), Now: time.Now, NewID: chat.NewID})
	if err != nil {
		return nil, err
	}
	w.runner, err = job.NewRunner(job.DefaultConfig(), job.Deps{Queue: w.queue, Log: log, Observe: func(string, job.Outcome, time.Duration) {}})
	if err != nil {
		return nil, err
	}
	done := prometheus.NewCounterFunc(prometheus.CounterOpts{Name: measure.Done, Help: "Jobs that were done."}, func() float64 {
		return float64(w.done.Load())
	})
	if err := server.Registry.Register(done); err != nil {
		return nil, err
	}
	w.runner.Start()
	return w, nil
}

// obey reads the rate from standard input, and keeps it until ctx ends.
func (w *work) obey(ctx context.Context) {
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			rate, err := strconv.ParseInt(lines.Text(), 10, 64)
			if err != nil {
				w.log.Error("standard input must have numbers", "err", err)
				return
			}
			w.rate.Store(rate)
		}
	}()
	const every = 5 * time.Millisecond
	due, last := 0.0, time.Now()
	for ticker := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return
		case <-ticker.C:
		}
		now := time.Now()
		due += now.Sub(last).Seconds() * float64(w.rate.Load())
		last = now
		for ; due >= 1; due-- {
			select {
			case w.slots <- struct{}{}:
				go w.enqueue(ctx)
			default:
			}
		}
	}
}

func (w *work) enqueue(ctx context.Context) {
	defer func() { <-w.slots }()
	if _, err := w.queue.Enqueue(ctx, job.New{Kind: kind, Payload: payload}); err != nil && ctx.Err() == nil {
		w.log.Error("a job was not enqueued", "err", err)
	}
}

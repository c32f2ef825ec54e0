package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// jobsKind is of the frames by which a server tells others that there are more jobs than it has taken.
const jobsKind cluster.Kind = "jobs"

// finishJobs is how long jobs that run have to end when the server stops.
const finishJobs = 5 * time.Second

// buildJobs makes who does what is to be done later. The kinds are named here.
func (s *Server) buildJobs(ctx context.Context) (err error) {
	tasks := upkeepJobs{}
	s.Jobs, err = job.NewQueue(slices.Concat(s.Broadcasts.Kinds(), s.fileJobs(), []job.Kind{
		{Name: upkeepKind, Handle: tasks.handle, Timeout: upkeepTimeout, Open: true},
		s.usageJobs(),
		s.Push.Kind(),
		// A line of a webhook says itself how it goes on: only the store can make a job of it fail.
		{Name: webhook.JobKind, Handle: s.courier.Handle, Workers: webhook.Workers, Timeout: webhook.JobTimeout, Retries: 1000},
		{Name: chat.ScheduledKind, Handle: s.sendScheduled, Retries: scheduledRetries, MaxPayload: maxScheduledPayload},
	}), job.QueueDeps{Store: s.Store.Jobs(), Now: time.Now, NewID: chat.NewID})
	if err != nil {
		return err
	}
	tasks.add("retain", "@hourly", s.removing("removed what is kept no longer", "entries", func(ctx context.Context) (int, error) {
		return s.Chat.Retain(ctx, time.Now())
	}))
	tasks.add("prune jobs", "30 * * * *", s.removing("removed jobs that have ended long ago", "jobs", s.Jobs.Prune))
	tasks.add("prune broadcasts", "40 * * * *", s.removing("removed broadcasts that have ended long ago", "broadcasts", s.Broadcasts.Prune))
	tasks.add("prune notifications", "50 * * * *", s.removing("removed notifications that are kept no longer", "notifications", s.Push.Prune))
	tasks.add("prune audit", "55 * * * *", s.removing("removed what is kept no longer from the audit log", "entries", s.Accounts.PruneAudit))
	s.addFileTasks(tasks)
	if err := errors.Join(tasks.recur(ctx, s.Jobs), s.recurUsage(ctx)); err != nil {
		return err
	}
	observe, err := s.observeJobs()
	if err != nil {
		return err
	}
	cfg, d := job.DefaultConfig(), job.Deps{Queue: s.Jobs, Log: s.log, Observe: observe}
	if s.Store.Shared() != nil {
		cfg = job.SharedConfig()
	}
	cfg.Node = s.self()
	if s.peers != nil {
		d.Tell = func(kind string) { s.peers.Send(jobsKind, []byte(kind)) }
	}
	if s.runner, err = job.NewRunner(cfg, d); err != nil {
		return err
	}
	if s.peers != nil {
		s.peers.On(jobsKind, func(_ string, kind []byte) { s.runner.Woken([]string{string(kind)}) })
	}
	return s.watchJobs()
}

// startJobs begins to do jobs, once this server hears of what the others do.
func (s *Server) startJobs(context.Context) error {
	s.runner.Start()
	s.parts.add("jobs", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), min(finishJobs, s.settings.DrainTimeout))
		defer cancel()
		return s.runner.Stop(ctx)
	})
	return nil
}

// Upkeep that one server does for all is of one kind of jobs, each task of which recurs.
const (
	upkeepKind    = "upkeep"
	upkeepTimeout = time.Hour // much may be too old at a time
)

// upkeepTask is the payload of an upkeep job.
type upkeepTask struct {
	Task string `json:"task"`
}

// A scheduled message is tried again for most of a day while the server is at fault. Its job names it only.
const (
	scheduledRetries    = 20
	maxScheduledPayload = 1 << 10
)

// sendScheduled sends a message that is due.
func (s *Server) sendScheduled(ctx context.Context, j *job.Job) (job.Result, error) {
	due, err := chat.DueOf(j)
	if err != nil {
		return job.Result{}, job.Hopeless{Err: err}
	}
	return job.Result{}, s.Chat.SendScheduled(ctx, due)
}

// upkeepJobs are what is done, and when, by names.
type upkeepJobs map[string]struct {
	cron string
	do   func(context.Context) error
}

func (u upkeepJobs) add(task, cron string, do func(context.Context) error) {
	u[task] = struct {
		cron string
		do   func(context.Context) error
	}{cron, do}
}

// recur has all tasks done, once for all servers.
func (u upkeepJobs) recur(ctx context.Context, queue *job.Queue) error {
	for task, is := range u {
		payload, err := json.Marshal(upkeepTask{task})
		if err == nil {
			err = queue.Recur(ctx, job.New{Kind: upkeepKind, Key: upkeepKind + " " + task, Payload: payload, Cron: is.cron, Priority: job.Low})
		}
		if err != nil {
			return fmt.Errorf("upkeep: %s: %w", task, err)
		}
	}
	return nil
}

// handle is the [job.Handler]. A task that this version does not know, another server may.
func (u upkeepJobs) handle(ctx context.Context, j *job.Job) (job.Result, error) {
	var of upkeepTask
	if err := json.Unmarshal(j.Payload, &of); err != nil {
		return job.Result{}, job.Hopeless{Err: err}
	}
	task, known := u[of.Task]
	if !known {
		return job.Result{}, fmt.Errorf("there is no upkeep called %q in this version", of.Task)
	}
	return job.Result{}, task.do(ctx)
}

// removing is a task that removes what is kept no longer, and logs how many of what.
func (s *Server) removing(said, what string, remove func(context.Context) (int, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		removed, err := remove(ctx)
		if removed > 0 {
			s.log.Info(said, what, removed)
		}
		return err
	}
}

// observeJobs measures how long jobs take.
func (s *Server) observeJobs() (func(kind string, outcome job.Outcome, took time.Duration), error) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sockeye_job_seconds", Help: "How long attempts to do jobs took, by what came of them.",
		Buckets: []float64{0.001, 0.01, 0.1, 1, 10, 60, 600},
	}, []string{"kind", "outcome"})
	for _, kind := range s.Jobs.Kinds() {
		for _, outcome := range job.Outcomes {
			seconds.WithLabelValues(kind, string(outcome)) // there from the start, with nothing in it
		}
	}
	return func(kind string, outcome job.Outcome, took time.Duration) {
		seconds.WithLabelValues(kind, string(outcome)).Observe(took.Seconds())
		switch outcome {
		case job.WasDone, job.WasRetried, job.WasDead:
			s.counts.jobs.Observe(kind, outcome != job.WasDone, took)
		case job.WasGivenUp, job.WasReturned: // nothing came of it
		}
	}, s.Registry.Register(seconds)
}

// watchJobs adds the figures of what waits. They are of all servers of the database.
func (s *Server) watchJobs() error {
	s.jobCounts = &jobCounts{ask: s.Jobs.Figures}
	watch := func(name, help string, read func(*job.Count) float64) error {
		return s.counts.WatchEach(name, help, []string{"kind"}, func(tell func(float64, ...string)) {
			for _, c := range s.jobCounts.now() {
				tell(read(&c), c.Kind)
			}
		})
	}
	return errors.Join(
		watch("sockeye_jobs_waiting", "Jobs that wait for a worker, or for their time.", func(c *job.Count) float64 { return float64(c.Waiting) }),
		watch("sockeye_jobs_running", "Jobs that somebody has taken.", func(c *job.Count) float64 { return float64(c.Running) }),
		watch("sockeye_jobs_dead", "Jobs that have failed for good, and are kept to be looked at.", func(c *job.Count) float64 { return float64(c.Dead) }),
		watch("sockeye_jobs_oldest_seconds", "For how long the oldest job is due that waits.", func(c *job.Count) float64 {
			if c.Oldest.IsZero() {
				return 0
			}
			return max(time.Since(c.Oldest).Seconds(), 0)
		}),
		s.counts.WatchEach("sockeye_jobs_workers", "Jobs that this node does at a time.", []string{"kind"}, func(tell func(float64, ...string)) {
			for _, kind := range s.Jobs.Kinds() {
				tell(float64(s.Jobs.Workers(kind)), kind)
			}
		}),
		s.counts.Watch("sockeye_jobs_batch_size", "Jobs of a kind that a node takes at a time at most.", func() float64 { return job.MaxBatch }),
		s.counts.Watch("sockeye_jobs_batch_timeout_seconds", "For how much work a node takes jobs at a time.", job.BatchTimeout.Seconds),
	)
}

// jobCounts keeps how many jobs there are: a scrape asks once for all of its figures, and samples are taken without asking.
type jobCounts struct {
	ask func(context.Context) (job.Figures, error)

	mu     sync.Mutex
	at     time.Time
	counts []job.Count // nothing while the database is away
}

// now are those of the last second, for a scrape.
func (c *jobCounts) now() []job.Count {
	c.mu.Lock()
	fresh, counts := time.Since(c.at) < time.Second, c.counts
	c.mu.Unlock()
	if fresh {
		return counts
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.count(ctx) // then there are none
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

// count asks the database.
func (c *jobCounts) count(ctx context.Context) error {
	figures, err := c.ask(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.counts = time.Now(), figures.Kinds
	return err
}

// figures are those that were counted last, for samples.
func (c *jobCounts) figures() []monitor.JobFigures {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]monitor.JobFigures, len(c.counts))
	for i, n := range c.counts {
		all[i] = monitor.JobFigures{Kind: n.Kind, Waiting: n.Waiting, Running: n.Running}
	}
	return all
}

package job

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/deps"
)

// Config is how jobs are run.
type Config struct {
	// Node is the id of this process among those of the database; leases begin with it.
	Node string
	// Lease is how long a process that says nothing more has its jobs, see [SharedConfig]. It says so four times in that time.
	Lease time.Duration
	// Poll is how often it is looked what is due, whatever is told.
	Poll time.Duration
}

// DefaultConfig returns the defaults, for a process that has the database alone.
func DefaultConfig() Config { return Config{Lease: 10 * time.Second, Poll: time.Second} }

// SharedConfig returns the defaults for processes that share a database: one of them does the jobs of another one that has died, once
// their leases have run out (2 s), it has looked (0.5 s) and has done what it had claimed before (1 s). That is to be no more than
// 5 s on a machine that has other things to do too. Who has the database alone can take its time, as there is nobody else to do them:
// it does them when it starts again.
func SharedConfig() Config { return Config{Lease: 2 * time.Second, Poll: 500 * time.Millisecond} }

// Deps is what a runner is made of.
type Deps struct {
	Queue *Queue // whose kinds it does
	Log   *slog.Logger
	// Observe is told of each attempt: what came of it and how long it took.
	Observe func(kind string, outcome Outcome, took time.Duration)
	// Tell tells other nodes that there is more of a kind than this one has taken.
	Tell func(kind string) `need:"optional"`
}

// Runner does jobs, from Start to Stop. Its methods may be called concurrently.
type Runner struct {
	cfg   Config
	queue *Queue
	store Store
	log   *slog.Logger
	deps  Deps

	lanes  map[string]*lane
	leases atomic.Int64

	ctx                   context.Context // of all handlers
	cancel                context.CancelCauseFunc
	rest                  func()        // closes resting
	resting               chan struct{} // nothing is begun any more
	lanesDone, othersDone sync.WaitGroup
	endOthers             context.CancelFunc
}

// NewRunner returns a runner, which does nothing before Start.
func NewRunner(cfg Config, d Deps) (*Runner, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	if cfg.Lease < time.Millisecond || cfg.Poll < time.Millisecond {
		return nil, fmt.Errorf("job: times of leases and polls must be at least 1ms, not %v and %v", cfg.Lease, cfg.Poll)
	}
	if cfg.Node == "" {
		cfg.Node = rand.Text()
	}
	r := &Runner{
		cfg: cfg, queue: d.Queue, store: d.Queue.Store, log: d.Log, deps: d,
		lanes: make(map[string]*lane), resting: make(chan struct{}), endOthers: func() {},
	}
	r.rest = sync.OnceFunc(func() { close(r.resting) })
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	for name := range d.Queue.kinds {
		r.lanes[name] = newLane(r, d.Queue.kinds[name])
	}
	r.store.OnEnqueued(r.Woken)
	return r, nil
}

// Start begins to do jobs. It is called once.
func (r *Runner) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.endOthers = cancel
	for _, l := range r.lanes {
		r.lanesDone.Go(l.run)
	}
	r.othersDone.Go(func() { r.poll(ctx) })
	r.othersDone.Go(func() { r.beat(ctx) })
}

// Woken says that there are jobs of kinds: a commit has them, or another node does. It does not block.
func (r *Runner) Woken(kinds []string) {
	for _, kind := range kinds {
		if l, known := r.lanes[kind]; known {
			l.call()
		}
	}
}

// Rest has nothing be begun any more. What runs goes on.
func (r *Runner) Rest() { r.rest() }

// stopGrace is how long handlers have to return once their context has ended.
const stopGrace = 2 * time.Second

// Stop finishes what runs, until ctx ends: then the rest is given up, to be done again.
func (r *Runner) Stop(ctx context.Context) error {
	r.Rest()
	defer func() {
		r.endOthers()
		r.othersDone.Wait()
	}()
	defer r.cancel(errStopping)
	finished := make(chan struct{})
	go func() { r.lanesDone.Wait(); close(finished) }()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
	}
	r.cancel(errStopping)
	select {
	case <-finished:
		return nil
	case <-time.After(stopGrace):
		return fmt.Errorf("job: some do not end: %s", r.stuck())
	}
}

// stuck names a job that runs.
func (r *Runner) stuck() string {
	for _, l := range r.lanes {
		for _, c := range l.started() {
			return c.Kind + " " + c.ID
		}
	}
	return "none"
}

// lease is one that nobody else has.
func (r *Runner) lease() string {
	return r.cfg.Node + ":" + strconv.FormatInt(r.leases.Add(1), 10)
}

// poll looks for what is due, and frees what the dead have left. What fails is done the next time: the database is away.
func (r *Runner) poll(ctx context.Context) {
	names := r.queue.Kinds()
	for wait := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-r.resting:
			return
		case <-time.After(wait):
		}
		wait = r.look(ctx, names)
	}
}

// look returns when to look again.
func (r *Runner) look(ctx context.Context, names []string) time.Duration {
	now := r.queue.Now()
	if freed, err := r.store.Free(ctx, now); err == nil && freed > 0 {
		r.log.Info("jobs are done again whose server has ended", "jobs", freed)
	}
	due, err := r.store.Due(ctx, names, now)
	if err != nil {
		return r.cfg.Poll
	}
	r.Woken(due.Kinds)
	if due.Next.IsZero() {
		return r.cfg.Poll
	}
	return min(max(due.Next.Sub(now), time.Millisecond), r.cfg.Poll)
}

// beat extends the leases of what runs, and gives up what it is told to. What it cannot extend is given up when the time has come.
func (r *Runner) beat(ctx context.Context) {
	ticker := time.NewTicker(r.cfg.Lease / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		running := make(map[string]*claimed)
		var held []Held
		for _, l := range r.lanes {
			for _, c := range l.started() {
				running[c.ID] = c
				held = append(held, Held{c.ID, c.Lease})
			}
		}
		if len(held) > 0 {
			r.extend(ctx, held, running)
		}
	}
}

func (r *Runner) extend(ctx context.Context, held []Held, running map[string]*claimed) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Lease/2)
	defer cancel()
	asked := time.Now()
	extended, err := r.store.Extend(ctx, held, r.cfg.Lease)
	if err != nil {
		return // until their leases run out
	}
	for _, c := range running {
		c.lease.Reset(time.Until(asked.Add(r.cfg.Lease)))
	}
	for _, id := range extended.Lost {
		running[id].giveUp(errLost)
	}
	for _, id := range extended.Cancelling {
		running[id].giveUp(errCancelled)
	}
}

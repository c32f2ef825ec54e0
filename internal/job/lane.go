package job

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// lane does the jobs of one kind. One goroutine claims them and stores their ends, workers do them.
type lane struct {
	kind   Kind
	runner *Runner

	called  chan struct{} // there may be something to do
	work    chan *claimed
	ended   chan *claimed
	workers sync.WaitGroup

	mu   sync.Mutex
	runs map[*claimed]struct{} // what workers do

	// Of the lane's goroutine.
	out     int           // were claimed and have not come back
	due     bool          // there may be more in the store
	ends    []End         // are to be stored
	pace    time.Duration // how long a job takes, about; 0 is unknown
	resting bool
	told    time.Time // other nodes, of more
}

// claimed is a job that this process has a lease of.
type claimed struct {
	Job
	at time.Time // it was claimed, or somewhat before

	// While a worker does it.
	giveUp context.CancelCauseFunc // ends the handler's context
	lease  *time.Timer             // gives it up before anybody else can have it

	end     End // without an id, if it is not ours to end
	outcome Outcome
	took    time.Duration
}

func newLane(r *Runner, k Kind) *lane {
	return &lane{
		kind: k, runner: r, called: make(chan struct{}, 1), runs: make(map[*claimed]struct{}),
		work: make(chan *claimed, MaxBatch), ended: make(chan *claimed, MaxBatch+k.Workers),
	}
}

// call has the lane look for jobs.
func (l *lane) call() {
	select {
	case l.called <- struct{}{}:
	default: // it has not looked since the last call
	}
}

// again is how long to wait when the store could not be asked.
const again = time.Second

func (l *lane) run() {
	for range l.kind.Workers {
		l.workers.Go(l.labour)
	}
	defer l.workers.Wait()
	defer close(l.work)
	resting, stopping := l.runner.resting, l.runner.ctx.Done()
	for !l.resting || l.out > 0 || len(l.ends) > 0 {
		var late, stale <-chan time.Time
		if len(l.ends) > 0 {
			late = time.After(again)
		}
		if len(l.work) > 0 {
			stale = time.After(l.runner.cfg.Lease / 4)
		}
		select {
		case <-l.called:
			l.due = true
		case c := <-l.ended:
			l.took(c)
		case <-late:
		case <-stale:
			l.putBack(l.stale())
		case <-resting:
			resting, l.resting = nil, true
			l.putBack(0)
		case <-stopping:
			if stopping = nil; l.out == 0 {
				return // what is not stored by now is done again
			}
		}
		l.gather()
		if !l.store() && stopping == nil && l.out == 0 {
			return
		}
		l.claim()
	}
}

// stale is after how long a job that no worker has taken is put back: others may be free to do it, and its lease is not extended.
func (l *lane) stale() time.Duration { return l.runner.cfg.Lease / 2 }

// late tells whether a job has waited here for too long to be begun. One that was lost before is begun while its lease gives it time.
func (l *lane) late(c *claimed) bool {
	waited := time.Since(c.at)
	return waited > l.stale() && (c.Lost == 0 || waited > l.runner.cfg.Lease*3/4)
}

// putBack has jobs wait in the store again that were claimed some time ago and that no worker has taken.
func (l *lane) putBack(ago time.Duration) {
	var fresh []*claimed
	for more := true; more; {
		select {
		case c := <-l.work:
			if time.Since(c.at) < ago {
				fresh = append(fresh, c)
				continue
			}
			l.out--
			l.ends = append(l.ends, putBack(&c.Job, l.runner.queue.Now()))
			l.pace = max(l.pace, ago) // fewer at a time
		default:
			more = false
		}
	}
	for _, c := range fresh {
		l.work <- c
	}
}

// took takes a job back from its worker.
func (l *lane) took(c *claimed) {
	l.out--
	if c.end.ID != "" {
		l.ends = append(l.ends, c.end)
	}
	if c.took > 0 {
		if l.pace == 0 {
			l.pace = c.took
		}
		l.pace = (3*l.pace + c.took) / 4
	}
}

// gather takes back what has ended meanwhile, up to a batch.
func (l *lane) gather() {
	for len(l.ends) < MaxBatch {
		select {
		case c := <-l.ended:
			l.took(c)
		default:
			return
		}
	}
}

// storeFor is how long the store may take for the ends of jobs.
const storeFor = 5 * time.Second

// store has what has become of jobs stored, all of it at once; it tells whether nothing is left.
func (l *lane) store() bool {
	if len(l.ends) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeFor)
	defer cancel()
	if err := l.runner.store.Finish(ctx, l.ends); err != nil {
		l.runner.log.Warn("what has become of jobs is not stored yet", "kind", l.kind.Name, "jobs", len(l.ends), "err", err)
		return false
	}
	l.ends = nil
	return true
}

// claim takes more, when half of what was taken is done, and nothing that is done waits to be stored.
func (l *lane) claim() {
	most := l.most()
	if !l.due || l.resting || len(l.ends) > 0 || l.out > most/2 {
		return
	}
	r := l.runner
	ask := most - l.out
	ctx, cancel := context.WithTimeout(context.Background(), storeFor)
	defer cancel()
	at := time.Now()
	jobs, err := r.store.Claim(ctx, Claim{Kind: l.kind.Name, Most: ask, Now: r.queue.Now(), Lease: r.lease(), Last: r.cfg.Lease})
	if err != nil {
		l.due = false // until the next poll
		r.log.Warn("jobs cannot be claimed", "kind", l.kind.Name, "err", err)
		return
	}
	l.due = len(jobs) == ask
	l.out += len(jobs)
	for _, j := range jobs {
		l.work <- &claimed{Job: j, at: at} // there is room for MaxBatch
	}
	if l.due && r.deps.Tell != nil && time.Since(l.told) > tellEvery {
		l.told = time.Now()
		r.deps.Tell(l.kind.Name)
	}
}

// tellEvery is how often other nodes are told that there is more.
const tellEvery = 100 * time.Millisecond

// most is how many jobs to have: what workers do in BatchTimeout.
func (l *lane) most() int {
	if l.pace == 0 {
		return l.kind.Workers
	}
	return min(max(l.kind.Workers*int(BatchTimeout/l.pace), l.kind.Workers), MaxBatch)
}

// labour is a worker. A handler may end the goroutine that it is called on: then another one takes its place.
func (l *lane) labour() {
	var c *claimed
	defer func() {
		if c != nil {
			l.ended <- c
			l.workers.Go(l.labour)
		}
	}()
	for next := range l.work {
		c = next
		l.do(c)
		l.ended <- c
		c = nil
	}
}

// do tries a job, unless it has waited here for too long.
func (l *lane) do(c *claimed) {
	if l.late(c) {
		c.end, c.outcome = putBack(&c.Job, l.runner.queue.Now()), WasReturned
		return
	}
	ctx, cancel := context.WithTimeoutCause(l.runner.ctx, l.kind.Timeout, errTimeout)
	defer cancel()
	ctx, c.giveUp = context.WithCancelCause(ctx)
	defer c.giveUp(nil)
	c.lease = time.AfterFunc(time.Until(c.at.Add(l.runner.cfg.Lease)), func() { c.giveUp(errLost) })
	defer c.lease.Stop()
	l.begin(c)
	defer l.leave(c)
	began := time.Now()
	result, err := Result{}, errExited
	defer func() {
		c.took = max(time.Since(began), 1)
		c.end, c.outcome = endOf(ctx, &l.kind, &c.Job, result, err, l.runner.queue.Now())
		l.runner.deps.Observe(l.kind.Name, c.outcome, c.took)
		l.tell(c, err)
	}()
	result, err = l.handle(ctx, &c.Job)
}

// handle turns a panic of a handler into its error.
func (l *lane) handle(ctx context.Context, j *Job) (result Result, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return l.kind.Handle(ctx, j)
}

// tell logs what has failed.
func (l *lane) tell(c *claimed, err error) {
	log := l.runner.log.With("kind", c.Kind, "job", c.ID)
	switch c.outcome {
	case WasRetried:
		log.Warn("a job has failed and is tried again", "failed", c.end.Attempts, "at", c.end.RunAt, "err", err)
	case WasDead:
		log.Error("a job has failed for good", "failed", c.Attempts+1, "err", err)
	case WasGivenUp, WasReturned:
		log.Info("a job was given up", "why", string(c.outcome))
	case WasDone:
	}
}

func (l *lane) begin(c *claimed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs[c] = struct{}{}
}

func (l *lane) leave(c *claimed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, c)
}

// started are the jobs that workers do.
func (l *lane) started() []*claimed {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*claimed, 0, len(l.runs))
	for c := range l.runs {
		all = append(all, c)
	}
	return all
}

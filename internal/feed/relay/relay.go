// Package relay carries facts between the nodes that share one database.
//
// What is committed is in the log of commits, which every node reads: nothing else has to be
// relied on. So that nobody waits for a reading, each node sends what it has committed to the
// others as a frame. A frame may be lost, or come before one of another node that it rests
// upon. Three parts make of that what [feed.Feed] promises:
//
//	writers.go  the commits of each writer, by their numbers: none missing, none twice
//	order.go    the events of each conversation, by their seqs, whoever has committed them
//	reading.go  reads the log: again and again, and at once when something is missing
//
// frames.go says what travels, logs.go how far this node is. What is committed nowhere (who types,
// notices, ends of logs) is sent once, and is lost where it is lost.
package relay

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/local"
)

// Config is what may be chosen about a relay.
type Config struct {
	// Poll is how often the log is read though nothing is known to be missing.
	Poll time.Duration
	// Hold is how long a frame that should be under way is waited for until the log is read instead.
	Hold time.Duration
	// Beat is how often this node says what it has told of, so that the loss of the last frame shows.
	Beat time.Duration
	// Conversations is of how many it is kept in memory how far they were told.
	Conversations int
	// Held is how many events may wait for those before them. Further ones are told with a hole,
	// which devices see and fill.
	Held int
	// Queue is how many frames may wait to be sent, and how many to be taken in. Further ones are
	// dropped; the log has what was committed.
	Queue int
}

// DefaultConfig returns the defaults for nodes that have a broker of their own; a database that
// carries frames too is read more often.
func DefaultConfig() Config {
	return Config{
		Poll: 500 * time.Millisecond, Hold: 50 * time.Millisecond, Beat: 250 * time.Millisecond,
		Conversations: 100_000, Held: 10_000, Queue: 4096,
	}
}

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"poll", c.Poll}, {"hold", c.Hold}, {"beat", c.Beat}} {
		if d.value < time.Millisecond {
			return fmt.Errorf("relay: %s must be at least 1ms, not %v", d.name, d.value)
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"conversations", c.Conversations}, {"held", c.Held}, {"queue", c.Queue}} {
		if n.value < 1 {
			return fmt.Errorf("relay: %s must be at least 1, not %d", n.name, n.value)
		}
	}
	return nil
}

// Deps are what a Relay works with; all are required.
type Deps struct {
	Bus     cluster.Bus
	Members cluster.Members
	Commits feed.Log
	Log     *slog.Logger
	// Lost is called when commits were missed since a time that are not kept any more: what they
	// changed has to be read anew. It may block, which holds up the reading of the log, and is called
	// again if it fails.
	Lost func(ctx context.Context, since time.Time) error
}

// Relay is the [feed.Feed] of one node among many. It carries facts within the node from New to
// Stop, and between nodes from Start to Leave.
type Relay struct {
	cfg  Config
	feed *local.Feed // to those who follow
	deps Deps

	heeding []func(*feed.Facts)

	// mu is held while a commit is taken in, and handed to those who follow: one after the other.
	mu      sync.Mutex
	began   bool // see Start
	stopped bool
	writers writers
	order   *order
	logs    logs // what writers knows, for who looks

	out    chan outgoing
	in     chan incoming
	wake   chan struct{} // holds a signal when the log is to be read at once
	moved  chan struct{} // holds a signal when a commit was taken in while a reading waits for some
	counts counts

	// waiting is apart, so that nobody waits for mu who has to heed a context.
	waiting sync.Mutex
	waiters []waiter

	readings  atomic.Uint64 // that have begun; it changes with mu held
	awaits    atomic.Bool   // a reading waits for commits
	early     atomic.Bool   // the log is to be read soon
	inStep    atomic.Int64
	others    atomic.Int64 // nodes that are there
	published atomic.Pointer[feed.Commit]

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// waiter is somebody who waits until nothing is held any more that was when they came, or until a reading has ended too.
type waiter struct {
	reading uint64
	reads   bool
	done    chan struct{}
}

var _ feed.Feed = (*Relay)(nil)

// New returns a relay that carries facts within the node. Stop ends it.
func New(cfg Config) (*Relay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Relay{
		cfg: cfg, feed: local.New(), writers: make(writers), order: newOrder(cfg.Conversations, cfg.Held), logs: logs{of: make(map[int64]Log)},
		out: make(chan outgoing, cfg.Queue), in: make(chan incoming, cfg.Queue),
		wake: make(chan struct{}, 1), moved: make(chan struct{}, 1), cancel: func() {},
	}, nil
}

// Mark notes how far the log of commits goes now. What is committed from then on is told, once
// Start was called: whoever knows the state of the database by a later reading misses nothing.
func (r *Relay) Mark(ctx context.Context, log feed.Log) error {
	now := time.Now()
	at, err := log.Positions(ctx)
	if err != nil {
		return fmt.Errorf("read how far the log of commits goes: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, n := range at {
		r.writers.reach(id, n)
	}
	r.noteLogs()
	r.inStep.Store(now.UnixNano())
	return nil
}

// Start begins to carry facts between nodes. Mark was called before, and the bus is to be started
// behind it.
func (r *Relay) Start(d Deps) error {
	if err := deps.Check(d); err != nil {
		return err
	}
	r.deps = d
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.mu.Lock()
	r.began, r.order.loose = true, false
	r.mu.Unlock()
	r.listen()
	r.done.Go(func() { r.send(ctx) })
	r.done.Go(func() { r.hear(ctx) })
	r.done.Go(func() { r.read(ctx) })
	return nil
}

// Leave ends what Start has begun. What was held is told, and what this node still commits goes
// to those who follow here; the other nodes find it in the log.
func (r *Relay) Leave() {
	r.mu.Lock()
	r.began = false
	r.tellHeld(r.order.all())
	r.mu.Unlock()
	r.cancel()
	r.done.Wait()
}

// InStep is when this node last knew that it had heard of all commits.
func (r *Relay) InStep() time.Time { return time.Unix(0, r.inStep.Load()) }

// Heed implements [feed.Feed].
func (r *Relay) Heed(f func(*feed.Facts)) { r.heeding = append(r.heeding, f) }

// Follow implements [feed.Feed].
func (r *Relay) Follow(f func(*feed.Facts)) { r.feed.Follow(f) }

// Publish implements [feed.Feed]. What is committed has its place in the log of commits, and
// comes in the order of it.
func (r *Relay) Publish(facts feed.Facts) {
	switch {
	case facts.Commit.Writer != 0:
		r.publishCommit(&facts)
	default:
		r.Again(facts)
		r.enqueue(outgoing{facts: &facts})
	}
}

// Again tells facts on this node that others may have told already.
func (r *Relay) Again(facts feed.Facts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takeIn(&facts)
}

// publishCommit is Publish for a commit of this node. If the log was faster it is told already.
func (r *Relay) publishCommit(facts *feed.Facts) {
	r.mu.Lock()
	own := r.writers.of(facts.Commit.Writer)
	own.own = true
	after := own.n
	fresh, _ := r.writers.commit(facts.Commit)
	if fresh {
		r.takeIn(facts)
	}
	r.noteLog(facts.Commit.Writer)
	r.mu.Unlock()
	if fresh {
		r.enqueue(outgoing{facts: facts, after: after})
		r.published.Store(&facts.Commit)
	}
}

// Offer implements [feed.Feed].
func (r *Relay) Offer(facts feed.Facts) bool {
	if !r.feed.Offer(facts) {
		return false
	}
	r.enqueue(outgoing{facts: &facts})
	return true
}

// takeIn has those who heed told, and those who follow as soon as nothing stands before. mu is held.
func (r *Relay) takeIn(facts *feed.Facts) {
	if r.stopped {
		return
	}
	for _, told := range r.heeding {
		told(facts)
	}
	ready, log := r.order.take(facts.Chat, r.readings.Load()+1)
	switch log {
	case now:
		r.readNow()
	case soon:
		r.readSoon()
	}
	if len(ready) > 0 || len(facts.Chat) == 0 || hasMore(facts) {
		told := *facts
		told.Chat = ready
		r.feed.Publish(told)
	}
	r.changed()
}

// hasMore tells whether facts have more than chat events.
func hasMore(f *feed.Facts) bool {
	return len(f.Accounts) > 0 || len(f.Heads) > 0 || len(f.Notices) > 0 || len(f.Passing) > 0 || len(f.Files) > 0
}

// tellHeld tells what had to wait. mu is held.
func (r *Relay) tellHeld(events []chat.Event) {
	if len(events) > 0 {
		r.feed.Publish(feed.Facts{At: events[len(events)-1].At, Chat: events})
	}
	r.changed()
}

// changed has those looked after who wait for what is taken in and told. mu is held.
func (r *Relay) changed() {
	if r.awaits.Load() {
		signal(r.moved)
	}
	if held := int64(r.order.count); r.counts.held.Swap(held) != held && held == 0 {
		r.goOn(0)
	}
}

// After implements [feed.Feed].
func (r *Relay) After(f func()) { r.feed.After(f) }

// Flush implements [feed.Feed]. It waits for what is held too.
func (r *Relay) Flush(ctx context.Context) error { return r.flush(ctx, false) }

// CatchUp returns once all who follow on this node were told what was committed before, on any node, or with the error of ctx
// when that ends. While the log cannot be read it waits.
func (r *Relay) CatchUp(ctx context.Context) error { return r.flush(ctx, true) }

func (r *Relay) flush(ctx context.Context, reads bool) error {
	if err := r.wait(ctx, reads); err != nil {
		return err
	}
	return r.feed.Flush(ctx)
}

// Refresh returns once this node has heard of all that was committed before, on any node, or with the error of ctx when that
// ends.
func (r *Relay) Refresh(ctx context.Context) error { return r.wait(ctx, true) }

func (r *Relay) wait(ctx context.Context, reads bool) error {
	select {
	case <-r.settled(reads):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settled returns what is closed when nothing is held any more that is now, and the log was read if it is to be.
func (r *Relay) settled(reads bool) <-chan struct{} {
	r.waiting.Lock()
	defer r.waiting.Unlock()
	w := waiter{r.readings.Load() + 1, reads, make(chan struct{})}
	if !reads && r.counts.held.Load() == 0 {
		close(w.done)
		return w.done
	}
	r.waiters = append(r.waiters, w)
	r.readNow()
	return w.done
}

// goOn has those go on for whom a reading has ended, or nothing is held any more if that is enough. mu is held.
func (r *Relay) goOn(read uint64) {
	r.waiting.Lock()
	defer r.waiting.Unlock()
	r.waiters = slices.DeleteFunc(r.waiters, func(w waiter) bool {
		if w.reading > read && (w.reads || r.order.count > 0) {
			return false
		}
		close(w.done)
		return true
	})
}

// Figures are what a relay has done since it was made.
type Figures struct {
	Held     int64  // events that wait now for those before them
	Readings uint64 // of the log of commits
	Read     uint64 // commits that were read from the log, as no frame of them came
	Dropped  uint64 // frames for which there was no room
	Garbled  uint64 // frames that could not be understood
	Lost     uint64 // times that commits of a writer were missed which are kept no longer
}

// Figures may be called at any time.
func (r *Relay) Figures() Figures {
	c := &r.counts
	return Figures{
		Held: c.held.Load(), Readings: c.readings.Load(), Read: c.read.Load(), Dropped: c.dropped.Load(), Garbled: c.garbled.Load(),
		Lost: c.lost.Load(),
	}
}

// Waiting implements [feed.Feed].
func (r *Relay) Waiting() int { return r.feed.Waiting() + int(r.counts.held.Load()) }

// Stop implements [feed.Feed].
func (r *Relay) Stop() {
	r.Leave()
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.feed.Stop()
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

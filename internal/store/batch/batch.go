// Package batch is the one writer of a store: a goroutine that takes the commands waiting in a bounded queue, carries
// them out in one transaction, each within a savepoint of its own, commits, has the events published and then releases
// the callers. The more callers wait, the more commands share a commit.
//
// The database is a [Transaction], of which a driver has one.
package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnknown is in the error of a commit whose outcome is not known: all of the transaction is stored, or nothing.
var ErrUnknown = errors.New("it is not known whether it was stored")

// ErrAgain is in the error of a transaction of which nothing is stored because another process was in its way. It is carried
// out again, some times, and what else the error says is answered when that did not help.
var ErrAgain = errors.New("another process was in the way")

// attempts is how often a transaction is carried out at most.
const attempts = 4

// Transaction is what commands are carried out in, one after the other transaction. The writer's goroutine alone calls
// its methods.
type Transaction interface {
	// Begin starts a transaction. After an error there is none. ahead is what is known of each of its commands, see
	// [Writer.DoAhead], in their order: nil for one of which nothing is.
	Begin(ahead []any) error
	// Savepoint begins a command.
	Savepoint() error
	// Undo makes the database and the events as they were at the savepoint.
	Undo() error
	// Release ends a command, undone or not.
	Release() error
	// Commit makes everything durable. After an error nothing is stored, unless the error is an [ErrUnknown].
	Commit() error
	// Rollback ends a transaction of which nothing is to be stored, or is, and drops its events.
	Rollback()
	// Settle finds out, after an [ErrUnknown], whether the transaction was stored. As long as it cannot it has an error.
	Settle() (stored bool, err error)
	// Publish hands on the events of a transaction that is stored.
	Publish()
}

// Config is how commands are put together.
type Config struct {
	// Name is the store's, for errors.
	Name string
	// QueueSize is how many commands may wait; the callers of further ones wait for a place.
	QueueSize int
	// MaxBatch is how many commands share a transaction at most.
	MaxBatch int
	// SettleFor is how long the callers of commands wait at most for what [Transaction.Settle] finds out. They have
	// the [ErrUnknown] then, and what is stored is published later.
	SettleFor time.Duration
	// Closed is the answer to commands that come after Drain.
	Closed error
}

// Writer carries out commands in transactions of a driver's. All methods may be called concurrently.
type Writer[T Transaction] struct {
	tx        T
	cfg       Config
	unsettled error // of the last transaction, whose outcome is not known yet

	queue   chan *command[T]
	ahead   chan *command[T] // those that go before all of the queue, see DoFirst
	stopped chan struct{}    // closed when both goroutines have ended
	// told are the outcomes of commits for callers who do not wait. When it is full
	// the writer waits with its next commit.
	told chan []outcome

	// A sender holds mu for reading, so that the queue is not closed under it.
	mu     sync.RWMutex
	closed bool

	counters counters
	life     life
}

// command is one operation on its way through the queue. Writer and caller both
// try to take it from waiting to another state; the one who succeeds decides
// whether it is carried out.
type command[T Transaction] struct {
	ahead any
	run   func(T) error
	state atomic.Int32
	done  chan error  // of capacity 1: the outcome
	then  func(error) // gets it instead, when not nil
}

// outcome is that of a command whose caller does not wait.
type outcome struct {
	then func(error)
	err  error
}

// maxTold is how many commits may wait to be told to callers who do not wait.
const maxTold = 16

// maxAhead is how many commands that go ahead of the queue may wait.
const maxAhead = 16

const (
	waiting int32 = iota
	taken
	abandoned
)

// Start returns a writer that works until Drain. The transaction is its own from now on.
func Start[T Transaction](tx T, cfg Config) *Writer[T] {
	w := &Writer[T]{
		tx:      tx,
		cfg:     cfg,
		queue:   make(chan *command[T], cfg.QueueSize),
		ahead:   make(chan *command[T], maxAhead),
		stopped: make(chan struct{}),
		told:    make(chan []outcome, maxTold),
	}
	go w.loop()
	go w.tell()
	return w
}

// Do has run carried out in a transaction and returns its error, or that of the
// commit. If ctx ends before the command has been taken up, nothing is done and
// ctx's error comes back; after that the outcome is waited for. run must only
// use what it is given, and not keep it. It may not run at all, and may run again
// after an [ErrAgain]: what it leaves behind must be that of the last time.
func (w *Writer[T]) Do(ctx context.Context, run func(T) error) error { return w.DoAhead(ctx, nil, run) }

// DoAhead is Do for a command of which something is known before: the transaction may look up for all commands at once
// what they will ask.
func (w *Writer[T]) DoAhead(ctx context.Context, ahead any, run func(T) error) error {
	return w.do(ctx, w.queue, &command[T]{ahead: ahead, run: run, done: make(chan error, 1)})
}

// DoFirst is Do for a command that does not wait for those in the queue: it comes behind the transaction that is under way, in
// one of its own. It is for what has to be known soon however much there is to do, and must take little time.
func (w *Writer[T]) DoFirst(ctx context.Context, run func(T) error) error {
	return w.do(ctx, w.ahead, &command[T]{run: run, done: make(chan error, 1)})
}

func (w *Writer[T]) do(ctx context.Context, queue chan<- *command[T], c *command[T]) error {
	if err := w.enqueue(ctx, queue, c); err != nil {
		return err
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		if c.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		return <-c.done
	}
}

// Begin is Do for a caller who does not wait. then gets the outcome, in the order of
// the commits and of the commands in them, on one goroutine for all: it must not
// block. It gets it here if the command is not taken.
func (w *Writer[T]) Begin(ctx context.Context, run func(T) error, then func(error)) {
	w.BeginAhead(ctx, nil, run, then)
}

// BeginAhead is to Begin what DoAhead is to Do.
func (w *Writer[T]) BeginAhead(ctx context.Context, ahead any, run func(T) error, then func(error)) {
	if err := w.enqueue(ctx, w.queue, &command[T]{ahead: ahead, run: run, then: then}); err != nil {
		then(err)
	}
}

// enqueue waits for a place in the queue while it is full.
func (w *Writer[T]) enqueue(ctx context.Context, queue chan<- *command[T], c *command[T]) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return w.cfg.Closed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case queue <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Drain refuses further commands and returns when all those in the queue have
// been carried out. From then on the transaction is the driver's again.
func (w *Writer[T]) Drain() T {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.stopped
	return w.tx
}

// tell is the goroutine that outcomes are told on.
func (w *Writer[T]) tell() {
	defer close(w.stopped)
	for outcomes := range w.told {
		for _, o := range outcomes {
			o.then(o.err)
		}
	}
}

func (w *Writer[T]) loop() {
	defer close(w.told)
	batch := make([]*command[T], 0, w.cfg.MaxBatch)
	for {
		first, goesAhead, open := w.next()
		if !open {
			return
		}
		batch = append(batch[:0], first)
		if goesAhead {
			batch = untaken(batch)
		} else {
			runtime.Gosched() // who is ready to send a command comes along: on one core nobody else does
			batch = w.gather(batch)
		}
		if len(batch) > 0 {
			w.commitBatch(batch)
		}
		clear(batch)
	}
}

// next waits for a command, and settles meanwhile what is to be settled. One that goes ahead of the queue comes first.
func (w *Writer[T]) next() (first *command[T], goesAhead, open bool) {
	for {
		select {
		case first := <-w.ahead:
			return first, true, true
		default:
		}
		var settle <-chan time.Time
		if w.unsettled != nil {
			settle = time.After(settlePause)
		}
		select {
		case first := <-w.ahead:
			return first, true, true
		case first, open := <-w.queue:
			if !open {
				_ = w.settled() // or never: the next process reads what is stored
			}
			return first, false, open
		case <-settle:
			_ = w.settled() // or later
		}
	}
}

// untaken drops what was abandoned, and takes the rest.
func untaken[T Transaction](batch []*command[T]) []*command[T] {
	return slices.DeleteFunc(batch, func(c *command[T]) bool { return !c.state.CompareAndSwap(waiting, taken) })
}

// gather adds what is waiting to the batch and drops from it what was abandoned.
func (w *Writer[T]) gather(batch []*command[T]) []*command[T] {
	batch = untaken(batch)
	for len(batch) < w.cfg.MaxBatch {
		select {
		case c, open := <-w.queue:
			if !open {
				return batch
			}
			if c.state.CompareAndSwap(waiting, taken) {
				batch = append(batch, c)
			}
		default:
			return batch
		}
	}
	return batch
}

// commitBatch carries out the batch, publishes its events and releases its
// callers, in this order. If the batch fails as a whole everybody gets the
// error, refused commands too: what they were refused for may be gone.
func (w *Writer[T]) commitBatch(batch []*command[T]) {
	outcomes := make([]error, len(batch))
	started := time.Now()
	err := w.settled()
	if err == nil {
		err = w.transact(batch, outcomes)
	}
	for n := 1; n < attempts && errors.Is(err, ErrAgain); n++ {
		clear(outcomes)
		err = w.transact(batch, outcomes)
	}
	if errors.Is(err, ErrUnknown) && w.unsettled == nil {
		err = w.settleNow(err)
	}
	w.counters.add(len(batch), time.Since(started), err)
	w.life.ended(err, slices.Contains(outcomes, nil))
	if err == nil {
		w.tx.Publish()
	}
	w.release(batch, outcomes, err)
}

// release gives the callers their outcomes, or err to all.
func (w *Writer[T]) release(batch []*command[T], outcomes []error, err error) {
	var told []outcome
	for i, c := range batch {
		of := outcomes[i]
		if err != nil {
			of = err
		}
		if c.then == nil {
			c.done <- of
			continue
		}
		if told == nil {
			told = make([]outcome, 0, len(batch)-i)
		}
		told = append(told, outcome{c.then, of})
	}
	if told != nil {
		w.told <- told
	}
}

func (w *Writer[T]) transact(batch []*command[T], outcomes []error) error {
	if err := w.tx.Begin(aheadOf(batch)); err != nil {
		w.tx.Rollback()
		return fmt.Errorf("%s: begin: %w", w.cfg.Name, err)
	}
	for i, c := range batch {
		refused, err := w.within(c.run)
		if err != nil {
			w.tx.Rollback()
			return err
		}
		outcomes[i] = refused
		if refused == nil {
			w.life.sign()
		}
	}
	if err := w.tx.Commit(); err != nil {
		if !errors.Is(err, ErrUnknown) {
			w.tx.Rollback()
		}
		return fmt.Errorf("%s: commit: %w", w.cfg.Name, err)
	}
	return nil
}

// aheadOf returns what is known of each command before.
func aheadOf[T Transaction](batch []*command[T]) []any {
	ahead := make([]any, len(batch))
	for i, c := range batch {
		ahead[i] = c.ahead
	}
	return ahead
}

// within carries out one command in a savepoint. The first error is the
// command's own, after which the database and the events are as before it; the
// second means that the whole transaction is lost.
func (w *Writer[T]) within(run func(T) error) (refused, lost error) {
	if err := w.tx.Savepoint(); err != nil {
		return nil, fmt.Errorf("%s: open a savepoint: %w", w.cfg.Name, err)
	}
	refused = w.contained(run)
	if refused != nil {
		if err := w.tx.Undo(); err != nil {
			// Not wrapped: to its neighbours this refusal is none.
			return nil, fmt.Errorf("%s: undo a command (%s): %w", w.cfg.Name, refused.Error(), err)
		}
	}
	if err := w.tx.Release(); err != nil {
		return nil, fmt.Errorf("%s: release a savepoint: %w", w.cfg.Name, err)
	}
	return refused, nil
}

// contained turns a panic of a command into its error: what is wrong with one is not to
// end the process, and with it the connections of everybody.
func (w *Writer[T]) contained(run func(T) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%s: panic: %v\n%s", w.cfg.Name, cause, debug.Stack())
		}
	}()
	return run(w.tx)
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// writer is the only one to write. Its goroutine owns the connection and every
// statement prepared on it, until drain has returned.
type writer struct {
	db           *sql.DB
	tx           *tx
	sink         chat.Sink
	aroundCommit func(commit func() error) error
	maxBatch     int

	queue   chan *command
	stopped chan struct{} // closed when both goroutines have ended
	// told are the outcomes of commits for callers who do not wait. When it is full
	// the writer waits with its next commit.
	told chan []outcome
	// indexable holds a signal when a commit left something to the indexer.
	indexable chan struct{}

	// A sender holds mu for reading, so that the queue is not closed under it.
	mu     sync.RWMutex
	closed bool

	counters counters
}

// command is one operation on its way through the queue. Writer and caller both
// try to take it from waiting to another state; the one who succeeds decides
// whether it is carried out.
type command struct {
	run   func(*tx) error
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

const (
	waiting int32 = iota
	taken
	abandoned
)

func startWriter(db *sql.DB, conn *sql.Conn, cfg Config, sink chat.Sink, aroundCommit func(commit func() error) error) *writer {
	w := &writer{
		db:           db,
		tx:           &tx{connection: newConnection(conn)},
		sink:         sink,
		aroundCommit: aroundCommit,
		maxBatch:     cfg.MaxBatch,
		queue:        make(chan *command, cfg.QueueSize),
		stopped:      make(chan struct{}),
		told:         make(chan []outcome, maxTold),
		indexable:    make(chan struct{}, 1),
	}
	go w.loop()
	go w.tell()
	return w
}

// do has run carried out in a transaction and returns its error, or that of the
// commit. If ctx ends before the command has been taken up, nothing is done and
// ctx's error comes back; after that the outcome is waited for. run must only
// use what it is given, and not keep it; it may not run at all, but never twice.
func (w *writer) do(ctx context.Context, run func(*tx) error) error {
	c := &command{run: run, done: make(chan error, 1)}
	if err := w.enqueue(ctx, c); err != nil {
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

// begin is do for a caller who does not wait. then gets the outcome, in the order of
// the commits and of the commands in them, on one goroutine for all: it must not
// block. It gets it here if the command is not taken.
func (w *writer) begin(ctx context.Context, run func(*tx) error, then func(error)) {
	if err := w.enqueue(ctx, &command{run: run, then: then}); err != nil {
		then(err)
	}
}

// enqueue waits for a place in the queue while it is full.
func (w *writer) enqueue(ctx context.Context, c *command) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.queue <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain refuses further commands and returns when all those in the queue have
// been carried out.
func (w *writer) drain() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.stopped
}

// close releases the connection; the writer must be drained.
func (w *writer) close() error {
	return errors.Join(w.tx.close(), w.db.Close())
}

// tell is the goroutine that outcomes are told on.
func (w *writer) tell() {
	defer close(w.stopped)
	for outcomes := range w.told {
		for _, o := range outcomes {
			o.then(o.err)
		}
	}
}

func (w *writer) loop() {
	defer close(w.told)
	batch := make([]*command, 0, w.maxBatch)
	for first := range w.queue {
		runtime.Gosched() // who is ready to send a command comes along: on one core nobody else does
		batch = w.gather(append(batch[:0], first))
		if len(batch) > 0 {
			w.commitBatch(batch)
		}
		clear(batch)
	}
}

// gather adds what is waiting to the batch and drops from it what was abandoned.
func (w *writer) gather(batch []*command) []*command {
	first := batch[0]
	batch = batch[:0]
	if first.state.CompareAndSwap(waiting, taken) {
		batch = append(batch, first)
	}
	for len(batch) < w.maxBatch {
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
func (w *writer) commitBatch(batch []*command) {
	outcomes := make([]error, len(batch))
	started := time.Now()
	err := w.transact(batch, outcomes)
	w.counters.add(len(batch), time.Since(started), err)
	if err == nil && len(w.tx.events) > 0 {
		w.sink(w.tx.events)
	}
	if err == nil && w.tx.indexable {
		select {
		case w.indexable <- struct{}{}:
		default: // it has not looked since the last signal
		}
	}
	w.tx.events, w.tx.indexable = nil, false
	w.release(batch, outcomes, err)
}

// release gives the callers their outcomes, or err to all.
func (w *writer) release(batch []*command, outcomes []error, err error) {
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

func (w *writer) transact(batch []*command, outcomes []error) error {
	if err := w.tx.control("BEGIN IMMEDIATE"); err != nil {
		return w.abort(fmt.Errorf("sqlite: begin: %w", err))
	}
	for i, c := range batch {
		refused, err := w.tx.within(c.run)
		if err != nil {
			return w.abort(err)
		}
		outcomes[i] = refused
	}
	if err := w.aroundCommit(func() error { return w.tx.control("COMMIT") }); err != nil {
		return w.abort(fmt.Errorf("sqlite: commit: %w", err))
	}
	return nil
}

// abort rolls back and returns cause. There may be nothing to roll back: SQLite
// has done it itself after some errors. If it could not, the next BEGIN fails,
// and is followed by another attempt.
func (w *writer) abort(cause error) error {
	_ = w.tx.control("ROLLBACK")
	return cause
}

// Package suite is what the suites of tests for drivers are made of: the driver, a test
// that knows what was published in it, and a few short ways to say things.
package suite

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// Driver gives a test one database.
type Driver interface {
	// Open opens the database, which is empty at first, and closes it when the
	// test ends. A second Open while the first is open stands for a process that
	// died without closing: what was acknowledged must be there. Both stores are of the
	// one database: what one of them has stored of users, friends and blocks, the other
	// one reads. Each tells its events to the sink of its own.
	Open(t testing.TB, chats chat.Sink, accounts account.Sink) (chat.Store, account.Store)
}

// Test is one test, with the events of its store. Its checks end it, so that they are
// for the goroutine of the test alone.
type Test[E any] struct {
	*testing.T
	Events *Recorder[E]
}

// New returns a test without events yet.
func New[E any](t *testing.T) Test[E] { return Test[E]{t, &Recorder[E]{}} }

// Must ends the test if there is an error.
func (t Test[E]) Must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Refused ends the test if err is not the one that it should be.
func (t Test[E]) Refused(err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// Quiet ends the test if there were events since the last look.
func (t Test[E]) Quiet() {
	t.Helper()
	if events := t.Events.Take(); len(events) != 0 {
		t.Fatalf("events were published: %+v", events)
	}
}

// Equal ends the test if two values differ in depth.
func Equal[V any](t testing.TB, what string, got, want V) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// Recorder is a sink that keeps everything. It may be used concurrently.
type Recorder[E any] struct {
	mu     sync.Mutex
	events []E
}

// Record adds events.
func (r *Recorder[E]) Record(events []E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
}

// Take returns the events since the last call.
func (r *Recorder[E]) Take() []E {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

// Has tells whether one of the events since the last Take is what is looked for.
func (r *Recorder[E]) Has(what func(E) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.events, what)
}

// AtOnce runs n calls of work at the same time and waits for them.
func AtOnce(n int, work func(i int)) {
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-gate
			work(i)
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
}

// Ended returns a context that has ended.
func Ended(parent context.Context) context.Context {
	ctx, cancel := context.WithCancel(parent)
	cancel()
	return ctx
}

// Package local carries facts within one process.
package local

import (
	"context"
	"sync"

	"github.com/sockeye-im/sockeye/internal/feed"
)

// queueSize is how many facts may wait for those who follow.
const queueSize = 1024

// Feed is a [feed.Feed] of one node.
type Feed struct {
	heeding   []func(*feed.Facts)
	following []func(*feed.Facts)

	// A publisher holds mu for reading, so that the queue is not closed under it.
	mu     sync.RWMutex
	closed bool
	queue  chan entry
	ended  chan struct{} // closed when all is told, and nothing is any more
}

var _ feed.Feed = (*Feed)(nil)

// entry is something to be told, or to be called when its turn has come.
type entry struct {
	facts *feed.Facts // nobody changes them
	then  func()
}

// New starts a feed; Stop ends it.
func New() *Feed {
	f := &Feed{queue: make(chan entry, queueSize), ended: make(chan struct{})}
	go f.tell()
	return f
}

// Heed implements [feed.Feed].
func (f *Feed) Heed(told func(*feed.Facts)) { f.heeding = append(f.heeding, told) }

// Follow implements [feed.Feed].
func (f *Feed) Follow(told func(*feed.Facts)) { f.following = append(f.following, told) }

// Publish implements [feed.Feed].
func (f *Feed) Publish(facts feed.Facts) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return
	}
	for _, told := range f.heeding {
		told(&facts)
	}
	f.queue <- entry{facts: &facts}
}

// After implements [feed.Feed].
func (f *Feed) After(then func()) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.closed {
		f.queue <- entry{then: then}
	}
}

// Offer implements [feed.Feed].
func (f *Feed) Offer(facts feed.Facts) bool {
	if !f.mu.TryRLock() {
		return false // it is being stopped
	}
	defer f.mu.RUnlock()
	if f.closed {
		return false
	}
	select {
	case f.queue <- entry{facts: &facts}:
	default:
		return false
	}
	return true
}

// Flush implements [feed.Feed].
func (f *Feed) Flush(ctx context.Context) error {
	told, err := f.flush(ctx)
	if err != nil {
		return err
	}
	select {
	case <-told:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flush returns what is closed when all is told that was published before.
func (f *Feed) flush(ctx context.Context) (told chan struct{}, err error) {
	if !f.mu.TryRLock() {
		return f.ended, nil // it is being stopped
	}
	defer f.mu.RUnlock()
	if f.closed {
		return f.ended, nil
	}
	told = make(chan struct{})
	select {
	case f.queue <- entry{then: func() { close(told) }}:
		return told, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Waiting implements [feed.Feed].
func (f *Feed) Waiting() int { return len(f.queue) }

// Stop implements [feed.Feed].
func (f *Feed) Stop() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	close(f.queue)
	<-f.ended
}

// tell is the goroutine that those who follow are called by.
func (f *Feed) tell() {
	defer close(f.ended)
	for e := range f.queue {
		if e.then != nil {
			e.then()
			continue
		}
		for _, told := range f.following {
			told(e.facts)
		}
	}
}

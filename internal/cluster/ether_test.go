package cluster

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ether carries payloads between brokers in memory, at once, and loses what a test wants it
// to. (Real brokers are tested with brokertest, and whole nodes over them in nodes_test.go.)
type ether struct {
	mu   sync.Mutex
	ends []*end
	// lose tells of a payload whether it is lost on its way to an end; nil loses none.
	lose func(from, to *end, payload []byte) bool
}

// end is a Broker.
type end struct {
	on      *ether
	in      chan []byte
	again   chan struct{} // it may have missed something
	listens atomic.Bool
	down    atomic.Bool
	dropped atomic.Uint64
}

func (e *ether) end() *end {
	e.mu.Lock()
	defer e.mu.Unlock()
	one := &end{on: e, in: make(chan []byte, 100_000), again: make(chan struct{}, 1)}
	one.again <- struct{}{}
	e.ends = append(e.ends, one)
	return one
}

func (e *ether) losing(lose func(from, to *end, payload []byte) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lose = lose
}

func (b *end) Publish(payload []byte) {
	if !b.Working() {
		b.dropped.Add(1)
		return
	}
	b.on.mu.Lock()
	defer b.on.mu.Unlock()
	for _, to := range b.on.ends {
		if to.Working() && (b.on.lose == nil || !b.on.lose(b, to, payload)) {
			to.in <- payload
		}
	}
}

func (b *end) Listen(ctx context.Context, heard func([]byte), missed func()) {
	b.listens.Store(true)
	defer b.listens.Store(false)
	for {
		select {
		case <-b.again:
			missed()
		case payload := <-b.in:
			heard(payload)
		case <-ctx.Done():
			return
		}
	}
}

func (b *end) Working() bool { return b.listens.Load() && !b.down.Load() }

func (b *end) Since() time.Time { return time.Time{} } // nodes do not ask

func (b *end) Counts() Counts { return Counts{Dropped: b.dropped.Load()} }

// cut has the broker lose all that is on its way, and work no more; mend the contrary.
func (b *end) cut() { b.down.Store(true) }

func (b *end) mend() {
	b.down.Store(false)
	b.again <- struct{}{}
}

const secret = "a secret of all nodes of a cluster, and nobody else's"

// witness is a node, and what it has told in order.
type witness struct {
	*Node
	end  func() // Stop, once
	mu   sync.Mutex
	told []string
}

func (w *witness) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, what)
}

// takes returns what was told since the last time.
func (w *witness) takes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	return told
}

// start starts a node that ends with the test.
func start(t *testing.T, id, secret string, paths ...Path) *witness {
	t.Helper()
	node, err := New(Config{ID: id, Secret: secret, Paths: paths, Log: quietLog})
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{Node: node}
	for _, kind := range []Kind{"word", "other"} {
		node.On(kind, func(from string, body []byte) { w.note(from + " " + string(kind) + " " + string(body)) })
	}
	node.OnMissed(func() { w.note("missed") })
	node.OnJoined(func(id string) { w.note("joined " + id) })
	node.OnGone(func(id string) { w.note("gone " + id) })
	node.Start()
	w.end = sync.OnceFunc(node.Stop)
	t.Cleanup(w.end)
	return w
}

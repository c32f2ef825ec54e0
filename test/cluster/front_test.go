//go:build linux

package cluster_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// front stands before all nodes, as a balancer does that is set up as docs/operations.md says: it asks each node ten times a
// second whether it is ready, and has new connections go to those that are, one after the other.
type front struct {
	*proxy
	nodes  []*node
	stands *node // for whichever node it leads to

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when what follows changes
	ready   map[*node]bool
	turn    int
	went    map[string]int // connections to each node, by name, since the beginning
	wavered int            // how often a node was ready no more
}

const (
	askEvery  = 100 * time.Millisecond
	askWithin = 10 * time.Second
)

// newFront makes one before nodes that are ready. It ends with the test.
func newFront(t *testing.T, cl *cluster) *front {
	t.Helper()
	f := &front{nodes: cl.nodes, changed: make(chan struct{}), ready: make(map[*node]bool), went: make(map[string]int)}
	for _, n := range cl.nodes {
		f.ready[n] = true
	}
	f.proxy = newProxy(t, "127.0.0.1", false, f.next)
	f.stands = &node{Node: cl.folder.Node("any node", "", nil, nil), at: f.addr()}
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for _, n := range cl.nodes {
		asking.Go(func() { f.ask(ctx, n) })
	}
	t.Cleanup(func() {
		cancel()
		asking.Wait()
	})
	return f
}

// before is where devices go that come by it; nil for no front.
func (f *front) before() *node {
	if f == nil {
		return nil
	}
	return f.stands
}

// ask asks a node again and again, until ctx ends.
func (f *front) ask(ctx context.Context, n *node) {
	asks := &http.Client{Timeout: askWithin, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		ready := false
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Addr()+"/ready", nil)
		if err == nil {
			if answer, err := asks.Do(request); err == nil {
				ready = answer.StatusCode == http.StatusOK
				_ = answer.Body.Close()
			}
		}
		f.note(n, ready)
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return
		}
	}
}

func (f *front) note(n *node, ready bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ready[n] != ready {
		f.ready[n] = ready
		if !ready {
			f.wavered++
		}
		close(f.changed)
		f.changed = make(chan struct{})
	}
}

// next connects to the next node that is ready, or to the one behind it where that cannot be reached.
func (f *front) next() (net.Conn, error) {
	for range f.nodes {
		n := f.choose()
		if n == nil {
			break
		}
		if conn, err := net.DialTimeout("tcp", n.Addr(), signInTimeout); err == nil {
			return conn, nil
		}
	}
	return nil, errors.New("no node is ready")
}

func (f *front) choose() *node {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range f.nodes {
		n := f.nodes[f.turn%len(f.nodes)]
		f.turn++
		if f.ready[n] {
			f.went[n.Name]++
			return n
		}
	}
	return nil
}

// counts are how many connections went to each node.
func (f *front) counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.went)
}

// waverings are how often a node was ready no more.
func (f *front) waverings() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wavered
}

// awaitReady waits until it knows that all nodes are ready.
func (f *front) awaitReady(t *testing.T) {
	t.Helper()
	late := time.After(patience)
	for {
		f.mu.Lock()
		all, changed := true, f.changed
		for _, ready := range f.ready {
			all = all && ready
		}
		f.mu.Unlock()
		if all {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatal("a node is not ready")
		}
	}
}

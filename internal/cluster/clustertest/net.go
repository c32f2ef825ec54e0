// Package clustertest carries frames between nodes of one process, for tests of what nodes say to
// each other: in the order of each, late, not at all, as the test has it.
package clustertest

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
)

const (
	beatEvery = 250 * time.Millisecond
	deadAfter = 5 * time.Second
)

// Net is the way between some nodes. Its methods may be called concurrently.
type Net struct {
	mu    sync.Mutex
	nodes []*Node
	delay time.Duration
	lost  func(from, to string, kind cluster.Kind, body []byte) bool
	cut   map[[2]string]bool
}

// New makes one that loses nothing.
func New() *Net { return &Net{cut: make(map[[2]string]bool)} }

// Delay has every frame take so long from now on.
func (n *Net) Delay(by time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = by
}

// Lose has frames lost from now on for which lost says so; nil loses none. Heartbeats are not asked about.
func (n *Net) Lose(lost func(from, to string, kind cluster.Kind, body []byte) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost = lost
}

// Cut has nothing come from one node to another any more, and Heal lets it come again.
func (n *Net) Cut(from, to string) { n.set(from, to, true) }

// Heal is the opposite of Cut. Nobody is told that something was missed.
func (n *Net) Heal(from, to string) { n.set(from, to, false) }

func (n *Net) set(from, to string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{from, to}] = cut
}

// Node makes a node. It takes part once it is started.
func (n *Net) Node(id string) *Node {
	return &Node{net: n, id: id, on: make(map[cluster.Kind]func(string, []byte)), heard: make(map[string]time.Time), silent: make(map[string]time.Time), wake: make(chan struct{}, 1), quit: make(chan struct{})}
}

// Node is a [cluster.Bus] with its [cluster.Members].
type Node struct {
	net *Net
	id  string

	on           map[cluster.Kind]func(string, []byte)
	onMissed     []func()
	joined, gone []func(string)

	mu     sync.Mutex
	queue  []sent
	heard  map[string]time.Time // others that are alive
	silent map[string]time.Time // others that were, and have not said that they go
	wake   chan struct{}
	quit   chan struct{}
	done   sync.WaitGroup
}

// sent is a frame on its way. One without a kind is a heartbeat, and with bye the last one.
type sent struct {
	from string
	kind cluster.Kind
	body []byte
	bye  bool
	due  time.Time
}

// Peers are the others for parts of this node.
func (n *Node) Peers() *cluster.Peers { return &cluster.Peers{Bus: n, Members: n} }

// Self implements [cluster.Bus].
func (n *Node) Self() string { return n.id }

// Send implements [cluster.Bus].
func (n *Node) Send(kind cluster.Kind, body []byte) {
	n.send(sent{from: n.id, kind: kind, body: slices.Clone(body)})
}

func (n *Node) send(s sent) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	if !slices.Contains(n.net.nodes, n) {
		return
	}
	s.due = time.Now().Add(n.net.delay)
	for _, to := range n.net.nodes {
		if to == n || n.net.cut[[2]string{n.id, to.id}] {
			continue
		}
		if s.kind != "" && n.net.lost != nil && n.net.lost(n.id, to.id, s.kind, s.body) {
			continue
		}
		to.mu.Lock()
		to.queue = append(to.queue, s)
		to.mu.Unlock()
		to.signal()
	}
}

// On implements [cluster.Bus].
func (n *Node) On(kind cluster.Kind, heard func(string, []byte)) { n.on[kind] = heard }

// OnMissed implements [cluster.Bus].
func (n *Node) OnMissed(missed func()) { n.onMissed = append(n.onMissed, missed) }

// Alive implements [cluster.Members].
func (n *Node) Alive() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	ids := make([]string, 0, len(n.heard))
	for id := range n.heard {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// LastHeard implements [cluster.Members].
func (n *Node) LastHeard() map[string]time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := maps.Clone(n.silent)
	maps.Copy(at, n.heard)
	return at
}

// OnJoined implements [cluster.Members].
func (n *Node) OnJoined(joined func(string)) { n.joined = append(n.joined, joined) }

// OnGone implements [cluster.Members].
func (n *Node) OnGone(gone func(string)) { n.gone = append(n.gone, gone) }

// Start has the node take part.
func (n *Node) Start() {
	n.net.mu.Lock()
	n.net.nodes = append(n.net.nodes, n)
	n.net.mu.Unlock()
	n.done.Go(n.run)
}

// Leave says goodbye and ends the node.
func (n *Node) Leave() {
	n.send(sent{from: n.id, bye: true})
	n.Kill()
}

// Kill ends it without a word.
func (n *Node) Kill() {
	n.net.mu.Lock()
	n.net.nodes = slices.DeleteFunc(n.net.nodes, func(other *Node) bool { return other == n })
	n.net.mu.Unlock()
	close(n.quit)
	n.done.Wait()
}

func (n *Node) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *Node) run() {
	for _, missed := range n.onMissed {
		missed()
	}
	n.send(sent{from: n.id})
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case <-n.quit:
			return
		case <-n.wake:
		case <-beat.C:
			n.send(sent{from: n.id})
			n.bury()
		}
		for next, ok := n.next(); ok; next, ok = n.next() {
			select {
			case <-time.After(time.Until(next.due)):
			case <-n.quit:
				return
			}
			n.take(next)
		}
	}
}

func (n *Node) next() (sent, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 {
		return sent{}, false
	}
	first := n.queue[0]
	n.queue = n.queue[1:]
	return first, true
}

func (n *Node) take(s sent) {
	n.mu.Lock()
	_, known := n.heard[s.from]
	delete(n.silent, s.from)
	if s.bye {
		delete(n.heard, s.from)
	} else {
		n.heard[s.from] = time.Now()
	}
	n.mu.Unlock()
	switch {
	case s.bye:
		call(n.gone, s.from)
	case !known:
		call(n.joined, s.from)
	}
	if heard := n.on[s.kind]; heard != nil {
		heard(s.from, s.body)
	}
}

// bury ends those who were silent for too long.
func (n *Node) bury() {
	n.mu.Lock()
	var dead []string
	for id, at := range n.heard {
		if time.Since(at) >= deadAfter {
			dead = append(dead, id)
			delete(n.heard, id)
			n.silent[id] = at
		}
	}
	n.mu.Unlock()
	for _, id := range dead {
		call(n.gone, id)
	}
}

func call(all []func(string), id string) {
	for _, f := range all {
		f(id)
	}
}

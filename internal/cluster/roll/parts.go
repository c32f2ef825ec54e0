package roll

import (
	"fmt"
	"sync"
	"time"
)

// askEvery is the least time between two questions for the same part: the answer to the first may be
// on its way.
const askEvery = 500 * time.Millisecond

// parts are those of the other nodes. Safe for concurrent use.
type parts[V any] struct {
	cfg  Config
	deps Deps[V]

	mu sync.Mutex
	of map[string]*part[V] // by the node
	// leaving are those whose nodes are gone, or have begun another part.
	leaving []*part[V]
}

// part is what is known of one.
type part[V any] struct {
	node  string
	run   int64
	n     uint64 // up to which frame with changes it is known
	rows  map[string]V
	heard time.Time // when its node was last heard of
	asked time.Time // when it was last asked for
	fresh *gathered[V]
}

// gathered are the pieces of a snapshot, as they come.
type gathered[V any] struct {
	n    uint64
	have int
	rows map[string]V
}

func newParts[V any](cfg Config, d Deps[V]) *parts[V] {
	return &parts[V]{cfg: cfg, deps: d, of: make(map[string]*part[V])}
}

// name tells the parts of a node apart, which may start again under its id.
func (p *part[V]) name() string { return fmt.Sprintf("%s/%x", p.node, uint64(p.run)) }

// take takes in a frame. If something is missing it returns what is to be asked for.
func (ps *parts[V]) take(node string, f *frame[V]) *asked {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	now := ps.deps.Now()
	p := ps.known(node, f.Run)
	p.heard = now
	switch {
	case f.N <= p.n: // known
	case f.Pieces > 0:
		ps.gather(p, f)
	case f.changes() && f.N == p.n+1:
		ps.apply(p, f)
	}
	if f.N <= p.n || f.Piece < f.Pieces || now.Sub(p.asked) < askEvery {
		return nil // the rest of the pieces follow at once
	}
	p.asked = now
	return &asked{Node: node, Run: f.Run}
}

// known returns the part of a node, which is a new one if it has begun anew.
func (ps *parts[V]) known(node string, run int64) *part[V] {
	if p := ps.of[node]; p != nil && p.run == run {
		return p
	} else if p != nil {
		ps.leaving = append(ps.leaving, p)
		delete(ps.of, node)
	}
	for i, p := range ps.leaving {
		if p.node == node && p.run == run { // it was not gone
			ps.leaving = append(ps.leaving[:i:i], ps.leaving[i+1:]...)
			ps.of[node] = p
			return p
		}
	}
	p := &part[V]{node: node, run: run, rows: make(map[string]V)}
	ps.of[node] = p
	return p
}

func (ps *parts[V]) apply(p *part[V], f *frame[V]) {
	p.n = f.N
	for _, r := range f.Set {
		p.rows[r.Key] = r.Value
		ps.deps.Listener.Wrote(p.name(), r.Key, r.Value)
	}
	for _, r := range f.Gone {
		if _, there := p.rows[r.Key]; there {
			delete(p.rows, r.Key)
			ps.deps.Listener.Removed(p.name(), r.Key, End[V]{Said: true, Last: r.Value, At: p.heard})
		}
	}
}

// gather takes in a piece of a snapshot. A node sends the pieces one behind the other: where one is
// not the next, something was lost.
func (ps *parts[V]) gather(p *part[V], f *frame[V]) {
	if f.Piece == 1 {
		p.fresh = &gathered[V]{n: f.N, rows: make(map[string]V)}
	}
	g := p.fresh
	if g == nil || g.n != f.N || g.have+1 != f.Piece {
		p.fresh = nil
		return
	}
	g.have++
	for _, r := range f.Set {
		g.rows[r.Key] = r.Value
	}
	if g.have == f.Pieces {
		ps.replace(p, g)
	}
}

// replace puts a snapshot in the place of what was known.
func (ps *parts[V]) replace(p *part[V], g *gathered[V]) {
	before := p.rows
	p.n, p.rows, p.fresh = g.n, g.rows, nil
	for key, value := range g.rows {
		ps.deps.Listener.Wrote(p.name(), key, value)
	}
	for key := range before {
		if _, there := g.rows[key]; !there {
			ps.deps.Listener.Removed(p.name(), key, End[V]{At: p.heard})
		}
	}
}

// depart notes that a node is gone. Its part holds for a while: those who were there may be on their way
// to other nodes, and it may only have been cut off.
func (ps *parts[V]) depart(node string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.of[node]; p != nil {
		ps.leaving = append(ps.leaving, p)
		delete(ps.of, node)
	}
}

// drop ends the rows of those that have left for long enough.
func (ps *parts[V]) drop() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	now := ps.deps.Now()
	stay := ps.leaving[:0]
	for _, p := range ps.leaving {
		if now.Sub(p.heard) < ps.cfg.Keep {
			stay = append(stay, p)
			continue
		}
		for key := range p.rows {
			ps.deps.Listener.Removed(p.name(), key, End[V]{At: p.heard})
		}
	}
	clear(ps.leaving[len(stay):])
	ps.leaving = stay
}

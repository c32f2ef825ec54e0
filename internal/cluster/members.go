package cluster

import (
	"slices"
	"sync"
	"time"
)

const (
	// goneAfter is how long a node that is silent counts as alive. It is looked four times a
	// second, so that one that dies is gone within 5 s.
	goneAfter = 4500 * time.Millisecond
	// remembered is of how many nodes that have gone it is known which frames were heard.
	remembered = 1000
	// missedFor is how long a node that has fallen silent is still told of.
	missedFor = 10 * time.Minute
)

// members is what this node knows of the others. Its methods may be called concurrently;
// one goroutine changes it.
type members struct {
	mu    sync.Mutex
	alive map[string]*member
	gone  map[string]*member // so that old frames are not taken for a node that is back
	order []string           // of gone, the oldest first
}

// member is another node.
type member struct {
	spoke time.Time // when something was heard of it last
	heard time.Time // the same, but for times in which nothing could be heard
	last  uint64    // the number of its last frame that was heard, or is given up
	begun bool      // last is known
	beats uint64    // the number of its last beat
	owed  uint64    // the number of its last frame, as of its last beat
	paths []string  // by which it hears; nil is not known
	left  bool      // it has said that it goes
}

func newMembers() *members {
	return &members{alive: map[string]*member{}, gone: map[string]*member{}}
}

// Of a frame: whether it is the first of its node, whether others of that node are missing
// before it, and whether it is to be heard at all.
type verdict struct{ joined, missed, fresh bool }

// frame notes a frame that is no beat.
func (m *members) frame(from string, n uint64, now time.Time) (v verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	who := m.of(from)
	if who.left || who.begun && n <= who.last {
		return v // it came by two ways, or too late, or is an old one of somebody else's
	}
	v = verdict{joined: m.here(from, who, now), missed: n != who.last+1, fresh: true}
	who.last, who.begun = n, true
	return v
}

// beat notes a beat, of which last is the number of the node's last frame.
func (m *members) beat(from string, n, last uint64, paths []string, now time.Time) (v verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	who := m.of(from)
	if who.left || n <= who.beats {
		return v
	}
	v = verdict{joined: m.here(from, who, now), fresh: true}
	switch {
	case !who.begun:
		v.missed = last > 0
		who.last, who.begun = last, true
	case who.last < who.owed: // it has not come since the beat before
		v.missed = true
		who.last = who.owed
	}
	who.beats, who.owed, who.paths = n, last, paths
	return v
}

// leave notes the last beat of a node.
func (m *members) leave(from string, n, last uint64) (v verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	who := m.alive[from]
	if who == nil || n <= who.beats {
		return v
	}
	who.beats, who.left = n, true
	m.forget(from, who)
	return verdict{missed: who.last < last, fresh: true}
}

// of returns what is known of a node that is here, or was, or is new.
func (m *members) of(id string) *member {
	if who := m.alive[id]; who != nil {
		return who
	}
	if who := m.gone[id]; who != nil {
		return who
	}
	return &member{}
}

// here notes that a node is, and reports whether it was not.
func (m *members) here(id string, who *member, now time.Time) (joined bool) {
	joined = m.alive[id] == nil
	who.spoke, who.heard, m.alive[id] = now, now, who
	if _, was := m.gone[id]; was {
		delete(m.gone, id)
		m.order = slices.DeleteFunc(m.order, func(other string) bool { return other == id })
	}
	return joined
}

func (m *members) forget(id string, who *member) {
	delete(m.alive, id)
	m.gone[id], m.order = who, append(m.order, id)
	if len(m.order) > remembered {
		delete(m.gone, m.order[0])
		m.order = slices.Delete(m.order, 0, 1)
	}
}

// silent removes and returns the nodes that were not heard of for too long.
func (m *members) silent(now time.Time) (ids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, who := range m.alive {
		if now.Sub(who.heard) >= goneAfter {
			m.forget(id, who)
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// excuse gives all nodes a time in which nothing could be heard.
func (m *members) excuse(deaf time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, who := range m.alive {
		who.heard = who.heard.Add(deaf)
	}
}

// nobody reports whether no node is alive.
func (m *members) nobody() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.alive) == 0
}

// ids are those of the nodes that are alive, in order.
func (m *members) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := make([]string, 0, len(m.alive))
	for id := range m.alive {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// lastHeard is when each node was heard of that is alive, or has fallen silent and was not missed for too long.
func (m *members) lastHeard(now time.Time) map[string]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := make(map[string]time.Time, len(m.alive))
	for id, who := range m.gone {
		if !who.left && now.Sub(who.spoke) < missedFor {
			at[id] = who.spoke
		}
	}
	for id, who := range m.alive {
		at[id] = who.spoke
	}
	return at
}

// allHear reports whether all nodes hear by a path. Of whom it is not known, it is hoped.
func (m *members) allHear(path string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, who := range m.alive {
		if who.paths != nil && !slices.Contains(who.paths, path) {
			return false
		}
	}
	return true
}

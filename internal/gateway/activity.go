package gateway

import (
	"sync"
	"time"
)

// activeFor is how long, in seconds, a connection counts as active after a command.
const activeFor = 30

// activity counts the connections by the second in which each was last active, as
// far back as that matters, so that nobody has to look at all of them. It may be
// used concurrently, but for one connection one call after the other.
type activity struct {
	mu     sync.Mutex
	slots  [activeFor]int32 // by the second, newest and those before it
	newest uint32
}

// move has a connection be active at another second. from is 0 for one that comes,
// to for one that goes.
func (a *activity) move(from, to uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advance(to)
	if a.holds(from) {
		a.slots[from%activeFor]--
	}
	if a.holds(to) {
		a.slots[to%activeFor]++
	}
}

// count returns how many are active.
func (a *activity) count(now uint32) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advance(now)
	total := 0
	for _, n := range a.slots {
		total += int(n)
	}
	return total
}

// advance forgets the seconds that are too long ago. A clock that was set back
// changes nothing.
func (a *activity) advance(now uint32) {
	if now <= a.newest {
		return
	}
	for gone := range min(now-a.newest, activeFor) {
		a.slots[(now-gone)%activeFor] = 0
	}
	a.newest = now
}

func (a *activity) holds(second uint32) bool {
	return second != 0 && second <= a.newest && second+activeFor > a.newest
}

// seconds is the clock of what is noted of each connection: seconds since 1970, in
// as many bytes as last until 2106.
func (g *Gateway) seconds() uint32 { return secondsOf(g.deps.Now()) }

// secondsOf is a time on that clock, 0 for none.
func secondsOf(at time.Time) uint32 {
	if at.IsZero() {
		return 0
	}
	return uint32(at.Unix())
}

// touch notes that the connection is active. Its own commands call it, one after
// the other.
func (s *session) touch() {
	now, last := s.gateway.seconds(), s.active.Load()
	if now != last {
		s.active.Store(now)
		s.gateway.roster.activity.move(last, now)
	}
}

package push

import (
	"sync"
	"time"
)

// For how long a push service is left alone that fails: twice as long each time.
const (
	firstRest   = time.Second
	longestRest = 5 * time.Minute
	// failuresBefore is how many requests may fail in a row before a service is: one device can be at fault for some.
	failuresBefore = 3
)

// gates keep requests from push services that do not answer, or are overloaded. What they know is this node's, and of the moment.
type gates struct {
	mu  sync.Mutex
	all map[string]*gate // by origin; those alone that have failed
}

type gate struct {
	failed int
	until  time.Time
}

// closed tells for how long a service is to be left alone; 0 is not.
func (g *gates) closed(origin string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.all[origin]; at != nil {
		return max(at.until.Sub(now), 0)
	}
	return 0
}

// answered is called when a service has answered something that it may.
func (g *gates) answered(origin string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.all, origin)
}

// failing is called when a service has not; asked is how long it wants to be left alone.
func (g *gates) failing(origin string, now time.Time, asked time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.all[origin]
	if at == nil {
		if len(g.all) >= maxTokens { // somebody subscribes to whatever there is
			clear(g.all)
		}
		at = &gate{}
		g.all[origin] = at
	}
	at.failed++
	rest := asked
	if n := at.failed - failuresBefore; n >= 0 {
		rest = max(rest, min(firstRest<<min(n, 10), longestRest))
	}
	if until := now.Add(rest); until.After(at.until) {
		at.until = until
	}
}

package webhook

import (
	"math/rand/v2"
	"sync"
	"time"
)

// How many attempts a webhook has at a time on a node, of the Workers that all share; for how long one that does not answer is left
// alone at most, and how long somebody waits for others to be done.
const (
	// Workers is how many lines a node works at.
	Workers     = 16
	mostAtOnce  = 12
	firstRest   = 5 * time.Second
	longestRest = 5 * time.Minute
	busyRest    = 200 * time.Millisecond
)

// gates keep a webhook that does not answer, or is slow, from having all workers. What they know is this node's, and of the moment.
type gates struct {
	rest time.Duration // see [Config.Rest]

	mu  sync.Mutex
	all map[string]*gate
}

type gate struct {
	running, failed int
	until           time.Time // nothing is tried before
}

// enter lets somebody try, who must leave again; else it says for how long to wait.
func (g *gates) enter(webhook string, now time.Time) (wait time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.all[webhook]
	if at == nil {
		at = &gate{}
		g.all[webhook] = at
	}
	most, rest := mostAtOnce, busyRest
	if at.failed > 0 { // one looks whether it is back
		most, rest = 1, g.rest
	}
	switch {
	case now.Before(at.until):
		return varied(at.until.Sub(now)), false
	case at.running >= most:
		return varied(rest), false
	}
	at.running++
	return 0, true
}

// varied is a time up to a half longer: those who wait shall not come all at once.
func varied(wait time.Duration) time.Duration {
	return wait + time.Duration(rand.Int64N(int64(wait)/2+1))
}

func (g *gates) leave(webhook string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.all[webhook]
	if at.running--; at.running == 0 && at.failed == 0 {
		delete(g.all, webhook)
	}
}

// answered is called by who has entered, and was answered.
func (g *gates) answered(webhook string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all[webhook].failed, g.all[webhook].until = 0, time.Time{}
}

// silent is called by who has entered and found nobody there; asked is how long the receiver wants to be left alone.
func (g *gates) silent(webhook string, now time.Time, asked time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.all[webhook]
	at.failed++
	rest := g.rest << min(at.failed-1, 10)
	at.until = now.Add(max(min(rest, longestRest), asked))
}

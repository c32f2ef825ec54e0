package forward

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// Cause is why a request was not passed on, or came to nothing.
type Cause string

// The causes.
const (
	Gone        Cause = "gone"        // its node has ended meanwhile
	Unreachable Cause = "unreachable" // its node lives, and cannot be connected to
	Certificate Cause = "certificate" // one of the two nodes does not know the certificate of the other
	Slow        Cause = "slow"        // its node has not answered in time
	Broken      Cause = "broken"      // the connection to its node broke
	Busy        Cause = "busy"        // as many as may be are passed on
	Twice       Cause = "twice"       // another node has passed it on, and the session is not here
	Cut         Cause = "cut"         // the client has not sent all of it
)

// Causes are all of them.
func Causes() []Cause {
	return []Cause{Gone, Unreachable, Certificate, Slow, Broken, Busy, Twice, Cut}
}

// figures count what was done. Whoever counts finds each cause there.
type figures struct {
	requests, webSockets *atomic.Uint64
	taken                *atomic.Uint64 // requests and WebSockets from other nodes
	strangers            *atomic.Uint64
	failed               map[Cause]*atomic.Uint64
}

func newFigures() figures {
	f := figures{new(atomic.Uint64), new(atomic.Uint64), new(atomic.Uint64), new(atomic.Uint64), make(map[Cause]*atomic.Uint64)}
	for _, cause := range Causes() {
		f.failed[cause] = new(atomic.Uint64)
	}
	return f
}

// Figures are what a Forwarder has done since it was made.
type Figures struct {
	Requests   uint64 // that were passed on and answered
	WebSockets uint64 // that were joined with another node
	Taken      uint64 // requests and WebSockets that other nodes have passed on
	Strangers  uint64 // connections with a certificate that is none of a node
	Failed     map[Cause]uint64
}

// Figures may be called at any time.
func (f *Forwarder) Figures() Figures {
	now := Figures{
		Requests: f.figures.requests.Load(), WebSockets: f.figures.webSockets.Load(), Taken: f.figures.taken.Load(),
		Strangers: f.figures.strangers.Load(), Failed: make(map[Cause]uint64, len(f.figures.failed)),
	}
	for cause, n := range f.figures.failed {
		now.Failed[cause] = n.Load()
	}
	return now
}

// Failed is how often something was not passed on for a cause.
func (f *Forwarder) Failed(why Cause) uint64 { return f.figures.failed[why].Load() }

// PassedOn is what was passed on to another node since it is known.
type PassedOn struct {
	Node                 string // its id
	Sessions             int64  // now: those of which a request waits there, or a WebSocket is open
	Requests, WebSockets uint64 // that it has answered
}

// PassedOn is what was passed on to each node that lives, by their ids.
func (f *Forwarder) PassedOn() []PassedOn {
	var all []PassedOn
	for _, p := range *f.peers.tags.Load() {
		all = append(all, PassedOn{p.at.Node, p.now.Load(), p.requests.Load(), p.webSockets.Load()})
	}
	slices.SortFunc(all, func(a, b PassedOn) int { return cmp.Compare(a.Node, b.Node) })
	return all
}

// Unreachable are the addresses of nodes that live, and that this one cannot connect to.
func (f *Forwarder) Unreachable() []string { return f.peers.unreachable() }

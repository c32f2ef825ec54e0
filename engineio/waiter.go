package engineio

import (
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// waiter is a poll that has nothing to answer yet. Where the answer can be deferred
// it waits without a goroutine.
type waiter struct {
	session *Session
	w       http.ResponseWriter
	r       *http.Request
	req     request

	later netloop.Deferrable // nil when a goroutine waits
	timer netloop.Timer      // that ends the wait of a deferred one during an upgrade
	woken chan struct{}      // closed to wake the goroutine
}

func (s *Session) newWaiter(w http.ResponseWriter, r *http.Request, req request) *waiter {
	p := &waiter{session: s, w: w, r: r, req: req}
	// A writer around the loop's own would not know of an answer that comes later.
	if later, ok := w.(netloop.Deferrable); ok {
		p.later = later
		p.timer.Owner = p
	} else {
		p.woken = make(chan struct{})
	}
	return p
}

// wait returns true when there is something to answer. false: somebody else does so
// later, or the client has gone, and so has the session.
func (p *waiter) wait(hold bool) bool {
	if p.later == nil {
		return p.block(hold)
	}
	if !p.later.Defer(p.gone) {
		p.gone()
		return false
	}
	if hold {
		p.session.server.loop.Wheel().Arm(&p.timer, upgradeHold)
	}
	return false
}

func (p *waiter) block(hold bool) bool {
	var held <-chan time.Time
	if hold {
		timer := time.NewTimer(upgradeHold)
		defer timer.Stop()
		held = timer.C
	}
	select {
	case <-p.woken:
		return true
	case <-held:
		p.leave()
		return true
	case <-p.r.Context().Done():
		p.gone()
		return false
	}
}

// leave reports whether the poll was still the one that waits.
func (p *waiter) leave() bool {
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == nil || s.poll.waiter != p {
		return false
	}
	s.poll.waiter = nil
	return true
}

// gone is the client's end, and with it the session's.
func (p *waiter) gone() {
	if p.session.Transport() == Polling { // else it was upgraded at the same moment
		p.session.end(TransportError, errPollGone, true)
	}
}

// wake has the poll answered. The session's lock is held.
func (p *waiter) wake() {
	if p.later == nil {
		close(p.woken)
		return
	}
	p.session.server.loop.Wheel().Disarm(&p.timer)
	p.session.server.door.Start(p)
}

// Expire is for the timing wheel: the client wants to pause polling.
func (p *waiter) Expire(*netloop.Timer) {
	if p.leave() {
		p.session.server.door.Start(p)
	}
}

// Run answers a deferred poll, on a worker: what was queued since it was woken goes
// along.
func (p *waiter) Run() {
	p.session.answerPoll(p.w, p.r, p.req)
	p.later.Finish()
}

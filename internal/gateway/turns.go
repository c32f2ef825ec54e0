package gateway

import "sync/atomic"

const (
	// signInsAtOnce is how many users are looked up, or stored, at a time: as
	// many as are worth to share a transaction.
	signInsAtOnce = 64
	// subscriptionsAtOnce is how many connections are put into their rooms and
	// shown what is unread at a time: a few more than the store reads for.
	subscriptionsAtOnce = 8
	// subscriptionsBeside is how many of these while users wait to sign in: enough for
	// what the store leaves of the processor while it writes.
	subscriptionsBeside = 2
)

// turns lets a number of callers do something at a time, the others in the order
// in which they came. When everybody comes back at once, who is first is so
// through early, and not all of them at the end.
type turns struct {
	taken   chan struct{}
	waiting atomic.Int32
}

func newTurns(most int) *turns { return &turns{taken: make(chan struct{}, most)} }

func (t *turns) take() {
	t.waiting.Add(1)
	t.taken <- struct{}{}
	t.waiting.Add(-1)
}

func (t *turns) give() { <-t.taken }

// arrivals are the turns of those who come. Subscribing costs several times as much as
// signing in: it gives way, so that everybody is connected early, and sees so, however
// long it takes until all have what they missed.
type arrivals struct{ signIns, subscriptions, beside *turns }

func newArrivals() arrivals {
	return arrivals{signIns: newTurns(signInsAtOnce), subscriptions: newTurns(subscriptionsAtOnce), beside: newTurns(subscriptionsBeside)}
}

// subscribe waits for a turn to be subscribed, which ends with done.
func (a *arrivals) subscribe() (done func()) {
	a.subscriptions.take()
	if a.signIns.waiting.Load() == 0 {
		return a.subscriptions.give
	}
	a.beside.take()
	return func() {
		a.beside.give()
		a.subscriptions.give()
	}
}

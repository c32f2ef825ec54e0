package gateway

import "sync/atomic"

const (
	// signInsAtOnce is how many users are looked up, or stored, at a time: as
	// many as are worth to share a transaction.
	signInsAtOnce = 64
	// subscriptionsAtOnce is how many connections are put into their rooms and
	// shown what is unread at a time: a few more than the store reads for.
	subscriptionsAtOnce = 8
	// subscriptionsBeside is how many of these while somebody signs in, or many are about to: enough
	// for what that leaves of the processor.
	subscriptionsBeside = 2
	// manyStrangers is how many show that everybody comes back: fewer there are at any time.
	manyStrangers = 32
)

// turns lets a number of callers do something at a time, the others in the order
// in which they came. When everybody comes back at once, who is first is so
// through early, and not all of them at the end.
type turns struct {
	taken chan struct{}
	under atomic.Int32 // who waits for a turn or has one
}

func newTurns(most int) *turns { return &turns{taken: make(chan struct{}, most)} }

func (t *turns) take() {
	t.under.Add(1)
	t.taken <- struct{}{}
}

func (t *turns) give() {
	<-t.taken
	t.under.Add(-1)
}

// arrivals are the turns of those who come. Subscribing costs several times as much as
// signing in: it gives way, so that everybody is connected early, and sees so, however
// long it takes until all have what they missed.
type arrivals struct {
	signIns, subscriptions, beside *turns
	strangers                      func() int
}

// newArrivals makes them. strangers is how many are connected that have not signed in: when everybody
// comes back at once these are the crowd, for a sign-in alone takes no time in which it could be
// seen. It must not block.
func newArrivals(strangers func() int) arrivals {
	return arrivals{
		signIns: newTurns(signInsAtOnce), subscriptions: newTurns(subscriptionsAtOnce), beside: newTurns(subscriptionsBeside),
		strangers: strangers,
	}
}

// subscribe waits for a turn to be subscribed, which ends with done.
func (a *arrivals) subscribe() (done func()) {
	a.subscriptions.take()
	if !a.expected() {
		return a.subscriptions.give
	}
	a.beside.take()
	return func() {
		a.beside.give()
		a.subscriptions.give()
	}
}

// expected reports whether somebody signs in, or many are about to.
func (a *arrivals) expected() bool {
	return a.signIns.under.Load() > 0 || a.strangers() >= manyStrangers
}

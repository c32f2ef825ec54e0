package gateway_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

// While users sign in, or are about to, few are subscribed, and as many as ever behind that.
func TestSubscriptionsGiveWayToSignIns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const comers = 100
		var strangers atomic.Int32
		arrivals := gateway.NewArrivals(func() int { return int(strangers.Load()) })
		signIns := takeTurns(comers, arrivals.SignIn)
		beside := takeTurns(comers, arrivals.Subscribe)
		if len(signIns) != 64 || len(beside) != 2 {
			t.Errorf("%d sign in at a time, and %d are subscribed beside them", len(signIns), len(beside))
		}
		endTurns(comers, signIns)
		endTurns(comers, beside)

		signIn := arrivals.SignIn()
		beside = takeTurns(comers, arrivals.Subscribe)
		if len(beside) != 2 {
			t.Errorf("%d are subscribed beside one who signs in", len(beside))
		}
		signIn()
		endTurns(comers, beside)

		strangers.Store(32)
		beside = takeTurns(comers, arrivals.Subscribe)
		if len(beside) != 2 {
			t.Errorf("%d are subscribed beside many who have not signed in yet", len(beside))
		}
		endTurns(comers, beside)

		strangers.Store(31)
		subscriptions := takeTurns(comers, arrivals.Subscribe)
		if len(subscriptions) != 8 {
			t.Errorf("%d are subscribed at a time when nobody signs in, and few might", len(subscriptions))
		}
		endTurns(comers, subscriptions)
	})
}

// takeTurns has so many wait for a turn, and returns the ends of those who have got one.
func takeTurns(comers int, take func() func()) chan func() {
	turns := make(chan func(), comers)
	for range comers {
		go func() { turns <- take() }()
	}
	synctest.Wait()
	return turns
}

// endTurns ends their turns, and those of who has waited for these.
func endTurns(comers int, turns chan func()) {
	for range comers {
		(<-turns)()
	}
}

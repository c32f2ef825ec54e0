package gateway_test

import (
	"testing"
	"testing/synctest"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

// While users wait to sign in few are subscribed, and as many as ever behind that.
func TestSubscriptionsGiveWayToSignIns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const comers = 100
		arrivals := gateway.NewArrivals()
		signIns := takeTurns(comers, arrivals.SignIn)
		beside := takeTurns(comers, arrivals.Subscribe)
		if len(signIns) != 64 || len(beside) != 2 {
			t.Errorf("%d sign in at a time, and %d are subscribed beside them", len(signIns), len(beside))
		}
		endTurns(comers, signIns)
		endTurns(comers, beside)

		subscriptions := takeTurns(comers, arrivals.Subscribe)
		if len(subscriptions) != 8 {
			t.Errorf("%d are subscribed at a time when nobody signs in", len(subscriptions))
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

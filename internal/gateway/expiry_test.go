package gateway_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

func TestDeadlinesComeInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := gateway.NewDeadlines(time.Now)
		defer x.Stop()
		began := time.Now()
		var mu sync.Mutex
		var came []time.Duration
		entries := make([]*gateway.Deadline, 200)
		var want []time.Duration
		for i := range entries {
			entries[i] = gateway.NewDeadline(func() {
				mu.Lock()
				defer mu.Unlock()
				came = append(came, time.Since(began))
			})
			after := time.Duration(rand.IntN(7200)) * time.Second
			x.Set(entries[i], began.Add(3*time.Hour))
			x.Set(entries[i], began.Add(after)) // moved
			if i%3 == 0 {
				x.Clear(entries[i])
				continue
			}
			want = append(want, after)
		}
		x.Set(gateway.NewDeadline(func() { t.Error("a zero time came") }), time.Time{})
		slices.Sort(want)
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		if !slices.Equal(came, want) {
			t.Errorf("came at %v\nwant    %v", came, want)
		}
		if x.Len() != 0 {
			t.Errorf("%d are left", x.Len())
		}
	})
}

func TestDeadlinesCanBeMovedBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := gateway.NewDeadlines(time.Now)
		defer x.Stop()
		began := time.Now()
		came := make(chan time.Duration, 3)
		d := gateway.NewDeadline(func() { came <- time.Since(began) })
		x.Set(d, began.Add(time.Hour))
		x.Set(d, began.Add(time.Minute)) // earlier than what is slept for
		time.Sleep(30 * time.Second)
		x.Set(d, began.Add(2*time.Minute))
		if got := <-came; got != 2*time.Minute {
			t.Errorf("came after %s", got)
		}
		x.Set(d, began) // in the past: at once, and again
		if got := <-came; got != 2*time.Minute {
			t.Errorf("came after %s", got)
		}
		x.Set(d, time.Time{})
		x.Clear(d)
		x.Clear(d)
		if x.Len() != 0 {
			t.Errorf("%d are left", x.Len())
		}
	})
}

// Tokens go by the wall clock, which may be set while the sleep is long.
func TestDeadlinesFollowAClockThatIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var ahead time.Duration
		x := gateway.NewDeadlines(func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(ahead)
		})
		defer x.Stop()
		came := make(chan time.Duration, 1)
		x.Set(gateway.NewDeadline(func() { came <- time.Since(began) }), began.Add(10*time.Hour))
		mu.Lock()
		ahead = 11 * time.Hour
		mu.Unlock()
		if got := <-came; got > time.Minute {
			t.Errorf("came after %s", got)
		}
	})
}

func TestAnExpiredTokenEndsTheConnection(t *testing.T) {
	var ahead atomic.Int64 // of the clock, in hours
	n := serve(t, func(s *setup) {
		s.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load()) * time.Hour) }
	})
	refreshed := n.deviceWith(n.tokenFor("ada", time.Hour))
	left := n.deviceWith(n.tokenFor("ada", time.Hour))

	if f := refreshed.mustFail("auth:refresh", map[string]string{"token": n.token("bob")}, "authentication_failed", "Authentication failed"); f.Field != "" {
		t.Errorf("got %+v", f)
	}
	refreshed.mustFail("auth:refresh", `{"token":"nonsense"}`, "authentication_failed", "Authentication failed")
	a := refreshed.must("auth:refresh", map[string]string{"token": n.tokenFor("ada", 10*time.Hour)})
	if at, err := time.Parse(time.RFC3339, a.ExpiresAt); err != nil || !instant.MatchString(a.ExpiresAt) || time.Until(at) < 9*time.Hour {
		t.Errorf("expires %s", a.ExpiresAt)
	}
	ahead.Store(2)
	n.gateway.Wake()
	var f failure
	left.event("error", &f)
	if f.Code != "token_expired" || f.Message != "Authentication failed" {
		t.Errorf("got %+v", f)
	}
	// A Disconnect packet: the client does not come back with the same token.
	left.find("the disconnect packet", func(p *packet) bool { return p.kind == '1' })
	left.closed()
	refreshed.must("room:create", `{"name":"still in"}`)

	// It works the other way round as well.
	refreshed.must("auth:refresh", map[string]string{"token": n.tokenFor("ada", 5*time.Hour)})
	refreshed.must("room:create", `{"name":"still in"}`)
	ahead.Store(6)
	n.gateway.Wake()
	refreshed.event("error", &f)
	refreshed.closed()
	if f.Code != "token_expired" {
		t.Errorf("got %+v", f)
	}
	eventually(t, "the count of connections", func() bool { return n.gateway.Connections() == 0 })
}

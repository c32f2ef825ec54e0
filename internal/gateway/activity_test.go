package gateway_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

// The counting is held against a look at every connection.
func TestActivity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a gateway.Activity
		now := rapid.Uint32Range(1, 1<<31).Draw(t, "start")
		last := make(map[int]uint32)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += uint32(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 29, 30, 31, 300}).Draw(t, "pass"))
			who := rapid.IntRange(0, 5).Draw(t, "who")
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				if last[who] != 0 {
					a.Move(last[who], 0)
					delete(last, who)
				}
			} else {
				a.Move(last[who], now)
				last[who] = now
			}
			want := 0
			for _, at := range last {
				if at+30 > now {
					want++
				}
			}
			if got := a.Count(now); got != want {
				t.Fatalf("%d are active at %d, want %d: %v", got, now, want, last)
			}
		}
	})
}

// Setting the clock back loses nobody for good, and nothing is negative.
func TestActivityClockSetBack(t *testing.T) {
	var a gateway.Activity
	a.Move(0, 1000)
	a.Move(0, 1000)
	a.Move(1000, 500) // too long ago to count
	if got := a.Count(500); got != 1 {
		t.Errorf("%d are active", got)
	}
	a.Move(500, 990)
	if got := a.Count(990); got != 2 {
		t.Errorf("%d are active", got)
	}
	a.Move(990, 0)
	a.Move(1000, 0)
	if got := a.Count(1000); got != 0 {
		t.Errorf("%d are active", got)
	}
}

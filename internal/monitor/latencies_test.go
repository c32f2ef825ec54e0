package monitor_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sockeye-im/sockeye/internal/monitor"
)

// quantilesOf are those of a sample in which these durations were told.
func quantilesOf(t testing.TB, took []time.Duration) (q monitor.Quantiles) {
	deps := deps(new(counted))
	m := start(t, monitor.DefaultConfig(), deps)
	defer m.Stop()
	for _, d := range took {
		deps.Delivery.Observe(d)
	}
	if err := m.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	samples, _ := m.Since(1)
	return samples[0].Delivery
}

// A quantile is never below the true one, and above it by an eighth and a microsecond at most.
func TestQuantiles(t *testing.T) {
	took := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
		power := rapid.IntRange(0, 36).Draw(t, "power")
		return time.Duration(rapid.Int64Range(0, int64(1)<<power).Draw(t, "ns"))
	}), 1, 300)
	for seed := range 50 {
		synctest.Test(t, func(t *testing.T) {
			all := took.Example(seed)
			q := quantilesOf(t, all)
			slices.Sort(all)
			if q.Count != len(all) {
				t.Errorf("%d of %d are counted", q.Count, len(all))
			}
			for _, c := range []struct {
				percent int
				got     float64
			}{{50, q.P50}, {95, q.P95}, {99, q.P99}} {
				exact := all[(len(all)*c.percent+99)/100-1]
				low, high := exact.Seconds()*1000, exact.Seconds()*1000*1.125+0.0011
				if c.got < low || c.got > high {
					t.Errorf("p%d of %d is %v ms, want from %v to %v", c.percent, len(all), c.got, low, high)
				}
			}
		})
	}
}

func TestQuantilesOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if q := quantilesOf(t, nil); q != (monitor.Quantiles{}) {
			t.Errorf("%+v", q)
		}
		if q := quantilesOf(t, []time.Duration{-time.Second, time.Hour}); q.P50 != 0.001 || q.P99 < 100_000 {
			t.Errorf("out of range: %+v", q)
		}
	})
}

func TestObserveAllocatesNothing(t *testing.T) {
	l := new(monitor.Latencies)
	if n := testing.AllocsPerRun(100, func() { l.Observe(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

package netloop_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// tick is how late a timer may be.
const tick = 10 * time.Millisecond

// alarm is a timer that notes when it fires.
type alarm struct {
	netloop.Timer
	start time.Time
	mu    sync.Mutex
	fired []time.Duration
	then  func()
}

func newAlarm() *alarm {
	a := &alarm{start: time.Now()}
	a.Owner = a
	return a
}

func (a *alarm) Expire(*netloop.Timer) {
	a.mu.Lock()
	a.fired = append(a.fired, time.Since(a.start))
	a.mu.Unlock()
	if a.then != nil {
		a.then()
	}
}

func (a *alarm) times() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.fired)
}

// onWheel runs test in a bubble where time passes at once.
func onWheel(t *testing.T, test func(t *testing.T, w *netloop.Wheel)) {
	synctest.Test(t, func(t *testing.T) {
		w := netloop.NewWheel()
		defer w.Stop()
		test(t, w)
	})
}

func expectFired(t *testing.T, a *alarm, want ...time.Duration) {
	t.Helper()
	got := a.times()
	if len(got) != len(want) {
		t.Fatalf("fired at %v, want %v", got, want)
	}
	for i := range got {
		if late := got[i] - want[i]; late < 0 || late > tick {
			t.Fatalf("fired at %v, want %v", got, want)
		}
	}
}

func TestWheelFiresOnTimeAndOnce(t *testing.T) {
	onWheel(t, func(t *testing.T, w *netloop.Wheel) {
		delays := []time.Duration{
			0, -time.Second, time.Nanosecond, tick, tick + 1, time.Second,
			40959 * time.Millisecond, 40960 * time.Millisecond, 40961 * time.Millisecond, // around one turn
			85 * time.Second, 10 * time.Minute, 24 * time.Hour,
		}
		alarms := make([]*alarm, len(delays))
		for i, d := range delays {
			alarms[i] = newAlarm()
			w.Arm(&alarms[i].Timer, d)
		}
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		for i, d := range delays {
			expectFired(t, alarms[i], max(d, 0))
		}
		if n := w.Armed(); n != 0 {
			t.Errorf("%d timers are still armed", n)
		}
	})
}

func TestWheelNeverFiresWhatIsDueInAges(t *testing.T) {
	onWheel(t, func(t *testing.T, w *netloop.Wheel) {
		a := newAlarm()
		w.Arm(&a.Timer, math.MaxInt64)
		time.Sleep(time.Hour)
		synctest.Wait()
		expectFired(t, a)
		if !w.Disarm(&a.Timer) {
			t.Error("it is no longer armed")
		}
	})
}

func TestWheelRearmAndDisarm(t *testing.T) {
	onWheel(t, func(t *testing.T, w *netloop.Wheel) {
		later, sooner, off := newAlarm(), newAlarm(), newAlarm()
		w.Arm(&later.Timer, time.Second)
		w.Arm(&sooner.Timer, time.Hour)
		w.Arm(&off.Timer, time.Second)
		time.Sleep(500 * time.Millisecond)
		w.Arm(&later.Timer, 2*time.Second)
		w.Arm(&sooner.Timer, 100*time.Millisecond)
		if !w.Disarm(&off.Timer) {
			t.Error("Disarm of an armed timer reported false")
		}
		if w.Disarm(&off.Timer) {
			t.Error("Disarm of a disarmed timer reported true")
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		expectFired(t, later, 2500*time.Millisecond)
		expectFired(t, sooner, 600*time.Millisecond)
		expectFired(t, off)
		if w.Disarm(&later.Timer) {
			t.Error("Disarm of a timer that fired reported true")
		}
	})
}

func TestWheelOrder(t *testing.T) {
	onWheel(t, func(t *testing.T, w *netloop.Wheel) {
		var mu sync.Mutex
		var order []int
		delays := rand.Perm(500)
		for _, d := range delays {
			a := newAlarm()
			a.then = func() {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, d)
			}
			w.Arm(&a.Timer, time.Duration(d)*time.Second)
		}
		time.Sleep(501 * time.Second)
		synctest.Wait()
		if len(order) != len(delays) || !slices.IsSorted(order) {
			t.Errorf("%d of %d fired, in order %v", len(order), len(delays), order)
		}
	})
}

func TestWheelExpireUsesTheWheel(t *testing.T) {
	onWheel(t, func(t *testing.T, w *netloop.Wheel) {
		beat, victim := newAlarm(), newAlarm()
		rounds := 0
		beat.then = func() {
			if rounds++; rounds < 3 {
				w.Arm(&beat.Timer, 25*time.Second)
			}
			w.Disarm(&victim.Timer)
		}
		w.Arm(&beat.Timer, 25*time.Second)
		w.Arm(&victim.Timer, 25*time.Second+2*tick)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := beat.times(); len(got) != 3 || got[2] < 75*time.Second || got[2] > 75*time.Second+3*tick {
			t.Errorf("fired at %v, want thrice, 25 s apart", got)
		}
		expectFired(t, victim)
	})
}

func TestWheelManyTimers(t *testing.T) {
	onWheel(t, func(t *testing.T, w *netloop.Wheel) {
		const n = 20_000
		alarms := make([]*alarm, n)
		want := make([]time.Duration, n)
		for i := range alarms {
			alarms[i] = newAlarm()
			want[i] = time.Duration(rand.Int64N(int64(2 * time.Minute)))
			w.Arm(&alarms[i].Timer, want[i])
		}
		for i := 0; i < n; i += 3 {
			w.Disarm(&alarms[i].Timer)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		for i, a := range alarms {
			if i%3 == 0 {
				expectFired(t, a)
			} else {
				expectFired(t, a, want[i])
			}
		}
	})
}

// A suspended machine or a busy one: the wheel wakes turns too late.
func TestWheelAfterALongSleepOfItsGoroutine(t *testing.T) {
	onWheel(t, func(t *testing.T, w *netloop.Wheel) {
		blocker := newAlarm()
		blocker.then = func() { time.Sleep(3 * time.Minute) }
		w.Arm(&blocker.Timer, time.Second)
		var late []*alarm
		for d := 2 * time.Second; d < 3*time.Minute; d += 7 * time.Second {
			a := newAlarm()
			w.Arm(&a.Timer, d)
			late = append(late, a)
		}
		after := newAlarm()
		w.Arm(&after.Timer, 4*time.Minute)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		for _, a := range late {
			if got := a.times(); len(got) != 1 || got[0] > 3*time.Minute+2*time.Second {
				t.Errorf("fired at %v, want once, as soon as the wheel turned again", got)
			}
		}
		expectFired(t, after, 4*time.Minute)
	})
}

func TestWheelConcurrently(t *testing.T) {
	w := netloop.NewWheel()
	defer w.Stop()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			timers := make([]*alarm, 50)
			for i := range timers {
				timers[i] = newAlarm()
			}
			for range 2000 {
				a := timers[rand.IntN(len(timers))]
				if rand.IntN(3) == 0 {
					w.Disarm(&a.Timer)
				} else {
					w.Arm(&a.Timer, time.Duration(rand.IntN(30))*time.Millisecond)
				}
			}
			for _, a := range timers {
				w.Disarm(&a.Timer)
			}
		})
	}
	wg.Wait()
	if n := w.Armed(); n != 0 {
		t.Errorf("%d timers are still armed", n)
	}
}

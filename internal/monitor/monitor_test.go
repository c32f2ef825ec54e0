package monitor_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counted is a server that has sent as much as the test says.
type counted struct{ sent atomic.Uint64 }

func (c *counted) read() monitor.Reading {
	return monitor.Reading{Gauges: monitor.Gauges{Connections: int(c.sent.Load())}, Sent: c.sent.Load()}
}

func deps(server *counted) monitor.Deps {
	return monitor.Deps{Read: server.read, Delivery: new(monitor.Latencies), Answers: new(monitor.Latencies), Jobs: new(monitor.Jobs), Now: time.Now}
}

func TestSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := new(counted)
		d := deps(server)
		m := start(t, monitor.Config{Every: 2 * time.Second, Keep: 3}, d)
		defer m.Stop()
		first, taken := m.Since(0)
		if taken != 1 || len(first) != 1 || first[0].Sent != 0 || first[0].Goroutines == 0 || first[0].Heap == 0 {
			t.Fatalf("at first: %d, %+v", taken, first)
		}
		for i := range 5 {
			server.sent.Add(uint64(10 * (i + 1)))
			d.Delivery.Observe(time.Duration(i) * time.Millisecond)
			if err := m.Wait(t.Context(), taken); err != nil {
				t.Fatal(err)
			}
			var fresh []monitor.Sample
			fresh, taken = m.Since(taken)
			if len(fresh) != 1 || fresh[0].Sent != float64(5*(i+1)) || fresh[0].Delivery.Count != 1 {
				t.Fatalf("round %d: %+v", i, fresh)
			}
		}
		kept, taken := m.Since(0)
		if taken != 6 || len(kept) != 3 {
			t.Fatalf("%d of %d are kept", len(kept), taken)
		}
		for i, s := range kept {
			if s.Connections != []int{60, 100, 150}[i] || i > 0 && s.At.Sub(kept[i-1].At) != 2*time.Second {
				t.Errorf("place %d: %+v", i, s)
			}
		}
		if later, _ := m.Since(99); len(later) != 0 {
			t.Errorf("from the future: %+v", later)
		}
	})
}

func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, monitor.DefaultConfig(), deps(new(counted)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- m.Wait(ctx, 100) }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		go func() { ended <- m.Wait(t.Context(), 100) }()
		synctest.Wait()
		m.Stop()
		if err := <-ended; !errors.Is(err, monitor.ErrStopped) {
			t.Errorf("stopped: %v", err)
		}
		m.Stop()
	})
}

// The clock may be set back: nothing is negative.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, calls := time.Now(), 0
		server := new(counted)
		d := deps(server)
		d.Now = func() time.Time {
			calls++
			return began.Add(-time.Duration(calls) * time.Hour)
		}
		m := start(t, monitor.DefaultConfig(), d)
		server.sent.Add(5)
		if err := m.Wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		m.Stop()
		if samples, _ := m.Since(1); samples[0].Sent != 0 || samples[0].CPU != 0 {
			t.Errorf("%+v", samples[0])
		}
	})
}

func start(t testing.TB, cfg monitor.Config, d monitor.Deps) *monitor.Monitor {
	t.Helper()
	m, err := monitor.New(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNewRefuses(t *testing.T) {
	if _, err := monitor.New(monitor.DefaultConfig(), monitor.Deps{}); err == nil {
		t.Error("works with nothing")
	}
}

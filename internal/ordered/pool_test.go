package ordered_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sockeye-im/sockeye/internal/ordered"
)

type task func()

func (t task) Run() { t() }

func stop(t *testing.T, p *ordered.Pool) {
	t.Helper()
	if err := p.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestPoolRunsAllTasks(t *testing.T) {
	var p ordered.Pool
	defer stop(t, &p)
	const starters, each = 20, 500
	var ran atomic.Int64
	var starting sync.WaitGroup
	for range starters {
		starting.Go(func() {
			for i := range each {
				p.Start(task(func() {
					if i%3 == 0 {
						runtime.Gosched()
					}
					ran.Add(1)
				}))
			}
		})
	}
	starting.Wait()
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := ran.Load(); n != starters*each || p.Len() != 0 {
		t.Errorf("%d tasks ran, %d are left", n, p.Len())
	}
}

// Every task but the last waits for the next one: they end only if all of them
// run at the same time.
func TestBlockedTasksDelayNoOther(t *testing.T) {
	var p ordered.Pool
	defer stop(t, &p)
	for round := range 3 { // the second finds idle workers
		const n = 200
		gates := make([]chan struct{}, n+1)
		for i := range gates {
			gates[i] = make(chan struct{})
		}
		for i := range n {
			p.Start(task(func() {
				<-gates[i+1]
				close(gates[i])
			}))
		}
		if round == 1 {
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if err := p.Wait(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("blocked tasks were not waited for: %v", err)
			}
		}
		close(gates[n])
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A task may start others, and end its goroutine.
func TestTasksOfAllKinds(t *testing.T) {
	var p ordered.Pool
	defer stop(t, &p)
	var ran atomic.Int64
	for range 100 {
		p.Start(task(func() {
			p.Start(task(func() { ran.Add(1) }))
			runtime.Goexit()
		}))
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := ran.Load(); n != 100 {
		t.Errorf("%d tasks ran", n)
	}
}

func TestStoppedPool(t *testing.T) {
	var p ordered.Pool
	entered, release, ran := make(chan struct{}), make(chan struct{}), make(chan struct{})
	p.Start(task(func() { close(entered); <-release }))
	<-entered
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Stop(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a running task was not waited for: %v", err)
	}
	p.Start(task(func() { close(ran) })) // runs all the same
	<-ran
	close(release)
	stop(t, &p)
	stop(t, new(ordered.Pool))
}

// A burst is worked off by a few goroutines, and idle ones are used again: no
// allocation for each task is left.
func TestPoolAllocations(t *testing.T) {
	var p ordered.Pool
	defer stop(t, &p)
	const burst = 100
	var done sync.WaitGroup
	var one ordered.Task = task(done.Done)
	run := func() {
		done.Add(burst)
		for range burst {
			p.Start(one)
		}
		done.Wait()
	}
	for range 10 {
		run()
	}
	// A worker that is called before the burst is over may be new.
	if n := testing.AllocsPerRun(50, run); n > burst/10 {
		t.Errorf("%.0f allocations for %d tasks", n, burst)
	}
}

func BenchmarkPool(b *testing.B) {
	var p ordered.Pool
	b.ReportAllocs()
	const burst = 100
	var done sync.WaitGroup
	var one ordered.Task = task(done.Done)
	for b.Loop() {
		done.Add(burst)
		for range burst {
			p.Start(one)
		}
		done.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/burst, "ns/task")
	_ = p.Stop(context.Background())
}

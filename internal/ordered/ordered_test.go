package ordered_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/ordered"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source notes what its queue asks of it.
type source struct {
	queue           ordered.Queue[int]
	mu              sync.Mutex
	did             []int
	pauses, resumes int
	gate            chan struct{} // Do waits for it, when not nil
}

func (s *source) Do(job *int) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.did = append(s.did, *job)
}

func (s *source) Run()    { s.queue.Work(s) }
func (s *source) Pause()  { s.pauses++ }
func (s *source) Resume() { s.resumes++ }

// limitsOf are limits with a pool that ends with the test.
func limitsOf(t *testing.T, jobs, bytes int) *ordered.Limits {
	pool := new(ordered.Pool)
	t.Cleanup(func() {
		if err := pool.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &ordered.Limits{Jobs: jobs, Bytes: bytes, Pool: pool}
}

func TestOrder(t *testing.T) {
	limits := limitsOf(t, 10, 1000)
	sources := make([]source, 50)
	var posting sync.WaitGroup
	for i := range sources {
		posting.Go(func() {
			for job := range 200 {
				sources[i].queue.Post(&sources[i], limits, job, 1)
			}
		})
	}
	posting.Wait()
	if err := limits.Pool.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range sources {
		for job, did := range sources[i].did {
			if did != job {
				t.Fatalf("queue %d did %d when %d was due", i, did, job)
			}
		}
		if n := len(sources[i].did); n != 200 {
			t.Errorf("queue %d did %d jobs", i, n)
		}
	}
}

func TestFullQueuePausesItsSource(t *testing.T) {
	for name, limits := range map[string]*ordered.Limits{
		"jobs":  limitsOf(t, 3, 1000),
		"bytes": limitsOf(t, 1000, 30),
	} {
		t.Run(name, func(t *testing.T) {
			s := &source{gate: make(chan struct{})}
			for job := range 10 {
				s.queue.Post(s, limits, job, 10)
			}
			close(s.gate)
			if err := limits.Pool.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.pauses == 0 || s.pauses != s.resumes {
				t.Errorf("paused %d times, resumed %d times", s.pauses, s.resumes)
			}
			if len(s.did) != 10 {
				t.Errorf("did %v", s.did)
			}
		})
	}
}

func TestABlockedQueueDelaysNoOther(t *testing.T) {
	limits := limitsOf(t, 1, 1)
	stuck, other := &source{gate: make(chan struct{})}, &source{gate: make(chan struct{}, 1)}
	stuck.queue.Post(stuck, limits, 1, 1)
	other.gate <- struct{}{}
	other.queue.Post(other, limits, 2, 1)
	other.gate <- struct{}{} // taken only after the first was
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := limits.Pool.Wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a blocked worker was not waited for: %v", err)
	}
	close(stuck.gate)
	if err := limits.Pool.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

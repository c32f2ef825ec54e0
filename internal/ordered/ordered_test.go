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

func (s *source) Pause()  { s.pauses++ }
func (s *source) Resume() { s.resumes++ }

func TestOrder(t *testing.T) {
	limits := &ordered.Limits{Jobs: 10, Bytes: 1000, Workers: new(ordered.Workers)}
	queues := make([]ordered.Queue[int], 50)
	sources := make([]source, len(queues))
	var posting sync.WaitGroup
	for i := range queues {
		posting.Go(func() {
			for job := range 200 {
				queues[i].Post(&sources[i], limits, job, 1)
			}
		})
	}
	posting.Wait()
	if err := limits.Workers.Wait(t.Context()); err != nil {
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
		"jobs":  {Jobs: 3, Bytes: 1000, Workers: new(ordered.Workers)},
		"bytes": {Jobs: 1000, Bytes: 30, Workers: new(ordered.Workers)},
	} {
		t.Run(name, func(t *testing.T) {
			var q ordered.Queue[int]
			s := &source{gate: make(chan struct{})}
			for job := range 10 {
				q.Post(s, limits, job, 10)
			}
			close(s.gate)
			if err := limits.Workers.Wait(t.Context()); err != nil {
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
	limits := &ordered.Limits{Jobs: 1, Bytes: 1, Workers: new(ordered.Workers)}
	var blocked, free ordered.Queue[int]
	stuck, other := &source{gate: make(chan struct{})}, &source{gate: make(chan struct{}, 1)}
	blocked.Post(stuck, limits, 1, 1)
	other.gate <- struct{}{}
	free.Post(other, limits, 2, 1)
	other.gate <- struct{}{} // taken only after the first was
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := limits.Workers.Wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a blocked worker was not waited for: %v", err)
	}
	close(stuck.gate)
	if err := limits.Workers.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

package job_test

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
)

// whenWorkerDies is what becomes of a job in each state when a worker dies: that of the job, where one has it, else another one.
var whenWorkerDies = map[job.State]job.State{
	job.Waiting:    job.Waiting, // until its time
	job.Running:    job.Waiting, // for its next attempt
	job.Cancelling: job.Cancelled,
	job.Done:       job.Done,
	job.Dead:       job.Dead,
	job.Cancelled:  job.Cancelled,
}

// TestWorkerDies: a handler that panics, or ends the goroutine that it runs on, costs its job an attempt, and no other job anything.
// There are as many workers as before.
func TestWorkerDies(t *testing.T) {
	for name, die := range map[string]func(){
		"by a panic":                  func() { panic("in the handler") },
		"by the end of its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			for state, want := range whenWorkerDies {
				t.Run(string(state), func(t *testing.T) { testWorkerDies(t, die, state, want) })
			}
		})
	}
}

func testWorkerDies(t *testing.T, die func(), state, want job.State) {
	running, mayDie := make(chan struct{}, 2), make(chan struct{})
	s := newServer(t, job.Kind{Name: "kind", Workers: 1, Keep: time.Hour, Backoff: time.Hour, Handle: func(_ context.Context, j *job.Job) (job.Result, error) {
		switch string(j.Payload) {
		case "dies":
			running <- struct{}{}
			<-mayDie
			die()
		case "fails":
			return job.Result{}, job.Hopeless{Err: errors.New("no")}
		}
		return job.Result{}, nil
	}}).with(func(cfg *job.Config) { cfg.Lease = time.Minute })
	dying := job.New{Kind: "kind", Payload: []byte("dies")}
	var id string
	switch state {
	case job.Waiting:
		id = s.enqueue(job.New{Kind: "kind", Delay: time.Hour})[0]
	case job.Running, job.Cancelling:
		id = s.enqueue(dying)[0]
	case job.Done:
		id = s.enqueue(job.New{Kind: "kind"})[0]
	case job.Dead:
		id = s.enqueue(job.New{Kind: "kind", Payload: []byte("fails")})[0]
	case job.Cancelled:
		id = s.enqueue(job.New{Kind: "kind", Delay: time.Hour})[0]
		_, err := s.queue.Store.Cancel(t.Context(), id, s.now())
		must(t, err)
	}
	if state == job.Done || state == job.Dead {
		s.untilIs(id, state)
	}
	before := s.until(id, func(*job.Job) bool { return true })
	if state != job.Running && state != job.Cancelling {
		s.enqueue(dying)
	}
	receive(t, running)
	if state == job.Cancelling {
		_, err := s.queue.Store.Cancel(t.Context(), id, s.now())
		must(t, err)
	}
	close(mayDie)
	s.untilIs(s.enqueue(job.New{Kind: "kind"})[0], job.Done) // by the worker that there is now
	after := s.untilIs(id, want)
	switch state {
	case job.Running:
		if after.Attempts != 1 || after.Error == "" || after.Lost != 0 || !after.RunAt.After(s.now()) {
			t.Errorf("it is %+v", after)
		}
	case job.Cancelling:
	default:
		if !reflect.DeepEqual(after, before) {
			t.Errorf("it was %+v, and is %+v", before, after)
		}
	}
}

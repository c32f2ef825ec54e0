package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// patience bounds every wait; only a failing test ever waits that long.
const patience = time.Minute

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// server is a queue on a database of its own, with who does its jobs once that is started.
type server struct {
	t      *testing.T
	queue  *job.Queue
	runner *job.Runner
	passed atomic.Int64 // nanoseconds by which its clock is ahead

	mu       sync.Mutex
	observed []string // kind and outcome of each attempt
	told     []string // kinds of which others were told
}

func newServer(t *testing.T, kinds ...job.Kind) *server { return newServerIn(t, t.TempDir(), kinds...) }

func newServerIn(t *testing.T, dir string, kinds ...job.Kind) *server {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(dir), func([]chat.Event) {})
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	s := &server{t: t}
	s.queue, err = job.NewQueue(kinds, job.QueueDeps{Store: store.Jobs(), Now: s.now, NewID: chat.NewID})
	must(t, err)
	return s
}

func (s *server) now() time.Time       { return time.Now().Add(time.Duration(s.passed.Load())) }
func (s *server) pass(d time.Duration) { s.passed.Add(int64(d)) }
func (s *server) with(change func(*job.Config)) *server {
	s.t.Helper()
	cfg := job.DefaultConfig()
	cfg.Poll = 5 * time.Millisecond
	if change != nil {
		change(&cfg)
	}
	var err error
	s.runner, err = job.NewRunner(cfg, job.Deps{
		Queue: s.queue, Log: slog.New(slog.DiscardHandler),
		Observe: func(kind string, outcome job.Outcome, _ time.Duration) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.observed = append(s.observed, kind+" "+string(outcome))
		},
		Tell: func(kind string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.told = append(s.told, kind)
		},
	})
	must(s.t, err)
	s.runner.Start()
	s.t.Cleanup(s.stop)
	return s
}

// start does jobs until the test ends.
func (s *server) start() *server { s.t.Helper(); return s.with(nil) }

func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.runner.Stop(ctx); err != nil {
		s.t.Error(err)
	}
}

func (s *server) enqueue(all ...job.New) []string {
	s.t.Helper()
	ids, err := s.queue.Enqueue(s.t.Context(), all...)
	must(s.t, err)
	return ids
}

func (s *server) outcomes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.observed)
}

// until waits for a job to be as it should be.
func (s *server) until(id string, holds func(*job.Job) bool) job.Job {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		j, err := s.queue.Store.Job(s.t.Context(), id)
		if err != nil && !errors.Is(err, job.ErrNotFound) {
			s.t.Fatal(err)
		}
		if holds(&j) {
			return j
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("it stays %+v", j)
		}
	}
}

func (s *server) untilIs(id string, state job.State) job.Job {
	s.t.Helper()
	return s.until(id, func(j *job.Job) bool { return j.State == state })
}

// receive waits for somebody to send.
func receive[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		t.Fatal("it does not come")
	}
	return value
}

// TestManyJobs: each of many is done once, and none is left.
func TestManyJobs(t *testing.T) {
	const jobs = 2000
	var mu sync.Mutex
	done := make(map[string]int)
	finished := make(chan struct{})
	s := newServer(t, job.Kind{Name: "kind", Handle: func(_ context.Context, j *job.Job) (job.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		done[string(j.Payload)]++
		if len(done) == jobs {
			close(finished)
		}
		return job.Result{}, nil
	}}).start()
	var all []job.New
	for n := range jobs {
		all = append(all, job.New{Kind: "kind", Payload: fmt.Append(nil, n)})
	}
	ids := s.enqueue(all...)
	receive(t, finished)
	s.stop()
	for n := range jobs {
		if done[fmt.Sprint(n)] != 1 {
			t.Errorf("job %d was done %d times", n, done[fmt.Sprint(n)])
		}
	}
	for _, id := range ids {
		if _, err := s.queue.Store.Job(t.Context(), id); !errors.Is(err, job.ErrNotFound) {
			t.Fatalf("%s is left: %v", id, err)
		}
	}
	if len(s.told) == 0 || s.told[0] != "kind" {
		t.Errorf("others were told of %v, and could have helped", s.told)
	}
}

// TestRetries: a job that fails is tried again, three times by default, and is dead then; an administrator has it tried anew.
func TestRetries(t *testing.T) {
	var attempts atomic.Int32
	var works atomic.Bool
	s := newServer(t, job.Kind{Name: "kind", Backoff: time.Millisecond, Keep: time.Hour, Handle: func(context.Context, *job.Job) (job.Result, error) {
		attempts.Add(1)
		if works.Load() {
			return job.Result{}, nil
		}
		return job.Result{}, errors.New("it is \x00 away")
	}}).start()
	id := s.enqueue(job.New{Kind: "kind", Key: "k"})[0]
	if j := s.untilIs(id, job.Dead); j.Attempts != 4 || j.Error != "it is \uFFFD away" || j.EndedAt.IsZero() {
		t.Errorf("the dead job is %+v", j)
	}
	if n := attempts.Load(); n != 4 {
		t.Errorf("it was tried %d times", n)
	}
	want := []string{"kind retried", "kind retried", "kind retried", "kind dead"}
	if got := s.outcomes(); !slices.Equal(got, want) {
		t.Errorf("observed %v", got)
	}
	works.Store(true)
	must(t, s.queue.Store.Retry(t.Context(), id, s.now()))
	if j := s.untilIs(id, job.Done); j.Attempts != 0 || j.Error != "" {
		t.Errorf("the done job is %+v", j)
	}
}

// TestOutcomes: what a handler says decides what becomes of a job.
func TestOutcomes(t *testing.T) {
	s := newServer(t,
		job.Kind{Name: "hopeless", Handle: func(context.Context, *job.Job) (job.Result, error) {
			return job.Result{}, fmt.Errorf("wrapped: %w", job.Hopeless{Err: errors.New("gone for good")})
		}},
		job.Kind{Name: "later", Handle: func(context.Context, *job.Job) (job.Result, error) {
			return job.Result{}, job.Later{Err: errors.New("busy"), After: time.Hour}
		}},
		job.Kind{Name: "panics", Retries: job.NoRetries, Handle: func(context.Context, *job.Job) (job.Result, error) { panic("in the handler") }},
		job.Kind{Name: "slow", Retries: job.NoRetries, Timeout: time.Millisecond, Handle: func(ctx context.Context, _ *job.Job) (job.Result, error) {
			<-ctx.Done()
			return job.Result{}, ctx.Err()
		}},
		job.Kind{Name: "long error", Retries: job.NoRetries, Handle: func(context.Context, *job.Job) (job.Result, error) {
			return job.Result{}, errors.New(strings.Repeat("林", job.MaxError))
		}},
	).start()
	ids := s.enqueue(job.New{Kind: "hopeless"}, job.New{Kind: "later"}, job.New{Kind: "panics"}, job.New{Kind: "slow"}, job.New{Kind: "long error"})
	if j := s.untilIs(ids[0], job.Dead); j.Attempts != 1 || !strings.Contains(j.Error, "gone for good") {
		t.Errorf("hopeless: %+v", j)
	}
	j := s.until(ids[1], func(j *job.Job) bool { return j.Attempts == 1 })
	if in := j.RunAt.Sub(s.now()); j.State != job.Waiting || in < 58*time.Minute || in > time.Hour {
		t.Errorf("later: %+v, in %v", j, in)
	}
	if j := s.untilIs(ids[2], job.Dead); !strings.Contains(j.Error, "panic: in the handler") {
		t.Errorf("panics: %+v", j)
	}
	if j := s.untilIs(ids[3], job.Dead); !strings.Contains(j.Error, "took too long") {
		t.Errorf("slow: %+v", j)
	}
	if j := s.untilIs(ids[4], job.Dead); len(j.Error) > job.MaxError+3 {
		t.Errorf("an error of %d bytes is kept", len(j.Error))
	}
}

// TestBackoff: each attempt waits about four times as long as the one before.
func TestBackoff(t *testing.T) {
	s := newServer(t, job.Kind{Name: "kind", Retries: 6, Backoff: 10 * time.Second, Handle: func(context.Context, *job.Job) (job.Result, error) {
		return job.Result{}, errors.New("no")
	}})
	s.start()
	id := s.enqueue(job.New{Kind: "kind"})[0]
	for n, about := range []time.Duration{10 * time.Second, 40 * time.Second, 160 * time.Second, 640 * time.Second, 2560 * time.Second, time.Hour} {
		j := s.until(id, func(j *job.Job) bool { return j.Attempts == n+1 && j.State == job.Waiting })
		if wait := j.RunAt.Sub(s.now()); wait < about*7/10 || wait > about*5/4 {
			t.Errorf("failure %d: it waits for %v, and should for about %v", n+1, wait, about)
		}
		s.pass(j.RunAt.Sub(s.now()))
	}
	s.untilIs(id, job.Dead)
}

// TestKindsDoNotHoldUpEachOther: one that hangs and one that floods leave the third as it was.
func TestKindsDoNotHoldUpEachOther(t *testing.T) {
	hanging, release := make(chan struct{}, 10), make(chan struct{})
	done := make(chan string, 1)
	s := newServer(t,
		job.Kind{Name: "hangs", Handle: func(context.Context, *job.Job) (job.Result, error) {
			hanging <- struct{}{}
			<-release
			return job.Result{}, nil
		}},
		job.Kind{Name: "floods", Handle: func(ctx context.Context, _ *job.Job) (job.Result, error) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return job.Result{}, nil
		}},
		job.Kind{Name: "third", Handle: func(_ context.Context, j *job.Job) (job.Result, error) {
			done <- string(j.Payload)
			return job.Result{}, nil
		}},
	).start()
	var all []job.New
	for range 500 {
		all = append(all, job.New{Kind: "hangs"}, job.New{Kind: "floods", Priority: job.High})
	}
	s.enqueue(all...)
	for range job.DefaultWorkers {
		receive(t, hanging)
	}
	s.enqueue(job.New{Kind: "third", Payload: []byte("through"), Priority: job.Low})
	if got := receive(t, done); got != "through" {
		t.Errorf("got %q", got)
	}
	select {
	case <-hanging:
		t.Errorf("more than %d of a kind run", job.DefaultWorkers)
	default:
	}
	f, err := s.queue.Figures(t.Context())
	if err != nil || f.WorkerCount != 3*job.DefaultWorkers || f.BatchSize != 100 || f.BatchTimeout != time.Second || f.QueueLength < 900 {
		t.Errorf("figures %+v, %v", f, err)
	}
	s.runner.Rest() // or all the rest would be done
	close(release)
}

// TestCancelWhileItRuns: the handler is told, and the job is not tried again.
func TestCancelWhileItRuns(t *testing.T) {
	running := make(chan struct{})
	s := newServer(t, job.Kind{Name: "kind", Handle: func(ctx context.Context, _ *job.Job) (job.Result, error) {
		close(running)
		<-ctx.Done()
		return job.Result{}, ctx.Err()
	}}).with(func(cfg *job.Config) { cfg.Lease = 200 * time.Millisecond })
	id := s.enqueue(job.New{Kind: "kind"})[0]
	receive(t, running)
	state, err := s.queue.Store.Cancel(t.Context(), id, s.now())
	if err != nil || state != job.Cancelling {
		t.Errorf("it is %s, %v", state, err)
	}
	s.untilIs(id, job.Cancelled)
}

// TestClaimedAndNotBegun: what waits behind a job that takes long is there for other servers, as if nobody had claimed it.
func TestClaimedAndNotBegun(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half of a lease")
	}
	const lease = 4 * time.Second
	running, release := make(chan struct{}), make(chan struct{})
	s := newServer(t, job.Kind{Name: "kind", Workers: 1, Keep: time.Hour, Handle: func(_ context.Context, j *job.Job) (job.Result, error) {
		if len(j.Payload) > 0 {
			close(running)
			<-release
		}
		return job.Result{}, nil
	}}).with(func(cfg *job.Config) { cfg.Lease = lease })
	for _, id := range s.enqueue(slices.Repeat([]job.New{{Kind: "kind"}}, 50)...) {
		s.untilIs(id, job.Done) // it is known by now that they are quick
	}
	began := time.Now()
	ids := s.enqueue(append([]job.New{{Kind: "kind", Priority: job.High, Payload: []byte("long")}}, slices.Repeat([]job.New{{Kind: "kind"}}, 10)...)...)
	receive(t, running)
	for _, id := range ids[1:] {
		s.until(id, func(j *job.Job) bool { return j.State == job.Running || time.Since(began) > lease/2 })
	}
	for _, id := range ids[1:] {
		j := s.untilIs(id, job.Waiting)
		if j.Attempts > 0 || j.Lost > 0 && time.Since(began) < lease {
			t.Errorf("it waits as %+v", j)
		}
	}
	close(release)
	for _, id := range ids {
		s.untilIs(id, job.Done)
	}
}

// TestLongJobKeepsItsLease: it is nobody else's while it runs, however long.
func TestLongJobKeepsItsLease(t *testing.T) {
	const lease = 200 * time.Millisecond
	began, release := make(chan struct{}, 10), make(chan struct{})
	s := newServer(t, job.Kind{Name: "kind", Keep: time.Hour, Handle: func(ctx context.Context, _ *job.Job) (job.Result, error) {
		began <- struct{}{}
		select {
		case <-release:
			return job.Result{}, nil
		case <-ctx.Done():
			return job.Result{}, context.Cause(ctx)
		}
	}}).with(func(cfg *job.Config) { cfg.Lease = lease })
	id := s.enqueue(job.New{Kind: "kind"})[0]
	receive(t, began)
	first := s.untilIs(id, job.Running)
	time.Sleep(5 * lease) // the promise is one of time
	close(release)
	// On a machine that stands still for longer than a lease the job is given up and done again: it is done all the same.
	if j := s.untilIs(id, job.Done); j.Lost > 0 {
		t.Logf("lease %s was lost %d times", first.Lease, j.Lost)
	}
}

// TestThenAndRecurring: what follows a job is done; a recurring one waits for its next time, also when it has failed.
func TestThenAndRecurring(t *testing.T) {
	var s *server
	followed := make(chan string, 3)
	var fails atomic.Bool
	s = newServer(t,
		job.Kind{Name: "first", Handle: func(context.Context, *job.Job) (job.Result, error) {
			var then []job.Job
			for n := range 3 {
				j, err := s.queue.Make(job.New{Kind: "second", Payload: fmt.Append(nil, n)})
				if err != nil {
					return job.Result{}, err
				}
				then = append(then, j)
			}
			return job.Result{Then: then}, nil
		}},
		job.Kind{Name: "second", Handle: func(_ context.Context, j *job.Job) (job.Result, error) {
			followed <- string(j.Payload)
			return job.Result{}, nil
		}},
		job.Kind{Name: "recurring", Retries: job.NoRetries, Handle: func(context.Context, *job.Job) (job.Result, error) {
			if fails.Load() {
				return job.Result{}, errors.New("not this time")
			}
			return job.Result{}, nil
		}},
	).start()
	s.enqueue(job.New{Kind: "first"})
	var got []string
	for range 3 {
		got = append(got, receive(t, followed))
	}
	if slices.Sort(got); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("followed by %v", got)
	}

	id := s.enqueue(job.New{Kind: "recurring", Key: "k", Cron: "@hourly"})[0]
	for _, fail := range []bool{false, true, false} {
		fails.Store(fail)
		before := s.until(id, func(j *job.Job) bool { return j.State == job.Waiting })
		s.pass(before.RunAt.Sub(s.now()))
		after := s.until(id, func(j *job.Job) bool { return j.RunAt.After(before.RunAt) && j.State == job.Waiting })
		if after.Attempts != 0 || (after.Error != "") != fail || after.RunAt.Minute() != 0 || after.RunAt.Sub(s.now()) > time.Hour {
			t.Errorf("it waits as %+v", after)
		}
	}
}

// TestPauseAndGoOn: jobs of a paused kind wait, and are done when it goes on.
func TestPauseAndGoOn(t *testing.T) {
	done := make(chan struct{}, 1)
	s := newServer(t, job.Kind{Name: "kind", Handle: func(context.Context, *job.Job) (job.Result, error) {
		done <- struct{}{}
		return job.Result{}, nil
	}}, job.Kind{Name: "other", Keep: time.Hour, Handle: nothing}).start()
	must(t, s.queue.Pause(t.Context(), "kind", true))
	s.enqueue(job.New{Kind: "kind"})
	s.untilIs(s.enqueue(job.New{Kind: "other"})[0], job.Done)
	select {
	case <-done:
		t.Error("it was done")
	default:
	}
	must(t, s.queue.Pause(t.Context(), "kind", false))
	receive(t, done)
}

// TestStopFinishesWhatRuns: what runs ends, what was only claimed waits again, as if it had not been.
func TestStopFinishesWhatRuns(t *testing.T) {
	running, release := make(chan struct{}, 100), make(chan struct{})
	s := newServer(t, job.Kind{Name: "kind", Workers: 2, Keep: time.Hour, Handle: func(context.Context, *job.Job) (job.Result, error) {
		running <- struct{}{}
		<-release
		return job.Result{}, nil
	}}).start()
	ids := s.enqueue(slices.Repeat([]job.New{{Kind: "kind"}}, 20)...)
	receive(t, running)
	receive(t, running)
	s.runner.Rest()
	s.runner.Rest() // again changes nothing
	close(release)
	s.stop()
	states := make(map[job.State]int)
	for _, id := range ids {
		j, err := s.queue.Store.Job(t.Context(), id)
		must(t, err)
		states[j.State]++
		if j.Attempts != 0 || j.Lost != 0 {
			t.Errorf("it is left as %+v", j)
		}
	}
	if states[job.Running] != 0 || states[job.Done] < 2 || states[job.Done]+states[job.Waiting] != 20 {
		t.Errorf("they are left %v", states)
	}
}

// TestStopGivesUpWhatDoesNotEnd: a handler is told when the time is over, and its job is done by the next server.
func TestStopGivesUpWhatDoesNotEnd(t *testing.T) {
	running := make(chan struct{})
	dir := t.TempDir()
	s := newServerIn(t, dir, job.Kind{Name: "kind", Handle: func(ctx context.Context, _ *job.Job) (job.Result, error) {
		close(running)
		<-ctx.Done()
		return job.Result{}, ctx.Err()
	}}).start()
	id := s.enqueue(job.New{Kind: "kind"})[0]
	receive(t, running)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, s.runner.Stop(ctx))
	if j := s.untilIs(id, job.Waiting); j.Attempts != 0 || j.Lost != 0 {
		t.Errorf("it is left as %+v", j)
	}
	next := newServerIn(t, dir, job.Kind{Name: "kind", Keep: time.Hour, Handle: nothing}).start()
	next.untilIs(id, job.Done)
}

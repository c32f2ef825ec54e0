package jobtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// gone is the state of a job that is removed.
const gone job.State = "gone"

// outcome is what becomes of a job by an event.
type outcome struct {
	state job.State
	err   error // of the event
}

// events are what can happen to a job. lease is what it was claimed under, if it was.
var events = []struct {
	name string
	do   func(f *fixture, j job.Job) error
	// want has a row for each state.
	want map[job.State]outcome
}{
	{"claim", func(f *fixture, _ job.Job) error { f.claim("kind", 10, start, long); return nil }, map[job.State]outcome{
		job.Waiting: {job.Running, nil}, job.Running: {job.Running, nil}, job.Cancelling: {job.Cancelling, nil},
		job.Done: {job.Done, nil}, job.Dead: {job.Dead, nil}, job.Cancelled: {job.Cancelled, nil},
	}},
	{"it is done", finishing(job.Done, false), map[job.State]outcome{
		job.Waiting: {job.Waiting, nil}, job.Running: {job.Done, nil}, job.Cancelling: {job.Done, nil}, // too late to give it up
		job.Done: {job.Done, nil}, job.Dead: {job.Dead, nil}, job.Cancelled: {job.Cancelled, nil},
	}},
	{"it is done and not kept", finishing(job.Done, true), map[job.State]outcome{
		job.Waiting: {job.Waiting, nil}, job.Running: {gone, nil}, job.Cancelling: {gone, nil},
		job.Done: {job.Done, nil}, job.Dead: {job.Dead, nil}, job.Cancelled: {job.Cancelled, nil},
	}},
	{"it failed", finishing(job.Waiting, false), map[job.State]outcome{
		job.Waiting: {job.Waiting, nil}, job.Running: {job.Waiting, nil}, job.Cancelling: {job.Cancelled, nil},
		job.Done: {job.Done, nil}, job.Dead: {job.Dead, nil}, job.Cancelled: {job.Cancelled, nil},
	}},
	{"it failed for good", finishing(job.Dead, false), map[job.State]outcome{
		job.Waiting: {job.Waiting, nil}, job.Running: {job.Dead, nil}, job.Cancelling: {job.Cancelled, nil},
		job.Done: {job.Done, nil}, job.Dead: {job.Dead, nil}, job.Cancelled: {job.Cancelled, nil},
	}},
	{"its lease runs out", leaseRunsOut, map[job.State]outcome{
		job.Waiting: {job.Waiting, nil}, job.Running: {job.Waiting, nil}, job.Cancelling: {job.Cancelled, nil},
		job.Done: {job.Done, nil}, job.Dead: {job.Dead, nil}, job.Cancelled: {job.Cancelled, nil},
	}},
	{"cancel", func(f *fixture, j job.Job) error { _, err := f.store.Cancel(f.Context(), j.ID, start); return err }, map[job.State]outcome{
		job.Waiting: {job.Cancelled, nil}, job.Running: {job.Cancelling, nil}, job.Cancelling: {job.Cancelling, nil},
		job.Done: {job.Done, job.ErrWrongState}, job.Dead: {job.Dead, job.ErrWrongState}, job.Cancelled: {job.Cancelled, nil},
	}},
	{"retry", func(f *fixture, j job.Job) error { return f.store.Retry(f.Context(), j.ID, start) }, map[job.State]outcome{
		job.Waiting: {job.Waiting, nil}, job.Running: {job.Running, job.ErrWrongState}, job.Cancelling: {job.Cancelling, job.ErrWrongState},
		job.Done: {job.Done, job.ErrWrongState}, job.Dead: {job.Waiting, nil}, job.Cancelled: {job.Cancelled, job.ErrWrongState},
	}},
	{"drop", func(f *fixture, j job.Job) error { return f.store.Drop(f.Context(), j.ID, start) }, map[job.State]outcome{
		job.Waiting: {job.Waiting, job.ErrWrongState}, job.Running: {job.Running, job.ErrWrongState}, job.Cancelling: {job.Cancelling, job.ErrWrongState},
		job.Done: {gone, nil}, job.Dead: {gone, nil}, job.Cancelled: {gone, nil},
	}},
	{"another with its key", func(f *fixture, j job.Job) error {
		return f.store.Enqueue(f.Context(), []job.Job{f.new(func(other *job.Job) { other.Key = j.Key })})
	}, map[job.State]outcome{
		job.Waiting: {job.Waiting, job.ErrDuplicateKey}, job.Running: {job.Running, job.ErrDuplicateKey}, job.Cancelling: {job.Cancelling, job.ErrDuplicateKey},
		job.Done: {job.Done, nil}, job.Dead: {job.Dead, nil}, job.Cancelled: {job.Cancelled, nil},
	}},
	{"prune", func(f *fixture, _ job.Job) error {
		for _, state := range job.States {
			if _, err := f.store.Prune(f.Context(), job.Prune{State: state, Before: start.Add(time.Hour), Limit: 10}); err != nil {
				return err
			}
		}
		return nil
	}, map[job.State]outcome{
		job.Waiting: {job.Waiting, nil}, job.Running: {job.Running, nil}, job.Cancelling: {job.Cancelling, nil},
		job.Done: {gone, nil}, job.Dead: {gone, nil}, job.Cancelled: {gone, nil},
	}},
	{"the server is killed", func(f *fixture, j job.Job) error {
		f.open()
		return leaseRunsOut(f, j)
	}, map[job.State]outcome{
		job.Waiting: {job.Waiting, nil}, job.Running: {job.Waiting, nil}, job.Cancelling: {job.Cancelled, nil},
		job.Done: {job.Done, nil}, job.Dead: {job.Dead, nil}, job.Cancelled: {job.Cancelled, nil},
	}},
}

// finishing ends a job under the lease that it was claimed under, or under none.
func finishing(state job.State, remove bool) func(f *fixture, j job.Job) error {
	return func(f *fixture, j job.Job) error {
		f.end(j, state, func(e *job.End) { e.Remove = remove })
		return nil
	}
}

// leaseRunsOut waits until the lease of a job that has one is over.
func leaseRunsOut(f *fixture, j job.Job) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, err := f.store.Free(f.Context(), start); err != nil {
			return err
		}
		if state := f.read(j.ID).State; state != job.Running && state != job.Cancelling {
			return nil
		}
	}
	return errors.New("the lease does not run out")
}

// in brings a job into a state, by a lease that lasts.
func (f *fixture) in(state job.State, last time.Duration) job.Job {
	f.Helper()
	return f.bring(f.enqueue(func(j *job.Job) { j.Key = "k" }), state, last)
}

// bring brings a job that waits into a state, by a lease that lasts.
func (f *fixture) bring(stored job.Job, state job.State, last time.Duration) job.Job {
	f.Helper()
	if state == job.Waiting {
		return stored
	}
	if state == job.Cancelled {
		_, err := f.store.Cancel(f.Context(), stored.ID, start)
		f.must(err)
		return stored
	}
	claimed := f.claim(stored.Kind, 1, start, last)[0]
	switch state {
	case job.Cancelling:
		_, err := f.store.Cancel(f.Context(), claimed.ID, start)
		f.must(err)
	case job.Done, job.Dead:
		f.end(claimed, state, nil)
	}
	return claimed
}

// testStates: every event in every state.
func testStates(f *fixture) {
	for _, event := range events {
		for _, state := range job.States {
			want, known := event.want[state]
			if !known {
				f.Fatalf("%s of a job that is %s: the table has no row", event.name, state)
			}
			f.Run(event.name+"/"+string(state), func(t *testing.T) {
				one := &fixture{T: t, owner: f.owner, driver: f.driver, store: f.store, ids: f.ids}
				defer func() { f.ids, f.store = one.ids, one.store }()
				last := long
				if event.name == "its lease runs out" || event.name == "the server is killed" {
					last = time.Millisecond
				}
				j := one.in(state, last)
				if err := event.do(one, j); !errors.Is(err, want.err) {
					t.Errorf("got %v, want %v", err, want.err)
				}
				got := gone
				found, err := one.store.Job(t.Context(), j.ID)
				if !errors.Is(err, job.ErrNotFound) {
					one.must(err)
					got = found.State
				}
				if got != want.state {
					t.Errorf("it is %s, want %s", got, want.state)
				}
				if held := found.State == job.Running || found.State == job.Cancelling; held != (found.Lease != "") {
					t.Errorf("it is %s and its lease is %q", found.State, found.Lease)
				}
				if found.State.Ended() == found.EndedAt.IsZero() && got != gone {
					t.Errorf("it is %s and has ended at %v", found.State, found.EndedAt)
				}
				one.clear()
			})
		}
	}
}

// clear removes all jobs.
func (f *fixture) clear() {
	f.Helper()
	for _, j := range f.claim("kind", 100, start.Add(time.Hour), long) {
		f.end(j, job.Done, func(e *job.End) { e.Remove = true })
	}
	for n := range f.ids {
		id := fmt.Sprintf("j%05d", n+1)
		if j, err := f.store.Job(f.Context(), id); err == nil {
			if j.Lease != "" {
				f.end(j, job.Done, func(e *job.End) { e.Remove = true })
				continue
			}
			f.must(f.store.Drop(f.Context(), id, start))
		}
	}
}

// testClaimers: three who claim at once do each job once.
func testClaimers(f *fixture) {
	const jobs, claimers = 300, 3
	all := make([]job.Job, jobs)
	for i := range all {
		all[i] = f.new(func(j *job.Job) { j.Priority = job.Priorities[i%3] })
	}
	f.must(f.store.Enqueue(f.Context(), all))
	stores := []job.Store{f.store}
	for len(stores) < claimers {
		stores = append(stores, f.driver.Beside(f, f.store))
	}
	var mu sync.Mutex
	done := make(map[string]int)
	by := make([]int, claimers)
	now := start.Add(time.Hour)
	suite.AtOnce(claimers, func(i int) {
		for n := 0; ; n++ {
			claimed, err := stores[i].Claim(f.Context(), job.Claim{Kind: "kind", Most: 7, Now: now, Lease: fmt.Sprintf("node%d:%d", i, n), Last: long})
			if err != nil {
				f.Error(err)
				return
			}
			mu.Lock()
			for _, j := range claimed {
				done[j.ID]++
			}
			by[i] += len(claimed)
			left := jobs - len(done)
			mu.Unlock()
			if len(claimed) == 0 {
				if left == 0 {
					return
				}
				continue // the others have locked what is left
			}
			ends := make([]job.End, len(claimed))
			for n, j := range claimed {
				ends[n] = job.End{Held: job.Held{ID: j.ID, Lease: j.Lease}, State: job.Done, At: now, Remove: true}
			}
			if err := stores[i].Finish(f.Context(), ends); err != nil {
				f.Error(err)
				return
			}
		}
	})
	for _, j := range all {
		if done[j.ID] != 1 {
			f.Errorf("%s was claimed %d times", j.ID, done[j.ID])
		}
		if _, err := f.store.Job(f.Context(), j.ID); !errors.Is(err, job.ErrNotFound) {
			f.Errorf("%s is still there: %v", j.ID, err)
		}
	}
	f.Logf("claimers have done %v", by)
}

// testKilled: what a process had when it died is done again, and nothing else is.
func testKilled(f *fixture) {
	for range 10 {
		f.enqueue(nil)
	}
	first := f.claim("kind", 4, start, time.Millisecond)
	f.end(first[0], job.Done, func(e *job.End) { e.Remove = true })
	f.open()
	for _, j := range first[1:] {
		f.must(leaseRunsOut(f, j))
	}
	again := f.claim("kind", 100, start, long)
	equal(f, "done again", len(again), 9)
	for _, j := range again {
		lost := slices.Contains(ids(first), j.ID)
		if lost && j.Lost != 1 || !lost && j.Lost != 0 || j.Attempts != 0 {
			f.Errorf("%s was lost %d times and failed %d times", j.ID, j.Lost, j.Attempts)
		}
	}
}

// testLostTooOften: a job that takes its process with it is not done for ever.
func testLostTooOften(f *fixture) {
	j := f.enqueue(nil)
	for range job.MaxLost + 1 {
		f.one(time.Millisecond)
		f.free()
	}
	got := f.read(j.ID)
	if got.State != job.Dead || got.Error != job.LostError || got.Lost != job.MaxLost+1 {
		f.Errorf("it is %+v", got)
	}
	f.must(f.store.Retry(f.Context(), j.ID, start))
	equal(f, "lost, once it is retried", f.one(long).Lost, 0)
}

// testStaleLease: who has lost a job has nothing to say of it any more.
func testStaleLease(f *fixture) {
	f.enqueue(nil)
	stale := f.one(time.Millisecond)
	f.free()
	good := f.one(long)
	extended, err := f.store.Extend(f.Context(), []job.Held{{ID: stale.ID, Lease: stale.Lease}}, long)
	f.must(err)
	equal(f, "extended", extended, job.Extended{Lost: []string{stale.ID}})
	f.end(stale, job.Dead, func(e *job.End) { e.Then = []job.Job{f.new(nil)} })
	equal(f, "still", f.read(good.ID), good)
	equal(f, "what was to follow", len(f.claim("kind", 10, start, long)), 0)

	extended, err = f.store.Extend(f.Context(), []job.Held{{ID: good.ID, Lease: good.Lease}, {ID: "none", Lease: "none"}}, time.Millisecond)
	f.must(err)
	equal(f, "extended", extended, job.Extended{Lost: []string{"none"}})
	f.free() // the new time holds, shorter as it is
	last := f.one(long)
	_, err = f.store.Cancel(f.Context(), last.ID, start)
	f.must(err)
	extended, err = f.store.Extend(f.Context(), []job.Held{{ID: last.ID, Lease: last.Lease}}, long)
	f.must(err)
	equal(f, "extended", extended, job.Extended{Cancelling: []string{last.ID}})
	if n, err := f.store.Free(f.Context(), start); n != 0 || err != nil {
		f.Errorf("%d were freed though no lease has run out, %v", n, err)
	}
}

// testThen: what is to follow a job is there when the job has ended; what has a key that is taken is not, and the rest is.
func testThen(f *fixture) {
	f.enqueue(func(j *job.Job) { j.Key, j.Kind = "taken", "other" })
	f.enqueue(nil)
	f.enqueue(nil)
	claimed := f.claim("kind", 2, start, long)
	follows := []job.Job{f.new(func(j *job.Job) { j.Payload = []byte("1") }), f.new(func(j *job.Job) { j.Key = "taken" }), f.new(nil)}
	f.must(f.store.Finish(f.Context(), []job.End{
		{Held: job.Held{ID: claimed[0].ID, Lease: claimed[0].Lease}, State: job.Done, Remove: true, At: start, Then: follows},
		{Held: job.Held{ID: claimed[1].ID, Lease: claimed[1].Lease}, State: job.Dead, At: start, Error: "x"},
	}))
	equal(f, "what follows", sortedIDs(f.claim("kind", 10, start, long)), []string{follows[0].ID, follows[2].ID})
	equal(f, "payload", string(f.read(follows[0].ID).Payload), "1")
	equal(f, "the other one", f.read(claimed[1].ID).State, job.Dead)
}

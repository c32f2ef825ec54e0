package jobtest

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func testFields(f *fixture) {
	full := f.enqueue(func(j *job.Job) {
		j.Priority, j.Key, j.Payload, j.Cron = job.High, "a key 林", []byte{0, 1, 255}, "@hourly"
	})
	bare := f.enqueue(nil)
	equal(f, "stored", f.read(full.ID), full)
	equal(f, "stored", f.read(bare.ID), bare)
	claimed := f.claim("kind", 10, start, long)
	equal(f, "claimed", ids(claimed), []string{full.ID, bare.ID})
	full.State, full.Lease = job.Running, claimed[0].Lease
	equal(f, "claimed", claimed[0], full)
	if full.Lease == "" {
		f.Error("it has no lease")
	}
	f.end(claimed[1], job.Dead, func(e *job.End) { e.Attempts, e.Error, e.At = 4, "what was wrong", start.Add(time.Hour) })
	bare.State, bare.Attempts, bare.Error, bare.EndedAt = job.Dead, 4, "what was wrong", start.Add(time.Hour)
	equal(f, "ended", f.read(bare.ID), bare)
	if _, err := f.store.Job(f.Context(), "nobody's"); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("a job that is not there: %v", err)
	}
}

// testAllOrNone: what is enqueued together is there together, or not.
func testAllOrNone(f *fixture) {
	taken := f.enqueue(func(j *job.Job) { j.Key = "taken" })
	err := f.store.Enqueue(f.Context(), []job.Job{f.new(nil), f.new(func(j *job.Job) { j.Key = "taken" }), f.new(nil)})
	if !errors.Is(err, job.ErrDuplicateKey) {
		f.Fatalf("got %v", err)
	}
	twice := []job.Job{f.new(func(j *job.Job) { j.Key = "twice" }), f.new(func(j *job.Job) { j.Key = "twice" })}
	if err := f.store.Enqueue(f.Context(), twice); !errors.Is(err, job.ErrDuplicateKey) {
		f.Fatalf("got %v", err)
	}
	equal(f, "due", ids(f.claim("kind", 10, start, long)), []string{taken.ID})
}

// testCause: jobs are there exactly if what causes them is.
func testCause(f *fixture) {
	f.take()
	refused := errors.New("what causes it is refused")
	keyed := func(j *job.Job) { j.Key = "k" }
	if err := f.driver.Cause(f.Context(), f.store, []job.Job{f.new(keyed), f.new(nil)}, refused); !errors.Is(err, refused) {
		f.Fatalf("got %v", err)
	}
	equal(f, "due of what was refused", len(f.claim("kind", 10, start, long)), 0)
	equal(f, "told of what was refused", f.take(), nil)
	stored := []job.Job{f.new(keyed), f.new(nil)}
	f.must(f.driver.Cause(f.Context(), f.store, stored, nil))
	equal(f, "told", f.take(), []string{"kind"})
	if err := f.driver.Cause(f.Context(), f.store, []job.Job{f.new(nil), f.new(keyed)}, nil); !errors.Is(err, job.ErrDuplicateKey) {
		f.Fatalf("with a key that is taken: %v", err)
	}
	equal(f, "due", sortedIDs(f.claim("kind", 10, start, long)), sortedIDs(stored))
}

// testKeys: a key is one job's until that has ended.
func testKeys(f *fixture) {
	keyed := func(j *job.Job) { j.Key = "k" }
	refused := func(when string) {
		f.Helper()
		if err := f.store.Enqueue(f.Context(), []job.Job{f.new(keyed)}); !errors.Is(err, job.ErrDuplicateKey) {
			f.Fatalf("%s: got %v", when, err)
		}
	}
	first := f.enqueue(keyed)
	refused("while it waits")
	running := f.one(long)
	refused("while it runs")
	f.end(running, job.Waiting, nil)
	refused("while it waits again")
	f.end(f.one(long), job.Dead, nil)
	second := f.enqueue(keyed)
	refused("while the next one waits")
	if err := f.store.Retry(f.Context(), first.ID, start); !errors.Is(err, job.ErrDuplicateKey) {
		f.Fatalf("to retry the first one: %v", err)
	}
	f.end(f.one(long), job.Done, func(e *job.End) { e.Remove = true })
	if _, err := f.store.Job(f.Context(), second.ID); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("a job that is done is kept: %v", err)
	}
	f.must(f.store.Retry(f.Context(), first.ID, start))
	refused("while the first one waits again")
}

// testKeyAtOnce: of many who enqueue under one key, one does.
func testKeyAtOnce(f *fixture) {
	stores := []job.Store{f.store, f.driver.Beside(f, f.store)}
	jobs := make([]job.Job, 16)
	for i := range jobs {
		jobs[i] = f.new(func(j *job.Job) { j.Key = "k" })
	}
	var stored atomic.Int32
	suite.AtOnce(len(jobs), func(i int) {
		if err := stores[i%2].Enqueue(f.Context(), jobs[i:i+1]); err == nil {
			stored.Add(1)
		} else if !errors.Is(err, job.ErrDuplicateKey) {
			f.Error(err)
		}
	})
	equal(f, "stored", stored.Load(), 1)
	equal(f, "due", len(f.claim("kind", 100, start, long)), 1)
}

// testDue: what is delayed is not done before, and it is known when to look again.
func testDue(f *fixture) {
	at := func(after time.Duration, kind string) job.Job {
		return f.enqueue(func(j *job.Job) { j.RunAt, j.Kind = start.Add(after), kind })
	}
	late, soon := at(time.Hour, "kind"), at(time.Minute, "other")
	kinds := []string{"kind", "other", "unknown"}
	due := func(now time.Time) job.Due {
		f.Helper()
		d, err := f.store.Due(f.Context(), kinds, now)
		f.must(err)
		return d
	}
	equal(f, "due at first", due(start), job.Due{Next: soon.RunAt})
	equal(f, "claimed at first", len(f.claim("kind", 10, start, long)), 0)
	equal(f, "due after a minute", due(soon.RunAt), job.Due{Kinds: []string{"other"}, Next: late.RunAt})
	equal(f, "due after an hour", due(late.RunAt), job.Due{Kinds: []string{"kind", "other"}})
	equal(f, "claimed a moment before", len(f.claim("kind", 10, late.RunAt.Add(-time.Millisecond), long)), 0)
	equal(f, "claimed", ids(f.claim("kind", 10, late.RunAt, long)), []string{late.ID})
	f.must(f.store.Pause(f.Context(), "other", true))
	equal(f, "due when the other one is paused", due(late.RunAt), job.Due{})
}

// testPriorities: high goes first, and whoever has waited long enough before those that came since.
func testPriorities(f *fixture) {
	add := func(p job.Priority, after time.Duration) string {
		return f.enqueue(func(j *job.Job) { j.Priority, j.RunAt = p, start.Add(after) }).ID
	}
	low, normal, high := add(job.Low, 0), add(job.Normal, 0), add(job.High, 0)
	later := add(job.High, job.Low.Patience()+time.Second)
	between := add(job.Normal, job.Low.Patience()-job.Normal.Patience()-time.Second)
	now := start.Add(time.Hour)
	order := []string{}
	for range 5 {
		order = append(order, ids(f.claim("kind", 1, now, long))...)
	}
	equal(f, "order", order, []string{high, normal, between, low, later})

	// A flood of high ones does not starve a low one.
	starving := add(job.Low, 0)
	for range 50 {
		add(job.High, job.Low.Patience()+time.Minute)
	}
	if first := ids(f.claim("kind", 10, now, long)); !slices.Contains(first, starving) {
		f.Errorf("the low one is not among %v", first)
	}
}

// testRecur: a recurring job is there once, whoever says so, with the last line that was said.
func testRecur(f *fixture) {
	recurring := func(cron string, after time.Duration, payload string) job.Job {
		return f.new(func(j *job.Job) { j.Key, j.Cron, j.RunAt, j.Payload = "k", cron, start.Add(after), []byte(payload) })
	}
	first := recurring("@hourly", time.Hour, "1")
	f.must(f.store.Recur(f.Context(), first))
	f.must(f.driver.Beside(f, f.store).Recur(f.Context(), recurring("@hourly", 2*time.Hour, "2")))
	first.Payload = []byte("2")
	equal(f, "said again", f.read(first.ID), first)
	f.must(f.store.Recur(f.Context(), recurring("@daily", 3*time.Hour, "3")))
	first.Cron, first.RunAt, first.Payload = "@daily", start.Add(3*time.Hour), []byte("3")
	equal(f, "with another line", f.read(first.ID), first)

	running := f.claim("kind", 1, first.RunAt, long)[0]
	f.must(f.store.Recur(f.Context(), recurring("@weekly", 4*time.Hour, "4")))
	if got := f.read(first.ID); got.State != job.Running || got.Cron != "@weekly" || !got.RunAt.Equal(first.RunAt) {
		f.Errorf("said while it runs: %+v", got)
	}
	f.end(running, job.Waiting, func(e *job.End) { e.RunAt = start.Add(5 * time.Hour) })
	if got := f.read(first.ID); got.State != job.Waiting || !got.RunAt.Equal(start.Add(5*time.Hour)) || got.Lease != "" {
		f.Errorf("when it has run: %+v", got)
	}
}

// testWoken: it is told of which kinds there are jobs, when they are stored.
func testWoken(f *fixture) {
	f.take()
	f.must(f.store.Enqueue(f.Context(), []job.Job{f.new(nil), f.new(func(j *job.Job) { j.Kind, j.Key = "other", "k" }), f.new(nil)}))
	equal(f, "told", f.take(), []string{"kind", "other"})
	f.end(f.claim("kind", 1, start, long)[0], job.Done, func(e *job.End) {
		e.Then = []job.Job{f.new(func(j *job.Job) { j.Kind = "then" })}
	})
	equal(f, "told of what follows", f.take(), []string{"then"})
}

func testEndedContext(f *fixture) {
	ended := suite.Ended(f.Context())
	if err := f.store.Enqueue(ended, []job.Job{f.new(nil)}); err == nil {
		f.Error("it was enqueued")
	}
	f.enqueue(nil)
	if _, err := f.store.Claim(ended, job.Claim{Kind: "kind", Most: 1, Now: start, Lease: "l", Last: long}); err == nil {
		f.Error("it was claimed")
	}
	equal(f, "due", len(f.claim("kind", 10, start, long)), 1)
}

package jobtest

import (
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
)

// testPause: no job of a paused kind is claimed, on no server, and those of others are.
func testPause(f *fixture) {
	f.enqueue(nil)
	f.enqueue(func(j *job.Job) { j.Kind = "other" })
	beside := f.driver.Beside(f, f.store)
	f.must(beside.Pause(f.Context(), "kind", true))
	f.must(f.store.Pause(f.Context(), "kind", true)) // again changes nothing
	paused, err := f.store.Paused(f.Context())
	f.must(err)
	equal(f, "paused", paused, []string{"kind"})
	equal(f, "claimed", len(f.claim("kind", 10, start, long)), 0)
	equal(f, "claimed of the other", len(f.claim("other", 10, start, long)), 1)
	f.take()
	f.must(f.store.Pause(f.Context(), "kind", false))
	equal(f, "told", f.take(), []string{"kind"})
	equal(f, "claimed", len(f.claim("kind", 10, start, long)), 1)
}

func testDeadPages(f *fixture) {
	var all []string
	for n := range 7 {
		f.enqueue(func(j *job.Job) {
			if n%3 == 2 {
				j.Kind = "other"
			}
		})
		j := append(f.claim("kind", 1, start, long), f.claim("other", 1, start, long)...)[0]
		f.end(j, job.Dead, func(e *job.End) { e.At, e.Error = start.Add(time.Duration(n/2)*time.Second), "x" }) // some at once
		all = append([]string{j.ID}, all...)
	}
	pages := func(kind string) (found []string) {
		for before := (job.Place{}); ; {
			page, err := f.store.Dead(f.Context(), job.DeadQuery{Kind: kind, Before: before, Limit: 2})
			f.must(err)
			if len(page) == 0 {
				return found
			}
			found = append(found, ids(page)...)
			last := page[len(page)-1]
			before = job.Place{At: last.EndedAt, ID: last.ID}
		}
	}
	equal(f, "all", pages(""), all)
	equal(f, "of a kind", pages("other"), []string{all[1], all[4]})
	equal(f, "of none", pages("none"), nil)
	gone := f.read(all[2])
	f.must(f.store.Drop(f.Context(), gone.ID, start))
	rest, err := f.store.Dead(f.Context(), job.DeadQuery{Before: job.Place{At: gone.EndedAt, ID: gone.ID}, Limit: 2})
	f.must(err)
	equal(f, "behind one that is gone", ids(rest), all[3:5])
}

// testWaitingPages: those first that come first, each once, also where the last one of a page is gone meanwhile.
func testWaitingPages(f *fixture) {
	add := func(id string, p job.Priority, after time.Duration, kind string) {
		f.enqueue(func(j *job.Job) { j.ID, j.Priority, j.RunAt, j.Kind = id, p, start.Add(after), kind })
	}
	add("low", job.Low, 0, "kind")
	add("b", job.Normal, time.Second, "kind")
	add("a", job.Normal, time.Second, "kind")
	add("sooner", job.Normal, 0, "kind")
	add("other", job.High, 0, "other")
	add("tomorrow", job.High, 24*time.Hour, "kind")
	add("taken", job.High, 0, "kind")
	equal(f, "claimed", ids(f.claim("kind", 1, start, long)), []string{"taken"})
	pages := func(kind string) (found []string) {
		for after := (job.Turn{}); ; {
			page, err := f.store.Waiting(f.Context(), job.WaitingQuery{Kind: kind, After: after, Limit: 2})
			f.must(err)
			if len(page) == 0 {
				return found
			}
			found = append(found, ids(page)...)
			last := page[len(page)-1]
			after = job.Turn{Priority: last.Priority, RunAt: last.RunAt, ID: last.ID}
		}
	}
	equal(f, "of a kind", pages("kind"), []string{"tomorrow", "sooner", "a", "b", "low"})
	equal(f, "of the other", pages("other"), []string{"other"})
	equal(f, "of none", pages("none"), nil)
	gone := f.read("a")
	state, err := f.store.Cancel(f.Context(), gone.ID, start)
	f.must(err)
	equal(f, "state", state, job.Cancelled)
	rest, err := f.store.Waiting(f.Context(), job.WaitingQuery{Kind: "kind", After: job.Turn{Priority: gone.Priority, RunAt: gone.RunAt, ID: gone.ID}, Limit: 9})
	f.must(err)
	equal(f, "behind one that is cancelled", ids(rest), []string{"b", "low"})
}

// testPrune: what has ended before a time goes, in portions.
func testPrune(f *fixture) {
	ended := func(state job.State, kind string, after time.Duration) string {
		f.enqueue(func(j *job.Job) { j.Kind = kind })
		j := f.claim(kind, 1, start, long)[0]
		f.end(j, state, func(e *job.End) { e.At = start.Add(after) })
		return j.ID
	}
	for n := range 5 {
		ended(job.Done, "kind", time.Duration(n)*time.Second)
	}
	kept := []string{ended(job.Done, "other", 0), ended(job.Dead, "kind", 0)}
	prune := func(limit int, before time.Duration) int {
		f.Helper()
		n, err := f.store.Prune(f.Context(), job.Prune{State: job.Done, Kind: "kind", Before: start.Add(before), Limit: limit})
		f.must(err)
		return n
	}
	equal(f, "before all", prune(10, 0), 0)
	equal(f, "a portion", prune(2, 4*time.Second), 2)
	equal(f, "the rest", prune(10, 4*time.Second), 2)
	equal(f, "the last one", prune(10, time.Hour), 1)
	for _, id := range kept {
		f.read(id)
	}
}

func testCounts(f *fixture) {
	for n := range 3 {
		f.enqueue(func(j *job.Job) { j.Priority, j.RunAt = job.Priorities[n], start.Add(time.Duration(n)*time.Minute) })
	}
	f.enqueue(func(j *job.Job) { j.Kind = "other" })
	f.end(f.claim("other", 1, start, long)[0], job.Dead, nil)
	f.enqueue(func(j *job.Job) { j.Kind = "other" })
	f.claim("other", 1, start, long)
	f.enqueue(func(j *job.Job) { j.Kind, j.RunAt = "other", start.Add(time.Hour) })
	f.must(f.store.Pause(f.Context(), "other", true))
	counts, err := f.store.Counts(f.Context(), []string{"kind", "none", "other"}, start.Add(time.Minute))
	f.must(err)
	equal(f, "counts", counts, []job.Count{
		{Kind: "kind", Waiting: 3, Oldest: start},
		{Kind: "none"},
		{Kind: "other", Waiting: 1, Running: 1, Dead: 1, Paused: true},
	})
}

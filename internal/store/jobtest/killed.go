package jobtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
)

// Mortal is a [Driver] of a database that can die without the server that has it open.
type Mortal interface {
	Driver
	// Kill ends the database as a crash would. Restart has it back, for those who had it open too.
	Kill(t testing.TB)
	Restart(t testing.TB)
}

// RunKilled runs the tests of what becomes of jobs when the database dies, one after the other. newDriver is as for [Run].
func RunKilled(t *testing.T, newDriver func(t *testing.T) Mortal) {
	for _, test := range []struct {
		name string
		run  func(*fixture, Mortal)
	}{
		{"States", testDatabaseKilled},
		{"UnderWay", testKilledUnderWay},
	} {
		t.Run(test.name, func(t *testing.T) {
			driver := newDriver(t)
			f := &fixture{T: t, owner: t, driver: driver}
			f.open()
			test.run(f, driver)
		})
	}
}

// whenKilled is what becomes of a job in each state by the death of its database: what was stored is as it was, so that who has a
// lease has it still; and then by its end, and where its lease runs out.
var whenKilled = map[job.State]struct{ state, whenDone, whenOver job.State }{
	job.Waiting:    {job.Waiting, job.Waiting, job.Waiting},
	job.Running:    {job.Running, job.Done, job.Waiting},
	job.Cancelling: {job.Cancelling, job.Done, job.Cancelled},
	job.Done:       {job.Done, job.Done, job.Done},
	job.Dead:       {job.Dead, job.Dead, job.Dead},
	job.Cancelled:  {job.Cancelled, job.Cancelled, job.Cancelled},
}

// testDatabaseKilled: each state outlives the database, and goes on from there.
func testDatabaseKilled(f *fixture, database Mortal) {
	lasting, short := make(map[job.State]job.Job), make(map[job.State]job.Job)
	for _, state := range job.States {
		if _, known := whenKilled[state]; !known {
			f.Fatalf("the table has no row for a job that is %s", state)
		}
		lasting[state] = f.inOf(state, "lasting "+string(state), long)
		short[state] = f.inOf(state, "short "+string(state), time.Millisecond)
	}
	database.Kill(f)
	if _, err := f.store.Job(f.Context(), lasting[job.Waiting].ID); err == nil {
		f.Error("the database is not dead")
	}
	database.Restart(f)
	f.untilBack()
	for state, want := range whenKilled {
		j := f.read(lasting[state].ID)
		if j.State != want.state || j.Lease != "" && j.Lease != lasting[state].Lease {
			f.Errorf("a job that was %s is %+v", state, j)
		}
		f.end(lasting[state], job.Done, nil)
		if is := f.read(j.ID).State; is != want.whenDone {
			f.Errorf("a job that was %s is %s when its end is stored, want %s", state, is, want.whenDone)
		}
		f.must(leaseRunsOut(f, short[state]))
		if is := f.read(short[state].ID).State; is != want.whenOver {
			f.Errorf("a job that was %s is %s when its lease is over, want %s", state, is, want.whenOver)
		}
	}
}

// inOf is in for a job with a key and a kind of its own.
func (f *fixture) inOf(state job.State, name string, last time.Duration) job.Job {
	f.Helper()
	stored := f.enqueue(func(j *job.Job) { j.Key, j.Kind = name, name })
	return f.bring(stored, state, last)
}

// untilBack waits until the database answers again.
func (f *fixture) untilBack() {
	f.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, err := f.store.Paused(f.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			f.Fatal(err)
		}
	}
}

// testKilledUnderWay: the database dies while jobs are enqueued, claimed and ended. What was acknowledged holds, each of the others is
// there whole or not at all, and none is lost.
func testKilledUnderWay(f *fixture, database Mortal) {
	ctx, cancel := context.WithCancel(f.Context())
	defer cancel()
	u := &underWay{store: f.store, enqueued: make(map[string]bool), ended: make(map[string]bool)}
	var working sync.WaitGroup
	for who := range 4 {
		working.Go(func() { u.enqueue(ctx, who) })
		working.Go(func() { u.do(ctx, who) })
	}
	for range 3 {
		u.await(f, 100)
		database.Kill(f)
		database.Restart(f)
		f.untilBack()
	}
	u.await(f, 100)
	cancel()
	working.Wait()
	f.untilBack()
	u.check(f)
}

// underWay is what is known of jobs while their database dies.
type underWay struct {
	store job.Store

	mu       sync.Mutex
	enqueued map[string]bool // that was acknowledged, or false: not known
	ended    map[string]bool
	doubts   int // answers that did not come
	trouble  error
}

func (u *underWay) note(in map[string]bool, err error, ids ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range ids {
		in[id] = err == nil
	}
	if err != nil {
		u.doubts++
	}
}

// pause is how long somebody waits whom the database has not answered.
const pause = 5 * time.Millisecond

// enqueue enqueues jobs two by two, the second of which follows by the same command.
func (u *underWay) enqueue(ctx context.Context, who int) {
	for n := 0; ctx.Err() == nil; n++ {
		pair := []job.Job{{ID: fmt.Sprintf("%d.%06d.a", who, n)}, {ID: fmt.Sprintf("%d.%06d.b", who, n)}}
		for i := range pair {
			pair[i].Kind, pair[i].State, pair[i].RunAt, pair[i].CreatedAt = "kind", job.Waiting, start, start
			pair[i].Key = pair[i].ID
		}
		err := u.store.Enqueue(context.WithoutCancel(ctx), pair)
		u.note(u.enqueued, err, pair[0].ID, pair[1].ID)
		if err != nil {
			time.Sleep(pause)
		}
	}
}

// do claims jobs and ends them, under leases that last.
func (u *underWay) do(ctx context.Context, who int) {
	for n := 0; ctx.Err() == nil; n++ {
		jobs, err := u.store.Claim(context.WithoutCancel(ctx), job.Claim{Kind: "kind", Most: 5, Now: start, Lease: fmt.Sprintf("w%d:%d", who, n), Last: long})
		if err != nil {
			u.note(nil, err)
			time.Sleep(pause)
			continue
		}
		ends, ids := make([]job.End, len(jobs)), make([]string, len(jobs))
		for i, j := range jobs {
			ends[i], ids[i] = job.End{Held: job.Held{ID: j.ID, Lease: j.Lease}, State: job.Done, At: start}, j.ID
		}
		u.twice(ids)
		u.note(u.ended, u.store.Finish(context.WithoutCancel(ctx), ends), ids...)
	}
}

// twice notes what was claimed again, though its lease lasts.
func (u *underWay) twice(ids []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range ids {
		if _, was := u.ended[id]; was {
			u.trouble = fmt.Errorf("%s was claimed twice", id)
		}
	}
}

// await waits until so many more have ended.
func (u *underWay) await(f *fixture, more int) {
	f.Helper()
	count := func() int {
		u.mu.Lock()
		defer u.mu.Unlock()
		return len(u.ended)
	}
	before := count()
	for deadline := time.Now().Add(2 * time.Minute); count() < before+more; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatal("no jobs end any more")
		}
	}
}

func (u *underWay) check(f *fixture) {
	f.must(u.trouble)
	there := make(map[string]bool)
	for id, acknowledged := range u.enqueued {
		j, err := f.store.Job(f.Context(), id)
		if errors.Is(err, job.ErrNotFound) && !acknowledged {
			continue
		}
		f.must(err)
		there[id] = true
		if acknowledgedEnd, tried := u.ended[id]; acknowledgedEnd != (j.State == job.Done) && (acknowledgedEnd || !tried) {
			f.Errorf("%s is %s; its end was stored: %v, tried: %v", id, j.State, acknowledgedEnd, tried)
		}
	}
	for id := range u.enqueued {
		if other := id[:len(id)-1] + "a"; there[id] != there[other] {
			f.Errorf("of the pair %s one is there", id)
		}
	}
	f.Logf("%d jobs, %d ends, %d answers that did not come", len(there), len(u.ended), u.doubts)
	if u.doubts == 0 {
		f.Error("nobody noticed that the database died")
	}
}

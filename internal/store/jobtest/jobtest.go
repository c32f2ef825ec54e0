// Package jobtest holds the tests that every driver of [job.Store] must pass. They speak to the store alone; what runs jobs has
// tests of its own.
package jobtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// Driver gives a test one database.
type Driver interface {
	// Open opens the database, which is empty at first, and closes it when the test ends. A second Open while the first is
	// open stands for a process that died without closing: what it had claimed is free at once, or when its leases run out.
	Open(t testing.TB) job.Store
	// Beside is what another server has of the database that the first one has open; where there is one server at a time it is
	// the first one itself.
	Beside(t testing.TB, first job.Store) job.Store
	// Cause has the writer carry out a command that enqueues jobs, as those do that cause some, and then fails if fail is an
	// error.
	Cause(ctx context.Context, in job.Store, jobs []job.Job, fail error) error
	// Chats are those of the database of jobs, by the same server.
	Chats(of job.Store) Chats
	// Rename gives a user a name, who is new the first time.
	Rename(ctx context.Context, in job.Store, user account.UserID, name string) error
}

// Chats are a store of chats that has somebody say what is to follow.
type Chats interface {
	chat.Store
	Follow(func(chats []chat.Event, accounts []account.Event) []job.Job)
}

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) Driver) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"KeepsAllFields", testFields},
		{"AllOrNone", testAllOrNone},
		{"WithTheirCause", testCause},
		{"Keys", testKeys},
		{"KeyAtOnce", testKeyAtOnce},
		{"NotBeforeItsTime", testDue},
		{"PrioritiesAge", testPriorities},
		{"StatesAndEvents", testStates},
		{"Claimers", testClaimers},
		{"Killed", testKilled},
		{"LostTooOften", testLostTooOften},
		{"StaleLease", testStaleLease},
		{"Then", testThen},
		{"Follow", testFollow},
		{"FollowAccounts", testFollowAccounts},
		{"FollowKilled", testFollowKilled},
		{"FollowPanics", testFollowPanics},
		{"Again", testAgain},
		{"NotForgotten", testNotForgotten},
		{"Recur", testRecur},
		{"Pause", testPause},
		{"DeadPages", testDeadPages},
		{"WaitingPages", testWaitingPages},
		{"Prune", testPrune},
		{"Counts", testCounts},
		{"Woken", testWoken},
		{"EndedContextStoresNothing", testEndedContext},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{T: t, owner: t, driver: newDriver(t)}
			f.open()
			test.run(f)
		})
	}
}

// start is when all tests take place.
var start = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)

// long is for leases that do not run out in a test.
const long = time.Hour

// fixture is one test with its database, and short ways to use it.
type fixture struct {
	*testing.T
	owner  testing.TB // what is opened lives as long as it does
	driver Driver
	store  job.Store
	ids    int

	mu    sync.Mutex
	woken []string
}

// open opens the database, or opens it again.
func (f *fixture) open() {
	f.store = f.driver.Open(f.owner)
	f.store.OnEnqueued(func(kinds []string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.woken = append(f.woken, kinds...)
	})
}

// take returns the kinds that were told since the last call.
func (f *fixture) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	kinds := f.woken
	f.woken = nil
	return kinds
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func equal[T any](f *fixture, what string, got, want T) {
	f.Helper()
	suite.Equal(f, what, got, want)
}

// new is a job that is due at start. change may be nil.
func (f *fixture) new(change func(*job.Job)) job.Job {
	f.ids++
	j := job.Job{ID: fmt.Sprintf("j%05d", f.ids), Kind: "kind", State: job.Waiting, RunAt: start, CreatedAt: start}
	if change != nil {
		change(&j)
	}
	return j
}

// enqueue stores a job, and returns it.
func (f *fixture) enqueue(change func(*job.Job)) job.Job {
	f.Helper()
	j := f.new(change)
	f.must(f.store.Enqueue(f.Context(), []job.Job{j}))
	return j
}

// claim takes jobs of a kind at a time, under a new lease.
func (f *fixture) claim(kind string, most int, now time.Time, last time.Duration) []job.Job {
	f.Helper()
	f.ids++
	jobs, err := f.store.Claim(f.Context(), job.Claim{Kind: kind, Most: most, Now: now, Lease: fmt.Sprintf("node:%d", f.ids), Last: last})
	f.must(err)
	return jobs
}

// one takes the job that there is.
func (f *fixture) one(last time.Duration) job.Job {
	f.Helper()
	jobs := f.claim("kind", 1, start, last)
	if len(jobs) != 1 {
		f.Fatalf("%d jobs are due", len(jobs))
	}
	return jobs[0]
}

// read returns a job as it is now.
func (f *fixture) read(id string) job.Job {
	f.Helper()
	j, err := f.store.Job(f.Context(), id)
	f.must(err)
	return j
}

// end finishes a claimed job.
func (f *fixture) end(j job.Job, state job.State, change func(*job.End)) {
	f.Helper()
	e := job.End{Held: job.Held{ID: j.ID, Lease: j.Lease}, State: state, At: start, RunAt: start, Attempts: j.Attempts}
	if change != nil {
		change(&e)
	}
	f.must(f.store.Finish(f.Context(), []job.End{e}))
}

// free waits until leases have run out.
func (f *fixture) free() {
	f.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		n, err := f.store.Free(f.Context(), start)
		f.must(err)
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			f.Fatal("no lease has run out")
		}
	}
}

func ids(jobs []job.Job) []string {
	all := []string{}
	for _, j := range jobs {
		all = append(all, j.ID)
	}
	return all
}

func sortedIDs(jobs []job.Job) []string {
	all := ids(jobs)
	slices.Sort(all)
	return all
}

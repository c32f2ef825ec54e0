// Package broadcasttest holds the tests that every driver of [broadcast.Store] must pass: a broadcast and its first job are of one
// transaction.
package broadcasttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// Driver gives a test one database.
type Driver interface {
	// Open opens the database, which is empty at first, and closes it when the test ends. A second Open while the first is open
	// stands for a process that died without closing.
	Open(t testing.TB) (broadcast.Store, job.Store)
}

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) Driver) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"KeepsAllFields", testFields},
		{"Keys", testKeys},
		{"KeyAtOnce", testKeyAtOnce},
		{"Advance", testAdvance},
		{"AdvanceAtOnce", testAdvanceAtOnce},
		{"Cancel", testCancel},
		{"Prune", testPrune},
		{"EndedContextStoresNothing", testEndedContext},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{Test: suite.New[chat.Event](t), driver: newDriver(t)}
			f.open()
			test.run(f)
		})
	}
}

// start is when all tests take place.
var start = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)

type fixture struct {
	suite.Test[chat.Event]
	driver Driver
	store  broadcast.Store
	jobs   job.Store
}

// open opens the database, or opens it again.
func (f *fixture) open() { f.store, f.jobs = f.driver.Open(f) }

func equal[T any](f *fixture, what string, got, want T) {
	f.Helper()
	suite.Equal(f, what, got, want)
}

// bare is a broadcast that waits, and its job.
func bare(id, key string) (broadcast.Broadcast, job.Job) {
	b := broadcast.Broadcast{
		ID: id, Kind: broadcast.Notification, Key: key, Spec: broadcast.Spec{Topics: []string{"menu"}}, CreatedAt: start, SendAt: start.Add(time.Hour),
		Progress: broadcast.Progress{State: broadcast.Waiting},
	}
	return b, job.Job{ID: id, Kind: "notification", Key: "notification " + id, State: job.Waiting, RunAt: b.SendAt, CreatedAt: start}
}

// create stores a bare one.
func (f *fixture) create(id, key string) broadcast.Broadcast {
	f.Helper()
	b, first := bare(id, key)
	stored, err := f.store.CreateBroadcast(f.Context(), b, []byte{1}, first)
	f.Must(err)
	equal(f, "stored", stored, b)
	return b
}

// get returns what is stored.
func (f *fixture) get(id string) broadcast.Broadcast {
	f.Helper()
	b, err := f.store.Broadcast(f.Context(), id)
	f.Must(err)
	return b
}

// waits tells whether there is a job.
func (f *fixture) waits(id string) bool {
	f.Helper()
	_, err := f.jobs.Job(f.Context(), id)
	if !errors.Is(err, job.ErrNotFound) {
		f.Must(err)
	}
	return err == nil
}

func testFields(f *fixture) {
	full := broadcast.Broadcast{
		ID: "bc_1", Kind: broadcast.Broadcasting, Key: "午餐", Priority: job.High,
		Spec: broadcast.Spec{
			Topics: []string{"menu"}, Users: []account.UserID{"ada", "林"}, Rooms: []string{"hall"}, All: true,
			Message:      &broadcast.Message{SenderID: "ada", Content: "hear, hear", Type: chat.TypeImage},
			Notification: map[string]json.RawMessage{"title": json.RawMessage(`"Lunch"`)},
		},
		CreatedAt: start, SendAt: start.Add(time.Hour),
		Progress: broadcast.Progress{
			State: broadcast.Running, Step: 3, Place: broadcast.Place{List: broadcast.All, N: 1, After: "ada"}, Reached: 5, Missed: 1,
			Failures:  []broadcast.Failure{{User: "nobody", Code: "user_not_found", Message: "User not found"}, {Room: "none", Code: "c", Message: "m"}},
			StartedAt: start.Add(2 * time.Hour),
		},
	}
	_, first := bare("bc_1", "")
	_, err := f.store.CreateBroadcast(f.Context(), full, []byte{1}, first)
	f.Must(err)
	f.open()
	equal(f, "stored", f.get("bc_1"), full)
	j, err := f.jobs.Job(f.Context(), "bc_1")
	f.Must(err)
	equal(f, "due", j.RunAt, first.RunAt)

	to := full.Progress
	to.State, to.Step, to.Error, to.EndedAt, to.Failures = broadcast.Failed, 4, "why", start.Add(3*time.Hour), nil
	is, err := f.store.AdvanceBroadcast(f.Context(), "bc_1", 3, to, nil)
	f.Must(err)
	equal(f, "advanced", is, true)
	full.Progress = to
	equal(f, "advanced", f.get("bc_1"), full)
	for _, id := range []string{"bc_2", "", "\x00", "bc_1\x00", "\xff"} {
		_, err := f.store.Broadcast(f.Context(), id)
		f.Refused(err, broadcast.ErrNotFound)
		_, err = f.store.CancelBroadcast(f.Context(), id, start)
		f.Refused(err, broadcast.ErrNotFound)
	}
}

// testKeys: who comes with a key again gets what is there, if it is the same.
func testKeys(f *fixture) {
	first := f.create("bc_1", "lunch")
	f.create("bc_2", "")
	f.create("bc_3", "")
	again, j := bare("bc_4", "lunch")
	stored, err := f.store.CreateBroadcast(f.Context(), again, []byte{1}, j)
	f.Must(err)
	equal(f, "again", stored, first)
	_, err = f.store.CreateBroadcast(f.Context(), again, []byte{2}, j)
	f.Refused(err, broadcast.ErrKeyReused)
	if f.waits("bc_4") {
		f.Error("there is a job of what is not stored")
	}
	_, err = f.store.CancelBroadcast(f.Context(), "bc_1", start)
	f.Must(err)
	stored, err = f.store.CreateBroadcast(f.Context(), again, []byte{1}, j)
	f.Must(err)
	equal(f, "of a cancelled one", stored.ID, "bc_1")
}

func testKeyAtOnce(f *fixture) {
	const many = 8
	ids := make([]string, many)
	suite.AtOnce(many, func(i int) {
		b, j := bare(fmt.Sprint("bc_", i), "lunch")
		stored, err := f.store.CreateBroadcast(f.Context(), b, []byte{1}, j)
		if err != nil {
			f.Error(err)
		}
		ids[i] = stored.ID
	})
	for i := range ids {
		equal(f, "the one of the key", ids[i], ids[0])
		equal(f, "has a job", f.waits(fmt.Sprint("bc_", i)), ids[0] == fmt.Sprint("bc_", i))
	}
}

// testAdvance: one goes on from where it stands, and not when it has ended.
func testAdvance(f *fixture) {
	b := f.create("bc_1", "")
	to := broadcast.Progress{State: broadcast.Running, Step: 1, Reached: 100, StartedAt: start.Add(time.Hour)}
	for i, want := range []bool{true, false} {
		follows := []job.Job{{ID: fmt.Sprint("push-", i), Kind: "push", State: job.Waiting, RunAt: start, CreatedAt: start}}
		is, err := f.store.AdvanceBroadcast(f.Context(), "bc_1", 0, to, follows)
		f.Must(err)
		equal(f, "advanced", is, want)
		equal(f, "followed", f.waits(follows[0].ID), want)
	}
	b.Progress = to
	equal(f, "stored", f.get("bc_1"), b)
	to.State, to.Step, to.EndedAt = broadcast.Done, 2, start.Add(2*time.Hour)
	is, err := f.store.AdvanceBroadcast(f.Context(), "bc_1", 1, to, nil)
	f.Must(err)
	equal(f, "advanced", is, true)
	to.Step = 3
	is, err = f.store.AdvanceBroadcast(f.Context(), "bc_1", 2, to, nil)
	f.Must(err)
	equal(f, "advanced behind the end", is, false)
	is, err = f.store.AdvanceBroadcast(f.Context(), "none", 0, to, []job.Job{{ID: "none", Kind: "push", State: job.Waiting, RunAt: start, CreatedAt: start}})
	f.Must(err)
	equal(f, "advanced what is not there", is, false)
	equal(f, "followed what is not there", f.waits("none"), false)
}

func testAdvanceAtOnce(f *fixture) {
	f.create("bc_1", "")
	const many = 8
	advanced := make([]bool, many)
	suite.AtOnce(many, func(i int) {
		is, err := f.store.AdvanceBroadcast(f.Context(), "bc_1", 0, broadcast.Progress{State: broadcast.Running, Step: 1, StartedAt: start}, nil)
		if err != nil {
			f.Error(err)
		}
		advanced[i] = is
	})
	n := 0
	for _, is := range advanced {
		if is {
			n++
		}
	}
	equal(f, "who went on", n, 1)
}

func testCancel(f *fixture) {
	b := f.create("bc_1", "")
	b.State, b.EndedAt = broadcast.Cancelled, start.Add(time.Minute)
	for range 2 {
		got, err := f.store.CancelBroadcast(f.Context(), "bc_1", start.Add(time.Minute))
		f.Must(err)
		equal(f, "cancelled", got, b)
	}
	if f.waits("bc_1") {
		f.Error("its job waits")
	}

	f.create("bc_2", "")
	_, err := f.jobs.Claim(f.Context(), job.Claim{Kind: "notification", Most: 1, Now: start.Add(2 * time.Hour), Lease: "n:1", Last: time.Hour})
	f.Must(err)
	_, err = f.store.CancelBroadcast(f.Context(), "bc_2", start)
	f.Must(err)
	if !f.waits("bc_2") {
		f.Error("the job of who does it is gone")
	}

	f.create("bc_3", "")
	is, err := f.store.AdvanceBroadcast(f.Context(), "bc_3", 0, broadcast.Progress{State: broadcast.Done, Step: 1, EndedAt: start}, nil)
	f.Must(err)
	equal(f, "advanced", is, true)
	_, err = f.store.CancelBroadcast(f.Context(), "bc_3", start)
	f.Refused(err, broadcast.ErrEnded)
}

func testPrune(f *fixture) {
	for i := range 5 {
		id := fmt.Sprint("bc_", i)
		f.create(id, "key "+id)
		if i < 4 {
			_, err := f.store.CancelBroadcast(f.Context(), id, start.Add(time.Duration(i)*time.Hour))
			f.Must(err)
		}
	}
	for _, want := range []int{2, 1, 0} {
		n, err := f.store.PruneBroadcasts(f.Context(), start.Add(3*time.Hour), 2)
		f.Must(err)
		equal(f, "removed", n, want)
	}
	for i := range 5 {
		_, err := f.store.Broadcast(f.Context(), fmt.Sprint("bc_", i))
		if i < 3 {
			f.Refused(err, broadcast.ErrNotFound)
		} else {
			f.Must(err)
		}
	}
	f.create("bc_5", "key bc_0")
}

func testEndedContext(f *fixture) {
	b, first := bare("bc_1", "")
	ended := suite.Ended(f.Context())
	if _, err := f.store.CreateBroadcast(ended, b, []byte{1}, first); err == nil {
		f.Error("it is stored")
	}
	f.create("bc_2", "")
	if _, err := f.store.AdvanceBroadcast(ended, "bc_2", 0, broadcast.Progress{State: broadcast.Done, Step: 1}, nil); err == nil {
		f.Error("it is advanced")
	}
	if _, err := f.store.CancelBroadcast(ended, "bc_2", start); err == nil {
		f.Error("it is cancelled")
	}
	_, err := f.store.Broadcast(f.Context(), "bc_1")
	f.Refused(err, broadcast.ErrNotFound)
	equal(f, "state", f.get("bc_2").State, broadcast.Waiting)
}

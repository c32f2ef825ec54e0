// Package usagetest holds the tests that every driver of [usage.Store] must pass. Most go through [usage.Counter], with what
// is said by the rules of package chat.
package usagetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/suite"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// Driver gives a test one database.
type Driver interface {
	// Open opens the database, which is empty at first, and closes it when the test ends. A second Open while the first is
	// open stands for another server, or where there is one at a time, for a process that died.
	Open(t testing.TB) (chat.Store, usage.Store)
}

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) Driver) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"Nothing", testNothing},
		{"DaysWeeksMonths", testUnits},
		{"LastMinute", testLastMinute},
		{"CatchUp", testCatchUp},
		{"WhatIsGoneStays", testGone},
		{"Interrupted", testInterrupted},
		{"AtOnce", testAtOnce},
		{"Online", testOnline},
		{"ReadsWhatIsNew", testBetween},
		{"Prune", testPrune},
		{"Pushes", testPushes},
		{"PushesAtOnce", testPushesAtOnce},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{T: t, driver: newDriver(t), now: start}
			f.open()
			test.run(f)
		})
	}
}

// start is a Thursday, the last day of a month.
var start = time.Date(2024, 2, 29, 23, 30, 0, 0, time.UTC)

// fixture is one test with its database, its clock, and short ways to use it.
type fixture struct {
	*testing.T
	driver Driver
	rules  *chat.Service
	store  usage.Store
	now    time.Time
	online []string
	rooms  map[string]bool
}

// open opens the database, or opens it again.
func (f *fixture) open() {
	chats, store := f.driver.Open(f.T)
	cfg := chat.DefaultConfig()
	cfg.DirectPolicy = chat.DirectAnyone
	rules, err := chat.New(cfg, chat.Deps{Store: chats, Now: func() time.Time { return f.now }, NewID: chat.NewID})
	f.must(err)
	f.rules, f.store = rules, store
	if f.rooms == nil {
		f.rooms = make(map[string]bool)
	}
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// say has a user say something, in a room of the user's own or to another one.
func (f *fixture) say(user, room string) string {
	f.Helper()
	who := chat.Actor{ID: chat.UserID(user), Name: user}
	if room == "" {
		m, err := f.rules.SendDirect(f.Context(), who, chat.SendDirect{RecipientID: "somebody", Content: "hello"})
		f.must(err)
		return m.ID
	}
	if !f.rooms[room] {
		f.rooms[room] = true
		_, err := f.rules.CreateRoom(f.Context(), who, chat.CreateRoom{ID: room, Name: room})
		f.must(err)
	}
	_, err := f.rules.JoinRoom(f.Context(), who, room)
	f.must(err)
	m, err := f.rules.SendToRoom(f.Context(), who, chat.SendToRoom{RoomID: room, Content: "hello"})
	f.must(err)
	return m.ID
}

// counter is one over a store.
func (f *fixture) counter(store usage.Store) *usage.Counter {
	f.Helper()
	c, err := usage.New(usage.Deps{Store: store, Now: func() time.Time { return f.now }, Online: func() []string { return f.online }})
	f.must(err)
	return c
}

// count takes in what is new, and returns how many messages.
func (f *fixture) count() int {
	f.Helper()
	n, err := f.counter(f.store).Count(f.Context())
	f.must(err)
	return n
}

// shown are the last units, as text.
func (f *fixture) shown(u usage.Unit, limit int) (all []string) {
	f.Helper()
	h, err := f.counter(f.store).History(f.Context(), u, limit)
	f.must(err)
	for _, c := range h.Counts {
		all = append(all, fmt.Sprintf("%s: %d messages, %d users, %d rooms", c.Start.Format(time.DateOnly), c.Messages, c.Users, c.Rooms))
	}
	return all
}

func (f *fixture) shows(u usage.Unit, want ...string) {
	f.Helper()
	suite.Equal(f, "by "+string(u), f.shown(u, len(want)), want)
}

func testNothing(f *fixture) {
	suite.Equal(f, "counted", f.count(), 0)
	through, err := f.store.Through(f.Context())
	f.must(err)
	suite.Equal(f, "through", through, time.Time{})
	f.shows(usage.Day, "2024-02-28: 0 messages, 0 users, 0 rooms", "2024-02-29: 0 messages, 0 users, 0 rooms")
}

// testUnits: everybody counts once in a day, a week and a month, over their ends, and again when the same is counted again.
func testUnits(f *fixture) {
	f.say("ada", "hall")
	f.say("ada", "hall")
	f.say("bob", "")
	_, err := f.rules.PostSystem(f.Context(), chat.PostSystem{RoomID: "hall", Content: "lunch"}) // said by nobody
	f.must(err)
	f.now = f.now.Add(time.Hour) // a Friday, and March
	f.say("ada", "hall")
	f.say("cyd", "attic")
	f.now = f.now.Add(3 * 24 * time.Hour) // a Monday
	f.say("bob", "hall")
	f.say("ada", "")
	f.now = f.now.Add(2 * time.Minute)
	suite.Equal(f, "counted", f.count(), 8)
	for range 2 {
		f.shows(usage.Day,
			"2024-02-29: 4 messages, 2 users, 1 rooms", "2024-03-01: 2 messages, 2 users, 2 rooms", "2024-03-02: 0 messages, 0 users, 0 rooms",
			"2024-03-03: 0 messages, 0 users, 0 rooms", "2024-03-04: 2 messages, 2 users, 1 rooms")
		f.shows(usage.Week, "2024-02-26: 6 messages, 3 users, 2 rooms", "2024-03-04: 2 messages, 2 users, 1 rooms")
		f.shows(usage.Month, "2024-02-01: 4 messages, 2 users, 1 rooms", "2024-03-01: 4 messages, 3 users, 2 rooms")
		suite.Equal(f, "counted again", f.count(), 0)
		f.open() // as after a restart
	}
}

// testLastMinute: what may not be committed everywhere yet is counted later, once.
func testLastMinute(f *fixture) {
	f.say("ada", "hall")
	f.now = f.now.Add(59 * time.Second)
	f.say("bob", "hall")
	suite.Equal(f, "counted", f.count(), 0)
	f.now = f.now.Add(2 * time.Second)
	suite.Equal(f, "counted", f.count(), 1)
	f.shows(usage.Day, "2024-02-29: 1 messages, 1 users, 1 rooms")
	through, err := f.store.Through(f.Context())
	f.must(err)
	suite.Equal(f, "through", through, f.now.Add(-time.Minute))
	f.now = f.now.Add(time.Minute)
	suite.Equal(f, "counted", f.count(), 1)
	f.shows(usage.Day, "2024-02-29: 2 messages, 2 users, 1 rooms")
}

// testCatchUp: who looks sees what is a minute old, and of what was said since only every 20 s, however many look.
func testCatchUp(f *fixture) {
	c := f.counter(f.store)
	look := func() { f.Helper(); f.must(c.CatchUp(f.Context())) }
	look()
	f.say("ada", "hall")
	f.now = f.now.Add(2 * time.Minute)
	look()
	f.shows(usage.Day, "2024-02-29: 1 messages, 1 users, 1 rooms")
	f.say("bob", "hall")
	f.now = f.now.Add(19 * time.Second)
	f.online = []string{"cyd"}
	look()
	f.shows(usage.Day, "2024-02-29: 1 messages, 1 users, 1 rooms")
	gone, cancel := context.WithCancel(f.Context())
	cancel()
	f.now = f.now.Add(time.Minute)
	if err := c.CatchUp(gone); err == nil {
		f.Fatal("who has gone is told that it is counted")
	}
	look() // so that the next one looks
	f.shows(usage.Day, "2024-02-29: 2 messages, 3 users, 1 rooms")
	suite.Equal(f, "counted again", f.count(), 0)
}

// testGone: what is deleted was said, and what is removed later too.
func testGone(f *fixture) {
	id := f.say("ada", "hall")
	_, err := f.rules.DeleteMessage(f.Context(), chat.Actor{ID: "ada", Name: "ada"}, id)
	f.must(err)
	f.now = f.now.Add(2 * time.Minute)
	suite.Equal(f, "counted", f.count(), 1)
	f.must(f.rules.DeleteRoom(f.Context(), chat.Actor{ID: "ada", Name: "ada"}, "hall"))
	f.now = f.now.Add(2 * time.Minute)
	suite.Equal(f, "counted", f.count(), 0)
	f.shows(usage.Day, "2024-02-29: 1 messages, 1 users, 1 rooms")
}

// interrupted fails where the test says so, as if the process died there.
type interrupted struct {
	usage.Store
	notes int // that are left
}

var errDied = errors.New("the process died")

func (i *interrupted) Note(ctx context.Context, p usage.Period, users, rooms []string) error {
	if i.notes--; i.notes < 0 {
		return errDied
	}
	return i.Store.Note(ctx, p, users, rooms)
}

func (i *interrupted) Add(context.Context, usage.Add) (bool, error) { return false, errDied }

// testInterrupted: who dies anywhere leaves what the next one completes.
func testInterrupted(f *fixture) {
	for _, user := range []string{"ada", "bob", "cyd"} {
		f.say(user, "hall")
	}
	f.now = f.now.Add(2 * time.Minute)
	for notes := range 3 {
		if _, err := f.counter(&interrupted{f.store, notes}).Count(f.Context()); !errors.Is(err, errDied) {
			f.Fatalf("after %d notes: %v", notes, err)
		}
		f.open()
	}
	suite.Equal(f, "counted", f.count(), 3)
	f.shows(usage.Day, "2024-02-29: 3 messages, 3 users, 1 rooms")
	f.shows(usage.Month, "2024-02-01: 3 messages, 3 users, 1 rooms")
}

// testAtOnce: however many count, everything is counted once.
func testAtOnce(f *fixture) {
	for n := range 20 {
		f.say(fmt.Sprintf("user%02d", n%7), fmt.Sprintf("room%d", n%3))
		f.now = f.now.Add(7 * time.Minute)
		f.online = []string{"user03", "zoe"}
	}
	var counters []*usage.Counter
	for range 4 {
		_, store := f.driver.Open(f.T)
		counters = append(counters, f.counter(store))
	}
	counted := make([]int, len(counters))
	errs := make([]error, len(counters))
	suite.AtOnce(len(counters), func(i int) { counted[i], errs[i] = counters[i].Count(f.Context()) })
	f.must(errors.Join(errs...))
	sum := 0
	for _, n := range counted {
		sum += n
	}
	suite.Equal(f, "counted", sum, 20)
	f.shows(usage.Day, "2024-02-29: 5 messages, 5 users, 3 rooms", "2024-03-01: 15 messages, 8 users, 3 rooms")
	f.shows(usage.Month, "2024-02-01: 5 messages, 5 users, 3 rooms", "2024-03-01: 15 messages, 8 users, 3 rooms")
}

// testOnline: who is connected counts, said or not, and once; also more of them than are noted at a time.
func testOnline(f *fixture) {
	for n := range 1100 {
		f.online = append(f.online, fmt.Sprintf("user%04d", n))
	}
	f.count()
	f.shows(usage.Day, "2024-02-29: 0 messages, 1100 users, 0 rooms")
	f.say("user0007", "")
	f.say("zoe", "")
	f.now = f.now.Add(2 * time.Minute)
	f.count()
	f.shows(usage.Day, "2024-02-29: 2 messages, 1101 users, 0 rooms")
	f.online = f.online[:3]
	f.now = f.now.Add(24 * time.Hour)
	f.count()
	f.shows(usage.Day, "2024-02-29: 2 messages, 1101 users, 0 rooms", "2024-03-01: 0 messages, 3 users, 0 rooms")
	f.shows(usage.Week, "2024-02-26: 2 messages, 1101 users, 0 rooms")
	f.shows(usage.Month, "2024-02-01: 2 messages, 1101 users, 0 rooms", "2024-03-01: 0 messages, 3 users, 0 rooms")

	// Of an earlier day nobody is noted any more.
	f.must(f.store.Note(f.Context(), usage.PeriodOf(start), f.online, nil))
	f.shows(usage.Day, "2024-02-29: 2 messages, 1101 users, 0 rooms", "2024-03-01: 0 messages, 3 users, 0 rooms")
}

// testBetween: what is read is what was said between two times, in whatever order it is stored.
func testBetween(f *fixture) {
	for _, minute := range []int{0, 3, 1, 2, 7, 5, 9} {
		f.now = start.Add(time.Duration(minute) * time.Minute)
		f.say(fmt.Sprintf("user%d", minute), "")
	}
	_, err := f.store.Through(f.Context())
	f.must(err)
	since := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
	for _, span := range []struct {
		from, to int
		want     []string
	}{
		{0, 2, []string{"user0", "user1"}}, {2, 3, []string{"user2"}}, {3, 4, []string{"user3"}}, {4, 6, []string{"user5"}}, {6, 20, []string{"user7", "user9"}},
	} {
		said, err := f.store.Said(f.Context(), since(span.from), since(span.to))
		f.must(err)
		slices.Sort(said.Senders)
		suite.Equal(f, fmt.Sprintf("said from %d to %d", span.from, span.to), said.Senders, span.want)
		suite.Equal(f, "messages", said.Messages, len(span.want))
		ok, err := f.store.Add(f.Context(), usage.Add{Since: since(span.from), Through: since(span.to), Mark: said.Mark, Period: usage.PeriodOf(start), Messages: said.Messages})
		f.must(err)
		suite.Equal(f, "counted", ok, true)
	}
	ok, err := f.store.Add(f.Context(), usage.Add{Since: since(0), Through: since(2), Period: usage.PeriodOf(start), Messages: 99})
	f.must(err)
	suite.Equal(f, "counted by who is late", ok, false)
	f.shows(usage.Day, "2024-02-29: 7 messages, 0 users, 0 rooms")
}

// testPrune: old counts go, and with them who was active long ago; who comes back then counts.
func testPrune(f *fixture) {
	f.online = []string{"ada", "bob"}
	f.say("ada", "hall")
	f.now = f.now.Add(2 * time.Minute)
	f.count()
	f.online = nil
	f.must(f.store.Prune(f.Context(), usage.Day, start)) // of that day itself nothing
	f.shows(usage.Day, "2024-02-29: 1 messages, 2 users, 1 rooms")
	for _, of := range []struct{ days, want int }{{0, 0}, {1, 2}, {1, 1}, {1, 0}} {
		n, err := f.store.Forget(f.Context(), usage.Day.Start(start).AddDate(0, 0, of.days), 2)
		f.must(err)
		suite.Equal(f, "forgotten", n, of.want)
	}
	f.now = start.AddDate(0, 0, 405)
	f.say("ada", "")
	f.now = f.now.Add(time.Hour)
	f.count() // over the end of a day, which prunes
	counts, err := f.store.Counts(f.Context(), usage.Day, start.AddDate(-1, 0, 0))
	f.must(err)
	suite.Equal(f, "days that are kept", len(counts), 1)
	counts, err = f.store.Counts(f.Context(), usage.Month, start.AddDate(-1, 0, 0))
	f.must(err)
	suite.Equal(f, "months that are kept", len(counts), 2)
}

// testPushes: what nodes have counted adds up, whoever stores it, and counts beside what else is of a unit.
func testPushes(f *fixture) {
	f.say("ada", "hall")
	one, other := f.counter(f.store), f.counter(f.store)
	one.Pushed(true)
	one.Pushed(true)
	other.Pushed(false)
	f.now = f.now.Add(time.Hour) // a Friday, and March
	one.Pushed(true)
	f.must(one.StorePushes(f.Context()))
	f.must(one.StorePushes(f.Context())) // nothing
	if _, err := f.counter(f.store).Count(f.Context()); err != nil {
		f.Fatal(err)
	}
	_, err := other.Count(f.Context())
	f.must(err)
	f.open()
	pushes := func(u usage.Unit, limit int) (all []usage.Pushes) {
		f.Helper()
		h, err := f.counter(f.store).History(f.Context(), u, limit)
		f.must(err)
		for _, c := range h.Counts {
			all = append(all, c.Pushes)
		}
		return all
	}
	suite.Equal(f, "by day", pushes(usage.Day, 3), []usage.Pushes{{}, {Sent: 2, Failed: 1}, {Sent: 1}})
	suite.Equal(f, "by week", pushes(usage.Week, 1), []usage.Pushes{{Sent: 3, Failed: 1}})
	suite.Equal(f, "by month", pushes(usage.Month, 2), []usage.Pushes{{Sent: 2, Failed: 1}, {Sent: 1}})
	f.shows(usage.Day, "2024-02-29: 1 messages, 1 users, 1 rooms", "2024-03-01: 0 messages, 0 users, 0 rooms")

	// What cannot be stored is not lost.
	failing := f.counter(&unpushed{f.store})
	failing.Pushed(true)
	for range 2 {
		if err := failing.StorePushes(f.Context()); !errors.Is(err, errDied) {
			f.Fatalf("stored: %v", err)
		}
	}
	if err := failing.Keep(slog.New(slog.DiscardHandler))(f.Context()); !errors.Is(err, errDied) {
		f.Errorf("it ends by %v", err)
	}
}

// unpushed cannot store pushes.
type unpushed struct{ usage.Store }

func (unpushed) AddPushes(context.Context, usage.Period, usage.Pushes) error { return errDied }

// testPushesAtOnce: however many store at once, everything counts.
func testPushesAtOnce(f *fixture) {
	const many, each = 6, 5
	counters := make([]*usage.Counter, many)
	for i := range counters {
		_, store := f.driver.Open(f.T)
		counters[i] = f.counter(store)
	}
	errs := make([]error, many)
	suite.AtOnce(many, func(i int) {
		for n := range each {
			counters[i].Pushed(n%2 == 0)
			errs[i] = errors.Join(errs[i], counters[i].StorePushes(f.Context()))
		}
	})
	f.must(errors.Join(errs...))
	h, err := counters[0].History(f.Context(), usage.Day, 1)
	f.must(err)
	suite.Equal(f, "counted", h.Counts[0].Pushes, usage.Pushes{Sent: many * 3, Failed: many * 2})
}

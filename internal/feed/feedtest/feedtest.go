// Package feedtest holds the tests that everything must pass that carries facts, see
// [feed.Feed].
package feedtest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/feed"
)

// patience bounds every wait; only a failing test ever waits that long.
const patience = time.Minute

// Run runs the tests. open returns the feeds of the nodes of one cluster, which nobody has
// stopped: of as many nodes as it can have, up to three.
func Run(t *testing.T, open func(t *testing.T) []feed.Feed) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"EveryFact", testEveryFact},
		{"OrderOfOneNode", testOrder},
		{"HeedingIsAtOnce", testHeed},
		{"FollowersTakeTurns", testTurns},
		{"AfterAndFlush", testAfter},
		{"FlushEndsWithItsContext", testFlushEnds},
		{"MuchWaits", testMuchWaits},
		{"ManyPublish", testManyPublish},
		{"Stop", testStop},
		{"FlushWhileStopping", testFlushWhileStopping},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{T: t, feeds: open(t)}
			t.Cleanup(f.stop)
			test.run(f)
		})
	}
}

// fixture is one test with its nodes.
type fixture struct {
	*testing.T
	feeds   []feed.Feed
	stopped bool
}

func (f *fixture) stop() {
	if f.stopped {
		return
	}
	f.stopped = true
	for _, node := range f.feeds {
		node.Stop()
	}
}

// listen has somebody heed and somebody follow on every node.
func (f *fixture) listen() (all []*told) {
	for _, node := range f.feeds {
		heeding, following := newTold(), newTold()
		node.Heed(heeding.note)
		node.Follow(following.note)
		all = append(all, heeding, following)
	}
	return all
}

// told notes the facts that somebody is told, by the name of their first notice.
type told struct {
	mu    sync.Mutex
	facts []feed.Facts
	more  chan struct{} // holds a signal when there are some
}

func newTold() *told { return &told{more: make(chan struct{}, 1)} }

func (n *told) note(facts *feed.Facts) {
	n.mu.Lock()
	n.facts = append(n.facts, *facts)
	n.mu.Unlock()
	select {
	case n.more <- struct{}{}:
	default:
	}
}

func (n *told) all() []feed.Facts {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]feed.Facts(nil), n.facts...)
}

// await returns the facts once there are so many.
func (f *fixture) await(n *told, many int) []feed.Facts {
	f.Helper()
	late := time.After(patience)
	for {
		if facts := n.all(); len(facts) >= many {
			return facts
		}
		select {
		case <-n.more:
		case <-late:
			f.Fatalf("told %d facts, want %d", len(n.all()), many)
		}
	}
}

// notice is a fact with a name.
func notice(format string, args ...any) feed.Facts {
	return feed.Facts{Notices: []feed.Notice{{Topics: []string{fmt.Sprintf(format, args...)}}}}
}

func nameOf(facts *feed.Facts) string { return facts.Notices[0].Topics[0] }

func names(facts []feed.Facts) []string {
	list := make([]string, len(facts))
	for i := range facts {
		list[i] = nameOf(&facts[i])
	}
	return list
}

// held is somebody who follows, and is held up at the first fact until released.
type held struct {
	*told
	begun, release chan struct{}
	once           sync.Once
}

func newHeld() *held {
	return &held{told: newTold(), begun: make(chan struct{}), release: make(chan struct{})}
}

func (h *held) note(facts *feed.Facts) {
	h.once.Do(func() {
		close(h.begun)
		<-h.release
	})
	h.told.note(facts)
}

// Each fact arrives as it was published, on every node, with those who heed and who follow.
func testEveryFact(f *fixture) {
	facts := sample()
	for i, value := 0, reflect.ValueOf(facts); i < value.NumField(); i++ {
		name, kind := value.Type().Field(i).Name, value.Field(i)
		if name == "Commit" {
			continue // it is for those who have a log of commits
		}
		if kind.IsZero() {
			f.Fatalf("there is no %s in the facts of the test", name)
		}
		for _, missing := range empty(kind) {
			f.Errorf("of %s in the facts of the test none has %s", name, missing)
		}
	}
	all := f.listen()
	f.feeds[0].Publish(facts)
	for _, n := range all {
		if got := f.await(n, 1)[0]; !reflect.DeepEqual(got, facts) {
			f.Errorf("got  %+v\nwant %+v", got, facts)
		}
	}
	f.stop()
	for _, n := range all {
		if len(n.all()) != 1 {
			f.Errorf("told %d times", len(n.all()))
		}
	}
}

// empty are the fields that are empty in all of a list.
func empty(list reflect.Value) (fields []string) {
	if list.Kind() != reflect.Slice {
		return nil
	}
	for i, of := 0, list.Type().Elem(); i < of.NumField(); i++ {
		has := false
		for j := range list.Len() {
			has = has || !list.Index(j).Field(i).IsZero()
		}
		if !has {
			fields = append(fields, of.Field(i).Name)
		}
	}
	return fields
}

func testOrder(f *fixture) {
	all := f.listen()
	const many = 100
	var want []string
	for i := range many {
		facts := notice("%d", i)
		want = append(want, nameOf(&facts))
		f.feeds[0].Publish(facts)
	}
	for _, n := range all {
		if got := names(f.await(n, many)); !reflect.DeepEqual(got, want) {
			f.Errorf("told in the order %v", got)
		}
	}
}

func testHeed(f *fixture) {
	following, heeding := newHeld(), newTold()
	f.feeds[0].Follow(following.note)
	f.feeds[0].Heed(heeding.note)
	f.feeds[0].Publish(notice("first"))
	<-following.begun
	f.feeds[0].Publish(notice("second"))
	if got := names(heeding.all()); !reflect.DeepEqual(got, []string{"first", "second"}) {
		f.Errorf("told %v when Publish had returned", got)
	}
	if got := following.all(); len(got) > 0 {
		f.Errorf("%v was told meanwhile", names(got))
	}
	close(following.release)
}

func testTurns(f *fixture) {
	all := newTold()
	for _, who := range []string{"first", "second", "third"} {
		f.feeds[0].Follow(func(facts *feed.Facts) {
			seen := notice("%s heard %s", who, nameOf(facts))
			all.note(&seen)
		})
	}
	f.feeds[0].Publish(notice("a"))
	f.feeds[0].Publish(notice("b"))
	want := []string{
		"first heard a", "second heard a", "third heard a", "first heard b", "second heard b", "third heard b",
	}
	if got := names(f.await(all, len(want))); !reflect.DeepEqual(got, want) {
		f.Errorf("told %q", got)
	}
}

func testAfter(f *fixture) {
	following := newTold()
	f.feeds[0].Follow(following.note)
	f.feeds[0].Publish(notice("before"))
	f.feeds[0].After(func() {
		called := notice("called")
		following.note(&called)
	})
	f.feeds[0].Publish(notice("behind"))
	if err := f.feeds[0].Flush(f.Context()); err != nil {
		f.Fatal(err)
	}
	if got := names(following.all()); !reflect.DeepEqual(got, []string{"before", "called", "behind"}) {
		f.Errorf("told %v", got)
	}
}

func testFlushEnds(f *fixture) {
	following := newHeld()
	f.feeds[0].Follow(following.note)
	f.feeds[0].Publish(notice("slow"))
	<-following.begun
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error)
	go func() { ended <- f.feeds[0].Flush(ctx) }()
	cancel()
	if err := <-ended; err == nil {
		f.Error("there was no error, and something was not told")
	}
	close(following.release)
}

// Where those who follow are held up, what may be lost is, and the rest waits, without a
// bound on the time, with one on the memory.
func testMuchWaits(f *fixture) {
	following := newHeld()
	f.feeds[0].Follow(following.note)
	f.feeds[0].Publish(notice("published"))
	<-following.begun
	offered := 1
	for f.feeds[0].Offer(notice("offered")) {
		offered++
	}
	waits := make(chan struct{})
	go func() {
		defer close(waits)
		f.feeds[0].Publish(notice("last"))
	}()
	if f.feeds[0].Waiting() == 0 {
		f.Error("nothing is said to wait")
	}
	close(following.release)
	<-waits
	facts := f.await(following.told, offered+1)
	if got := nameOf(&facts[offered]); got != "last" {
		f.Errorf("told %q at the end", got)
	}
}

// Each fact of each node is told once on all of them, and those of one in its order.
func testManyPublish(f *fixture) {
	const publishers, many = 8, 200
	var all []*told
	for _, node := range f.feeds {
		following := newTold()
		node.Follow(following.note)
		all = append(all, following)
	}
	var work sync.WaitGroup
	for p := range publishers {
		node := f.feeds[p%len(f.feeds)]
		work.Go(func() {
			for i := range many {
				node.Publish(feed.Facts{Notices: []feed.Notice{{Topics: []string{fmt.Sprint(p)}, Users: []account.UserID{account.UserID(fmt.Sprint(i))}}}})
			}
		})
	}
	work.Wait()
	for _, n := range all {
		next := make(map[string]int)
		for _, facts := range f.await(n, publishers*many) {
			from := nameOf(&facts)
			if got, want := string(facts.Notices[0].Users[0]), fmt.Sprint(next[from]); got != want {
				f.Fatalf("publisher %s: told %s, and %s was the next", from, got, want)
			}
			next[from]++
		}
	}
}

// What was published is told before Stop returns, and nothing from then on. What others have published may be on its way
// still when a node stops.
func testStop(f *fixture) {
	all := f.listen()
	const many = 50
	for i := range many {
		f.feeds[0].Publish(notice("%d", i))
	}
	for _, n := range all[2:] { // of the other nodes
		f.await(n, many)
	}
	f.stop()
	f.toldOnly(all, many)
	f.feeds[0].Publish(notice("late"))
	f.feeds[0].After(func() { f.Error("called although it is stopped") })
	if f.feeds[0].Offer(notice("late")) {
		f.Error("took what it will not tell")
	}
	if err := f.feeds[0].Flush(f.Context()); err != nil {
		f.Error(err)
	}
	f.toldOnly(all, many)
}

func (f *fixture) toldOnly(all []*told, many int) {
	f.Helper()
	for _, n := range all {
		if got := n.all(); len(got) != many {
			f.Errorf("told %d facts, want %d", len(got), many)
		}
	}
}

// Whoever flushes while the feed is being stopped waits until all is told, or for the end of the context.
func testFlushWhileStopping(f *fixture) {
	following := newHeld()
	f.feeds[0].Follow(following.note)
	f.feeds[0].Publish(notice("held"))
	<-following.begun
	f.feeds[0].Publish(notice("behind"))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		f.stop()
	}()
	for f.feeds[0].Offer(notice("offered")) { // until it is being stopped: slowly, not to fill it
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	if err := f.feeds[0].Flush(ctx); err == nil {
		f.Error("there was no error, and something was not told")
	}
	flushed := make(chan error)
	go func() { flushed <- f.feeds[0].Flush(f.Context()) }()
	close(following.release)
	if err := <-flushed; err != nil {
		f.Error(err)
	}
	if len(following.all()) < 2 {
		f.Error("flushed, and not all was told")
	}
	<-stopped
}

package presence_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/presence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ presence.People    = (*account.Service)(nil)
	_ presence.Relations = (*account.Service)(nil)
)

// world is everybody and everything that a tracker and typing work with.
type world struct {
	mu      sync.Mutex
	friends map[account.UserID][]account.UserID
	blocked map[account.UserID][]account.UserID
	seen    map[account.UserID]time.Time
	fault   error
	asked   func() // runs within FriendIDs, when not nil
	said    []string
}

func newWorld(friends ...string) *world {
	w := &world{friends: map[account.UserID][]account.UserID{}, blocked: map[account.UserID][]account.UserID{}, seen: map[account.UserID]time.Time{}}
	for _, pair := range friends {
		a, b, _ := strings.Cut(pair, "-")
		w.befriend(account.UserID(a), account.UserID(b))
	}
	return w
}

func (w *world) befriend(a, b account.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.friends[a], w.friends[b] = append(w.friends[a], b), append(w.friends[b], a)
}

func (w *world) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = err
}

func (w *world) FriendIDs(_ context.Context, id account.UserID) ([]account.UserID, error) {
	w.mu.Lock()
	asked, friends, fault := w.asked, slices.Clone(w.friends[id]), w.fault
	w.mu.Unlock()
	if asked != nil {
		asked()
	}
	return friends, fault
}

func (w *world) Seen(_ context.Context, seen []account.Seen) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault != nil {
		return w.fault
	}
	for _, s := range seen {
		w.seen[s.UserID] = s.At
	}
	return nil
}

func (w *world) Pair(_ context.Context, a, b account.UserID) (account.Pair, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return account.Pair{
		Friends: slices.Contains(w.friends[a], b), Blocks: slices.Contains(w.blocked[a], b), BlockedBy: slices.Contains(w.blocked[b], a),
	}, w.fault
}

func (w *world) BlockedIDs(_ context.Context, id account.UserID) ([]account.UserID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.blocked[id], w.fault
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

func (w *world) Online(to []account.UserID, who account.Person) {
	w.say("%s online to %v", who.Name, to)
}
func (w *world) Offline(to []account.UserID, who account.Person) {
	w.say("%s offline to %v", who.Name, to)
}
func (w *world) Present(device string, online []account.UserID) { w.say("%s sees %v", device, online) }

func (w *world) TypingStarted(at presence.Place, who account.Person, except []account.UserID) {
	w.say("%s types to %s%s except %v", who.Name, at.UserID, at.RoomID, except)
}

func (w *world) TypingStopped(at presence.Place, who account.Person, except []account.UserID) {
	w.say("%s stops to %s%s except %v", who.Name, at.UserID, at.RoomID, except)
}

// heard waits until nothing moves any more and compares what was told since the last time.
func (w *world) heard(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.said, want) {
		t.Fatalf("told:\n%s\nwant:\n%s", strings.Join(w.said, "\n"), strings.Join(want, "\n"))
	}
	w.said = nil
}

func (w *world) lastSeen(id account.UserID) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[id]
}

func person(id account.UserID) account.Person {
	return account.Person{ID: id, Name: strings.ToUpper(string(id))}
}

// track runs a test in a bubble with a tracker that is stopped at its end.
func track(t *testing.T, w *world, test func(t *testing.T, p *presence.Tracker)) {
	synctest.Test(t, func(t *testing.T) {
		p, err := presence.NewTracker(presence.DefaultConfig(), presence.TrackerDeps{People: w, Teller: w, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			w.fail(nil)
			if err := p.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		test(t, p)
	})
}

func TestFriendsLearnOfEachOther(t *testing.T) {
	w := newWorld("a-b", "b-c")
	track(t, w, func(t *testing.T, p *presence.Tracker) {
		p.Connect(person("a"), "a1")
		w.heard(t, "A online to []", "a1 sees []")
		p.Connect(person("b"), "b1")
		w.heard(t, "B online to [a]", "b1 sees [a]")
		p.Connect(person("c"), "c1")
		w.heard(t, "C online to [b]", "c1 sees [b]")
		p.Connect(person("b"), "b2")
		w.heard(t, "b2 sees [a c]")
		if got := p.Online([]account.UserID{"c", "x", "a"}); !slices.Equal(got, []account.UserID{"c", "a"}) {
			t.Errorf("online: %v", got)
		}
		if got := p.List("a", 10); !slices.Equal(got, []account.UserID{"b", "c"}) {
			t.Errorf("after a: %v", got)
		}
		if got := p.List("", 2); !slices.Equal(got, []account.UserID{"a", "b"}) {
			t.Errorf("first two: %v", got)
		}
		if p.Count() != 3 || p.Devices("b") != 2 || p.Devices("x") != 0 {
			t.Errorf("%d users, %d devices of b", p.Count(), p.Devices("b"))
		}
	})
}

// A device that comes back may do so before its lost connection is done with.
func TestDeviceThatComesBack(t *testing.T) {
	w := newWorld("a-b")
	track(t, w, func(t *testing.T, p *presence.Tracker) {
		p.Connect(person("a"), "a1")
		p.Connect(person("b"), "b1")
		w.heard(t, "A online to []", "a1 sees []", "B online to [a]", "b1 sees [a]")
		p.Connect(person("b"), "b1")
		w.heard(t, "b1 sees [a]")
		p.Disconnect("b", "b1")
		time.Sleep(time.Minute)
		w.heard(t)
		if p.Devices("b") != 1 {
			t.Errorf("%d devices of b", p.Devices("b"))
		}
		p.Disconnect("b", "b1")
		p.Disconnect("b", "b1")
		time.Sleep(time.Minute)
		w.heard(t, "B offline to [a]")
	})
}

func TestGrace(t *testing.T) {
	w := newWorld("a-b")
	track(t, w, func(t *testing.T, p *presence.Tracker) {
		p.Connect(person("a"), "a1")
		p.Connect(person("b"), "b1")
		p.Connect(person("b"), "b2")
		synctest.Wait()
		w.said = nil

		p.Disconnect("b", "b1")
		p.Disconnect("b", "nonesuch")
		p.Disconnect("x", "b2")
		time.Sleep(time.Minute)
		w.heard(t) // one device is still there

		p.Disconnect("b", "b2")
		time.Sleep(5*time.Second - time.Nanosecond)
		w.heard(t)
		if got := p.Online([]account.UserID{"b"}); len(got) != 1 {
			t.Error("not online within the grace")
		}
		p.Connect(person("b"), "b3")
		w.heard(t, "b3 sees [a]")
		time.Sleep(time.Minute)
		w.heard(t)
		if !w.lastSeen("b").IsZero() {
			t.Error("last seen while online")
		}

		p.Disconnect("b", "b3")
		left := time.Now()
		time.Sleep(5*time.Second - time.Nanosecond)
		w.heard(t)
		time.Sleep(time.Nanosecond)
		w.heard(t, "B offline to [a]")
		if !w.lastSeen("b").Equal(left) {
			t.Errorf("last seen %v, left %v", w.lastSeen("b"), left)
		}
		if p.Count() != 1 || len(p.Online([]account.UserID{"b"})) != 0 {
			t.Error("still online")
		}
		p.Connect(person("b"), "b4")
		w.heard(t, "B online to [a]", "b4 sees [a]")
	})
	if w.lastSeen("a").IsZero() || w.lastSeen("b").IsZero() {
		t.Error("those who were here at the stop are not noted")
	}
}

func TestEachGraceIsItsOwn(t *testing.T) {
	w := newWorld("a-b", "a-c", "a-d")
	track(t, w, func(t *testing.T, p *presence.Tracker) {
		for _, id := range []account.UserID{"a", "b", "c", "d"} {
			p.Connect(person(id), string(id)+"1")
		}
		synctest.Wait()
		w.said = nil
		p.Disconnect("b", "b1")
		time.Sleep(time.Second)
		p.Disconnect("c", "c1")
		time.Sleep(time.Second)
		p.Disconnect("d", "d1")
		p.Connect(person("b"), "b2")
		w.heard(t, "b2 sees [a]")
		time.Sleep(4 * time.Second)
		w.heard(t, "C offline to [a]")
		time.Sleep(time.Second)
		w.heard(t, "D offline to [a]")
	})
}

// befriended is that two have become friends.
func befriended(a, b account.UserID) []account.Event {
	return []account.Event{{Kind: account.FriendAccepted, Actor: account.Person{ID: a}, Other: account.Person{ID: b}}}
}

func TestNewFriends(t *testing.T) {
	w := newWorld()
	track(t, w, func(t *testing.T, p *presence.Tracker) {
		p.Connect(person("a"), "a1")
		p.Connect(person("b"), "b1")
		synctest.Wait()
		w.said = nil
		w.befriend("a", "b")
		w.befriend("a", "c")
		p.Heard(befriended("a", "b"))
		p.Heard(befriended("a", "c")) // who is not here
		w.heard(t, "A online to [b]", "B online to [a]")
	})
}

// Two become friends while the friends of one are looked up.
func TestNewName(t *testing.T) {
	w := newWorld()
	track(t, w, func(t *testing.T, p *presence.Tracker) {
		p.Connect(person("a"), "a1")
		p.Connect(person("b"), "b1")
		w.heard(t, "A online to []", "a1 sees []", "B online to []", "b1 sees []")
		p.Heard([]account.Event{{Kind: account.UserChanged, Actor: account.Person{ID: "a", Name: "Anna"}}})
		p.Heard([]account.Event{{Kind: account.UserChanged, Actor: account.Person{ID: "nobody", Name: "Nobody"}}})
		w.befriend("a", "b")
		p.Heard(befriended("a", "b"))
		w.heard(t, "Anna online to [b]", "B online to [a]")
	})
}

func TestNewFriendsMeanwhile(t *testing.T) {
	w := newWorld()
	track(t, w, func(t *testing.T, p *presence.Tracker) {
		p.Connect(person("b"), "b1")
		synctest.Wait()
		w.said = nil
		looking, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		w.mu.Lock()
		w.asked = func() { once.Do(func() { close(looking); <-goOn }) }
		w.mu.Unlock()
		p.Connect(person("a"), "a1")
		<-looking // with the old list
		w.befriend("a", "b")
		p.Heard(befriended("a", "b"))
		close(goOn)
		w.heard(t, "A online to []", "a1 sees []", "A online to [b]", "B online to [a]")
	})
}

func TestFaultsAreTriedAgain(t *testing.T) {
	w := newWorld("a-b")
	track(t, w, func(t *testing.T, p *presence.Tracker) {
		p.Connect(person("a"), "a1")
		synctest.Wait()
		w.said = nil
		w.fail(errors.New("no database"))
		p.Connect(person("b"), "b1")
		time.Sleep(10 * time.Second)
		w.heard(t)
		w.fail(nil)
		time.Sleep(time.Second)
		w.heard(t, "B online to [a]", "b1 sees [a]")

		w.fail(errors.New("no database"))
		p.Disconnect("b", "b1")
		left := time.Now()
		time.Sleep(10 * time.Second)
		w.heard(t)
		w.fail(nil)
		time.Sleep(time.Second)
		w.heard(t, "B offline to [a]")
		if !w.lastSeen("b").Equal(left) {
			t.Errorf("last seen %v, left %v", w.lastSeen("b"), left)
		}
	})
}

func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a-b")
		p, err := presence.NewTracker(presence.DefaultConfig(), presence.TrackerDeps{People: w, Teller: w, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1200 { // more than are stored at once
			p.Connect(person(account.UserID(fmt.Sprint("u", i))), fmt.Sprint("d", i))
		}
		p.Connect(person("a"), "a1")
		p.Disconnect("a", "a1")
		left := time.Now()
		time.Sleep(3 * time.Second)
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.said = nil
		w.mu.Unlock()
		p.Connect(person("b"), "b1")
		p.Disconnect("u0", "d0")
		p.Heard(befriended("a", "u1"))
		w.heard(t)
		if got := w.lastSeen("a"); !got.Equal(left) {
			t.Errorf("a left at %v, noted %v", left, got)
		}
		if got := w.lastSeen("u1199"); !got.Equal(time.Now()) {
			t.Errorf("last of many noted at %v", got)
		}
	})
}

// At the end, everybody's picture that the news have painted must be the truth.
func TestNewsAddUp(t *testing.T) {
	const people = 12
	id := func(i int) account.UserID { return account.UserID(fmt.Sprint("u", i%people)) }
	w := newWorld()
	for i := range people {
		for j := range i {
			if (i+j)%3 != 0 {
				w.befriend(id(i), id(j))
			}
		}
	}
	track(t, w, func(t *testing.T, p *presence.Tracker) {
		var all sync.WaitGroup
		for i := range people {
			all.Go(func() {
				for n := range 40 {
					device := fmt.Sprint(id(i), "/", n)
					p.Connect(account.Person{ID: id(i), Name: string(id(i))}, device)
					time.Sleep(time.Duration((i*7+n*13)%11) * time.Second)
					p.Disconnect(id(i), device)
					w.say("%s left []", device)
					time.Sleep(time.Duration((i*5+n*3)%9) * time.Second)
				}
				if i%2 == 0 {
					p.Connect(account.Person{ID: id(i), Name: string(id(i))}, string(id(i))+"/last")
				}
			})
		}
		all.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()

		sees := map[string]map[string]bool{} // by user, of whom a device is there that was told who is online
		left := map[string]bool{}            // devices
		for _, line := range w.said {
			var who, what string
			_, _ = fmt.Sscan(line, &who, &what)
			user, _, _ := strings.Cut(who, "/")
			list := strings.Fields(strings.Trim(line[strings.IndexByte(line, '['):], "[]"))
			switch what {
			case "left":
				left[who] = true
				delete(sees, user)
				continue
			case "sees":
				if left[who] {
					continue // it went while this was on its way
				}
				sees[user] = map[string]bool{}
				for _, other := range list {
					sees[user][other] = true
				}
				continue
			}
			for _, to := range list {
				if sees[to] == nil {
					continue
				}
				if what == "online" && sees[to][who] {
					t.Errorf("needless: %s", line)
				}
				sees[to][who] = what == "online"
			}
		}
		for i := 0; i < people; i += 2 {
			for _, friend := range w.friends[id(i)] {
				truth := len(p.Online([]account.UserID{friend})) == 1
				if sees[string(id(i))][string(friend)] != truth {
					t.Errorf("%s thinks %s online: %t", id(i), friend, !truth)
				}
			}
		}
	})
}

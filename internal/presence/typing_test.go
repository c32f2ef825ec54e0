package presence_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/presence"
)

func typing(t *testing.T, w *world, cfg presence.TypingConfig, test func(t *testing.T, p *presence.Typing, start func(id account.UserID, at presence.Place))) {
	synctest.Test(t, func(t *testing.T) {
		p, err := presence.NewTyping(cfg, presence.TypingDeps{Relations: w, Teller: w, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Stop()
		test(t, p, func(id account.UserID, at presence.Place) {
			t.Helper()
			if err := p.Start(t.Context(), person(id), at); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestTyping(t *testing.T) {
	w := newWorld("a-b")
	typing(t, w, presence.DefaultTypingConfig(), func(t *testing.T, p *presence.Typing, start func(account.UserID, presence.Place)) {
		to := presence.Place{UserID: "b"}
		start("a", to)
		w.heard(t, "A types to b except []")
		p.End("a", to)
		w.heard(t, "A stops to b except []")
		p.End("a", to)
		p.End("x", to)
		w.heard(t)

		start("a", to)
		w.heard(t, "A types to b except []")
		time.Sleep(2 * time.Second)
		start("a", to) // told a moment ago
		w.heard(t)
		time.Sleep(2 * time.Second)
		start("a", to)
		w.heard(t, "A types to b except []")
		time.Sleep(6*time.Second - time.Nanosecond)
		w.heard(t)
		time.Sleep(time.Nanosecond)
		w.heard(t, "A stops to b except []")
		time.Sleep(time.Minute)
		w.heard(t)
	})
}

func TestTypingInRooms(t *testing.T) {
	w := newWorld()
	w.blocked["a"] = []account.UserID{"x", "y"}
	typing(t, w, presence.DefaultTypingConfig(), func(t *testing.T, p *presence.Typing, start func(account.UserID, presence.Place)) {
		start("a", presence.Place{RoomID: "r1"})
		time.Sleep(time.Second)
		start("a", presence.Place{RoomID: "r2"})
		start("b", presence.Place{RoomID: "r1"})
		w.heard(t, "A types to r1 except [x y]", "A types to r2 except [x y]", "B types to r1 except []")
		time.Sleep(5 * time.Second)
		w.heard(t, "A stops to r1 except [x y]")
		p.EndAll("a")
		p.EndAll("nobody")
		w.heard(t, "A stops to r2 except [x y]")
		time.Sleep(time.Second)
		w.heard(t, "B stops to r1 except []")
	})
}

// Who was told that somebody types is told when that ends.
func TestBlocksWhileTyping(t *testing.T) {
	w := newWorld()
	w.blocked["a"] = []account.UserID{"x", "y"}
	typing(t, w, presence.DefaultTypingConfig(), func(t *testing.T, p *presence.Typing, start func(account.UserID, presence.Place)) {
		start("a", presence.Place{RoomID: "r"})
		time.Sleep(4 * time.Second)
		w.blocked["a"] = []account.UserID{"b", "y"}
		start("a", presence.Place{RoomID: "r"})
		w.heard(t, "A types to r except [x y]", "A types to r except [b y]")
		time.Sleep(6 * time.Second)
		w.heard(t, "A stops to r except [y]")
	})
}

func TestTypingIsHidden(t *testing.T) {
	w := newWorld("a-b", "a-c")
	w.blocked["b"] = []account.UserID{"a"}
	for _, friendsOnly := range []bool{true, false} {
		cfg := presence.DefaultTypingConfig()
		cfg.FriendsOnly = friendsOnly
		typing(t, w, cfg, func(t *testing.T, p *presence.Typing, start func(account.UserID, presence.Place)) {
			start("a", presence.Place{UserID: "b"})
			start("b", presence.Place{UserID: "a"})
			start("a", presence.Place{UserID: "a"})
			w.heard(t)
			start("a", presence.Place{UserID: "stranger"})
			if friendsOnly {
				w.heard(t)
			} else {
				w.heard(t, "A types to stranger except []")
			}
			p.EndAll("a")
			synctest.Wait()
			w.said = nil
			start("a", presence.Place{UserID: "c"})
			w.heard(t, "A types to c except []")
			p.EndAll("a")
			w.heard(t, "A stops to c except []")
		})
	}
}

func TestTypingInManyPlaces(t *testing.T) {
	w := newWorld()
	typing(t, w, presence.DefaultTypingConfig(), func(t *testing.T, p *presence.Typing, start func(account.UserID, presence.Place)) {
		start("b", presence.Place{RoomID: "r"})
		for i := range presence.MaxPlaces {
			start("a", presence.Place{RoomID: fmt.Sprint("r", i)})
		}
		start("a", presence.Place{RoomID: "r0"}) // expires last now
		synctest.Wait()
		w.said = nil
		start("a", presence.Place{RoomID: "more"})
		w.heard(t, "A stops to r1 except []", "A types to more except []")
	})
}

func TestTypingFault(t *testing.T) {
	w := newWorld("a-b")
	w.fail(errors.New("no database"))
	typing(t, w, presence.DefaultTypingConfig(), func(t *testing.T, p *presence.Typing, _ func(account.UserID, presence.Place)) {
		for _, at := range []presence.Place{{UserID: "b"}, {RoomID: "r"}} {
			if err := p.Start(t.Context(), person("a"), at); !errors.Is(err, w.fault) {
				t.Errorf("got %v", err)
			}
		}
		w.heard(t)
	})
}

// A user types on devices of two nodes, x and y: here is what y says, by what it has heard of x.
func TestTypingOnTwoNodes(t *testing.T) {
	b := presence.Place{UserID: "b"}
	for _, c := range []struct {
		name string
		do   func(p *presence.Typing, start func(account.UserID, presence.Place))
		want []string
	}{
		{"x ends by itself", func(p *presence.Typing, _ func(account.UserID, presence.Place)) {
			p.StartedElsewhere(person("a"), b, nil)
			time.Sleep(time.Minute)
			p.End("a", b)
		}, nil},
		{"x has ended", func(p *presence.Typing, _ func(account.UserID, presence.Place)) {
			p.StartedElsewhere(person("a"), b, nil)
			p.StoppedElsewhere("a", b)
			p.End("a", b)
		}, nil},
		{"ended on y", func(p *presence.Typing, _ func(account.UserID, presence.Place)) {
			p.StartedElsewhere(person("a"), b, []account.UserID{"c"})
			p.End("a", b)
			p.End("a", b)
		}, []string{"A stops to b except [c]"}},
		{"gone from y, the last", func(p *presence.Typing, _ func(account.UserID, presence.Place)) {
			p.StartedElsewhere(person("a"), b, nil)
			p.EndAll("a")
		}, []string{"A stops to b except []"}},
		{"goes on on y", func(p *presence.Typing, start func(account.UserID, presence.Place)) {
			p.StartedElsewhere(person("a"), b, nil)
			time.Sleep(time.Second)
			start("a", b)
			time.Sleep(time.Minute)
		}, []string{"A types to b except []", "A stops to b except []"}},
		{"goes on on x", func(p *presence.Typing, start func(account.UserID, presence.Place)) {
			start("a", b)
			time.Sleep(5 * time.Second)
			p.StartedElsewhere(person("a"), b, nil)
			time.Sleep(5 * time.Second)
			p.StoppedElsewhere("a", b)
			time.Sleep(time.Minute)
		}, []string{"A types to b except []"}},
		{"more places than there may be", func(p *presence.Typing, start func(account.UserID, presence.Place)) {
			for i := range 2 * presence.MaxPlaces {
				p.StartedElsewhere(person("a"), presence.Place{RoomID: fmt.Sprint("r", i)}, nil)
			}
			p.EndAll("a")
		}, everyStop()},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld("a-b")
			typing(t, w, presence.DefaultTypingConfig(), func(t *testing.T, p *presence.Typing, start func(account.UserID, presence.Place)) {
				c.do(p, start)
				synctest.Wait()
				if len(w.said) > 2 {
					slices.Sort(w.said) // they end in no order
				}
				w.heard(t, c.want...)
			})
		})
	}
}

func everyStop() []string {
	var all []string
	for i := range presence.MaxPlaces {
		all = append(all, fmt.Sprintf("A stops to r%d except []", i))
	}
	slices.Sort(all)
	return all
}

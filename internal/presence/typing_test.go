package presence_test

import (
	"errors"
	"fmt"
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

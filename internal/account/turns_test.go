package account_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// at returns the place in the order of turns, from 0, at which somebody comes.
func at(t *testing.T, turns *account.Turns, name string) int {
	t.Helper()
	for place := 0; ; place++ {
		switch turns.Next() {
		case name:
			return place
		case "":
			t.Fatalf("%s has no turn", name)
		}
	}
}

const guesses = 200

// Many attempts put those in front of others' behind them, whatever they have in common.
func TestTurnsAreFair(t *testing.T) {
	for _, c := range []struct {
		name    string
		guess   func(i int) (from, account string)
		latest  int
		account string
	}{
		{"one address guesses at many", func(i int) (string, string) { return "192.0.2.1", fmt.Sprint("user ", i) }, 1, "ada"},
		{"one address guesses at one", func(int) (string, string) { return "192.0.2.1", "bob" }, 1, "ada"},
		{"many addresses guess at one", func(i int) (string, string) { return fmt.Sprintf("192.0.2.%d", i), "bob" }, 1, "ada"},
		{
			"many networks of a site guess at many",
			func(i int) (string, string) { return fmt.Sprintf("2001:db8:1:%x::", i), fmt.Sprint("user ", i) },
			16, "ada",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			turns := account.NewTurns(2 * guesses)
			for i := range guesses {
				from, account := c.guess(i)
				turns.Ask("a guess", from, account)
			}
			turns.Ask("somebody", "198.51.100.1", c.account)
			if place := at(t, turns, "somebody"); place > c.latest {
				t.Errorf("comes after %d guesses", place)
			}
		})
	}
}

// Who has signed in from there before waits less, also where many guess at that very account, where nothing else sets one
// apart from them, and where they have been at it for long.
func TestTurnsOfThoseWhoAreKnown(t *testing.T) {
	for name, login := range map[string]func(i int) string{
		"at the account": func(int) string { return "ada" },
		"at others":      func(i int) string { return fmt.Sprint("user ", i) },
	} {
		for _, before := range []int{0, 1, guesses / 2} {
			turns := account.NewTurns(2 * guesses)
			turns.Know("198.51.100.1", "ada")
			for i := range guesses {
				turns.Ask("a guess", fmt.Sprintf("192.0.2.%d", i), login(i))
			}
			for range before {
				turns.Next()
			}
			turns.Ask("another account", "198.51.100.1", "eve")
			turns.Ask("ada", "198.51.100.1", "ada")
			if place := at(t, turns, "ada"); place > 0 {
				t.Errorf("guesses %s, %d turns later: the owner comes after %d", name, before, place)
			}
			if place := at(t, turns, "another account"); name == "at others" && place < guesses-before {
				t.Error("an address is known for one of its accounts, not for all")
			}
		}
	}
}

// Those who are known keep nobody from a turn, and share theirs.
func TestTurnsOfStrangers(t *testing.T) {
	turns := account.NewTurns(2000)
	const known, each = 10, 50
	for i := range known {
		from, name := fmt.Sprintf("198.51.100.%d", i), fmt.Sprint("user ", i)
		turns.Know(from, name)
		for range each {
			turns.Ask("known", from, name)
		}
	}
	turns.Ask("a stranger", "192.0.2.1", "eve")
	if place := at(t, turns, "a stranger"); place > 3 {
		t.Errorf("a stranger comes after %d others", place)
	}
	turns.Know("198.51.100.200", "ada")
	turns.Ask("ada", "198.51.100.200", "ada")
	if place := at(t, turns, "ada"); place > 2*known { // two rounds
		t.Errorf("one who is known comes after %d others", place)
	}
}

// The number of those who wait is bounded, and it is no use to fill it.
func TestTurnsAreBounded(t *testing.T) {
	turns := account.NewTurns(10)
	for i := range 11 {
		turns.Ask(fmt.Sprint("guess ", i), "192.0.2.1", "bob")
	}
	if refused := turns.Refused(); !slices.Equal(refused, []string{"guess 10"}) {
		t.Fatalf("refused %q", refused)
	}
	turns.Ask("ada", "198.51.100.1", "ada")
	if refused := turns.Refused(); len(refused) != 2 || !slices.Contains(refused, "guess 9") {
		t.Fatalf("refused %q", refused)
	}
	if place := at(t, turns, "ada"); place > 1 {
		t.Errorf("ada comes after %d", place)
	}
}

// Nothing is kept of those who have had their turn, or have given up.
func TestTurnsForget(t *testing.T) {
	turns := account.NewTurns(100)
	for i := range 20 {
		turns.Ask(fmt.Sprint(i), fmt.Sprintf("2001:db8:%d::", i), fmt.Sprint("user ", i))
	}
	for i := range 10 {
		turns.Leave(fmt.Sprint(i))
	}
	for range 10 {
		turns.Next()
	}
	if clocks := turns.Clocks(); clocks != 0 {
		t.Errorf("%d clocks are kept", clocks)
	}
}

// 200 wrong logins at once do not starve the right one.
func TestRightLoginAmongWrongOnes(t *testing.T) {
	cfg := cheap()
	cfg.Hashing = account.Hashing{MemoryKiB: 4 << 10, Passes: 2, Lanes: 1, AtOnce: 2, Wait: time.Hour}
	h := open(t, cfg)
	h.register("ada")
	release := h.HoldHashing()
	defer release()
	home, elsewhere := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("192.0.2.1")
	var wrong atomic.Int32
	var all sync.WaitGroup
	defer all.Wait()
	for i := range guesses {
		all.Go(func() {
			_, err := h.Login(t.Context(), account.Login{Username: fmt.Sprint("user", i), Password: "a wild guess", From: elsewhere})
			if !errors.Is(err, account.ErrInvalidCredentials) && t.Context().Err() == nil {
				t.Error(err)
			}
			wrong.Add(1)
		})
	}
	h.awaitHashing(guesses)
	right := make(chan error, 1)
	go func() {
		_, err := h.Login(t.Context(), account.Login{Username: "ada", Password: "password of ada", From: home})
		right <- err
	}()
	h.awaitHashing(guesses + 1)
	release()
	h.must(<-right)
	if before := wrong.Load(); before > guesses/2 {
		t.Errorf("the right login came after %d wrong ones", before)
	}
}

// awaitHashing waits until so many wait for their turn to hash.
func (h *house) awaitHashing(n int) {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); h.HashingWaits() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("%d wait, not %d", h.HashingWaits(), n)
		}
	}
}

// Who has logged in from an address before is not crowded out by guesses at the account, as somebody from elsewhere is.
func TestLoginFromAKnownAddressAmongGuesses(t *testing.T) {
	cfg := cheap()
	cfg.Hashing.Wait = time.Hour
	h := open(t, cfg)
	h.register("ada")
	login := func(from, password string) error {
		_, err := h.Login(t.Context(), account.Login{Username: "ada", Password: password, From: netip.MustParseAddr(from)})
		return err
	}
	const home, elsewhere, right = "198.51.100.1", "198.51.100.2", "password of ada"
	h.must(login(home, right))
	var guessing sync.WaitGroup
	defer guessing.Wait()
	release := h.HoldHashing()
	defer release()
	isBusy := func(err error) bool {
		refused := refusal.Of(err)
		return refused != nil && refused.Code == account.CodeBusy
	}
	crowdedOut := make(chan error, account.MaxWaiting)
	for i := range account.MaxWaiting {
		guessing.Go(func() {
			if err := login(fmt.Sprintf("10.0.%d.%d", i/256, i%256), "a wild guess"); isBusy(err) {
				crowdedOut <- err
			}
		})
	}
	h.awaitHashing(account.MaxWaiting)
	if err := login(elsewhere, right); !isBusy(err) {
		t.Errorf("from elsewhere: %v", err)
	}
	owner := make(chan error, 1)
	go func() { owner <- login(home, right) }()
	select {
	case <-crowdedOut: // in the owner's place
		release()
		h.must(<-owner)
	case err := <-owner:
		t.Errorf("from home: %v", err)
	case <-time.After(time.Minute):
		t.Error("nobody makes room for the owner")
	}
}

package account_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestFind(t *testing.T) {
	h := open(t, cheap())
	ada := h.register("ada").User
	name := "Named like a login"
	other, _, err := h.PutUser(t.Context(), account.PutUser{ID: "bob", Name: &name})
	h.must(err)
	h.register("bob") // the id goes first
	for by, want := range map[string]account.User{string(ada.ID): ada, "ada": ada, "ADA": ada, "bob": other} {
		got, err := h.Find(t.Context(), by)
		h.must(err)
		same(t, by, got, want)
	}
	_, err = h.Find(t.Context(), "nobody")
	h.refused(err, account.ErrUserNotFound)
	_, err = h.Find(t.Context(), "")
	h.refused(err, &refusal.Error{Code: refusal.MissingFields})
}

func TestUsersAreListed(t *testing.T) {
	h := open(t, cheap())
	for _, id := range []account.UserID{"c", "a", "b"} {
		_, _, err := h.PutUser(t.Context(), account.PutUser{ID: id})
		h.must(err)
	}
	ids := func(after account.UserID, limit int) (ids []account.UserID) {
		t.Helper()
		users, err := h.Users(t.Context(), after, limit)
		h.must(err)
		for i := range users {
			ids = append(ids, users[i].ID)
		}
		return ids
	}
	same(t, "all", ids("", 0), []account.UserID{"a", "b", "c"})
	same(t, "a page", ids("a", 1), []account.UserID{"b"})
	for _, limit := range []int{-1, 101} {
		_, err := h.Users(t.Context(), "", limit)
		var refusal *refusal.Error
		if !errors.As(err, &refusal) || refusal.Field != "limit" || refusal.Limit != 100 {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// beside opens the accounts of a house a second time, as the operator's commands do in a process of their own.
func (h *house) beside() *house {
	h.t.Helper()
	return openAs(h.t, cheap(), h.dir, h.clock, true)
}

// heeding has the house look for revocations until the test ends or stop is called, which returns how many it found.
func (h *house) heeding() (stop func() int) {
	over := make(chan struct{})
	var found int
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			n, err := h.Heed(context.Background())
			if err != nil {
				h.t.Error(err)
			}
			found += n
			select {
			case <-over:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	stop = sync.OnceValue(func() int { close(over); looking.Wait(); return found })
	h.t.Cleanup(func() { stop() })
	return stop
}

// toldOfRevoked takes the events, by which connections end: those of one revocation, the server's own.
func (h *house) toldOfRevoked(id account.UserID) {
	h.t.Helper()
	events := h.take()
	if len(events) != 1 || events[0].Kind != account.TokensRevoked || events[0].Revocation.UserID != id {
		h.t.Errorf("told %+v, want a revocation of %s", events, id)
	}
}

func TestSetPasswordBeside(t *testing.T) {
	server := open(t, cheap())
	operator := server.beside()
	ctx := t.Context()
	old, bystander := server.register("ada"), server.register("bob")
	server.take()
	stop := server.heeding()

	u, err := operator.SetPassword(ctx, "ADA", "a new password") // within the same millisecond
	server.must(err)
	same(t, "user", u, old.User)
	fresh, err := server.Login(ctx, account.Login{Username: "ada", Password: "a new password"})
	server.must(err)
	same(t, "heeded", stop(), 1)
	server.toldOfRevoked(old.User.ID)
	if server.good(old.Token) || !server.good(bystander.Token) || !server.good(fresh.Token) {
		t.Error("the wrong token is good")
	}
	_, err = server.Login(ctx, account.Login{Username: "ada", Password: "password of ada"})
	server.refused(err, account.ErrInvalidCredentials)
	if again := reopen(t, cheap(), server.dir, server.clock); again.good(old.Token) || !again.good(fresh.Token) {
		t.Error("the wrong token is good after a restart")
	}
}

func TestSignOutBeside(t *testing.T) {
	server := open(t, cheap())
	operator := server.beside()
	ada := account.Identity{UserID: "ada", IssuedAt: noon}
	_, _, err := server.PutUser(t.Context(), account.PutUser{ID: "ada"})
	server.must(err)
	stop := server.heeding()
	_, err = operator.SignOut(t.Context(), "ada")
	server.must(err)
	same(t, "revoked", server.Revoked(&ada), true)
	server.toldOfRevoked("ada")
	server.must(server.RevokeUser(t.Context(), "ada"))
	same(t, "heeded, but for what it did itself", stop(), 1)
}

func TestNobodyHeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := open(t, cheap())
		operator := server.beside()
		server.register("ada")
		started := time.Now()
		_, err := operator.SignOut(t.Context(), "ada")
		server.refused(err, account.ErrNotHeeded)
		same(t, "waited", time.Since(started), 5*time.Second)
		server.clock.sleep(2 * time.Minute)
		heeded, err := server.Heed(t.Context())
		server.must(err)
		same(t, "heeded of two minutes ago", heeded, 0)
	})
}

func TestOperatorMistakes(t *testing.T) {
	h := open(t, cheap())
	_, _, err := h.PutUser(t.Context(), account.PutUser{ID: "bob"})
	h.must(err)
	session := h.register("ada")
	_, err = h.SetPassword(t.Context(), "bob", "long enough")
	h.refused(err, &refusal.Error{Code: refusal.InvalidField})
	_, err = h.SetPassword(t.Context(), "nobody", "long enough")
	h.refused(err, account.ErrUserNotFound)
	_, err = h.SetPassword(t.Context(), "ada", "short")
	h.refused(err, &refusal.Error{Code: refusal.InvalidField})
	_, err = h.SignOut(t.Context(), "nobody")
	h.refused(err, account.ErrUserNotFound)
	if !h.good(session.Token) {
		t.Error("a refused change revokes")
	}
}

// Whatever the server issues while the operator sets a password: when that is done, no token is good that was got by what
// was good before.
func TestSetPasswordWhileLoggingIn(t *testing.T) {
	server := open(t, cheap())
	operator := server.beside()
	server.register("ada")
	server.heeding()
	password := "password of ada"
	for round := range 15 {
		next := fmt.Sprint("password ", round)
		issued := server.flood(password, func() {
			_, err := operator.SetPassword(t.Context(), "ada", next)
			server.must(err)
		})
		if at := slices.IndexFunc(issued, server.good); at >= 0 {
			t.Fatalf("round %d: of %d tokens number %d is good", round, len(issued), at)
		}
		password = next
	}
}

// flood logs in and refreshes, each token too, while meanwhile runs, and returns the tokens it got.
func (h *house) flood(password string, meanwhile func()) (issued []account.Token) {
	h.t.Helper()
	ctx := h.t.Context()
	var mu sync.Mutex
	var working, begun sync.WaitGroup
	over := make(chan struct{})
	work := func() {
		var once sync.Once
		var last account.Session
		for {
			h.clock.sleep(time.Millisecond) // time goes on in the midst of what the others do
			identity, err := h.Verify(ctx, last.Token.Text)
			if err == nil {
				last, err = h.Refresh(ctx, identity)
			}
			if err != nil {
				last, err = h.Login(ctx, account.Login{Username: "ada", Password: password})
			}
			if err == nil {
				mu.Lock()
				issued = append(issued, last.Token)
				mu.Unlock()
			}
			once.Do(begun.Done)
			select {
			case <-over:
				return
			default:
			}
		}
	}
	for range 4 {
		begun.Add(1)
		working.Go(work)
	}
	begun.Wait()
	meanwhile()
	close(over)
	working.Wait()
	return issued
}

package account_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

// pair are two processes that serve from one store. What one has committed the other one hears when the test says so.
type pair struct {
	*house
	other *house
}

func openPair(t *testing.T, wraps ...func(account.Store) account.Store) *pair {
	t.Helper()
	clock, dir := &ticking{at: noon}, t.TempDir()
	return &pair{openNode(t, dir, clock), openNode(t, dir, clock, wraps...)}
}

// passes has the other one hear what this one has committed.
func (p *pair) passes() { p.other.Heard(p.take()) }

// settles does what is done every second on the other one, and has this one hear of it.
func (p *pair) settles(want int) {
	p.t.Helper()
	settled, err := p.other.Heed(p.t.Context())
	p.must(err)
	same(p.t, "users revoked again", settled, want)
	p.Heard(p.other.take())
}

func (p *pair) goodNowhere(what string, token account.Token) {
	p.t.Helper()
	if p.good(token) || p.other.good(token) {
		p.t.Errorf("%s is good: %t, on the other: %t", what, p.good(token), p.other.good(token))
	}
}

func (p *pair) goodEverywhere(what string, token account.Token) {
	p.t.Helper()
	if !p.good(token) || !p.other.good(token) {
		p.t.Errorf("%s is good: %t, on the other: %t", what, p.good(token), p.other.good(token))
	}
}

// A token that is got on one node by one that was revoked on another before is revoked too, whatever the clocks say.
func TestRefreshedWhileRevokedElsewhere(t *testing.T) {
	p := openPair(t)
	stolen := p.register("ada")
	identity := p.verify(stolen.Token)
	held := make(chan struct{})
	slow := openNode(t, p.dir, p.clock, func(s account.Store) account.Store { return heldStore{s, held} })
	p.other = slow
	var got account.Session
	var err error
	var refreshing sync.WaitGroup
	refreshing.Go(func() { got, err = slow.Refresh(t.Context(), identity) }) // has looked what is revoked, and is held up
	held <- struct{}{}
	p.must(p.RevokeUser(t.Context(), identity.UserID))
	p.clock.sleep(time.Second)
	held <- struct{}{}
	refreshing.Wait()
	p.must(err)
	if !slow.good(got.Token) {
		t.Fatal("it was known after all: the test shows nothing")
	}
	p.passes()
	if slow.good(got.Token) {
		t.Error("it is good on its node until it is stored that it is not")
	}
	p.settles(1)
	p.goodNowhere("what was got by a revoked token", got.Token)
	p.goodNowhere("the revoked token", stolen.Token)
	p.settles(0)
}

// heldStore holds the look at an account up.
type heldStore struct {
	account.Store
	held chan struct{}
}

func (s heldStore) Local(ctx context.Context, id account.UserID) (account.Local, bool, error) {
	local, found, err := s.Store.Local(ctx, id)
	<-s.held
	<-s.held
	return local, found, err
}

// What is heard while a token is signed counts too.
func TestHeardWhileRefreshing(t *testing.T) {
	p := openPair(t)
	session := p.register("ada")
	identity := p.verify(session.Token)
	held := make(chan struct{})
	p.other = openNode(t, p.dir, p.clock, func(s account.Store) account.Store { return heldStore{s, held} })
	var err error
	var refreshing sync.WaitGroup
	refreshing.Go(func() { _, err = p.other.Refresh(t.Context(), identity) })
	held <- struct{}{}
	p.must(p.RevokeUser(t.Context(), identity.UserID))
	p.passes()
	held <- struct{}{}
	refreshing.Wait()
	if !errors.Is(err, account.ErrUnauthenticated) {
		t.Errorf("got %v", err)
	}
}

// Who logs in with the new password on a node that has not heard of it yet stays logged in.
func TestLoginBehindAChangeElsewhere(t *testing.T) {
	p := openPair(t)
	old := p.register("ada")
	p.passes()
	changed, err := p.ChangePassword(t.Context(), old.User.ID, account.ChangePassword{Password: "password of ada", NewPassword: "a new password"})
	p.must(err)
	fresh, err := p.other.Login(t.Context(), account.Login{Username: "ada", Password: "a new password"})
	p.must(err)
	p.passes()
	p.settles(0)
	p.goodEverywhere("the token of the change", changed.Token)
	p.goodEverywhere("the token of the login", fresh.Token)
	p.goodNowhere("the token before", old.Token)
	p.passes() // once more, as after a long time in which nothing was heard
	p.settles(0)
	p.goodEverywhere("the token of the login", fresh.Token)
}

// A node whose clock is ahead has issued tokens that are younger than a revocation by another one's clock.
func TestRevokedByAClockThatIsBehind(t *testing.T) {
	p := openPair(t)
	p.register("ada")
	p.passes()
	p.clock.sleep(3 * time.Second)
	early, err := p.other.Login(t.Context(), account.Login{Username: "ada", Password: "password of ada"})
	p.must(err)
	p.other.take()
	p.clock.sleep(-2 * time.Second)
	p.must(p.RevokeUser(t.Context(), early.User.ID))
	p.passes()
	p.settles(1)
	p.goodNowhere("a token from before", early.Token)
}

package account_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// sharing is an issuer whose tokens speak for the partner's users, plain one with users of its own.
const (
	sharing = "https://sharing.example"
	plain   = "https://plain.example"
)

// as returns the identity of a token that an issuer made for a user.
func (h *house) as(issuer, id string) account.Identity {
	h.t.Helper()
	identity, err := h.verifyAs(issuer, id)
	h.must(err)
	return identity
}

func (h *house) verifyAs(issuer, id string) (account.Identity, error) {
	h.t.Helper()
	secret := otherSecret
	if issuer == account.OwnIssuer {
		secret = ownSecret
	}
	return h.Verify(h.t.Context(), sign(h.t, jwt.SigningMethodHS256, []byte(secret),
		jwt.MapClaims{"iss": issuer, "sub": id, "username": "As of " + issuer, "iat": h.clock.now().Unix()}))
}

func (h *house) signIn(issuer, id string) (account.User, error) {
	h.t.Helper()
	identity, err := h.verifyAs(issuer, id)
	if err != nil {
		return account.User{}, err
	}
	return h.SignIn(h.t.Context(), identity)
}

// An issuer's token must not act as another issuer's user, least of all as an administrator.
func TestTwoIssuers(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	b1, err := h.signIn(partner, "b1")
	h.must(err)
	_, _, err = h.GrantAdmin(ctx, "b1")
	h.must(err)
	for _, other := range []string{plain, account.OwnIssuer} {
		_, err = h.signIn(other, "b1")
		h.refused(err, account.ErrUnauthenticated)
		if err.Error() != "authentication failed" {
			t.Errorf("the client is told %q", err)
		}
	}
	_, err = h.SignIn(ctx, account.Identity{UserID: "b1", Name: "of nobody"})
	h.refused(err, account.ErrUnauthenticated)
	u, err := h.User(ctx, "b1")
	h.must(err)
	same(t, "the name", u.Name, b1.Name)

	_, err = h.signIn(sharing, "b1")
	h.must(err)
	_, err = h.signIn(sharing, "b2")
	h.must(err)
	_, err = h.signIn(partner, "b2")
	h.must(err)
}

// Users whom the backend makes are the server's own, unless it says otherwise.
func TestPutUserIssuer(t *testing.T) {
	cfg := cheap()
	cfg.Owners = []string{account.OwnIssuer, partner, plain}
	h := open(t, cfg)
	ctx := t.Context()
	put := func(id account.UserID, issuer string) error {
		t.Helper()
		cmd := account.PutUser{ID: id}
		if issuer != "" {
			cmd.Issuer = &issuer
		}
		_, _, err := h.PutUser(ctx, cmd)
		return err
	}
	h.must(put("ours", ""))
	_, err := h.signIn(account.OwnIssuer, "ours")
	h.must(err)
	_, err = h.signIn(partner, "ours")
	h.refused(err, account.ErrUnauthenticated)

	h.must(put("theirs", partner))
	_, err = h.signIn(account.OwnIssuer, "theirs")
	h.refused(err, account.ErrUnauthenticated)
	identity := h.as(partner, "theirs")
	_, err = h.SignIn(ctx, identity)
	h.must(err)
	h.must(put("theirs", ""))
	h.must(put("theirs", partner))
	same(t, "nothing has changed", h.Revoked(&identity), false)
	h.must(put("theirs", plain))
	same(t, "who was signed in", h.Revoked(&identity), true)
	_, err = h.SignIn(ctx, identity)
	h.refused(err, account.ErrUnauthenticated)

	local := h.register("ada")
	h.fault(put(local.User.ID, partner), refusal.InvalidField, "issuer", 0)
	h.fault(put("new", "https://unknown.example"), refusal.InvalidField, "issuer", 0)
	_, err = h.User(ctx, "new")
	h.refused(err, account.ErrUserNotFound)
}

func TestSetIssuer(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	h.external("ada")
	set := func(id account.UserID, issuer string) error { _, err := h.SetIssuer(ctx, id, issuer); return err }
	h.fault(set("", plain), refusal.MissingFields, "userId", 0)
	h.fault(set("ada", ""), refusal.MissingFields, "issuer", 0)
	h.fault(set("ada", "a\x00"), refusal.InvalidField, "issuer", 0)
	h.fault(set("ada", strings.Repeat("x", 1025)), refusal.LimitExceeded, "issuer", account.MaxIssuerBytes)
	h.refused(set("nobody", plain), account.ErrUserNotFound)
	identity := h.as(partner, "ada")
	h.take()
	beside := openAs(t, cheap(), h.dir, h.clock, true)
	_, err := beside.SetIssuer(ctx, "ada", plain)
	h.must(err)
	same(t, "before it is heeded", h.Revoked(&identity), false)
	for range 2 {
		_, err = h.Heed(ctx)
		h.must(err)
		same(t, "who was signed in", h.Revoked(&identity), true)
	}
	same(t, "told", h.take(), []account.Event{
		{Kind: account.UserReassigned, At: noon, Actor: account.Person{ID: "ada"}, Issuer: plain},
	})
	_, err = h.signIn(partner, "ada")
	h.refused(err, account.ErrUnauthenticated)
	_, err = h.signIn(plain, "ada")
	h.must(err)
}

// slowChange is a store with something done when a change is committed, and its caller does not know yet.
type slowChange struct {
	account.Store
	committed func()
}

func (s *slowChange) ChangeUser(ctx context.Context, cmd account.ChangeUser) (account.User, error) {
	u, err := s.Store.ChangeUser(ctx, cmd)
	if then := s.committed; then != nil {
		s.committed = nil
		then()
	}
	return u, err
}

// Of two who give a user to issuers at once the later commit counts, whoever returns last.
func TestSetIssuerAtOnce(t *testing.T) {
	var slow *slowChange
	h := openAs(t, cheap(), t.TempDir(), &ticking{at: noon}, false, func(s account.Store) account.Store {
		slow = &slowChange{Store: s}
		return slow
	})
	h.external("ada")
	set := func(issuer string) { _, err := h.SetIssuer(t.Context(), "ada", issuer); h.must(err) }
	slow.committed = func() { set(plain) }
	set(sharing)
	same(t, "revoked", h.revoked(account.Identity{UserID: "ada", UsersOf: plain}), false)
	_, err := h.signIn(plain, "ada")
	h.must(err)
}

// A server that knows several issuers wants to know whose its older users are.
func TestSettle(t *testing.T) {
	cfg := cheap()
	dir, clock := t.TempDir(), &ticking{at: noon}
	h := reopen(t, cfg, dir, clock)
	ctx := t.Context()
	const many = account.ListedUnsettled + 3
	for i := range many { // as an older server has left them
		h.must(h.store.CreateLocal(ctx, account.CreateLocal{
			User: account.User{ID: account.UserID(fmt.Sprintf("x%02d", i)), Name: "X", Username: fmt.Sprint("x", i), CreatedAt: noon}, PasswordHash: "x",
		}))
	}
	settle := func(issuer string, want int) {
		t.Helper()
		n, err := h.Settle(ctx, issuer)
		h.must(err)
		same(t, "settled", n, want)
	}
	settle("", 0) // there is one issuer
	_, err := h.signIn(account.OwnIssuer, "x00")
	h.must(err)

	cfg.Owners = []string{account.OwnIssuer, partner}
	h = reopen(t, cfg, dir, clock)
	_, err = h.Settle(ctx, "")
	unsettled := new(account.UnsettledError)
	if !errors.As(err, &unsettled) || unsettled.Total != many || len(unsettled.First) != account.ListedUnsettled {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{fmt.Sprint(many, " users"), "x00, x01", "and 3 more", "sockeye, " + partner, "users-of", "sockeye user issuer"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	_, err = h.SetIssuer(ctx, "x00", account.OwnIssuer)
	h.must(err)
	settle(partner, many-1)
	settle("", 0)
	_, err = h.signIn(partner, "x01")
	h.must(err)
	_, err = h.signIn(account.OwnIssuer, "x00")
	h.must(err)
	_, err = h.signIn(partner, "x00")
	h.refused(err, account.ErrUnauthenticated)
}

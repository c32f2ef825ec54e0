package account_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
)

// ends notes why a connection was ended.
type ends struct {
	mu  sync.Mutex
	why []account.EndReason
}

func (e *ends) end(why account.EndReason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.why = append(e.why, why)
}

func (e *ends) is(t *testing.T, what string, want ...account.EndReason) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Equal(e.why, want) {
		t.Errorf("%s was ended %v, want %v", what, e.why, want)
	}
}

func (h *house) connect(identity account.Identity) (*account.Connection, *ends) {
	h.t.Helper()
	e := new(ends)
	c, err := h.Connect(identity, e.end)
	h.must(err)
	return c, e
}

func TestRevokeToken(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	one := h.register("ada")
	two, err := h.Login(ctx, account.Login{Username: "ada", Password: "password of ada"})
	h.must(err)
	identity := h.verify(one.Token)
	_, first := h.connect(identity)
	_, again := h.connect(identity)
	_, other := h.connect(h.verify(two.Token))
	gone, left := h.connect(identity)
	gone.Leave()
	gone.Leave()

	h.must(h.RevokeToken(ctx, identity))
	h.must(h.RevokeToken(ctx, identity))
	first.is(t, "first", account.EndRevoked)
	again.is(t, "second", account.EndRevoked)
	other.is(t, "another token's")
	left.is(t, "one that had left")
	if h.good(one.Token) || !h.good(two.Token) {
		t.Error("the wrong token is good")
	}
	revoked, err := h.Revoked(ctx, identity)
	h.must(err)
	same(t, "revoked", revoked, true)
	_, err = h.Connect(identity, other.end)
	h.refused(err, account.ErrUnauthenticated)
	_, err = h.SignIn(ctx, identity)
	h.refused(err, account.ErrUnauthenticated)

	// Ids of tokens are their issuer's.
	identity.Issuer = partner
	revoked, err = h.Revoked(ctx, identity)
	h.must(err)
	same(t, "the same id of another issuer", revoked, false)
	identity.TokenID = ""
	h.refused(h.RevokeToken(ctx, identity), account.ErrNotRevocable)
}

func TestRevokeUser(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	token := func(claims jwt.MapClaims) account.Identity {
		claims["iss"], claims["sub"] = partner, "ada"
		identity, err := h.Verify(ctx, sign(t, jwt.SigningMethodHS256, []byte(otherSecret), claims))
		h.must(err)
		return identity
	}
	before := token(jwt.MapClaims{"iat": noon.Add(-time.Hour).Unix(), "jti": "t"})
	untimed := token(jwt.MapClaims{})
	ahead := token(jwt.MapClaims{"iat": noon.Add(time.Hour).Unix()}) // would outlive the revocation
	soon := token(jwt.MapClaims{"iat": noon.Add(2 * time.Minute).Unix()})
	other := account.Identity{UserID: "bob", IssuedAt: noon.Add(-time.Hour)}
	_, ended := h.connect(before)
	_, endedToo := h.connect(untimed)
	_, kept := h.connect(other)
	_, keptToo := h.connect(soon)

	h.must(h.RevokeUser(ctx, "ada")) // who has never signed in
	ended.is(t, "timed", account.EndRevoked)
	endedToo.is(t, "untimed", account.EndRevoked)
	kept.is(t, "another user's")
	keptToo.is(t, "a later token's")
	for name, tc := range map[string]struct {
		identity account.Identity
		revoked  bool
	}{"before": {before, true}, "untimed": {untimed, true}, "ahead": {ahead, true}, "soon": {soon, false}, "other": {other, false}} {
		revoked, err := h.Revoked(ctx, tc.identity)
		h.must(err)
		same(t, name, revoked, tc.revoked)
	}
}

func TestRevocationsAreKept(t *testing.T) {
	dir := t.TempDir()
	clock := &ticking{at: noon}
	h := reopen(t, cheap(), dir, clock)
	ada, bob, carl := h.register("ada"), h.register("bob"), h.register("carl")
	h.must(h.RevokeToken(t.Context(), h.verify(ada.Token)))
	h.must(h.RevokeUser(t.Context(), bob.User.ID))
	h = reopen(t, cheap(), dir, clock)
	if h.good(ada.Token) || h.good(bob.Token) || !h.good(carl.Token) {
		t.Error("the wrong tokens are good after a restart")
	}
}

func TestConnectionRefresh(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	old := h.register("ada")
	c, e := h.connect(h.verify(old.Token))
	next, err := h.Login(ctx, account.Login{Username: "ada", Password: "password of ada"})
	h.must(err)
	h.refused(c.Refresh(h.verify(h.register("bob").Token)), account.ErrUnauthenticated)
	h.must(c.Refresh(h.verify(next.Token)))
	h.must(h.RevokeToken(ctx, account.Identity{UserID: old.User.ID, Issuer: account.OwnIssuer, TokenID: old.Token.ID}))
	e.is(t, "refreshed connection")
	h.refused(c.Refresh(account.Identity{UserID: old.User.ID, Issuer: account.OwnIssuer, TokenID: old.Token.ID}), account.ErrUnauthenticated)
	h.must(h.RevokeToken(ctx, h.verify(next.Token)))
	e.is(t, "refreshed connection", account.EndRevoked)
	h.refused(c.Refresh(account.Identity{UserID: old.User.ID}), account.ErrUnauthenticated)
}

func TestDisconnect(t *testing.T) {
	h := open(t, cheap())
	ada := h.register("ada")
	_, one := h.connect(h.verify(ada.Token))
	_, two := h.connect(h.verify(ada.Token))
	_, other := h.connect(h.verify(h.register("bob").Token))
	same(t, "ended", h.Disconnect(ada.User.ID), 2)
	same(t, "again", h.Disconnect(ada.User.ID), 0)
	one.is(t, "first", account.EndDisconnected)
	two.is(t, "second", account.EndDisconnected)
	other.is(t, "other")
	if !h.good(ada.Token) {
		t.Error("the token is gone")
	}
}

// Whoever verifies, connects, logs in and refreshes while all tokens are revoked: what began before must be over, what
// begins after must work.
func TestRevokeWhileConnecting(t *testing.T) {
	h := open(t, cheap())
	id := h.register("ada").User.ID
	login := func() account.Session {
		s, err := h.Login(t.Context(), account.Login{Username: "ada", Password: "password of ada"})
		if err != nil {
			t.Error(err)
		}
		return s
	}
	for round := range 20 {
		h.clock.sleep(time.Millisecond)
		old := login()
		identity := h.verify(old.Token)
		var all sync.WaitGroup
		var refreshed []account.Session
		var mu sync.Mutex
		connected := make([]*ends, 4)
		for i := range connected {
			all.Go(func() {
				s, err := h.Refresh(t.Context(), identity)
				if err == nil {
					mu.Lock()
					refreshed = append(refreshed, s)
					mu.Unlock()
				} else if !errors.Is(err, account.ErrUnauthenticated) {
					t.Error(err)
				}
			})
			all.Go(func() {
				e := new(ends)
				if _, err := h.Connect(identity, e.end); err == nil {
					connected[i] = e
				}
			})
		}
		all.Go(func() {
			if err := h.RevokeUser(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		for _, e := range connected {
			if e != nil {
				e.is(t, "a connection of before", account.EndRevoked)
			}
		}
		for _, s := range refreshed {
			if h.good(s.Token) {
				t.Fatalf("round %d: a token that was refreshed from a revoked one is good", round)
			}
		}
		if h.good(old.Token) {
			t.Fatal("the old token is good")
		}
		if s := login(); !h.good(s.Token) {
			t.Fatalf("round %d: a token of after is not good", round)
		}
	}
}

// Expired tokens are forgotten, others are not.
func TestRevokedTokensAreForgotten(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	short := account.Identity{UserID: "x", Issuer: partner, TokenID: "short", ExpiresAt: noon.Add(time.Minute)}
	long := account.Identity{UserID: "x", Issuer: partner, TokenID: "long"}
	h.must(h.RevokeToken(ctx, short))
	h.must(h.RevokeToken(ctx, long))
	h.clock.sleep(2 * time.Hour)
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			one := long
			one.UserID, one.TokenID = fmt.Sprint(i), fmt.Sprint(i)
			if err := h.RevokeToken(ctx, one); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, tc := range []struct {
		identity account.Identity
		want     bool
	}{{short, false}, {long, true}} {
		revoked, err := h.Revoked(ctx, tc.identity)
		h.must(err)
		same(t, tc.identity.TokenID, revoked, tc.want)
	}
}

func TestMoreClaims(t *testing.T) {
	h := open(t, cheap())
	token := func(claims jwt.MapClaims) (account.Identity, error) {
		claims["iss"], claims["sub"] = partner, "ada"
		return h.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(otherSecret), claims))
	}
	identity, err := token(jwt.MapClaims{
		"iat": float64(noon.UnixMilli()-1500) / 1000, "admin": true, "topics": []string{"news.*", "a"}, "auth_time": noon.Unix(),
	})
	h.must(err)
	same(t, "identity", identity, account.Identity{
		UserID: "ada", Name: "ada", Issuer: partner, IssuedAt: noon.Add(-1500 * time.Millisecond), Admin: true, Topics: []string{"news.*", "a"},
	})
	identity, err = token(jwt.MapClaims{"admin": false, "topics": []string{}})
	h.must(err)
	if identity.Admin || identity.Topics == nil || len(identity.Topics) != 0 {
		t.Errorf("no topics: %+v", identity)
	}
	for name, claims := range map[string]jwt.MapClaims{
		"admin text": {"admin": "yes"}, "topics text": {"topics": "all"}, "topics number": {"topics": []int{1}}, "topics null": {"topics": nil},
		"empty topic": {"topics": []string{""}}, "topics many": {"topics": make([]string, 101)}, "iat text": {"iat": "now"},
		"auth_time text": {"auth_time": "now"}, "iat huge": {"iat": 1e18},
	} {
		if _, err := token(claims); !errors.Is(err, account.ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = h.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(ownSecret), jwt.MapClaims{"sub": "system"}))
	h.refused(err, account.ErrUnauthenticated)
}

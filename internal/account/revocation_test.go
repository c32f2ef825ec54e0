package account_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
)

// revoked is whether the token of an identity is.
func (h *house) revoked(identity account.Identity) bool { return h.Revoked(&identity) }

func TestRevokeToken(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	one := h.register("ada")
	two, err := h.Login(ctx, account.Login{Username: "ada", Password: "password of ada"})
	h.must(err)
	identity := h.verify(one.Token)
	h.take() // of signing in
	h.must(h.RevokeToken(ctx, identity))
	h.must(h.RevokeToken(ctx, identity))
	for _, e := range h.take() {
		same(t, "event", e.Kind, account.TokensRevoked)
		same(t, "token", e.Revocation.TokenID, identity.TokenID)
	}
	if h.good(one.Token) || !h.good(two.Token) {
		t.Error("the wrong token is good")
	}
	same(t, "revoked", h.revoked(identity), true)
	_, err = h.SignIn(ctx, identity)
	h.refused(err, account.ErrUnauthenticated)

	// Ids of tokens are their issuer's.
	identity.Issuer = partner
	same(t, "the same id of another issuer", h.revoked(identity), false)
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
	h.must(h.RevokeUser(ctx, "ada")) // who has never signed in
	for name, tc := range map[string]struct {
		identity account.Identity
		revoked  bool
	}{"before": {before, true}, "untimed": {untimed, true}, "ahead": {ahead, true}, "soon": {soon, false}, "other": {other, false}} {
		same(t, name, h.revoked(tc.identity), tc.revoked)
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

// Whoever logs in and refreshes while all tokens are revoked: what began before must be over, what begins after must work.
func TestRevokeWhileRefreshing(t *testing.T) {
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
		for range 4 {
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
		}
		all.Go(func() {
			if err := h.RevokeUser(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
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
			one.UserID, one.TokenID = account.UserID(fmt.Sprint(i)), fmt.Sprint(i)
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
		same(t, tc.identity.TokenID, h.revoked(tc.identity), tc.want)
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
		UserID: "ada", Name: "ada", Issuer: partner, UsersOf: partner, IssuedAt: noon.Add(-1500 * time.Millisecond), Admin: true, Topics: []string{"news.*", "a"},
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

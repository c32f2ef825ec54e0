package account_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// ticking is a clock that moves when it is told.
type ticking struct {
	mu sync.Mutex
	at time.Time
}

func (c *ticking) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *ticking) sleep(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// house is a service over a real database.
type house struct {
	*account.Service
	store  account.Store
	t      *testing.T
	dir    string
	clock  *ticking
	issuer *account.Issuer

	mu     sync.Mutex
	events []account.Event
}

// cheap keeps tests quick.
func cheap() account.Config {
	cfg := account.DefaultConfig()
	cfg.Hashing.MemoryKiB, cfg.Hashing.Passes, cfg.Hashing.Wait = 64, 1, time.Minute
	return cfg
}

func open(t *testing.T, cfg account.Config) *house {
	return reopen(t, cfg, t.TempDir(), &ticking{at: noon})
}

func reopen(t *testing.T, cfg account.Config, dir string, clock *ticking) *house {
	t.Helper()
	return openAs(t, cfg, dir, clock, false)
}

func openAs(t *testing.T, cfg account.Config, dir string, clock *ticking, beside bool) *house {
	t.Helper()
	h := &house{t: t, dir: dir, clock: clock}
	store, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(dir), func([]chat.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if h.issuer, err = account.NewIssuer(ownSecret, clock.now); err != nil {
		t.Fatal(err)
	}
	verifiers, err := account.NewVerifiers(t.Context(), account.TrustConfig{
		Secret: ownSecret, Now: clock.now, External: []account.IssuerConfig{
			{Issuer: partner, Secret: otherSecret, AdminClaims: true}, {Issuer: "https://plain.example", Secret: otherSecret},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifiers.Stop)
	h.store = store.Accounts(h.record)
	h.Service, err = account.New(t.Context(), cfg, account.Deps{
		Store: h.store, Verifier: verifiers, Issuer: h.issuer, Now: clock.now, Beside: beside,
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) record(events []account.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, events...)
}

func (h *house) take() []account.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := h.events
	h.events = nil
	return events
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) refused(err, want error) {
	h.t.Helper()
	if !errors.Is(err, want) {
		h.t.Fatalf("got error %v, want %v", err, want)
	}
}

func (h *house) register(username string) account.Session {
	h.t.Helper()
	s, err := h.Register(h.t.Context(), account.Register{Username: username, Password: "password of " + username})
	h.must(err)
	return s
}

func (h *house) storedHash(username string) string {
	h.t.Helper()
	local, _, err := h.store.LocalByUsername(h.t.Context(), username)
	h.must(err)
	return local.PasswordHash
}

func (h *house) verify(token account.Token) account.Identity {
	h.t.Helper()
	identity, err := h.Verify(h.t.Context(), token.Text)
	if err != nil {
		h.t.Fatal(errors.Unwrap(err))
	}
	return identity
}

// good tells whether a token is accepted.
func (h *house) good(token account.Token) bool {
	h.t.Helper()
	_, err := h.Verify(h.t.Context(), token.Text)
	if err != nil {
		h.refused(err, account.ErrUnauthenticated)
	}
	return err == nil
}

// external makes a user with a token of another application, and signs in.
func (h *house) external(id string) account.User {
	h.t.Helper()
	identity, err := h.Verify(h.t.Context(), sign(h.t, jwt.SigningMethodHS256, []byte(otherSecret),
		jwt.MapClaims{"iss": partner, "sub": id, "username": "Name of " + id, "iat": h.clock.now().Unix()}))
	h.must(err)
	u, err := h.SignIn(h.t.Context(), identity)
	h.must(err)
	return u
}

// fault checks code, field and limit of a refusal.
func (h *house) fault(err error, code account.Code, field string, limit int) {
	h.t.Helper()
	var refusal *account.Error
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Field != field || refusal.Limit != limit {
		h.t.Fatalf("got %#v (%v), want %s of %q, limit %d", refusal, err, code, field, limit)
	}
	if !strings.Contains(refusal.Error(), string(code)) || refusal.Message == "" {
		h.t.Errorf("text %q", refusal.Error())
	}
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func TestSignIn(t *testing.T) {
	h := open(t, cheap())
	partnerToken := func(claims jwt.MapClaims) account.Identity {
		t.Helper()
		claims["iss"] = partner
		identity, err := h.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(otherSecret), claims))
		h.must(err)
		return identity
	}
	want := account.User{ID: "ada", Name: "Ada", CreatedAt: noon}
	for range 2 {
		u, err := h.SignIn(t.Context(), partnerToken(jwt.MapClaims{"sub": "ada", "username": "Ada"}))
		h.must(err)
		same(t, "user", u, want)
		h.clock.sleep(time.Hour)
	}
	u, err := h.SignIn(t.Context(), partnerToken(jwt.MapClaims{"sub": "ada"}))
	h.must(err)
	same(t, "a token without a name", u, want)
	same(t, "events", len(h.take()), 0)
	want.Name = "Countess"
	u, err = h.SignIn(t.Context(), partnerToken(jwt.MapClaims{"sub": "ada", "name": "Countess"}))
	h.must(err)
	same(t, "renamed", u, want)
	events := h.take()
	if len(events) != 1 || events[0].Kind != account.UserChanged || !reflect.DeepEqual(events[0].Audience(), []string{"ada"}) {
		t.Errorf("events: %+v", events)
	}
	_, err = h.Rename(t.Context(), account.Actor{ID: "ada"}, "Me")
	h.refused(err, account.ErrNameManaged)

	local := h.register("bob")
	u, err = h.SignIn(t.Context(), h.verify(local.Token))
	h.must(err)
	same(t, "local", u, local.User)
	_, err = h.Rename(t.Context(), account.Actor{ID: u.ID}, "Robert")
	h.must(err)
	u, err = h.SignIn(t.Context(), h.verify(local.Token)) // which still says bob
	h.must(err)
	same(t, "the name here counts", u.Name, "Robert")

	stray, err := h.issuer.Sign("u_stray", "Stray", time.Hour)
	h.must(err)
	identity, err := h.Verify(t.Context(), stray)
	h.must(err)
	_, err = h.SignIn(t.Context(), identity)
	h.refused(err, account.ErrUnauthenticated)
}

func TestKindsCanBeOff(t *testing.T) {
	dir := t.TempDir()
	clock := &ticking{at: noon}
	h := reopen(t, cheap(), dir, clock)
	local := h.register("ada")
	externalToken := sign(t, jwt.SigningMethodHS256, []byte(otherSecret), jwt.MapClaims{"iss": partner, "sub": "bob"})

	cfg := cheap()
	cfg.Local = false
	h = reopen(t, cfg, dir, clock)
	_, err := h.Verify(t.Context(), local.Token.Text)
	h.refused(err, account.ErrUnauthenticated)
	_, err = h.Verify(t.Context(), externalToken)
	h.must(err)
	_, err = h.Login(t.Context(), account.Login{Username: "ada", Password: "password of ada"})
	h.refused(err, account.ErrAccountsOff)
	_, err = h.Register(t.Context(), account.Register{Username: "eve", Password: "12345678"})
	h.refused(err, account.ErrAccountsOff)
	_, err = h.ChangePassword(t.Context(), local.User.ID, account.ChangePassword{Password: "password of ada", NewPassword: "12345678"})
	h.refused(err, account.ErrAccountsOff)

	cfg = cheap()
	cfg.External, cfg.Registration = false, false
	h = reopen(t, cfg, dir, clock)
	_, err = h.Verify(t.Context(), externalToken)
	h.refused(err, account.ErrUnauthenticated)
	_, err = h.SignIn(t.Context(), account.Identity{UserID: "bob", Name: "Bob"})
	h.refused(err, account.ErrUnauthenticated)
	_, err = h.Login(t.Context(), account.Login{Username: "ada", Password: "password of ada"})
	h.must(err)
	_, err = h.Register(t.Context(), account.Register{Username: "eve", Password: "12345678"})
	h.refused(err, account.ErrRegistrationClosed)
	_, err = h.CreateLocal(t.Context(), account.Register{Username: "eve", Password: "12345678"})
	h.must(err)
}

func TestConfig(t *testing.T) {
	h := open(t, cheap())
	deps := account.Deps{}
	if _, err := account.New(t.Context(), cheap(), deps); err == nil {
		t.Error("nothing is required")
	}
	for says, spoil := range map[string]func(*account.Config){
		"both off":  func(c *account.Config) { c.Local, c.External = false, false },
		"token ttl": func(c *account.Config) { c.TokenTTL = time.Second },
		"negative":  func(c *account.Config) { c.RefreshFor = -1 },
		"memory":    func(c *account.Config) { c.Hashing.MemoryKiB = 7 },
		"passes":    func(c *account.Config) { c.Hashing.Passes = 0 },
		"lanes":     func(c *account.Config) { c.Hashing.Lanes = 0 },
		"at once":   func(c *account.Config) { c.Hashing.AtOnce = 0 },
		"wait":      func(c *account.Config) { c.Hashing.Wait = -1 },
	} {
		cfg := account.DefaultConfig()
		h.must(cfg.Validate())
		spoil(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
	}
}

func TestUsers(t *testing.T) {
	h := open(t, cheap())
	ada := h.register("Ada.L")
	ctx := t.Context()
	u, err := h.Rename(ctx, account.Actor{ID: ada.User.ID, Origin: "here"}, "  Ada Lovelace ")
	h.must(err)
	same(t, "name", u.Name, "Ada Lovelace")
	same(t, "events", h.take(), []account.Event{{
		Kind: account.UserChanged, At: noon, Actor: account.Person{ID: u.ID, Name: u.Name}, Origin: "here",
	}})
	got, err := h.User(ctx, u.ID)
	h.must(err)
	same(t, "user", got, u)
	_, err = h.User(ctx, "nobody")
	h.refused(err, account.ErrUserNotFound)
	for query, found := range map[string]bool{"lov": true, "\tada.": true, "ce": false} {
		users, err := h.SearchUsers(ctx, query, 0)
		h.must(err)
		same(t, query, len(users) == 1, found)
	}

	name, yes := "Bob", true
	bob, created, err := h.PutUser(ctx, account.PutUser{ID: "bob", Name: &name, Admin: &yes})
	h.must(err)
	same(t, "created", created, true)
	same(t, "bob", bob, account.User{ID: "bob", Name: "Bob", Admin: true, CreatedAt: noon})
	bob, created, err = h.PutUser(ctx, account.PutUser{ID: "bob"})
	h.must(err)
	same(t, "nothing changes", bob, account.User{ID: "bob", Name: "Bob", Admin: true, CreatedAt: noon})
	same(t, "created", created, false)
	carl, _, err := h.PutUser(ctx, account.PutUser{ID: "carl"})
	h.must(err)
	same(t, "called by the id", carl.Name, "carl")
	_, created, err = h.PutUser(ctx, account.PutUser{ID: ada.User.ID, Admin: &yes})
	h.must(err)
	same(t, "local is changed", created, false)
	_, _, err = h.PutUser(ctx, account.PutUser{ID: "u_new"})
	h.refused(err, account.ErrUserNotFound)

	h.must(h.Seen(ctx, nil))
	h.must(h.Seen(ctx, []account.Seen{{UserID: "bob", At: noon}}))
	got, err = h.User(ctx, "bob")
	h.must(err)
	same(t, "last seen", got.LastSeen, noon)
}

func TestBadInput(t *testing.T) {
	h := open(t, cheap())
	h.register("ada")
	ctx := t.Context()
	long := strings.Repeat("x", 300)
	bad, empty := "a\x00b", ""
	user := func(_ account.User, err error) error { return err }
	session := func(_ account.Session, err error) error { return err }
	users := func(_ []account.User, err error) error { return err }
	put := func(_ account.User, _ bool, err error) error { return err }
	key := func(_ account.APIKey, _ string, err error) error { return err }
	register := func(username, name, password string) error {
		return session(h.Register(ctx, account.Register{Username: username, Name: name, Password: password}))
	}
	for name, tc := range map[string]struct {
		err   error
		code  account.Code
		field string
		limit int
	}{
		"no username":       {register("", "", "12345678"), account.CodeMissingFields, "login", 0},
		"short username":    {register("a", "", "12345678"), account.CodeInvalidField, "login", 2},
		"long username":     {register(long, "", "12345678"), account.CodeLimitExceeded, "login", 64},
		"odd username":      {register("аda", "", "12345678"), account.CodeInvalidField, "login", 0}, // a Cyrillic а
		"spaced username":   {register("a b", "", "12345678"), account.CodeInvalidField, "login", 0},
		"dotted username":   {register(".ada", "", "12345678"), account.CodeInvalidField, "login", 0},
		"no password":       {register("bob", "", ""), account.CodeMissingFields, "password", 0},
		"short password":    {register("bob", "", "1234567"), account.CodeInvalidField, "password", 8},
		"long password":     {register("bob", "", long), account.CodeLimitExceeded, "password", 256},
		"long name":         {register("bob", long, "12345678"), account.CodeLimitExceeded, "username", 100},
		"bad name":          {register("bob", bad, "12345678"), account.CodeInvalidField, "username", 0},
		"taken":             {register("ADA", "", "12345678"), account.CodeLoginTaken, "login", 0},
		"no login":          {session(h.Login(ctx, account.Login{Password: "x"})), account.CodeMissingFields, "login", 0},
		"no login password": {session(h.Login(ctx, account.Login{Username: "x"})), account.CodeMissingFields, "password", 0},
		"no old password":   {session(h.ChangePassword(ctx, "u", account.ChangePassword{NewPassword: "12345678"})), account.CodeMissingFields, "password", 0},
		"no new password":   {session(h.ChangePassword(ctx, "u", account.ChangePassword{Password: "x"})), account.CodeMissingFields, "newPassword", 0},
		"short new one":     {h.ResetPassword(ctx, "u", "x"), account.CodeInvalidField, "password", 8},
		"no user":           {user(h.User(ctx, "")), account.CodeMissingFields, "userId", 0},
		"no query":          {users(h.SearchUsers(ctx, " ", 0)), account.CodeMissingFields, "query", 0},
		"long query":        {users(h.SearchUsers(ctx, long, 0)), account.CodeLimitExceeded, "query", 100},
		"bad query":         {users(h.SearchUsers(ctx, "a\xff", 0)), account.CodeInvalidField, "query", 0},
		"large limit":       {users(h.SearchUsers(ctx, "a", 101)), account.CodeInvalidField, "limit", 100},
		"negative limit":    {users(h.SearchUsers(ctx, "a", -1)), account.CodeInvalidField, "limit", 100},
		"rename to nothing": {user(h.Rename(ctx, account.Actor{ID: "u_"}, "  ")), account.CodeMissingFields, "username", 0},
		"put nobody":        {put(h.PutUser(ctx, account.PutUser{})), account.CodeMissingFields, "id", 0},
		"put the system":    {put(h.PutUser(ctx, account.PutUser{ID: "system"})), account.CodeInvalidField, "id", 0},
		"put bad id":        {put(h.PutUser(ctx, account.PutUser{ID: bad})), account.CodeInvalidField, "id", 0},
		"put no name":       {put(h.PutUser(ctx, account.PutUser{ID: "x", Name: &empty})), account.CodeMissingFields, "username", 0},
		"revoke nobody":     {h.RevokeUser(ctx, ""), account.CodeMissingFields, "userId", 0},
		"revoke bad id":     {h.RevokeUser(ctx, bad), account.CodeInvalidField, "userId", 0},
		"key without name":  {key(h.CreateAPIKey(ctx, "", []account.Scope{"*"})), account.CodeMissingFields, "name", 0},
		"key for nothing":   {key(h.CreateAPIKey(ctx, "x", nil)), account.CodeMissingFields, "scopes", 0},
		"unknown scope":     {key(h.CreateAPIKey(ctx, "x", []account.Scope{"all"})), account.CodeInvalidField, "scopes", 0},
		"revoke no key":     {h.RevokeAPIKey(ctx, ""), account.CodeMissingFields, "id", 0},
	} {
		t.Run(name, func(t *testing.T) { (&house{t: t}).fault(tc.err, tc.code, tc.field, tc.limit) })
	}
	found, err := h.SearchUsers(ctx, "b", 0)
	h.must(err)
	same(t, "users made by bad input", len(found), 0)
}

func TestAPIKeys(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	k, secret, err := h.CreateAPIKey(ctx, " Backend ", []account.Scope{account.ScopeUsers, account.ScopeRooms, account.ScopeUsers})
	h.must(err)
	same(t, "key", k, account.APIKey{
		ID: k.ID, Name: "Backend", Scopes: []account.Scope{account.ScopeRooms, account.ScopeUsers}, CreatedAt: noon,
	})
	all, allSecret, err := h.CreateAPIKey(ctx, "All", []account.Scope{account.ScopeAll})
	h.must(err)
	if !strings.HasPrefix(secret, account.APIKeyPrefix) || secret == allSecret || k.ID == all.ID {
		t.Fatal("keys are not their own")
	}
	got, err := h.VerifyAPIKey(ctx, secret)
	h.must(err)
	same(t, "verified", got, k)
	for scope, may := range map[account.Scope]bool{account.ScopeRooms: true, account.ScopeUsers: true, account.ScopeMessages: false, account.ScopeAll: false} {
		same(t, string(scope), got.May(scope), may)
		same(t, "all may "+string(scope), all.May(scope), true)
	}
	for _, wrong := range []string{
		"", account.APIKeyPrefix, secret + "A", secret[:len(secret)-1], strings.ToLower(secret), "x" + secret, k.ID, strings.Repeat(secret, 100),
	} {
		_, err := h.VerifyAPIKey(ctx, wrong)
		h.refused(err, account.ErrAPIKeyRefused)
	}
	h.must(h.RevokeAPIKey(ctx, k.ID))
	h.must(h.RevokeAPIKey(ctx, k.ID))
	h.refused(h.RevokeAPIKey(ctx, "k_none"), account.ErrAPIKeyNotFound)
	_, err = h.VerifyAPIKey(ctx, secret)
	h.refused(err, account.ErrAPIKeyRefused)
	_, err = h.VerifyAPIKey(ctx, allSecret)
	h.must(err)
	keys, err := h.APIKeys(ctx)
	h.must(err)
	same(t, "listed", len(keys), 2)
}

var _ interface {
	Verify(context.Context, string) (account.Identity, error)
	Revoked(context.Context, account.Identity) (bool, error)
} = (*account.Service)(nil)

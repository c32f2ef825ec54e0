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
	"github.com/sockeye-im/sockeye/internal/refusal"
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

func openAs(t *testing.T, cfg account.Config, dir string, clock *ticking, beside bool, wraps ...func(account.Store) account.Store) *house {
	t.Helper()
	return openWith(t, cfg, dir, clock, account.Deps{Beside: beside}, wraps...)
}

// openNode opens the accounts as one of several processes that serve from one folder.
func openNode(t *testing.T, dir string, clock *ticking, wraps ...func(account.Store) account.Store) *house {
	t.Helper()
	return openWith(t, cheap(), dir, clock, account.Deps{Nodes: true}, wraps...)
}

func openWith(t *testing.T, cfg account.Config, dir string, clock *ticking, d account.Deps, wraps ...func(account.Store) account.Store) *house {
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
			{Issuer: sharing, Secret: otherSecret, UsersOf: partner},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifiers.Stop)
	h.store = store.Accounts(h.record)
	for _, wrap := range wraps {
		h.store = wrap(h.store)
	}
	d.Store, d.Verifier, d.Issuer, d.Now, d.Tell = h.store, verifiers, h.issuer, clock.now, h.record
	h.Service, err = account.New(t.Context(), cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) record(events []account.Event) {
	if h.Service != nil {
		h.Heard(events) // as by the feed
	}
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
func (h *house) external(id account.UserID) account.User {
	h.t.Helper()
	identity, err := h.Verify(h.t.Context(), sign(h.t, jwt.SigningMethodHS256, []byte(otherSecret),
		jwt.MapClaims{"iss": partner, "sub": id, "username": "Name of " + string(id), "iat": h.clock.now().Unix()}))
	h.must(err)
	u, err := h.SignIn(h.t.Context(), identity)
	h.must(err)
	return u
}

// fault checks code, field and limit of a refusal.
func (h *house) fault(err error, code refusal.Code, field string, limit int) {
	h.t.Helper()
	var refusal *refusal.Error
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
	want := account.User{ID: "ada", Name: "Ada", Issuer: partner, CreatedAt: noon}
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
	if len(events) != 1 || events[0].Kind != account.UserChanged || !reflect.DeepEqual(events[0].Audience(), []account.UserID{"ada"}) {
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
	_, err = h.Register(t.Context(), account.Register{Username: "eve", Password: "a fine password"})
	h.refused(err, account.ErrAccountsOff)
	_, err = h.ChangePassword(t.Context(), local.User.ID, account.ChangePassword{Password: "password of ada", NewPassword: "a fine password"})
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
	_, err = h.Register(t.Context(), account.Register{Username: "eve", Password: "a fine password"})
	h.refused(err, account.ErrRegistrationClosed)
	_, err = h.CreateLocal(t.Context(), account.Register{Username: "eve", Password: "a fine password"})
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
	same(t, "bob", bob, account.User{ID: "bob", Name: "Bob", Issuer: account.OwnIssuer, Admin: true, CreatedAt: noon})
	bob, created, err = h.PutUser(ctx, account.PutUser{ID: "bob"})
	h.must(err)
	same(t, "nothing changes", bob, account.User{ID: "bob", Name: "Bob", Issuer: account.OwnIssuer, Admin: true, CreatedAt: noon})
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
		code  refusal.Code
		field string
		limit int
	}{
		"no username":        {register("", "", "a fine password"), refusal.MissingFields, "login", 0},
		"short username":     {register("a", "", "a fine password"), refusal.InvalidField, "login", 2},
		"long username":      {register(long, "", "a fine password"), refusal.LimitExceeded, "login", 64},
		"odd username":       {register("аda", "", "a fine password"), refusal.InvalidField, "login", 0}, // a Cyrillic а
		"spaced username":    {register("a b", "", "a fine password"), refusal.InvalidField, "login", 0},
		"dotted username":    {register(".ada", "", "a fine password"), refusal.InvalidField, "login", 0},
		"no password":        {register("bob", "", ""), refusal.MissingFields, "password", 0},
		"short password":     {register("bob", "", "1234567"), refusal.InvalidField, "password", 8},
		"common password":    {register("bob", "", "12345678"), account.CodeCommonPassword, "password", 0},
		"in capitals":        {register("bob", "", "PassWord1"), account.CodeCommonPassword, "password", 0},
		"between spaces":     {register("bob", "", " iloveyou "), account.CodeCommonPassword, "password", 0},
		"common new one":     {session(h.ChangePassword(ctx, "u", account.ChangePassword{Password: "x", NewPassword: "password"})), account.CodeCommonPassword, "newPassword", 0},
		"common reset":       {h.ResetPassword(ctx, "u", "trustno1"), account.CodeCommonPassword, "password", 0},
		"long password":      {register("bob", "", long), refusal.LimitExceeded, "password", 256},
		"long name":          {register("bob", long, "a fine password"), refusal.LimitExceeded, "username", 100},
		"a reserved login":   {register("Admin", "", "a fine password"), refusal.InvalidField, "login", 0},
		"like a reserved":    {register("adm1n", "", "a fine password"), refusal.InvalidField, "login", 0},
		"dressed up":         {register("s.y.s.t.e.m", "", "a fine password"), refusal.InvalidField, "login", 0},
		"rn for m":           {register("systern", "", "a fine password"), refusal.InvalidField, "login", 0},
		"a reserved name":    {register("bob", "Sockeye", "a fine password"), refusal.InvalidField, "username", 0},
		"Cyrillic reserved":  {register("bob", "\u0430dmin", "a fine password"), refusal.InvalidField, "username", 0},
		"hidden reserved":    {register("bob", "ad\u200bmin", "a fine password"), refusal.InvalidField, "username", 0},
		"rename to reserved": {user(h.Rename(ctx, account.Actor{ID: "u_"}, "\uff21\uff24\uff2d\uff29\uff2e")), refusal.InvalidField, "username", 0},
		"rename to blank":    {user(h.Rename(ctx, account.Actor{ID: "u_"}, "\u200b\u2800\u3164")), refusal.MissingFields, "username", 0},
		"taken":              {register("ADA", "", "a fine password"), account.CodeLoginTaken, "login", 0},
		"no login":           {session(h.Login(ctx, account.Login{Password: "x"})), refusal.MissingFields, "login", 0},
		"no login password":  {session(h.Login(ctx, account.Login{Username: "x"})), refusal.MissingFields, "password", 0},
		"no old password":    {session(h.ChangePassword(ctx, "u", account.ChangePassword{NewPassword: "a fine password"})), refusal.MissingFields, "password", 0},
		"no new password":    {session(h.ChangePassword(ctx, "u", account.ChangePassword{Password: "x"})), refusal.MissingFields, "newPassword", 0},
		"short new one":      {h.ResetPassword(ctx, "u", "x"), refusal.InvalidField, "password", 8},
		"no user":            {user(h.User(ctx, "")), refusal.MissingFields, "userId", 0},
		"no query":           {users(h.SearchUsers(ctx, " ", 0)), refusal.MissingFields, "query", 0},
		"long query":         {users(h.SearchUsers(ctx, long, 0)), refusal.LimitExceeded, "query", 100},
		"bad query":          {users(h.SearchUsers(ctx, "a\xff", 0)), refusal.InvalidField, "query", 0},
		"large limit":        {users(h.SearchUsers(ctx, "a", 101)), refusal.InvalidField, "limit", 100},
		"negative limit":     {users(h.SearchUsers(ctx, "a", -1)), refusal.InvalidField, "limit", 100},
		"rename to nothing":  {user(h.Rename(ctx, account.Actor{ID: "u_"}, "  ")), refusal.MissingFields, "username", 0},
		"put nobody":         {put(h.PutUser(ctx, account.PutUser{})), refusal.MissingFields, "id", 0},
		"put the system":     {put(h.PutUser(ctx, account.PutUser{ID: "system"})), refusal.InvalidField, "id", 0},
		"put bad id":         {put(h.PutUser(ctx, account.PutUser{ID: account.UserID(bad)})), refusal.InvalidField, "id", 0},
		"put no name":        {put(h.PutUser(ctx, account.PutUser{ID: "x", Name: &empty})), refusal.MissingFields, "username", 0},
		"revoke nobody":      {h.RevokeUser(ctx, ""), refusal.MissingFields, "userId", 0},
		"revoke bad id":      {h.RevokeUser(ctx, account.UserID(bad)), refusal.InvalidField, "userId", 0},
		"key without name":   {key(h.CreateAPIKey(ctx, "", []account.Scope{"*"})), refusal.MissingFields, "name", 0},
		"key for nothing":    {key(h.CreateAPIKey(ctx, "x", nil)), refusal.MissingFields, "scopes", 0},
		"unknown scope":      {key(h.CreateAPIKey(ctx, "x", []account.Scope{"all"})), refusal.InvalidField, "scopes", 0},
		"revoke no key":      {h.RevokeAPIKey(ctx, ""), refusal.MissingFields, "id", 0},
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
	Revoked(*account.Identity) bool
} = (*account.Service)(nil)

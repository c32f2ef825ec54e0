package account_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestRegisterAndLogin(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	registered, err := h.Register(ctx, account.Register{Username: "Ada.L", Name: " Ada Lovelace ", Password: "correct horse"})
	h.must(err)
	u := registered.User
	if !strings.HasPrefix(string(u.ID), account.LocalPrefix) || len(u.ID) < 20 || !u.Local() {
		t.Errorf("id %q", u.ID)
	}
	same(t, "user", u, account.User{ID: u.ID, Name: "Ada Lovelace", Username: "Ada.L", Issuer: account.OwnIssuer, CreatedAt: noon})
	h.clock.sleep(time.Minute)
	for _, username := range []string{"Ada.L", "ada.l", "ADA.L"} {
		s, err := h.Login(ctx, account.Login{Username: username, Password: "correct horse"})
		h.must(err)
		same(t, "user", s.User, u)
		identity := h.verify(s.Token)
		same(t, "identity", identity, account.Identity{
			UserID: u.ID, Name: "Ada Lovelace", Issuer: account.OwnIssuer, UsersOf: account.OwnIssuer, TokenID: s.Token.ID,
			ExpiresAt: noon.Add(24*time.Hour + time.Minute).Local(), IssuedAt: noon.Add(time.Minute), SignedInAt: noon.Add(time.Minute),
		})
	}
	for _, wrong := range []account.Login{
		{Username: "Ada.L", Password: "correct horse "},
		{Username: "Ada.L", Password: strings.Repeat("x", 1000)},
		{Username: "Eve", Password: "correct horse"},
		{Username: string(u.ID), Password: "correct horse"},
		{Username: strings.Repeat("x", 1000), Password: "correct horse"},
	} {
		_, err := h.Login(ctx, wrong)
		if !errors.Is(err, account.ErrInvalidCredentials) || err.Error() != account.ErrInvalidCredentials.Error() {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	h.clock.sleep(24 * time.Hour)
	if h.good(registered.Token) {
		t.Error("the token outlives its time")
	}
	other := h.register("bob")
	if other.User.ID == u.ID || other.User.Name != "bob" {
		t.Errorf("other: %+v", other.User)
	}
}

func TestChangePassword(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	first := h.register("ada")
	bystander := h.register("bob")
	id := first.User.ID
	for _, wrong := range []string{"not it", strings.Repeat("x", 1000)} {
		_, err := h.ChangePassword(ctx, id, account.ChangePassword{Password: wrong, NewPassword: "a fine password"})
		h.refused(err, account.ErrInvalidCredentials)
	}
	_, err := h.ChangePassword(ctx, "nobody", account.ChangePassword{Password: "x", NewPassword: "a fine password"})
	h.refused(err, account.ErrInvalidCredentials)
	if !h.good(first.Token) {
		t.Fatal("a refused change revokes")
	}
	// All within one millisecond.
	changed, err := h.ChangePassword(ctx, id, account.ChangePassword{Password: "password of ada", NewPassword: "a fine password"})
	h.must(err)
	if h.good(first.Token) {
		t.Error("the old token is good")
	}
	if !h.good(changed.Token) || !h.good(bystander.Token) {
		t.Error("the new token or a bystander's is not good")
	}
	_, err = h.Login(ctx, account.Login{Username: "ada", Password: "password of ada"})
	h.refused(err, account.ErrInvalidCredentials)
	again, err := h.Login(ctx, account.Login{Username: "ada", Password: "a fine password"})
	h.must(err)
	if !h.good(again.Token) {
		t.Error("a login right after is not good")
	}
	h.must(h.ResetPassword(ctx, id, "87654321"))
	if h.good(again.Token) || h.good(changed.Token) {
		t.Error("a reset leaves tokens")
	}
	_, err = h.Login(ctx, account.Login{Username: "ada", Password: "87654321"})
	h.must(err)
	h.refused(h.ResetPassword(ctx, "nobody", "87654321"), account.ErrUserNotFound)
}

// Whoever logs in with the old password while it is changed must not keep a token.
func TestLoginDuringChange(t *testing.T) {
	h := open(t, cheap())
	id := h.register("ada").User.ID
	passwords := []string{"password of ada", "second one", "third one", "fourth one", "fifth one"}
	var mu sync.Mutex
	tokens := map[string][]account.Token{}
	quit := make(chan struct{})
	var logins sync.WaitGroup
	for range 3 {
		logins.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				for _, password := range passwords {
					s, err := h.Login(t.Context(), account.Login{Username: "ada", Password: password})
					if err != nil && !errors.Is(err, account.ErrInvalidCredentials) {
						t.Error(err)
					}
					if err == nil {
						mu.Lock()
						tokens[password] = append(tokens[password], s.Token)
						mu.Unlock()
					}
				}
			}
		})
	}
	for i := range len(passwords) - 1 {
		h.clock.sleep(time.Millisecond)
		_, err := h.ChangePassword(t.Context(), id, account.ChangePassword{Password: passwords[i], NewPassword: passwords[i+1]})
		h.must(err)
	}
	_, err := h.Login(t.Context(), account.Login{Username: "ada", Password: passwords[len(passwords)-1]})
	h.must(err)
	close(quit)
	logins.Wait()
	for i, password := range passwords {
		for _, token := range tokens[password] {
			if last := i == len(passwords)-1; h.good(token) != last {
				t.Fatalf("a token by password %d is good: %t", i, !last)
			}
		}
	}
}

func TestChangePasswordAtOnce(t *testing.T) {
	h := open(t, cheap())
	id := h.register("ada").User.ID
	news := []string{"new number 1", "new number 2", "new number 3", "new number 4"}
	won := make([]bool, len(news))
	var all sync.WaitGroup
	for i, password := range news {
		all.Go(func() {
			s, err := h.ChangePassword(t.Context(), id, account.ChangePassword{Password: "password of ada", NewPassword: password})
			won[i] = err == nil
			if err != nil && !errors.Is(err, account.ErrInvalidCredentials) {
				t.Error(err)
			}
			if err == nil && s.Token.Text == "" {
				t.Error("no token")
			}
		})
	}
	all.Wait()
	for i, password := range news {
		_, err := h.Login(t.Context(), account.Login{Username: "ada", Password: password})
		if (err == nil) != won[i] {
			t.Errorf("password %d: changed %t, login %v", i, won[i], err)
		}
	}
	if !slices.Contains(won, true) {
		t.Error("nobody won")
	}
}

func TestRefresh(t *testing.T) {
	cfg := cheap()
	cfg.TokenTTL, cfg.RefreshFor = time.Hour, 3*time.Hour
	h := open(t, cfg)
	ctx := t.Context()
	session := h.register("ada")
	for range 3 {
		h.clock.sleep(59 * time.Minute)
		next, err := h.Refresh(ctx, h.verify(session.Token))
		h.must(err)
		same(t, "user", next.User, session.User)
		if next.Token.ID == session.Token.ID || !h.good(session.Token) {
			t.Error("the old token is gone or the same")
		}
		session = next
	}
	h.clock.sleep(3 * time.Minute)
	_, err := h.Refresh(ctx, h.verify(session.Token))
	h.refused(err, account.ErrRefreshRefused)

	session = h.register("bob")
	identity := h.verify(session.Token)
	h.must(h.RevokeToken(ctx, identity))
	_, err = h.Refresh(ctx, identity)
	h.refused(err, account.ErrUnauthenticated)
	identity.UserID, identity.TokenID = "external", "t"
	_, err = h.Refresh(ctx, identity)
	h.refused(err, account.ErrRefreshRefused)
	identity.UserID = "u_nobody"
	_, err = h.Refresh(ctx, identity)
	h.refused(err, account.ErrUnauthenticated)
}

// A password that was hashed at another cost is hashed again when it is given.
func TestHashesAreUpgraded(t *testing.T) {
	dir := t.TempDir()
	clock := &ticking{at: noon}
	h := reopen(t, cheap(), dir, clock)
	h.register("ada")
	cfg := cheap()
	cfg.Hashing.Passes = 2
	for range 2 {
		h = reopen(t, cfg, dir, clock)
		_, err := h.Login(t.Context(), account.Login{Username: "ada", Password: "wrong password"})
		h.refused(err, account.ErrInvalidCredentials)
		s, err := h.Login(t.Context(), account.Login{Username: "ada", Password: "password of ada"})
		h.must(err)
		if !h.good(s.Token) {
			t.Error("the token is not good")
		}
	}
	if hash := h.storedHash("ada"); !strings.Contains(hash, "$m=64,t=2,p=1$") {
		t.Errorf("stored: %s", hash)
	}
}

// TestEveryAnswerCostsAHash: while no hash can be made there is no answer to a login, whether there is such a user or not;
// who waits is told for how long.
func TestEveryAnswerCostsAHash(t *testing.T) {
	cfg := cheap()
	cfg.Hashing.Wait = 1500 * time.Millisecond
	h := open(t, cfg)
	h.register("ada")
	logins := []account.Login{
		{Username: "ada", Password: "password of ada"}, {Username: "ada", Password: "wrong password"},
		{Username: "nobody", Password: "wrong password"}, {Username: "not a username", Password: "wrong password"},
	}
	release := h.HoldHashing()
	var all sync.WaitGroup
	for _, login := range logins {
		all.Go(func() {
			_, err := h.Login(t.Context(), login)
			var refusal *refusal.Error
			if !errors.As(err, &refusal) || refusal.Code != account.CodeBusy || refusal.RetryAfter != cfg.Hashing.Wait {
				t.Errorf("%+v without a hash: %v", login, err)
			}
		})
	}
	all.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Login(ctx, logins[2]); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who is gone: %v", err)
	}
	release()
	for i, login := range logins {
		if _, err := h.Login(t.Context(), login); (err == nil) != (i == 0) || i > 0 && !errors.Is(err, account.ErrInvalidCredentials) {
			t.Errorf("%+v: %v", login, err)
		}
	}
}

// A login that has to wait is served as soon as it can be.
func TestLoginWaits(t *testing.T) {
	h := open(t, cheap()) // which waits for a minute
	h.register("ada")
	release := h.HoldHashing()
	done := make(chan error)
	go func() {
		_, err := h.Login(t.Context(), account.Login{Username: "ada", Password: "password of ada"})
		done <- err
	}()
	release()
	h.must(<-done)
}

func FuzzStoredHash(f *testing.F) {
	const salt, key = "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, hash := range []string{
		"", "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key, "$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967295,t=4294967295,p=255$" + salt + "$" + key, "$argon2id$v=19$m=+64,t=02,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=8,t=1,p=2$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1,p=1$$", "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
	} {
		f.Add(hash)
	}
	f.Fuzz(func(t *testing.T, hash string) {
		again, err := account.ReadHash(hash)
		if err == nil && again != hash {
			t.Fatalf("%q is read as %q", hash, again)
		}
		if err != nil && !errors.Is(err, account.ErrStoredHash) {
			t.Fatalf("%q: %v", hash, err)
		}
	})
}

func TestStoredHash(t *testing.T) {
	h := open(t, cheap())
	h.register("ada")
	h.register("bob")
	good := h.storedHash("ada")
	if good == h.storedHash("bob") {
		t.Error("no salt")
	}
	for name, bad := range map[string]string{
		"cut": good[:len(good)-1], "longer": good + "A", "much memory": strings.Replace(good, "m=64", "m=4194304", 1),
		"zero": strings.Replace(good, "t=1", "t=0", 1), "other": strings.Replace(good, "argon2id", "argon2d", 1),
	} {
		if _, err := account.ReadHash(bad); !errors.Is(err, account.ErrStoredHash) {
			t.Errorf("%s is read: %v", name, err)
		}
	}
	if _, err := account.ReadHash(good); err != nil {
		t.Error(err)
	}
}

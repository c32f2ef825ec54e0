package cli_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

func TestUsers(t *testing.T) {
	for name, serverRuns := range map[string]bool{"alone": false, "beside a server": true} {
		t.Run(name, func(t *testing.T) {
			dir := usedFolder(t)
			server := func(ask func(*account.Service)) { // one that runs only then
				t.Run("server", func(t *testing.T) { ask(openAccounts(t, dir)) })
			}
			if serverRuns {
				running := openAccounts(t, dir)
				heeding(t, running)
				server = func(ask func(*account.Service)) { ask(running) }
			}
			login := func(password string) (s account.Session, err error) {
				server(func(accounts *account.Service) {
					s, err = accounts.Login(t.Context(), account.Login{Username: "ada", Password: password})
				})
				return s, err
			}
			isGood := func(what string, s account.Session, want bool) {
				t.Helper()
				server(func(accounts *account.Service) {
					if _, err := accounts.Verify(t.Context(), s.Token.Text); (err == nil) != want {
						t.Errorf("the token %s: %v", what, err)
					}
				})
			}
			code, stdout, stderr := operateWith(t, "a first password\r\n", "user", "create", "--data", dir, "Ada", "--name", "Ada Lovelace")
			id, _, _ := strings.Cut(strings.TrimPrefix(stdout, "created "), " ")
			if code != 0 || stdout != "created "+id+" (Ada Lovelace)\n" || !strings.HasPrefix(id, account.LocalPrefix) || stderr != "" {
				t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
			}
			first, err := login("a first password")
			if err != nil || string(first.User.ID) != id {
				t.Fatalf("%+v, %v", first, err)
			}
			for _, by := range []string{id, "ADA"} {
				code, shown, stderr := operate(t, "user", "show", "--data", dir, by)
				if code != 0 || !strings.Contains(shown, "login      Ada\n") || !strings.Contains(shown, "admin      -\n") || stderr != "" {
					t.Errorf("exit %d, %q, %q", code, shown, stderr)
				}
			}

			code, stdout, stderr = operateWith(t, "another password", "user", "password", "--data", dir, "ada")
			if code != 0 || stdout != "set the password of "+id+" (Ada Lovelace)\n" || stderr != "" {
				t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
			}
			if _, err := login("a first password"); err == nil {
				t.Error("the old password is good")
			}
			second, err := login("another password")
			if err != nil {
				t.Fatal(err)
			}
			isGood("of the old password", first, false)
			isGood("of the new password", second, true)

			code, stdout, stderr = operate(t, "user", "sign-out", "--data", dir, id)
			if code != 0 || stdout != "signed out "+id+" (Ada Lovelace)\n" || stderr != "" {
				t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
			}
			isGood("of who was signed out", second, false)
			code, stdout, stderr = operate(t, "user", "disable", "--data", dir, "ada")
			if code != 0 || stdout != "disabled "+id+" (Ada Lovelace)\n" || stderr != "" {
				t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
			}
			if _, err := login("another password"); !errors.Is(err, account.ErrAccountDisabled) {
				t.Errorf("who is disabled logs in: %v", err)
			}
			if _, shown, _ := operate(t, "user", "show", "--data", dir, id); strings.Contains(shown, "disabled   -") {
				t.Errorf("shown as %q", shown)
			}
			for _, want := range []string{"enabled " + id + " (Ada Lovelace)\n", id + " (Ada Lovelace) is not disabled\n"} {
				if code, stdout, stderr = operate(t, "user", "enable", "--data", dir, "ada"); code != 0 || stdout != want || stderr != "" {
					t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
				}
			}
			third, err := login("another password")
			if err != nil {
				t.Fatal(err)
			}
			isGood("of who came back", third, true)
		})
	}
}

// heeding does what a server does by itself, until the test ends.
func heeding(t *testing.T, server *account.Service) {
	ctx, cancel := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() {
		for ctx.Err() == nil {
			if _, err := server.Heed(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() { cancel(); looking.Wait() })
}

func TestUserList(t *testing.T) {
	dir := usedFolder(t)
	for _, login := range []string{"ada", "bob", "carl"} {
		if code, _, stderr := operateWith(t, "long enough\n", "user", "create", "--data", dir, login); code != 0 {
			t.Fatal(stderr)
		}
	}
	list := func(args ...string) (logins []string, stderr string) {
		t.Helper()
		code, table, stderr := operate(t, slices.Concat([]string{"user", "list", "--data", dir}, args)...)
		lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
		if code != 0 || !strings.HasPrefix(lines[0], "ID ") {
			t.Fatalf("exit %d, %q, %q", code, table, stderr)
		}
		for _, line := range lines[1:] {
			logins = append(logins, strings.Fields(line)[2])
		}
		return logins, stderr
	}
	all, stderr := list()
	if sorted := slices.Sorted(slices.Values(all)); !slices.Equal(sorted, []string{"ada", "bob", "carl"}) || stderr != "" {
		t.Errorf("listed %q, %q", sorted, stderr)
	}
	found, stderr := list("--search", "CA", "--limit", "1")
	if !slices.Equal(found, []string{"carl"}) || stderr != "" {
		t.Errorf("found %q, %q", found, stderr)
	}
	first, stderr := list("--limit", "2")
	after, isTold := strings.CutPrefix(stderr, "There may be more: ")
	if !isTold {
		t.Fatalf("says %q", stderr)
	}
	rest, _ := list(strings.Fields(after)...)
	if pages := slices.Concat(first, rest); !slices.Equal(pages, all) {
		t.Errorf("in pages %q, else %q", pages, all)
	}
}

func TestUserIssuer(t *testing.T) {
	dir := usedFolder(t)
	t.Run("somebody from elsewhere", func(t *testing.T) { known(t, openAccounts(t, dir)) }) // closes them
	code, stdout, stderr := operate(t, "user", "issuer", "--data", dir, "ada", "https://shop.example")
	if code != 0 || !strings.HasPrefix(stdout, "set the issuer of ada (") || stderr != "" {
		t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
	}
	if _, shown, _ := operate(t, "user", "show", "--data", dir, "ada"); !strings.Contains(shown, "issuer     https://shop.example\n") {
		t.Errorf("shown as %q", shown)
	}
}

func TestUserMistakes(t *testing.T) {
	dir := usedFolder(t)
	t.Run("somebody from elsewhere", func(t *testing.T) { known(t, openAccounts(t, dir)) }) // closes them
	if code, _, stderr := operateWith(t, "long enough", "user", "create", "--data", dir, "bob"); code != 0 {
		t.Fatal(stderr)
	}
	const good = "long enough\n"
	for name, tc := range map[string]struct {
		stdin string
		args  []string
		says  string
	}{
		"nobody":              {good, []string{"create"}, "login"},
		"short login":         {good, []string{"create", "x"}, "login must have at least 2 characters"},
		"long login":          {good, []string{"create", strings.Repeat("x", 65)}, "login must have at most 64 characters"},
		"strange login":       {good, []string{"create", "a b"}, "login may have"},
		"taken login":         {good, []string{"create", "BOB"}, "Login name is taken"},
		"long name":           {good, []string{"create", "cyd", "--name", strings.Repeat("é", 101)}, ": name must have at most 100 characters"},
		"no password":         {"\n", []string{"create", "cyd"}, "Missing required fields: password"},
		"short password":      {"short\nlong enough\n", []string{"create", "cyd"}, "password must have at least 8 bytes"},
		"long password":       {strings.Repeat("x", 257), []string{"create", "cyd"}, "password must have at most 256 bytes"},
		"endless password":    {strings.Repeat("x", 1<<20), []string{"password", "bob"}, "password must have at most 256 bytes"},
		"password of nobody":  {good, []string{"password", "cyd"}, "User not found"},
		"password elsewhere":  {good, []string{"password", "ada"}, "login is not that of an account with a password"},
		"password as a flag":  {good, []string{"password", "bob", "--password=x"}, "unknown flag"},
		"sign out nobody":     {"", []string{"sign-out", "cyd"}, "User not found"},
		"disable nobody":      {"", []string{"disable", "cyd"}, "User not found"},
		"enable nobody":       {"", []string{"enable", "cyd"}, "User not found"},
		"issuer of nobody":    {"", []string{"issuer", "cyd", "https://shop.example"}, "User not found"},
		"no issuer":           {"", []string{"issuer", "ada", ""}, "Missing required fields: issuer"},
		"show nobody":         {"", []string{"show", "cyd"}, "User not found"},
		"too small a list":    {"", []string{"list", "--limit=0"}, "--limit must be 1 to 100"},
		"too large a list":    {"", []string{"list", "--limit=101"}, "--limit must be 1 to 100"},
		"search and a page":   {"", []string{"list", "--search=a", "--after=b"}, "--search"},
		"search for too much": {"", []string{"list", "--search", strings.Repeat("x", 101)}, "query must have at most 100 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := operateWith(t, tc.stdin, slices.Concat([]string{"user"}, tc.args, []string{"--data", dir})...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, tc.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
		})
	}
	if _, err := openAccounts(t, dir).Login(t.Context(), account.Login{Username: "bob", Password: "long enough"}); err != nil {
		t.Errorf("a mistake has changed the password: %v", err)
	}
}

func TestLongestPassword(t *testing.T) {
	dir := usedFolder(t)
	longest := strings.Repeat("x", account.MaxPasswordBytes)
	if code, _, stderr := operateWith(t, longest+"\r\nmore", "user", "create", "--data", dir, "ada"); code != 0 {
		t.Fatal(stderr)
	}
	if _, err := openAccounts(t, dir).Login(t.Context(), account.Login{Username: "ada", Password: longest}); err != nil {
		t.Error(err)
	}
}

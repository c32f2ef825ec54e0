package cli_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/cmd/sockeye/cli"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// operate runs the program on real accounts.
func operate(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return operateWith(t, "", args...)
}

func operateWith(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems strings.Builder
	code = cli.Program{
		Accounts: app.OpenAccounts, Secret: app.KnownSecret, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &problems,
		Lookup: func(string) (string, bool) { return "", false },
	}.Run(t.Context(), args)
	return code, out.String(), problems.String()
}

func TestAPIKeys(t *testing.T) {
	for name, serverRuns := range map[string]bool{"alone": false, "beside a server": true} {
		t.Run(name, func(t *testing.T) {
			dir := usedFolder(t)
			running := func() *account.Service { return openAccounts(t, dir) }
			if serverRuns {
				server := openAccounts(t, dir)
				running = func() *account.Service { return server }
			}
			code, secret, stderr := operate(t, "apikey", "create", "--data", dir, "--name", "the shop", "--scope", "users", "--scope", "rooms")
			secret = strings.TrimSuffix(secret, "\n")
			if code != 0 || !strings.HasPrefix(secret, "sky_") || strings.Contains(stderr, secret) {
				t.Fatalf("exit %d, %q, %q", code, secret, stderr)
			}
			key, err := running().VerifyAPIKey(t.Context(), secret)
			if err != nil || key.Name != "the shop" || !key.May(account.ScopeUsers) || key.May(account.ScopePresence) {
				t.Fatalf("%+v, %v", key, err)
			}
			if !strings.Contains(stderr, key.ID) {
				t.Errorf("does not say the id: %q", stderr)
			}
			code, table, _ := operate(t, "apikey", "list", "--data", dir)
			if code != 0 || !strings.Contains(table, key.ID+"  the shop  rooms,users") || strings.Contains(table, secret) {
				t.Errorf("exit %d, %s", code, table)
			}
			if code, stdout, stderr := operate(t, "apikey", "revoke", "--data", dir, key.ID); code != 0 || stdout != "revoked\n" || stderr != "" {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
			if _, err := running().VerifyAPIKey(t.Context(), secret); err == nil {
				t.Error("a revoked key is good")
			}
		})
	}
}

// usedFolder is the data folder of a server that has run.
func usedFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	_, err := account.OpenSecret(dir)
	if err == nil {
		var store *sqlite.Store
		if store, err = sqlite.Open(t.Context(), sqlite.DefaultConfig(dir), func([]chat.Event) {}); err == nil {
			err = store.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// openAccounts holds the data folder until the test ends, as a server does.
func openAccounts(t *testing.T, dir string) *account.Service {
	t.Helper()
	accounts, closeAll, err := app.OpenAccounts(context.WithoutCancel(t.Context()), config.Signing{Data: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeAll(); err != nil {
			t.Error(err)
		}
	})
	return accounts
}

func TestAPIKeyMistakes(t *testing.T) {
	dir := usedFolder(t)
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"no name":         {[]string{"create", "--scope=users"}, "--name"},
		"no scope":        {[]string{"create", "--name=x"}, "--scope"},
		"unknown scope":   {[]string{"create", "--name=x", "--scope=all"}, "scopes must be"},
		"empty name":      {[]string{"create", "--name=", "--scope=users"}, "Missing"},
		"unknown key":     {[]string{"revoke", "k_none"}, "not found"},
		"nothing to undo": {[]string{"revoke"}, "id"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := operate(t, slices.Concat([]string{"apikey"}, tc.args, []string{"--data", dir})...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, tc.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

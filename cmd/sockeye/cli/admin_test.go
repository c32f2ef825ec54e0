package cli_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
)

func TestAdmins(t *testing.T) {
	for name, serverRuns := range map[string]bool{"alone": false, "beside a server": true} {
		t.Run(name, func(t *testing.T) {
			dir := usedFolder(t)
			running := func() *account.Service { return openAccounts(t, dir) }
			if serverRuns {
				server := openAccounts(t, dir)
				running = func() *account.Service { return server }
			}
			user := known(t, running())
			administers := func() bool {
				t.Helper()
				may, err := running().Administers(t.Context(), account.Identity{UserID: account.UserID(user)})
				if err != nil {
					t.Fatal(err)
				}
				return may
			}
			if code, stdout, stderr := operate(t, "admin", "grant", "--data", dir, user); code != 0 || stdout != "granted ada (Ada)\n" || stderr != "" {
				t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
			}
			if !administers() {
				t.Error("the grant does not count")
			}
			if code, table, _ := operate(t, "admin", "list", "--data", dir); code != 0 || !strings.Contains(table, "ada  Ada   -      -") {
				t.Errorf("exit %d, %s", code, table)
			}
			if code, stdout, stderr := operate(t, "admin", "revoke", "--data", dir, user); code != 0 || stdout != "revoked ada (Ada)\n" || stderr != "" {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
			if administers() {
				t.Error("it was not taken back")
			}
			if code, stdout, _ := operate(t, "admin", "revoke", "--data", dir, user); code != 0 || stdout != "ada (Ada) was no administrator by a grant\n" {
				t.Errorf("exit %d, %q", code, stdout)
			}
			if code, table, _ := operate(t, "admin", "list", "--data", dir); code != 0 || strings.Contains(table, "ada") {
				t.Errorf("exit %d, %s", code, table)
			}
		})
	}
}

// known makes a user known, as signing in does, and returns the id.
func known(t *testing.T, accounts *account.Service) string {
	t.Helper()
	name := "Ada"
	if _, _, err := accounts.PutUser(t.Context(), account.PutUser{ID: "ada", Name: &name}); err != nil {
		t.Fatal(err)
	}
	return "ada"
}

func TestAdminMistakes(t *testing.T) {
	dir := usedFolder(t)
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"nobody":   {[]string{"grant"}, "user"},
		"unknown":  {[]string{"grant", "bob"}, "User not found"},
		"no admin": {[]string{"revoke", "bob"}, "User not found"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := operate(t, slices.Concat([]string{"admin"}, tc.args, []string{"--data", dir})...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, tc.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

package cli_test

import (
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/cmd/sockeye/cli"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestOperatorOnPostgres: the operator's commands work on a database, beside whoever serves from it.
func TestOperatorOnPostgres(t *testing.T) {
	database := pgtest.Database(t)
	code, stdout, stderr := operate(t, "user", "list", "--database", database)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "no server has run on the database yet") {
		t.Fatalf("before the first server: exit %d, %q, %q", code, stdout, stderr)
	}
	server, err := postgres.Open(t.Context(), postgres.DefaultConfig(database), func([]chat.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	secret, err := server.TokenSecret(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	works := func(stdin, says string, args ...string) string {
		t.Helper()
		code, stdout, stderr := operateWith(t, stdin, append(args, "--database", database)...)
		if code != 0 || !strings.Contains(stdout, says) {
			t.Fatalf("%v: exit %d, %q, %q", args, code, stdout, stderr)
		}
		return stdout
	}
	works("a good password", "created u_", "user", "create", "ada")
	works("", "granted u_", "admin", "grant", "ada")
	works("", "yes", "user", "list")
	works("", "sky_", "apikey", "create", "--name=x", "--scope=users")
	works("", "signed out u_", "user", "sign-out", "ada")
	users, err := server.Accounts(func([]account.Event) {}).Admins(t.Context())
	if err != nil || len(users) != 1 || users[0].Username != "ada" {
		t.Errorf("the server sees %+v, %v", users, err)
	}
	if got := verify(t, secret, works("", ".", "token", "--user=ada")); got.UserID != "ada" {
		t.Errorf("the token is %+v", got)
	}
}

// TestMigrateSays what was copied, what next, and what is wrong with the call.
func TestMigrateSays(t *testing.T) {
	data, database := usedFolder(t), pgtest.Database(t)
	if code, _, stderr := operateWith(t, "a good password", "user", "create", "ada", "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	migrate := func(args ...string) (code int, stdout, stderr string) {
		var out, problems strings.Builder
		code = cli.Program{
			Migrate: app.Migrate, Stdout: &out, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false },
		}.Run(t.Context(), append([]string{"migrate", "--data", data}, args...))
		return code, out.String(), problems.String()
	}
	if code, stdout, stderr := migrate(); code != 2 || stdout != "" || !strings.Contains(stderr, "--database") {
		t.Errorf("without a database: exit %d, %q, %q", code, stdout, stderr)
	}
	code, stdout, stderr := migrate("--database", database)
	if code != 0 || !strings.Contains(stdout, "0 messages in 0 conversations, 1 user, the same on both sides") || stderr != "" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	if code, stdout, stderr := operate(t, "user", "show", "ada", "--database", database); code != 0 {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	if code, stdout, stderr := migrate("--database", database); code != 1 || stdout != "" || !strings.Contains(stderr, "it holds something already") {
		t.Errorf("again: exit %d, %q, %q", code, stdout, stderr)
	}
}

//go:build linux

package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/test/program"
)

// succeeding builds the version after this one: this one, with a migration more, which adds a column, and with facts that this
// one does not know in all that it commits and tells other nodes.
var succeeding = sync.OnceValues(func() (string, error) {
	ctx := context.Background()
	root, err := program.Root(ctx)
	if err != nil {
		return "", err
	}
	migrations := "internal/store/postgres/migrations"
	there, err := filepath.Glob(filepath.Join(root, migrations, "*.sql"))
	if err != nil {
		return "", err
	}
	facts := "internal/feed/code/code.go"
	code, err := os.ReadFile(filepath.Join(root, facts))
	if err != nil {
		return "", err
	}
	text := string(code)
	for _, change := range moreFacts {
		if !strings.Contains(text, change.from) {
			return "", fmt.Errorf("%s has no %q any more, which this test changes", facts, change.from)
		}
		text = strings.ReplaceAll(text, change.from, change.to)
	}
	return program.Replaced(ctx, folder, "sockeye-succeeding", map[string]string{
		fmt.Sprintf("%s/%05d_succeeding.sql", migrations, len(there)+1): moreColumns,
		facts: text,
	})
})

const moreColumns = `ALTER TABLE messages ADD COLUMN succeeding TEXT NOT NULL DEFAULT 'yes';`

// moreFacts has a field more, an event of a kind more, and something that passes of a kind more.
var moreFacts = []struct{ from, to string }{
	{"type facts struct {\n", "type facts struct {\n\tSucceeding []string `json:\"z,omitempty\"`\n"},
	{"return json.Marshal(&out)", "return json.Marshal(out.succeeding())"},
	{"// hasContent tells", `func (f facts) succeeding() *facts {
	f.Succeeding = []string{"what the version before does not know"}
	f.Accounts = append(f.Accounts, accountEvent{Kind: "user.succeeding", At: f.At})
	f.Passing = append(f.Passing, passing{Kind: "succeeding"})
	return &f
}

// hasContent tells`},
}

// succeeded looks whether nodes of the next version have done what is new in it.
func (cl *cluster) succeeded(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, cl.postgres.URL(cl.database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var columns, facts int
	err = conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM messages WHERE succeeding = 'yes'),
		(SELECT count(*) FROM commits WHERE facts LIKE '%user.succeeding%' AND facts LIKE '%does not know%')`).Scan(&columns, &facts)
	if err != nil {
		t.Fatal(err)
	}
	if columns == 0 || facts == 0 {
		t.Errorf("%d messages have what the next version adds, and %d commits", columns, facts)
	}
}

package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// scannable may be looked at as a whole: short lists made for the query, the words that
// match, and what is allowed to cost its whole length.
var scannable = regexp.MustCompile(`SCAN (` + strings.Join([]string{
	`CONSTANT ROW`, `\d+-ROW VALUES CLAUSE`, `json_each`, `\(subquery-\d+\)`,
	`b`, `e`, `j`, `m`, `n`, `own`, `p`, `t`, `x`, `behind`, `newest`, `page`, // lists that queries name so
	`w`, `message_words`, // what the index of words finds
	`word_progress`,                                                                    // has one row
	`r USING INDEX rooms_public`,                                                       // searched for what may be inside a word
	`u USING INDEX users_disabled`,                                                     // all who are disabled, at the start of a server
	`revoked_users`, `revoked_tokens`, `api_keys`, `blocked_addresses`, `paused_kinds`, // are read as a whole
	`webhooks`, `incoming_webhooks`,
	`push_keys`, // has one row
	`push_subscriptions USING COVERING INDEX push_subscriptions_by_type`, // counted, for who wants to know
}, "|") + `)(\s|$)`)

// TestQueriesUseTheirIndexes: what is asked of a long conversation costs what it
// returns. A SCAN of a table that grows would not.
func TestQueriesUseTheirIndexes(t *testing.T) {
	db := schema(t)
	for name, query := range sqlite.Queries() {
		plan := explain(t, db, query.Text)
		checkScans(t, name, plan)
		for _, index := range query.Uses {
			if !strings.Contains(plan, index) {
				t.Errorf("%s does not use %q:\n%s", name, index, plan)
			}
		}
	}
}

// statements are those that the stores of a test have asked.
type statements struct {
	mu    sync.Mutex
	asked map[string]bool
}

// collectStatements checks at the end of the test that none of them scans.
func collectStatements(t *testing.T) *statements {
	all := &statements{asked: make(map[string]bool)}
	db := schema(t)
	t.Cleanup(func() {
		delete(all.asked, sqlite.DueQuery) // looks at every conversation, now and then
		for statement := range all.asked {
			checkScans(t, statement, explain(t, db, statement))
		}
	})
	return all
}

// of adds those of a store that is closed.
func (all *statements) of(s *sqlite.Store) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, statement := range s.Statements() {
		all.asked[statement] = true
	}
}

func checkScans(t *testing.T, what, plan string) {
	t.Helper()
	for step := range strings.Lines(plan) {
		if strings.HasPrefix(step, "SCAN ") && !scannable.MatchString(step) {
			t.Errorf("%s scans:\n%s", what, plan)
			return
		}
	}
}

// schema is a database without anything in it.
func schema(t *testing.T) *sql.DB {
	t.Helper()
	dir := t.TempDir()
	openStore(t, dir, discard)
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func explain(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	args := make([]any, 0, 8)
	for range strings.Count(query, "?") {
		args = append(args, "1")
	}
	if numbered := regexp.MustCompile(`\?(\d)`).FindAllStringSubmatch(query, -1); len(numbered) > 0 {
		most := "0"
		for _, n := range numbered {
			most = max(most, n[1])
		}
		args = args[:most[0]-'0']
	}
	rows, err := db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%v in %s", err, query)
	}
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

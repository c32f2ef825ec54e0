package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// TestQueriesUseTheirIndexes: what is asked of a long conversation costs what it
// returns. A SCAN of a table that grows would not.
func TestQueriesUseTheirIndexes(t *testing.T) {
	dir := t.TempDir()
	openStore(t, dir, discard)
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	// What may be scanned: short lists made for the query, and the words that match.
	allowed := regexp.MustCompile(`SCAN (j|e|p|b|n|page|behind|newest|o|ordinals|w|message_words|\(subquery-\d+\)|CONSTANT ROW)(\s|$)`)
	for name, query := range sqlite.Queries() {
		plan := explain(t, db, query.Text)
		for _, step := range strings.Split(plan, "\n") {
			if strings.HasPrefix(step, "SCAN ") && !allowed.MatchString(step) {
				t.Errorf("%s scans:\n%s", name, plan)
			}
		}
		for _, index := range query.Uses {
			if !strings.Contains(plan, index) {
				t.Errorf("%s does not use %q:\n%s", name, index, plan)
			}
		}
	}
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
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
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

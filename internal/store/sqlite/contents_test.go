package sqlite_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/store/transfer"
)

// madeAnew is what a database of another driver makes of the rest, or has of its own.
var madeAnew = []string{
	"users.indexed_name", "user_terms.*", "login_skeletons.*", "rooms.folded", "message_words.*", "word_progress.*", "server.*", "probes.*",
	"reaction_groups.message_id", "reactions.message_id", // by their place
	"usage_progress.mark", // where there is no index by time
}

// TestContentsAreComplete: what a table has is carried to another database, or named above.
func TestContentsAreComplete(t *testing.T) {
	var carried []string
	for _, table := range transfer.Tables {
		for _, column := range table.Columns {
			carried = append(carried, table.Name+"."+column.Name)
		}
	}
	for table, held := range everything(t, seeded(t)) {
		for column := range strings.SplitSeq(held.columns, ", ") {
			name := table + "." + column
			if !slices.Contains(carried, name) && !slices.Contains(madeAnew, name) && !slices.Contains(madeAnew, table+".*") {
				t.Errorf("%s is not carried: add it to transfer.Tables", name)
			}
		}
	}
}

// filled is seeded with more than one row of some tables.
func filled(t *testing.T) (dir string) {
	t.Helper()
	dir = seeded(t)
	execute(t, dir, `
		INSERT INTO reaction_groups (message_id, emoji, count, first_seq) VALUES ('m1', '🎉', 1, 3), ('m3', '👍', 2, 5);
		INSERT INTO reactions (message_id, emoji, user_id) VALUES ('m1', '🎉', 'u_ada'), ('m3', '👍', 'u_ada'), ('m3', '👍', 'u_lin');`)
	return dir
}

// TestContents: all ways to read a table find the same, and reading can go on behind any row.
func TestContents(t *testing.T) {
	dir := filled(t)
	of, err := sqlite.OpenCopy(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = of.Close() })
	for i := range transfer.Tables {
		table := &transfer.Tables[i]
		after := func(key []any) (rows [][]any) {
			if err := of.After(t.Context(), table, key, func(row []any) error { rows = append(rows, row); return nil }); err != nil {
				t.Fatalf("%s after %v: %v", table.Name, key, err)
			}
			return rows
		}
		all := after(nil)
		if len(all) == 0 {
			t.Errorf("%s has no row to try", table.Name)
		}
		for n, row := range all {
			if rest := after(row[:table.Key]); !slices.EqualFunc(rest, all[n+1:], func(a, b []any) bool { return reflect.DeepEqual(a, b) }) {
				t.Errorf("%s: after %v comes %v, want %v", table.Name, row[:table.Key], rest, all[n+1:])
			}
		}
		var each []string
		if err := of.Each(t.Context(), table, func(row []any) error { each = append(each, fmt.Sprint(row)); return nil }); err != nil {
			t.Fatalf("%s: %v", table.Name, err)
		}
		for _, row := range all {
			if !slices.Contains(each, fmt.Sprint(row)) {
				t.Errorf("%s: %v is not among %v", table.Name, row, each)
			}
		}
		if n, err := of.Count(t.Context(), table); err != nil || n != int64(len(all)) || len(each) != len(all) {
			t.Errorf("%s has %d rows, counts %d and reads %d of them (%v)", table.Name, len(all), n, len(each), err)
		}
	}
}

// TestContentsInOrder: no table is sorted as a whole to be read in order; a large one would not fit.
func TestContentsInOrder(t *testing.T) {
	db := schema(t)
	for i := range transfer.Tables {
		table := &transfer.Tables[i]
		for _, behind := range []bool{false, true} {
			if plan := explain(t, db, sqlite.BehindQuery(table, behind)); strings.Contains(plan, "TEMP B-TREE FOR ORDER BY") {
				t.Errorf("%s is sorted:\n%s", table.Name, plan)
			}
		}
	}
}

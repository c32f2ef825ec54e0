package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// Plans are kept for long, also those made while the database believes its tables to be empty: what is asked before a
// message and inserted with it does not look at all of a table then, when it has grown.
func TestPlansOfEmptyTables(t *testing.T) {
	address := pgtest.Database(t)
	s := openStore(t, address, discard)
	pgtest.Exec(t, address, "VACUUM ANALYZE")
	const callers, each = 32, 64
	var sending sync.WaitGroup
	for caller := range callers {
		sending.Go(func() {
			for n := range each {
				if _, err := s.AppendMessage(t.Context(), message(fmt.Sprintf("%d-%d", caller, n))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sending.Wait()
	if t.Failed() {
		return
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	// A connection tells what it has done when it has rested for a second at the latest, all at once.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var inserted, scanned int
		if err := conn.QueryRow(t.Context(), `
			SELECT (SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'sends'), sum(seq_tup_read)
			FROM pg_stat_user_tables WHERE relname IN ('sends', 'messages', 'conversations', 'members', 'commits')`).Scan(&inserted, &scanned); err != nil {
			t.Fatal(err)
		}
		if inserted == callers*each {
			if scanned > callers*each {
				t.Errorf("%d rows were looked at in scans of tables to store %d messages", scanned, inserted)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the database counts %d messages", inserted)
		}
	}
}

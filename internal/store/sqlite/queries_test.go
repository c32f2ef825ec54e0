package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
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
	allowed := regexp.MustCompile(`SCAN (j|p|b|n|page|behind|newest|o|ordinals|w|message_words|\(subquery-\d+\)|CONSTANT ROW)(\s|$)`)
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

// TestLongConversation reads from the middle of a conversation of 50,000 messages.
func TestLongConversation(t *testing.T) { longConversation(t, 50_000) }

// TestSoakLongConversation is TestLongConversation with 1,000,000 messages. It runs
// if SOCKEYE_SOAK is set.
func TestSoakLongConversation(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("SOCKEYE_SOAK is not set")
	}
	longConversation(t, 1_000_000)
}

// longConversation compares what is read in a long conversation and in one of a
// tenth of the length: the answers are right, and take about as long.
func longConversation(t *testing.T, length int) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir := t.TempDir()
	s := openStore(t, dir, discard)
	for id, n := range map[string]int{"long": length, "short": length / 10} {
		fill(t, dir, id, n)
	}
	for what, read := range map[string]func(ctx context.Context, id string, n int) error{
		"page from the middle": func(ctx context.Context, id string, n int) error {
			page, err := s.Messages(ctx, chat.MessageQuery{ConversationID: id, Before: fmt.Sprintf("%s-%d", id, n/2), Limit: 50})
			if err == nil && (len(page.Messages) != 50 || page.Messages[49].Seq != int64(n/2-1) || !page.More) {
				err = fmt.Errorf("a page of %d messages, more %v", len(page.Messages), page.More)
			}
			return err
		},
		"sync": func(ctx context.Context, id string, n int) error {
			got, err := s.Sync(ctx, chat.SyncQuery{
				User: "anna", Since: map[string]int64{id: int64(n - 50)}, MaxEvents: 500, MaxBytes: 1 << 20, MaxBehind: 1000,
			})
			if err == nil && len(got.Conversations[0].Events) != 50 {
				err = fmt.Errorf("a sync of %d events", len(got.Conversations[0].Events))
			}
			return err
		},
		"list with unread counts": func(ctx context.Context, _ string, _ int) error {
			list, err := s.Conversations(ctx, chat.ConversationQuery{User: "anna", Limit: 10})
			if err == nil && (len(list) != 2 || list[0].Unread != chat.MaxUnreadCount || list[0].Last == nil) {
				err = fmt.Errorf("a list of %d", len(list))
			}
			return err
		},
	} {
		long, short := fastest(t, read, "long", length), fastest(t, read, "short", length/10)
		t.Logf("%s: %v of %d messages, %v of %d", what, long, length, short, length/10)
		if long > 5*short+5*time.Millisecond {
			t.Errorf("%s takes %v of %d messages, and %v of %d", what, long, length, short, length/10)
		}
	}
	waitIndexed(t, s, length)
}

// fastest is the shortest of several runs: what else the machine does is no matter.
func fastest(t *testing.T, read func(ctx context.Context, id string, n int) error, id string, n int) time.Duration {
	t.Helper()
	best := time.Duration(1<<63 - 1)
	for range 20 {
		began := time.Now()
		if err := read(t.Context(), id, n); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(began))
	}
	return best
}

// waitIndexed: the indexer gets through all of it, and a rare word is found.
func waitIndexed(t *testing.T, s *sqlite.Store, length int) {
	t.Helper()
	if _, err := s.AppendMessage(t.Context(), message("wake", "wakes the indexer")); err != nil {
		t.Fatal(err)
	}
	q := chat.MessageSearch{User: "anna", Terms: lexeme.Query(fmt.Sprintf("n%d", length)), Limit: 10}
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		page, err := s.SearchMessages(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Messages) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("found %d messages", len(page.Messages))
		}
	}
}

// fill writes a direct conversation of anna's by SQL alone, which takes a hundredth
// of the time. The ordinals of several follow each other.
func fill(t *testing.T, dir, id string, n int) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at) VALUES ('ID', 'direct', N, 2, N, 0)`,
		`INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at) VALUES ('ID', 'anna', 'member', 0, 0), ('ID', 'b-ID', 'member', 0, 0)`,
		`INSERT INTO messages (id, conversation_id, seq, recipient_id, sender_id, sender_name, content, type, created_at, ordinal)
			SELECT 'ID-' || value, 'ID', value, 'anna', 'b-ID', 'B', 'some words and n' || value || iif('ID' = 'short', 's', ''), 'text', value,
				value + (SELECT issued FROM ordinals)
			FROM numbers`,
		`INSERT INTO events (conversation_id, seq, kind, message_id, actor_id, at)
			SELECT 'ID', value, 'message.created', 'ID-' || value, 'b-ID', value FROM numbers`,
		`UPDATE ordinals SET issued = issued + N`,
	} {
		if strings.Contains(statement, "FROM numbers") {
			statement = `WITH RECURSIVE numbers (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < N) ` + statement
		}
		statement = strings.NewReplacer("'ID", "'"+id, "-ID", "-"+id, " N", " "+fmt.Sprint(n)).Replace(statement)
		driver{dir}.Exec(t, statement)
	}
}

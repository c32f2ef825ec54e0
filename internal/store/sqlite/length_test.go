package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/store/storetest/length"
)

// conversation is one of a store whose reads of pages of the file are counted.
type conversation struct {
	length.Conversation
	store *sqlite.Store
}

// TestLengthCostsNothing counts the pages of the file that are looked at, which is
// the same on every machine.
func TestLengthCostsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	pagesAtLength(t, openLong(t, 4_000), openLong(t, 20_000))
}

// TestSoakLengthCostsNothing is TestLengthCostsNothing with 1,000,000 messages, and
// compares the time for a page of history too. It runs if SOCKEYE_SOAK is set.
func TestSoakLengthCostsNothing(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("SOCKEYE_SOAK is not set")
	}
	short, long := openLong(t, 10_000), openLong(t, 1_000_000)
	pagesAtLength(t, short, long)
	length.Compare(t, "page before", &short.Conversation, &long.Conversation, 2_000, 1.5)
}

// BenchmarkHistory reads pages of 50 from the middle of a conversation of 1,000,000
// messages and of one of 10,000 in turn. One operation is a page of each.
func BenchmarkHistory(b *testing.B) {
	times := length.Alternately(b, "page before", &openLong(b, 10_000).Conversation, &openLong(b, 1_000_000).Conversation)
	for b.Loop() {
		times.Read(b)
	}
	for i, c := range times.Of {
		b.ReportMetric(float64(times.Median(i).Microseconds()), fmt.Sprintf("µs/page-of-%d", c.N))
	}
	b.ReportMetric(times.Ratio(), "ratio")
}

// pagesAtLength compares how many pages of the file each of the reads looks at. An
// index may have grown by a level, which takes one page more for each row. The index
// of words has lists of messages, in which a search leaps.
func pagesAtLength(t *testing.T, short, long *conversation) {
	for what, read := range length.Reads {
		few, many := pagesOf(t, short, what, read), pagesOf(t, long, what, read)
		t.Logf("%-22s %6.1f pages of %d messages, %6.1f of %d", what, few, short.N, many, long.N)
		growth := 2.0
		if strings.HasPrefix(what, "search") {
			growth = math.Sqrt(float64(long.N) / float64(short.N))
		}
		if many > growth*few {
			t.Errorf("%s looks at %.1f pages of %d messages, and at %.1f of %d", what, few, short.N, many, long.N)
		}
	}
}

// pagesOf is the mean of several reads at different places.
func pagesOf(t *testing.T, c *conversation, what string, read func(ctx context.Context, c *length.Conversation, around int) error) float64 {
	t.Helper()
	const times = 20
	random := rand.New(rand.NewPCG(1, 2))
	pages := func() int {
		n, err := c.store.PagesRead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := pages()
	for range times {
		if err := read(t.Context(), &c.Conversation, c.Middle(random)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	return float64(pages()-before) / times
}

// openLong has one connection that reads, whose pages are counted, and indexes nothing
// meanwhile.
func openLong(t testing.TB, n int) *conversation {
	t.Helper()
	cfg := sqlite.DefaultConfig(t.TempDir())
	cfg.Readers = 1
	open := func() *sqlite.Store {
		s, err := sqlite.OpenAroundCommit(t.Context(), cfg, discard, func(commit func() error) error { return commit() })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if err := open().Close(); err != nil { // makes the schema
		t.Fatal(err)
	}
	c := &conversation{Conversation: length.Conversation{ID: chat.DirectID("anna", "bert"), N: n}}
	began := time.Now()
	c.fill(t, cfg.Dir)
	t.Logf("%d messages written in %v", n, time.Since(began))
	c.store = open()
	c.Store = c.store
	closeAtEnd(t, c.store)
	return c
}

// filler writes what the store would, in a hundredth of the time.
var filler = []string{
	`INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at) VALUES (:id, 'direct', :n, 2, :n, 1)`,
	`INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at) VALUES
		(:id, 'anna', 'member', 0, 1), (:id, 'bert', 'member', 0, 1)`,
	`INSERT INTO messages (ordinal, id, conversation_id, seq, recipient_id, sender_id, sender_name, content, type,
			client_msg_id, fingerprint, reply_to, thread_id, created_at)
		SELECT seq, 'm' || seq, :id, seq, 'anna', 'bert', 'Bert', 'word n' || seq || ' ' || replace(hex(zeroblob(250)), '0', '.'), 'text',
			'c' || seq, x'00', iif(seq % 10, NULL, 'm1'), iif(seq % 10, NULL, 'm1'), seq
		FROM numbers`,
	`INSERT INTO message_words (rowid, scope, body) SELECT seq, :scope, 'word n' || seq FROM numbers`,
	`UPDATE word_progress SET indexed = :n`,
}

// fill writes without waiting for the disk.
func (c *conversation) fill(t testing.TB, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName)+"?_pragma=synchronous(0)&_pragma=cache_size(-200000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(t.Context(), nil)
	for _, statement := range filler {
		if err == nil {
			statement = strings.Replace(statement, "FROM numbers", `FROM (
				WITH RECURSIVE x (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM x WHERE seq < :n) SELECT seq FROM x)`, 1)
			_, err = tx.ExecContext(t.Context(), statement, sql.Named("id", c.ID), sql.Named("n", c.N), sql.Named("scope", sqlite.ScopeOf(c.ID)))
		}
	}
	if err == nil {
		err = tx.Commit()
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestFilledRowsAreThoseOfTheStore: or else the other tests here are of something else.
func TestFilledRowsAreThoseOfTheStore(t *testing.T) {
	const n = 20
	filled, stored := t.TempDir(), t.TempDir()
	openStore(t, filled, discard)
	(&conversation{Conversation: length.Conversation{ID: chat.DirectID("anna", "bert"), N: n}}).fill(t, filled)
	s := openStore(t, stored, discard)
	for seq := 1; seq <= n; seq++ {
		cmd := chat.Append{Message: chat.Message{
			ID: length.MessageID(seq), ConversationID: chat.DirectID("anna", "bert"), SenderID: "bert", SenderName: "Bert", RecipientID: "anna",
			Content: fmt.Sprintf("word n%d ", seq) + strings.Repeat(".", 500), Type: chat.TypeText, Timestamp: time.UnixMilli(int64(seq)),
			ClientMsgID: fmt.Sprintf("c%d", seq),
		}, Fingerprint: []byte{0}}
		if seq%10 == 0 {
			cmd.Message.ReplyTo = length.MessageID(1)
		}
		if _, err := s.AppendMessage(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	progress := func(dir string) []string { return ask(t, dir, `SELECT * FROM word_progress`) }
	eventually(t, "words are indexed", func() bool { return slices.Equal(progress(stored), progress(filled)) })
	for _, table := range []string{"conversations", "members", "messages", "events", "message_words"} {
		got, want := ask(t, filled, `SELECT * FROM `+table), ask(t, stored, `SELECT * FROM `+table)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\nfilled\n%s\nstored\n%s", table, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

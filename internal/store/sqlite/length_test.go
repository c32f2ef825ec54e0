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
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// conversation is a store with one direct conversation, between anna and bert, of n
// messages of bert's. Every tenth replies to the first.
type conversation struct {
	*sqlite.Store
	id string
	n  int
}

// reads are what clients ask of a conversation. Each is checked to be what it should
// be at any length. around is a seq in the middle half.
var reads = map[string]func(ctx context.Context, c *conversation, around int) error{
	"newest page": func(ctx context.Context, c *conversation, _ int) error {
		page, err := c.Messages(ctx, chat.MessageQuery{ConversationID: c.id, Limit: 50})
		return c.check(page, err, c.n-49, c.n)
	},
	"page before": pageBefore,
	"page after": func(ctx context.Context, c *conversation, around int) error {
		page, err := c.Messages(ctx, chat.MessageQuery{ConversationID: c.id, After: messageID(around), Limit: 50})
		return c.check(page, err, around+1, around+50)
	},
	"thread": func(ctx context.Context, c *conversation, around int) error {
		around -= around % 10
		thread, err := c.Thread(ctx, "anna", chat.ThreadQuery{MessageID: messageID(1), Before: messageID(around), Limit: 50})
		return c.check(thread.Replies, err, around-500, around-10)
	},
	"unread": func(ctx context.Context, c *conversation, _ int) error {
		unread, err := c.Unread(ctx, chat.UnreadQuery{User: "anna", Limit: 100})
		return c.check(chat.Page{Messages: unread.Messages, More: true}, err, c.n-99, c.n)
	},
	"unread in a known conversation": func(ctx context.Context, c *conversation, _ int) error {
		unread, err := c.Unread(ctx, chat.UnreadQuery{User: "anna", Limit: 100, Since: time.Now().Add(time.Hour), Among: []string{c.id}})
		return c.check(chat.Page{Messages: unread.Messages, More: true}, err, c.n-99, c.n)
	},
	"search": func(ctx context.Context, c *conversation, around int) error {
		page, err := c.SearchMessages(ctx, chat.MessageSearch{
			User: "anna", ConversationID: c.id, Terms: lexeme.Query("word"), Before: messageID(around), Limit: 20,
		})
		slices.Reverse(page.Messages)
		return c.check(page, err, around-20, around-1)
	},
	"search for a rare word": func(ctx context.Context, c *conversation, around int) error {
		page, err := c.SearchMessages(ctx, chat.MessageSearch{
			User: "anna", ConversationID: c.id, Terms: lexeme.Query(fmt.Sprintf("n%d", around)), Limit: 20,
		})
		page.More = true
		return c.check(page, err, around, around)
	},
	"sync": func(ctx context.Context, c *conversation, _ int) error {
		synced, err := c.Sync(ctx, chat.SyncQuery{
			User: "anna", Since: map[string]int64{c.id: int64(c.n - 50)}, MaxEvents: 500, MaxBytes: 1 << 20, MaxBehind: 1000,
		})
		page := chat.Page{More: true}
		for _, conversation := range synced.Conversations {
			for _, e := range conversation.Events {
				page.Messages = append(page.Messages, *e.Message)
			}
		}
		return c.check(page, err, c.n-49, c.n)
	},
	"mark read": func(ctx context.Context, c *conversation, around int) error {
		cmd := chat.MarkRead{Reader: chat.Actor{ID: "anna"}, At: time.UnixMilli(1), MaxReceiptMembers: 100}
		for seq := around - 50; seq < around; seq++ {
			cmd.MessageIDs = append(cmd.MessageIDs, messageID(seq))
		}
		_, err := c.MarkRead(ctx, cmd)
		return err
	},
	"conversation list": func(ctx context.Context, c *conversation, _ int) error {
		list, err := c.Conversations(ctx, chat.ConversationQuery{User: "anna", Limit: 10})
		if err == nil && (len(list) != 1 || list[0].Unread != chat.MaxUnreadCount || list[0].Seq != int64(c.n) || list[0].Last == nil) {
			err = fmt.Errorf("listed %+v", list)
		}
		return err
	},
}

func pageBefore(ctx context.Context, c *conversation, around int) error {
	page, err := c.Messages(ctx, chat.MessageQuery{ConversationID: c.id, Before: messageID(around), Limit: 50})
	return c.check(page, err, around-50, around-1)
}

// check tells whether the page begins and ends where it should, with more elsewhere.
func (c *conversation) check(page chat.Page, err error, first, last int) error {
	if err != nil {
		return err
	}
	if n := len(page.Messages); n == 0 || page.Messages[0].Seq != int64(first) || page.Messages[n-1].Seq != int64(last) || !page.More {
		return fmt.Errorf("not from %d to %d of %d, with more: %s", first, last, c.n, ids(page.Messages))
	}
	return nil
}

// middle is a seq of the middle half of the conversation.
func (c *conversation) middle(random *rand.Rand) int { return c.n/4 + random.IntN(c.n/2) }

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
	times := alternately(t, short, long)
	for range 2_000 {
		times.page(t)
	}
	t.Logf("a page of 50: %v of %d messages, %v of %d, ratio %.2f", times.median(0), short.n, times.median(1), long.n, times.ratio())
	if ratio := times.ratio(); ratio > 1.5 {
		t.Errorf("a page of 50 takes %.2f times as long of a conversation that is 100 times as long", ratio)
	}
}

// BenchmarkHistory reads pages of 50 from the middle of a conversation of 1,000,000
// messages and of one of 10,000 in turn. One operation is a page of each.
func BenchmarkHistory(b *testing.B) {
	times := alternately(b, openLong(b, 10_000), openLong(b, 1_000_000))
	for b.Loop() {
		times.page(b)
	}
	for i, c := range times.of {
		b.ReportMetric(float64(times.median(i).Microseconds()), fmt.Sprintf("µs/page-of-%d", c.n))
	}
	b.ReportMetric(times.ratio(), "ratio")
}

// readTimes are those of pages of two conversations, which are read in turn: what else
// the machine does meets both alike.
type readTimes struct {
	of     [2]*conversation
	took   [2][]time.Duration
	random *rand.Rand
}

// alternately begins with some pages that are not counted.
func alternately(t testing.TB, short, long *conversation) *readTimes {
	times := &readTimes{of: [2]*conversation{short, long}, random: rand.New(rand.NewPCG(1, 2))}
	for range 100 {
		times.page(t)
	}
	times.took = [2][]time.Duration{}
	return times
}

func (r *readTimes) page(t testing.TB) {
	for i, c := range r.of {
		around := c.middle(r.random)
		began := time.Now()
		err := pageBefore(t.Context(), c, around)
		r.took[i] = append(r.took[i], time.Since(began))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (r *readTimes) median(of int) time.Duration {
	return slices.Sorted(slices.Values(r.took[of]))[len(r.took[of])/2]
}

func (r *readTimes) ratio() float64 { return float64(r.median(1)) / float64(r.median(0)) }

// pagesAtLength compares how many pages of the file each of the reads looks at. An
// index may have grown by a level, which takes one page more for each row. The index
// of words has lists of messages, in which a search leaps.
func pagesAtLength(t *testing.T, short, long *conversation) {
	for what, read := range reads {
		few, many := pagesOf(t, short, what, read), pagesOf(t, long, what, read)
		t.Logf("%-22s %6.1f pages of %d messages, %6.1f of %d", what, few, short.n, many, long.n)
		growth := 2.0
		if strings.HasPrefix(what, "search") {
			growth = math.Sqrt(float64(long.n) / float64(short.n))
		}
		if many > growth*few {
			t.Errorf("%s looks at %.1f pages of %d messages, and at %.1f of %d", what, few, short.n, many, long.n)
		}
	}
}

// pagesOf is the mean of several reads at different places.
func pagesOf(t *testing.T, c *conversation, what string, read func(ctx context.Context, c *conversation, around int) error) float64 {
	t.Helper()
	const times = 20
	random := rand.New(rand.NewPCG(1, 2))
	pages := func() int {
		n, err := c.PagesRead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := pages()
	for range times {
		if err := read(t.Context(), c, c.middle(random)); err != nil {
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
	c := &conversation{id: chat.DirectID("anna", "bert"), n: n}
	began := time.Now()
	c.fill(t, cfg.Dir)
	t.Logf("%d messages written in %v", n, time.Since(began))
	c.Store = open()
	closeAtEnd(t, c.Store)
	return c
}

func messageID(seq int) string { return fmt.Sprintf("m%d", seq) }

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
			_, err = tx.ExecContext(t.Context(), statement, sql.Named("id", c.id), sql.Named("n", c.n), sql.Named("scope", sqlite.ScopeOf(c.id)))
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
	(&conversation{id: chat.DirectID("anna", "bert"), n: n}).fill(t, filled)
	s := openStore(t, stored, discard)
	for seq := 1; seq <= n; seq++ {
		cmd := chat.Append{Message: chat.Message{
			ID: messageID(seq), ConversationID: chat.DirectID("anna", "bert"), SenderID: "bert", SenderName: "Bert", RecipientID: "anna",
			Content: fmt.Sprintf("word n%d ", seq) + strings.Repeat(".", 500), Type: chat.TypeText, Timestamp: time.UnixMilli(int64(seq)),
			ClientMsgID: fmt.Sprintf("c%d", seq),
		}, Fingerprint: []byte{0}}
		if seq%10 == 0 {
			cmd.Message.ReplyTo = messageID(1)
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

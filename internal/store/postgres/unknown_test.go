package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/batch"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// message is a message from anna to bert, sent under its own id.
func message(id string) chat.Append {
	return chat.Append{Fingerprint: []byte(id), Message: chat.Message{
		ID: id, ConversationID: chat.DirectID("anna", "bert"), SenderID: "anna", SenderName: "Anna", RecipientID: "bert",
		ClientMsgID: id, Content: id, Type: chat.TypeText, Timestamp: time.UnixMilli(1_700_000_000_000).UTC(),
	}}
}

func history(t testing.TB, s *postgres.Store) (stored string) {
	t.Helper()
	page, err := s.Messages(t.Context(), chat.MessageQuery{ConversationID: chat.DirectID("anna", "bert"), Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range page.Messages {
		stored += fmt.Sprintf("%s=%d ", m.ID, m.Seq)
	}
	return stored
}

// published are the messages that were told of, in order.
func published(events []chat.Event) (told string) {
	for _, e := range events {
		told += fmt.Sprintf("%s=%d ", e.Message.ID, e.Seq)
	}
	return told
}

// checkCommits fails if what the log of commits says is not what conversations have, each event of them once; or if a writer
// has a commit behind its last one.
func checkCommits(t testing.TB, address string) {
	t.Helper()
	s := openStore(t, address, discard)
	known := map[int64]int64{}
	logged := make(map[string][]int64)
	for more := true; more; {
		read, err := s.After(t.Context(), known)
		if err != nil || len(read.Lost) > 0 {
			t.Fatalf("commits cannot be read: error %v, lost %v", err, read.Lost)
		}
		known, more = read.Reached, read.More
		for _, c := range read.Commits {
			for i := range c.Facts.Chat {
				if place, is := c.Places[i]; is {
					for seq := place.First; seq <= place.Last; seq++ {
						logged[place.ConversationID] = append(logged[place.ConversationID], seq)
					}
				} else if e := c.Facts.Chat[i]; e.Seq > 0 {
					logged[e.ConversationID] = append(logged[e.ConversationID], e.Seq)
				}
			}
		}
	}
	for id, seqs := range logged {
		slices.Sort(seqs)
		for i, seq := range seqs {
			if seq != int64(i)+1 {
				t.Errorf("the log of commits has of %s the seqs %v", id, seqs)
				break
			}
		}
		if head := ask(t, address, `SELECT head_seq FROM conversations WHERE id = $1`, id); head != len(seqs) {
			t.Errorf("the log of %s ends at %d, and commits say %d", id, head, len(seqs))
		}
	}
	if n := ask(t, address, `SELECT count(*) FROM commits c JOIN writers w ON w.id = c.writer WHERE c.n > w.n`); n > 0 {
		t.Errorf("%d commits are behind the last ones of their writers", n)
	}
}

// TestCommitWithoutAnswer: the connection breaks at a COMMIT, and the writer finds out what became of it.
func TestCommitWithoutAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		cut    func(t *testing.T, address string, l *link)
		stored bool
	}{
		"it never came": {cut: func(_ *testing.T, _ string, l *link) { l.cut() }},
		"it was carried out": {stored: true, cut: func(t *testing.T, _ string, l *link) {
			carryOut(t, l)
			l.cut()
		}},
		// The transaction is open still when the writer looks: it must wait for its end.
		"it is carried out late": {stored: true, cut: func(t *testing.T, address string, l *link) {
			_ = l.client.Close()
			waitForLock(t, address)
			carryOut(t, l)
		}},
		"it is given up late": {cut: func(t *testing.T, address string, l *link) {
			_ = l.client.Close()
			waitForLock(t, address)
			l.cut()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			address := pgtest.Database(t)
			p, through := newProxy(t, address)
			events := &suite.Recorder[chat.Event]{}
			s := openStore(t, through, events.Record)
			appendMessage(t, s, "m1")
			p.onCommit(func(l *link) { test.cut(t, address, l) })
			_, err := s.AppendMessage(t.Context(), message("m2"))
			want := "m1=1 "
			if test.stored {
				want = "m1=1 m2=2 "
			}
			if (err == nil) != test.stored {
				t.Errorf("the answer is %v, stored: %v", err, test.stored)
			}
			if err != nil && !errors.Is(err, postgres.Unavailable) {
				t.Errorf("error %v, want one to try again at", err)
			}
			if errors.Is(err, batch.ErrUnknown) {
				t.Errorf("nothing is stored, and the error says that it is not known: %v", err)
			}
			told := published(events.Take())
			if stored := history(t, s); stored != want || told != want {
				t.Errorf("stored %s, told of %s, want %s", stored, told, want)
			}
			appendMessage(t, s, "m2") // again
			appendMessage(t, s, "m3")
			if got := history(t, s); got != "m1=1 m2=2 m3=3 " {
				t.Errorf("stored in the end: %s", got)
			}
			checkCommits(t, address)
		})
	}
}

// TestCommitWithoutDatabase: the database is away for longer than callers wait. They are told that it is not known, and
// what was stored is told of when the database is back, without anybody's asking.
func TestCommitWithoutDatabase(t *testing.T) {
	address := pgtest.Database(t)
	p, through := newProxy(t, address)
	cfg := postgres.DefaultConfig(through)
	cfg.SettleFor = 100 * time.Millisecond
	events := make(chan string, 100)
	s, err := postgres.Open(t.Context(), cfg, func(e []chat.Event) { events <- published(e) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p.onCommit(func(l *link) {
		carryOut(t, l)
		p.shut(true)
	})
	_, err = s.AppendMessage(t.Context(), message("m1"))
	if r := refusal.Of(err); r == nil || r.RetryAfter == 0 || !errors.Is(err, batch.ErrUnknown) {
		t.Fatalf("the answer is %v, want one that says that it is not known, and when to try again", err)
	}
	for _, ask := range []func() error{
		func() error { _, err := s.AppendMessage(t.Context(), message("m2")); return err },
		func() error { return s.Ping(t.Context()) },
		func() error { _, err := s.Memberships(t.Context(), "anna"); return err },
	} {
		if r := refusal.Of(ask()); r == nil || r.Code != refusal.Unavailable {
			t.Errorf("without a database: %v", r)
		}
	}
	select {
	case told := <-events:
		t.Fatalf("told of %s without a database", told)
	default:
	}
	p.shut(false)
	if told := <-events; told != "m1=1 " {
		t.Errorf("told of %s when the database was back", told)
	}
	for _, id := range []string{"m1", "m2", "m3"} {
		appendMessage(t, s, id)
	}
	if got := history(t, s); got != "m1=1 m2=2 m3=3 " {
		t.Errorf("stored in the end: %s", got)
	}
	checkCommits(t, address)
}

// TestRevocationWithoutDatabase: events about accounts come when it is known that they are true, too.
func TestRevocationWithoutDatabase(t *testing.T) {
	address := pgtest.Database(t)
	p, through := newProxy(t, address)
	cfg := postgres.DefaultConfig(through)
	cfg.SettleFor = 100 * time.Millisecond
	s := openWith(t, cfg, discard)
	events := make(chan account.Event, 100)
	accounts := s.Accounts(func(told []account.Event) {
		for _, e := range told {
			events <- e
		}
	})
	revoke := func(user account.UserID) error {
		return accounts.Revoke(t.Context(), account.Revocation{At: at, UserID: user, IssuedBy: at})
	}
	p.onCommit(func(l *link) {
		carryOut(t, l)
		p.shut(true)
	})
	if err := revoke("anna"); !errors.Is(err, batch.ErrUnknown) {
		t.Fatalf("the answer is %v, want one that says that it is not known", err)
	}
	select {
	case e := <-events:
		t.Fatalf("told of %+v without a database", e)
	default:
	}
	p.shut(false)
	if err := untilTaken(func() error { return revoke("bert") }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []account.UserID{"anna", "bert"} {
		select {
		case e := <-events:
			if e.Kind != account.TokensRevoked || e.Revocation.UserID != want {
				t.Errorf("told of %+v, want the revocation of %s", e, want)
			}
		default:
			t.Fatalf("the revocation of %s is not told of", want)
		}
	}
}

func appendMessage(t *testing.T, s *postgres.Store, id string) {
	t.Helper()
	if _, err := s.AppendMessage(t.Context(), message(id)); err != nil {
		t.Fatal(err)
	}
}

// carryOut sends the COMMIT that was kept. The server reads it, whatever becomes of the connection.
func carryOut(t *testing.T, l *link) {
	if err := l.commit(); err != nil {
		t.Error(err)
	}
}

// waitForLock returns when somebody in the database waits for a lock.
func waitForLock(t *testing.T, address string) {
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for waits, deadline := false, time.Now().Add(time.Minute); !waits; time.Sleep(time.Millisecond) {
		err := conn.QueryRow(context.Background(), `
			SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits)
		if err != nil || time.Now().After(deadline) {
			t.Errorf("nobody waits for a lock, error %v", err)
			return
		}
	}
}

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// What two processes do at once may be refused, to be tried again, and then has the outcome that it has after the other's.

// untilTaken tries again what is refused for a moment.
func untilTaken(do func() error) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if err := do(); !errors.Is(err, postgres.Unavailable) || time.Now().After(deadline) {
			return err
		}
	}
}

func TestOneMessageOfTwoProcesses(t *testing.T) {
	address := pgtest.Database(t)
	stores := [2]*postgres.Store{openStore(t, address, discard), openStore(t, address, discard)}
	const rounds = 30
	for round := range rounds {
		var mu sync.Mutex
		answers := make(map[string]bool)
		suite.AtOnce(4, func(i int) {
			err := untilTaken(func() error {
				cmd := message(fmt.Sprintf("m%d", round))
				cmd.Message.ID += fmt.Sprintf("-%d", i)
				m, err := stores[i%2].AppendMessage(context.Background(), cmd)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					answers[fmt.Sprintf("%s=%d", m.ID, m.Seq)] = true
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		if len(answers) != 1 {
			t.Errorf("one message was answered as %v", answers)
		}
	}
	if n := ask(t, address, `SELECT count(*) FROM messages`); n != rounds {
		t.Errorf("%d messages are stored, want %d", n, rounds)
	}
	if head := ask(t, address, `SELECT head_seq FROM conversations`); head != rounds {
		t.Errorf("the log ends at %d, want %d", head, rounds)
	}
}

// A message with text that the database cannot hold, or that asks for what has such an id, is refused alone.
func TestUnstorableAmongOthers(t *testing.T) {
	address := pgtest.Database(t)
	s := openStore(t, address, discard)
	appendMessage(t, s, "first")
	const good = 20
	spoil := []func(m *chat.Message){
		func(m *chat.Message) { m.Content = "a\x00b" },
		func(m *chat.Message) { m.Content = "a\xff" },
		func(m *chat.Message) { m.SenderName = "\x00" },
		func(m *chat.Message) { m.ReplyTo = "m\x00" },
		func(m *chat.Message) { m.ClientMsgID = "m\x00" },
		func(m *chat.Message) { m.Attachments = []string{"\x00"} },
		func(m *chat.Message) { m.RoomID, m.RecipientID, m.ConversationID = "r\x00", "", "" },
		func(m *chat.Message) { m.RecipientID, m.ConversationID = "\xff", "dm:\xff" },
	}
	suite.AtOnce(good+len(spoil), func(i int) {
		cmd := message(fmt.Sprintf("m%d", i))
		if i >= good {
			spoil[i-good](&cmd.Message)
		}
		_, err := s.AppendMessage(context.Background(), cmd)
		switch r := refusal.Of(err); {
		case i < good && err != nil:
			t.Errorf("%s: %v", cmd.Message.ID, err)
		case i >= good && (r == nil || r.RetryAfter != 0):
			t.Errorf("what was spoilt in way %d: %v, want it refused for good", i-good, err)
		}
	})
	if n := ask(t, address, `SELECT count(*) FROM messages`); n != 1+good {
		t.Errorf("%d messages are stored, want %d", n, 1+good)
	}
}

// What is asked about a message may take too long. It and its neighbours can be sent again.
func TestQuestionThatTakesTooLong(t *testing.T) {
	address := pgtest.Database(t)
	cfg := postgres.DefaultConfig(address)
	cfg.StatementTimeout = 300 * time.Millisecond
	s := openWith(t, cfg, discard)
	appendMessage(t, s, "first")
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), `BEGIN`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `LOCK TABLE local_accounts IN ACCESS EXCLUSIVE MODE`); err != nil { // whom a message mentions
		t.Fatal(err)
	}
	send := func(i int) error {
		cmd := message(fmt.Sprintf("m%d", i))
		if i == 3 {
			cmd.Message.Mentions = []chat.UserID{"Bertie"}
		}
		_, err := s.AppendMessage(context.Background(), cmd)
		return err
	}
	suite.AtOnce(8, func(i int) {
		if err := send(i); i == 3 && err == nil || err != nil && !errors.Is(err, postgres.Unavailable) {
			t.Errorf("message %d: %v", i, err)
		}
	})
	if _, err := conn.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	for i := range 8 { // again
		if err := send(i); err != nil {
			t.Errorf("message %d again: %v", i, err)
		}
	}
	if n := ask(t, address, `SELECT count(*) FROM messages`); n != 9 {
		t.Errorf("%d messages are stored, want 9", n)
	}
	checkCommits(t, address)
}

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// checkTimeout is how long a check of /ready has.
const checkTimeout = 2 * time.Second

func ping(t *testing.T, s *postgres.Store, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return s.Ping(ctx)
}

// holdUp locks rows until release is called, as a server does that is in the midst of a long transaction.
func holdUp(t *testing.T, address string, statements ...string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	for _, statement := range append([]string{"BEGIN"}, statements...) {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
			t.Error(err)
		}
	}
}

func lockOf(conversation string) string {
	return `SELECT 1 FROM conversations WHERE id = '` + conversation + `' FOR UPDATE`
}

// awaitLocks returns when so many statements wait for locks.
func awaitLocks(t *testing.T, address string, n int) {
	t.Helper()
	eventually(t, "a statement that waits for a lock", func() bool {
		return ask(t, address, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == n
	})
}

// TestPingOfBusyServers: a server is no less ready for what it, or another one, is in the midst of.
func TestPingOfBusyServers(t *testing.T) {
	address := pgtest.Database(t)
	busy, other := openStore(t, address, discard), openStore(t, address, discard)
	for _, s := range []*postgres.Store{busy, other} {
		if err := ping(t, s, checkTimeout); err != nil {
			t.Fatal(err)
		}
	}
	appendMessage(t, busy, "m1")
	release := holdUp(t, address, `INSERT INTO probes (one, at) VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET at = 1`, lockOf(chat.DirectID("anna", "bert")))
	appended := make(chan error, 1)
	go func() {
		_, err := busy.AppendMessage(context.WithoutCancel(t.Context()), message("m2"))
		appended <- err
	}()
	awaitLocks(t, address, 1)
	time.Sleep(postgres.ProvenFor) // what was written before is no proof any more
	if err := ping(t, busy, checkTimeout); err != nil {
		t.Errorf("a server whose command waits for another server: %v", err)
	}
	if err := ping(t, other, checkTimeout); err != nil {
		t.Errorf("a server that has nothing to do: %v", err)
	}
	release()
	if err := <-appended; err != nil {
		t.Error(err)
	}
	if got := history(t, other); got != "m1=1 m2=2 " {
		t.Errorf("stored: %s", got)
	}
}

// TestPingOfStuckServer: a server is not ready that has not carried out anything for long, though there is something to do.
func TestPingOfStuckServer(t *testing.T) {
	address := pgtest.Database(t)
	s := openWith(t, postgres.DefaultConfig(address).Stuck(0), discard)
	appendMessage(t, s, "m1")
	release := holdUp(t, address, lockOf(chat.DirectID("anna", "bert")))
	appended := make(chan error, 1)
	go func() {
		_, err := s.AppendMessage(context.WithoutCancel(t.Context()), message("m2"))
		appended <- err
	}()
	awaitLocks(t, address, 1)
	time.Sleep(postgres.ProvenFor)
	if err := ping(t, s, postgres.ProvenFor); err == nil {
		t.Error("it is ready")
	}
	release()
	if err := <-appended; err != nil {
		t.Error(err)
	}
	if err := ping(t, s, checkTimeout); err != nil {
		t.Errorf("when it gets on: %v", err)
	}
}

// TestProbeGoesAhead: what has to be known soon waits for the transaction that is under way alone.
func TestProbeGoesAhead(t *testing.T) {
	address := pgtest.Database(t)
	s := openStore(t, address, discard)
	appendMessage(t, s, "m1")
	later := message("m3")
	later.Message.RecipientID, later.Message.ConversationID = "cleo", chat.DirectID("anna", "cleo")
	if _, err := s.AppendMessage(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	later.Message.ID, later.Message.ClientMsgID = "m4", "m4"
	first, second := holdUp(t, address, lockOf(chat.DirectID("anna", "bert"))), holdUp(t, address, lockOf(chat.DirectID("anna", "cleo")))
	appended := make(chan error, 2)
	appends := func(a chat.Append) {
		_, err := s.AppendMessage(context.WithoutCancel(t.Context()), a)
		appended <- err
	}
	go appends(message("m2"))
	awaitLocks(t, address, 1)
	go appends(later)
	eventually(t, "a command that waits", func() bool { return s.Stats().Queued == 1 })
	answered := make(chan error, 1)
	go func() { answered <- s.First(t.Context()) }()
	eventually(t, "another one", func() bool { return s.Stats().Queued == 2 })
	first()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	second()
	for range 2 {
		if err := <-appended; err != nil {
			t.Error(err)
		}
	}
}

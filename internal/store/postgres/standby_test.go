package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/batch"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestSynchronousStandby: what a standby is to have as well is acknowledged when it has it. A wait for it that is cut short
// ends in a COMMIT that looks like any other.
func TestSynchronousStandby(t *testing.T) {
	server := pgtest.Start(t, "wal_level=replica", "max_wal_senders=4")
	address := server.Database(t)
	cfg := postgres.DefaultConfig(address)
	cfg.StatementTimeout, cfg.SettleFor = 200*time.Millisecond, 100*time.Millisecond
	events := make(chan string, 100)
	s := openWith(t, cfg, func(e []chat.Event) { events <- published(e) })
	appendMessage(t, s, "m1")
	<-events

	pgtest.Exec(t, address, `ALTER SYSTEM SET synchronous_standby_names = 'away'`)
	pgtest.Exec(t, address, `SELECT pg_reload_conf()`)
	waitForStandby(t, address)
	_, err := s.AppendMessage(t.Context(), message("m2"))
	if !errors.Is(err, postgres.Unavailable) || !errors.Is(err, batch.ErrUnknown) {
		t.Errorf("without its standby: %v", err)
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a ping was answered without the standby")
	}
	select {
	case told := <-events:
		t.Errorf("told of %s without the standby", told)
	default:
	}

	pgtest.Exec(t, address, `ALTER SYSTEM RESET synchronous_standby_names`)
	pgtest.Exec(t, address, `SELECT pg_reload_conf()`)
	select {
	case told := <-events:
		if told != "m2=2 " {
			t.Errorf("told of %s when the standby is not asked for any more", told)
		}
	case <-time.After(time.Minute):
		t.Error("not told of when the standby is not asked for any more")
	}
	for _, id := range []string{"m2", "m3"} { // m2 again
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if _, err = s.AppendMessage(t.Context(), message(id)); !errors.Is(err, postgres.Unavailable) || time.Now().After(deadline) {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := history(t, s); got != "m1=1 m2=2 m3=3 " {
		t.Errorf("stored: %s", got)
	}
	checkCommits(t, address)
}

// waitForStandby returns when a COMMIT waits for a standby.
func waitForStandby(t *testing.T, address string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for waits := false; !waits; {
		if time.Now().After(deadline) {
			t.Fatal("no COMMIT waits for a standby")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			pgtest.Exec(t, address, `UPDATE server SET one = 1`)
		}()
		for running := true; running && !waits; {
			select {
			case <-done:
				running = false
			default:
				waits = ask(t, address, `SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`) > 0
			}
		}
		<-done
	}
}

package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/brokertest"
	"github.com/sockeye-im/sockeye/internal/feed/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func broker(t *testing.T, url, channel string) *cluster.Line {
	t.Helper()
	b, err := postgres.New(postgres.Config{URL: url, Channel: channel, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBroker(t *testing.T) {
	address := pgtest.Database(t)
	brokertest.Run(t, brokertest.Brokers{
		New: func(t *testing.T, channel string) cluster.Broker { return broker(t, address, channel) },
		Break: func(t *testing.T) {
			pgtest.Exec(t, address, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		},
	})
}

func TestKilledAndRestarted(t *testing.T) {
	s := pgtest.Start(t)
	address := s.URL("postgres")
	one, other := brokertest.Listen(t, broker(t, address, "sockeye-a")), brokertest.Listen(t, broker(t, address, "sockeye-a"))
	s.Kill(t)
	for _, l := range []*brokertest.Listener{one, other} {
		l.Until(t, "it notices", func() bool { return !l.Working() })
	}
	s.Restart(t)
	for _, l := range []*brokertest.Listener{one, other} {
		l.Until(t, "it listens again", func() bool { return l.Working() && l.Missed() >= 2 })
	}
	other.Hears(t, one, []byte("after"))
}

// What NOTIFY tells must not wait for the disk, nor for others who write.
func TestNotifyIsNoCommit(t *testing.T) {
	address := pgtest.Database(t)
	one, other := brokertest.Listen(t, broker(t, address, "sockeye-a")), brokertest.Listen(t, broker(t, address, "sockeye-a"))
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(ctx, `CREATE TABLE t (n int); INSERT INTO t VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, `BEGIN; UPDATE t SET n = 2`); err != nil {
		t.Fatal(err)
	}
	other.Hears(t, one, []byte("meanwhile"))
	if _, err := conn.Exec(ctx, `ROLLBACK; DROP TABLE t`); err != nil {
		t.Fatal(err)
	}
}

// Behind a pooler that lends another connection for each transaction LISTEN succeeds, and has
// no effect: it must show.
func TestPoolerInTransactionMode(t *testing.T) {
	through := pgtest.Bouncer(t)
	address := through(pgtest.Database(t))
	b := broker(t, address, "sockeye-a")
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() {
		b.Listen(ctx, func(payload []byte) { t.Errorf("%q was heard", payload) }, func() { t.Error("it listens") })
	})
	for deadline := time.Now().Add(brokertest.Soon); b.Err() == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not say that it is deaf")
		}
	}
	if err := b.Err(); !errors.Is(err, postgres.ErrDeaf) || b.Working() {
		t.Fatal(err)
	}
	b.Publish([]byte("x"))
	if c := b.Counts(); c.Dropped != 1 {
		t.Fatalf("%+v", c)
	}
	cancel()
	listening.Wait()
}

func TestWrongAddress(t *testing.T) {
	_, err := postgres.New(postgres.Config{URL: "postgres://user:hidden@host:port/x", Channel: "sockeye-a"})
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Fatal(err)
	}
}

func BenchmarkNotify(b *testing.B) {
	address := pgtest.Database(b)
	line := func() cluster.Broker {
		line, err := postgres.New(postgres.Config{URL: address, Channel: "sockeye-a", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		return line
	}
	brokertest.Bench(b, line(), line())
}

// A broker is not told what it has said itself: a node has no use for that, and would have to read it.
func TestOwnIsLeftOut(t *testing.T) {
	address := pgtest.Database(t)
	one, other := brokertest.Listen(t, broker(t, address, "sockeye-a")), brokertest.Listen(t, broker(t, address, "sockeye-a"))
	one.Publish([]byte("own"))
	one.Publish(bytes.Repeat([]byte("long"), 10_000))
	other.Until(t, "the other one has heard", func() bool { return len(other.Heard()) == 2 })
	one.Hears(t, other, []byte("behind it"))
	if heard := one.Heard(); !bytes.Equal(heard[0], []byte("behind it")) {
		t.Errorf("%q was heard first", heard[0])
	}
}

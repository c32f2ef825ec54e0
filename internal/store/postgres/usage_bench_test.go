//go:build linux

package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// BenchmarkCountUsage counts 10,000 messages of 500 users in 50 rooms, said within ten minutes behind 200,000 that are counted.
func BenchmarkCountUsage(b *testing.B) {
	const counted, fresh = 200_000, 10_000
	address := pgtest.Start(b).Database(b)
	s, err := postgres.Open(b.Context(), postgres.DefaultConfig(address), discard)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	began := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	pgtest.Exec(b, address, fmt.Sprintf(`
		INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at)
			SELECT 'c' || i, 'room', 5000, 2, 0, %[1]d FROM generate_series(0, 49) i;
		INSERT INTO messages (id, conversation_id, seq, room_id, sender_id, sender_name, content, type, created_at)
			SELECT 'm' || i, 'c' || i %% 50, i, 'r' || i %% 50, 'u' || i %% 500, 'Somebody', lpad(i::text, 100, '0'), 'text', %[1]d + i * 60::bigint
			FROM generate_series(0, %[2]d) i`, began.UnixMilli(), counted+fresh-1))
	pgtest.Exec(b, address, "VACUUM ANALYZE messages")
	now := began.Add(counted*60*time.Millisecond + time.Minute)
	counter, err := usage.New(usage.Deps{Store: s.Usage(), Now: func() time.Time { return now }, Online: func() []string { return nil }})
	if err != nil {
		b.Fatal(err)
	}
	count := func(want int) {
		if n, err := counter.Count(b.Context()); err != nil || n != want {
			b.Fatalf("counted %d, %v", n, err)
		}
	}
	count(counted)
	through, err := s.Usage().Through(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	now = now.Add(fresh * 60 * time.Millisecond)
	for b.Loop() {
		count(fresh)
		b.StopTimer()
		pgtest.Exec(b, address, fmt.Sprintf(`UPDATE usage_progress SET through = %d`, through.UnixMilli()))
		b.StartTimer()
	}
}

package sqlite_test

import (
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// BenchmarkCountUsage counts 10,000 messages of 500 users in 50 rooms, said within ten minutes behind 200,000 that are counted.
func BenchmarkCountUsage(b *testing.B) {
	const counted, fresh = 200_000, 10_000
	dir, began := b.TempDir(), time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s, err := sqlite.Open(b.Context(), sqlite.DefaultConfig(dir), discard)
	if err != nil {
		b.Fatal(err)
	}
	closeAtEnd(b, s)
	execute(b, dir, `
		INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at)
			WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49) SELECT 'c' || i, 'room', 5000, 2, 0, 0 FROM n;
		INSERT INTO messages (id, conversation_id, seq, room_id, sender_id, sender_name, content, type, created_at)
			WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 209999)
			SELECT 'm' || i, 'c' || i % 50, i, 'r' || i % 50, 'u' || i % 500, 'Somebody', printf('%0100d', i), 'text', 1767268800000 + i * 60 FROM n`)
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
	progress := ask(b, dir, `SELECT through FROM usage_progress`)[0]
	mark := ask(b, dir, `SELECT mark FROM usage_progress`)[0]
	now = now.Add(fresh * 60 * time.Millisecond)
	var cpu time.Duration
	for b.Loop() {
		before := processTime(b)
		count(fresh)
		cpu += processTime(b) - before
		b.StopTimer()
		execute(b, dir, `UPDATE usage_progress SET through = `+progress+`, mark = `+mark)
		b.StartTimer()
	}
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N)/1000, "cpu-ms/op")
}

//go:build linux

package postgres_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	processes "github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// directs is how many direct conversations messages go to.
const directs = 500

// BenchmarkAppendMessage stores messages of 100 bytes, to one room or to 500 direct conversations in turn, each in a
// transaction of its own (batch=1) or 100 in one. server-µs/op is the processor time of PostgreSQL. What there is to be
// had, `go run ./bench -parts store -out -` measures.
func BenchmarkAppendMessage(b *testing.B) {
	for _, batch := range []int{1, 100} {
		for where, message := range map[string]func(int64) chat.Append{"room": toRoom, "direct": toDirect} {
			b.Run(fmt.Sprintf("%s/batch=%d", where, batch), func(b *testing.B) { benchAppend(b, batch, message) })
		}
	}
}

func benchAppend(b *testing.B, batch int, message func(n int64) chat.Append) {
	server := pgtest.Start(b)
	cfg := postgres.DefaultConfig(server.Database(b))
	cfg.MaxBatch = batch
	s, err := postgres.Open(b.Context(), cfg, discard)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	room := chat.Room{ID: "room", ConversationID: "room:1", Type: chat.RoomPublic, MaxMembers: 10}
	if err := s.CreateRoom(b.Context(), chat.NewRoom{Room: room, Creator: chat.Actor{ID: "anna"}}); err != nil {
		b.Fatal(err)
	}
	// Twice as many callers as fit, so that the next batch is full when one is done.
	callers := max(1, 2*batch*min(1, batch/2))
	var next atomic.Int64
	store := func(until int64) {
		var done sync.WaitGroup
		for range callers {
			done.Go(func() {
				for n := next.Add(1); n <= until; n = next.Add(1) {
					if _, err := s.AppendMessage(b.Context(), message(n)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		done.Wait()
		next.Store(until)
	}
	store(2 * directs)
	measure(b, server, func() { store(2*directs + int64(b.N)) })
}

func measure(b *testing.B, server *pgtest.Server, work func()) {
	b.Helper()
	spent := func(of func(int) (time.Duration, error), pid int) time.Duration {
		d, err := of(pid)
		if err != nil {
			b.Fatal(err)
		}
		return d
	}
	cpu, servers := spent(processes.CPUTime, os.Getpid()), spent(processes.FamilyTime, server.PID())
	b.ReportAllocs()
	b.ResetTimer()
	work()
	b.StopTimer()
	b.ReportMetric(float64((spent(processes.CPUTime, os.Getpid())-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64((spent(processes.FamilyTime, server.PID())-servers).Microseconds())/float64(b.N), "server-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// benchMessage has an id that grows with n, as those of the server do.
func benchMessage(n int64) chat.Append {
	id := fmt.Sprintf("018e0000-0000-7000-8000-%012d", n)
	cmd := message(id)
	cmd.Message.Content = fmt.Sprintf("message number %d says what people say to each other when they have something to say, and more", n)
	return cmd
}

func toRoom(n int64) chat.Append {
	cmd := benchMessage(n)
	cmd.Message.ConversationID, cmd.Message.RecipientID, cmd.Message.RoomID = "", "", "room"
	return cmd
}

// toDirect goes to each of the conversations in turn, from either side.
func toDirect(n int64) chat.Append {
	cmd := benchMessage(n)
	from, to := chat.UserID(fmt.Sprintf("user-%d-a", n%directs)), chat.UserID(fmt.Sprintf("user-%d-b", n%directs))
	if n/directs%2 == 0 {
		from, to = to, from
	}
	cmd.Message.SenderID, cmd.Message.RecipientID, cmd.Message.ConversationID = from, to, chat.DirectID(from, to)
	return cmd
}

package sqlite_test

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// directs is how many direct conversations BenchmarkAppendMessage has.
const directs = 500

// BenchmarkAppendMessage stores messages of 100 bytes, to one room or to 500 direct
// conversations in turn, each with an fsync of its own (batch=1) or 100 with one.
func BenchmarkAppendMessage(b *testing.B) {
	for _, batch := range []int{1, 100} {
		for where, message := range map[string]func(int64) chat.Append{"room": toRoom, "direct": toDirect} {
			b.Run(fmt.Sprintf("%s/batch=%d", where, batch), func(b *testing.B) { benchAppend(b, batch, message) })
		}
	}
}

func benchAppend(b *testing.B, batch int, message func(n int64) chat.Append) {
	cfg := sqlite.DefaultConfig(b.TempDir())
	cfg.MaxBatch = batch
	s, err := sqlite.Open(b.Context(), cfg, discard)
	if err != nil {
		b.Fatal(err)
	}
	closeAtEnd(b, s)
	room := chat.Room{ID: "room", ConversationID: "room:1", Type: chat.RoomPublic, MaxMembers: 10}
	if err := s.CreateRoom(b.Context(), chat.NewRoom{Room: room, Creator: chat.Actor{ID: "anna"}}); err != nil {
		b.Fatal(err)
	}
	// Twice as many callers as fit, so that the next batch is full when one is done.
	callers := max(1, 2*batch*min(1, batch/2))
	var next atomic.Int64
	store := func(until int64) {
		inParallel(callers, func() {
			for n := next.Add(1); n <= until; n = next.Add(1) {
				if _, err := s.AppendMessage(b.Context(), message(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
		next.Store(until)
	}
	store(2 * directs)
	before, cpu := s.Stats(), processTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	store(2*directs + int64(b.N))
	b.StopTimer()
	after := s.Stats()
	b.ReportMetric(float64((processTime(b)-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(after.Commands-before.Commands)/float64(after.Batches-before.Batches), "rows/batch")
}

// processTime is the time that the process has spent on processors.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// benchMessage has an id that grows with n, as those of the server do.
func benchMessage(n int64) chat.Append {
	id := fmt.Sprintf("018e0000-0000-7000-8000-%012d", n)
	cmd := message(id, fmt.Sprintf("%0100d", n))
	cmd.Message.ClientMsgID = id
	cmd.Fingerprint = make([]byte, 16)
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

func inParallel(n int, work func()) {
	done := make(chan struct{})
	for range n {
		go func() {
			work()
			done <- struct{}{}
		}()
	}
	for range n {
		<-done
	}
}

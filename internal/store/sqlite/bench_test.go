package sqlite_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// BenchmarkAppendMessage stores messages of 100 bytes in a room, each with an
// fsync of its own (callers=1) or sharing them.
func BenchmarkAppendMessage(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := openStore(b, b.TempDir(), discard)
			room := chat.Room{ID: "room", ConversationID: "room:1", Type: chat.RoomPublic, MaxMembers: 10}
			if err := s.CreateRoom(b.Context(), chat.NewRoom{Room: room, Creator: chat.Actor{ID: "anna"}}); err != nil {
				b.Fatal(err)
			}
			before := s.Stats()
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			inParallel(callers, func() {
				for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
					if _, err := s.AppendMessage(b.Context(), benchMessage(n)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			report(b, before, s.Stats())
		})
	}
}

func benchMessage(n int64) chat.Append {
	id := fmt.Sprintf("018e0000-0000-7000-8000-%012d", n)
	cmd := message(id, fmt.Sprintf("%0100d", n))
	cmd.Message.ConversationID, cmd.Message.RecipientID, cmd.Message.RoomID = "", "", "room"
	cmd.Message.ClientMsgID = id
	cmd.Fingerprint = make([]byte, 16)
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

func report(b *testing.B, before, after sqlite.Stats) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(after.Commands-before.Commands)/float64(after.Batches-before.Batches), "rows/batch")
}

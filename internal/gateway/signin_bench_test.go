package gateway_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// BenchmarkSignIn signs in a user who is in so many rooms in which nothing is new, from opening the connection to the answer
// to the first command, and leaves again. It reports processor time of client and server together, and what the device is sent. In "again" the
// user has another device that stays.
//
//	go test -run=- -bench=SignIn -benchtime=50x ./internal/gateway
func BenchmarkSignIn(b *testing.B) {
	for _, memberships := range []int{10, 1000, 5000} {
		var ago atomic.Int64
		n := serve(b, quiet(&ago))
		ago.Store(int64(48 * time.Hour))
		n.inRooms("ada", memberships)
		ago.Store(0)
		n.cameAndWent(b, "ada")
		eventually(b, "all rooms are cold", func() bool { _, cold := n.hub.Warm(0); return cold })
		for _, other := range []bool{false, true} {
			name := map[bool]string{false: "first", true: "again"}[other]
			b.Run(fmt.Sprintf("memberships=%d/%s", memberships, name), func(b *testing.B) {
				if other {
					stays := n.device("ada")
					defer stays.drop()
				}
				token, received := n.token("ada"), 0
				b.ReportAllocs()
				before := processorTime(b)
				for b.Loop() {
					d := n.deviceWith(token)
					d.mu.Lock()
					for i := range d.packets {
						received += len(d.packets[i].data)
					}
					d.mu.Unlock()
					d.drop()
					<-d.done
				}
				b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
				b.ReportMetric(float64(received)/float64(b.N), "sent-B/op")
			})
		}
		n.stop()
	}
}

// quiet lifts the quotas, has rooms become cold at once, and everything said some time ago.
func quiet(ago *atomic.Int64) apptest.Option {
	return func(s *setup) {
		s.Rules.Quota = chat.Quota{}
		s.Hub.Idle = time.Second
		s.Said = func() time.Time { return time.Now().Add(-time.Duration(ago.Load())) }
	}
}

// inRooms makes a user a member of so many rooms, in each of which one message was said and read.
func (n *node) inRooms(user chat.UserID, rooms int) {
	n.t.Helper()
	a := chat.Actor{ID: user, Name: nameOf(string(user))}
	var makers sync.WaitGroup
	for maker := range 64 {
		makers.Go(func() {
			for i := maker; i < rooms; i += 64 {
				room, err := n.chat.CreateRoom(n.t.Context(), a, chat.CreateRoom{Name: fmt.Sprint("Room ", i)})
				if err == nil {
					_, err = n.chat.SendToRoom(n.t.Context(), a, chat.SendToRoom{RoomID: room.ID, Content: "hello"})
				}
				if err != nil {
					n.t.Error(err)
					return
				}
			}
		})
	}
	makers.Wait()
}

// cameAndWent has a user be here once, so that the server knows when that was.
func (n *node) cameAndWent(b *testing.B, user string) {
	b.Helper()
	n.lose(n.device(user))
	eventually(b, "the user was seen going", func() bool {
		u, err := n.accounts.User(b.Context(), account.UserID(user))
		return err == nil && !u.LastSeen.IsZero()
	})
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

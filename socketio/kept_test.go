package socketio_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// keeper is an adapter with sessions of lost clients: each in its user's room and in
// others.
func keeper(t testing.TB, sessions int) *socketio.Rooms {
	t.Helper()
	server, err := socketio.NewServer(socketio.Config{Recovery: &socketio.Recovery{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	l := server.Of("/").Rooms()
	for i := range sessions {
		l.Keep(fmt.Sprint("socket ", i), user(i), "a", "b", "c", "d", "e", "f", "g", "h")
	}
	return l
}

func user(i int) string { return fmt.Sprint("user ", i) }

// Whether sessions are selected by a few rooms, or by many, which are looked up in a set.
func TestSelectionsOfKeptSessions(t *testing.T) {
	for _, many := range []bool{false, true} {
		l := keeper(t, 6)
		of := socketio.Selection{Rooms: []string{user(1), user(2), "socket 3", user(4)}, Except: []string{user(2), "socket 4"}}
		for i := 0; many && i < 100; i++ {
			of.Rooms = append(of.Rooms, fmt.Sprint("nobody's ", i))
		}
		if err := l.JoinAll(of, []string{"hall"}); err != nil {
			t.Fatal(err)
		}
		for i, want := range []bool{false, true, false, true, false, false} {
			if got := l.KeptIn(fmt.Sprint("socket ", i), "hall"); got != want {
				t.Errorf("many rooms %t: socket %d is in: %t, want %t", many, i, got, want)
			}
		}
	}
}

func BenchmarkJoinAllOfKept(b *testing.B) {
	for _, rooms := range []int{1, 16, 1000} {
		b.Run(fmt.Sprintf("sessions=10000/rooms=%d", rooms), func(b *testing.B) {
			l := keeper(b, 10_000)
			var of socketio.Selection
			for i := range rooms {
				of.Rooms = append(of.Rooms, user(20_000+i))
			}
			for b.Loop() {
				if err := l.JoinAll(of, []string{"hall"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

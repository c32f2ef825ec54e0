package socketio_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// A client may come back before the server has noticed that it was gone.
func TestTakeover(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	joined := sockets(root)
	reasons := make(chan socketio.Reason, 2)
	root.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reasons <- r })
	first := h.survivor("/")
	s := receive(t, joined, "the socket")
	s.Join("r")
	emitter(t)(root.All(), "1")
	second := &survivor{h: h, nsp: "/", id: first.id, testClient: first.testClient}
	if !second.back() {
		t.Fatal("not recovered")
	}
	if r := receive(t, reasons, "the disconnect"); r != socketio.TransportClose {
		t.Errorf("reason %q", r)
	}
	first.closed()
	if s2 := receive(t, joined, "the socket"); !s2.Recovered() || root.Socket(s.ID()) != s2 || len(s2.Rooms()) != 2 {
		t.Errorf("recovered %v, rooms %v", s2.Recovered(), s2.Rooms())
	}
	second.until("1")
	second.got(t, "1")
}

// Of two connections that claim a session at the same time one gets it; the
// other is closed, was never connected, and starts afresh.
func TestTwoClaimTheSameSession(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	restored, release := make(chan struct{}, 2), make(chan struct{})
	root.Use(func(_ context.Context, s *socketio.Socket) error {
		if s.Recovered() {
			restored <- struct{}{}
			<-release
		}
		return nil
	})
	joined := sockets(root)
	left := make(chan *socketio.Socket, 5)
	root.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { left <- s })
	v := h.survivor("/")
	receive(t, joined, "the socket")
	v.lose()
	receive(t, left, "the disconnect")
	emitter(t)(root.All(), "1")

	a, b := h.dial(4), h.dial(4)
	for _, c := range []*testClient{a, b} {
		c.send("0" + v.claim())
		receive(t, restored, "the middleware")
	}
	close(release)
	winner := receive(t, joined, "the winner")
	var loser *testClient
	select {
	case <-a.done:
		loser = a
	case <-b.done:
		loser = b
	}
	other := a
	if loser == a {
		other = b
	}
	other.packet('0', "/")
	if p := other.next(); p.data[:8] != `["e","1"` {
		t.Errorf("got %s", p)
	}
	if root.Socket(winner.ID()) != winner || !winner.Connected() {
		t.Error("the winner is not connected")
	}
	h.stop()
	if s := receive(t, left, "the disconnect"); s != winner {
		t.Error("OnDisconnect for a socket that was never connected")
	}
	if len(left) != 0 || len(joined) != 0 {
		t.Errorf("%d more disconnects, %d more connects", len(left), len(joined))
	}
}

// Clients lose their connections over and over while several goroutines
// broadcast: nothing is lost, nothing comes twice, each emitter's events come in
// order.
func TestRecoveryUnderFire(t *testing.T) {
	const emitters, each, survivors, losses = 4, 300, 3, 12
	h := serve(t, socketio.Config{
		Recovery: &socketio.Recovery{},
		Engine:   engineio.Config{MaxQueuedFrames: 10_000},
	})
	root := h.Of("/")
	root.OnConnect(func(_ context.Context, s *socketio.Socket) { s.Join("r") })
	joined := sockets(root)
	var clients []*survivor
	for range survivors {
		clients = append(clients, h.survivor("/"))
		receive(t, joined, "the socket")
	}
	steps := make(chan struct{}, emitters*each) // paces the losses by the emits
	var group sync.WaitGroup
	for e := range emitters {
		group.Go(func() {
			for i := range each {
				if err := root.To("r").Emit("e", fmt.Sprintf("%d-%d", e, i)); err != nil {
					t.Error(err)
				}
				steps <- struct{}{}
			}
		})
	}
	for range losses {
		for _, v := range clients {
			v.lose()
			for range emitters * each / losses / survivors / 2 {
				<-steps
			}
			if !v.back() {
				t.Fatal("not recovered")
			}
		}
	}
	group.Wait()
	if err := root.To("r").Emit("e", "end"); err != nil {
		t.Fatal(err)
	}
	for n, v := range clients {
		v.until("end")
		next := make(map[int]int)
		for _, text := range v.seen[:len(v.seen)-1] {
			var e, i int
			if _, err := fmt.Sscanf(text, "%d-%d", &e, &i); err != nil {
				t.Fatal(err)
			}
			if i != next[e] {
				t.Fatalf("client %d: emitter %d: got %d, want %d", n, e, i, next[e])
			}
			next[e]++
		}
		if len(v.seen) != emitters*each+1 {
			t.Errorf("client %d: %d events", n, len(v.seen))
		}
	}
}

package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

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

// gated is a namespace whose middleware holds restored sockets, each until its turn.
func gated(h *harness) (restored <-chan chan<- struct{}) {
	turns := make(chan chan<- struct{}, 5)
	h.Of("/").Use(func(_ context.Context, s *socketio.Socket) error {
		if s.Recovered() {
			pass := make(chan struct{})
			turns <- pass
			<-pass
		}
		return nil
	})
	return turns
}

// A session that was restored, continued elsewhere and lost once more meanwhile is not
// the one that was asked for: what the client has done since would be undone.
func TestClaimOfASessionThatWentOn(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	restored := gated(h)
	joined := sockets(root)
	left := make(chan *socketio.Socket, 5)
	root.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { left <- s })
	emit := emitter(t)
	v := h.survivor("/")
	receive(t, joined, "the socket").Join("old")
	v.lose()
	receive(t, left, "the disconnect")

	slow := h.dial(4)
	slow.send("0" + v.claim())
	late := receive(t, restored, "the slow connection")
	quick := h.dial(4)
	quick.send("0" + v.claim())
	close(receive(t, restored, "the quick connection"))
	s := receive(t, joined, "the quick socket")
	quick.packet('0', "/")
	s.Leave("old")
	s.Join("new")
	quick.drop()
	receive(t, left, "the disconnect")
	emit(root.To("old"), "not for it")
	emit(root.To("new"), "missed")

	close(late)
	slow.closed() // and its client would start again
	v.testClient = h.dial(4)
	v.send("0" + v.claim())
	close(receive(t, restored, "the third connection"))
	if s := receive(t, joined, "the third socket"); !slices.Equal(s.Rooms(), []string{s.ID(), "new"}) {
		t.Errorf("it is in %v", s.Rooms())
	}
	v.packet('0', "/")
	v.until("missed")
	v.got(t, "missed")
}

// A client that is put into a room or taken out of one while it comes back is where it
// would be had it never been away.
func TestRoomsChangeDuringARecovery(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	restored := gated(h)
	joined := sockets(root)
	left := make(chan *socketio.Socket, 5)
	root.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { left <- s })
	emit := emitter(t)
	v := h.survivor("/")
	receive(t, joined, "the socket").Join("club", "hall")
	v.lose()
	receive(t, left, "the disconnect")
	v.testClient = h.dial(4)
	v.send("0" + v.claim())
	pass := receive(t, restored, "the connection")
	if err := errors.Join(root.To("hall").SocketsLeave("club"), root.To("hall").SocketsJoin("attic")); err != nil {
		t.Fatal(err)
	}
	emit(root.To("club"), "secret")
	emit(root.To("attic"), "missed")
	close(pass)
	s := receive(t, joined, "the socket")
	if rooms := s.Rooms(); !slices.Equal(rooms, []string{s.ID(), "hall", "attic"}) {
		t.Errorf("it is in %v", rooms)
	}
	v.packet('0', "/")
	emit(root.To("club"), "secret")
	emit(root.To("hall"), "end")
	v.until("end")
	v.got(t, "missed", "end")
}

// Clients lose their connections over and over while several goroutines
// broadcast: nothing is lost, nothing comes twice, each emitter's events come in
// order.
func TestRecoveryUnderFire(t *testing.T) {
	const emitters, each, survivors, losses = 4, 300, 3, 12
	h := serve(t, socketio.Config{
		Recovery: &socketio.Recovery{},
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

// A client that is lost, or comes back, while its socket is put into a room together with
// others: it gets what is sent to the room next.
func TestJoinedTogetherWhileClientsComeBack(t *testing.T) {
	for round := range 20 { // the moment is short
		t.Run(fmt.Sprint(round), joinWhileAClientComesBack)
	}
}

func joinWhileAClientComesBack(t *testing.T) {
	const rooms = 1500
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	emit := emitter(t)
	joined := sockets(root)
	v := h.survivor("/")
	receive(t, joined, "the socket").Join("user")
	emit(root.To("user"), "first")
	v.until("first")
	v.seen = nil

	want := make([]string, rooms, rooms+1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range want {
			want[i] = fmt.Sprint(i)
			if err := errors.Join(root.In("user").SocketsJoin(want[i]), root.To(want[i]).Emit("e", want[i])); err != nil {
				t.Error(err)
			}
		}
	}()
	for under := true; under; {
		select {
		case <-done:
			under = false
		default:
		}
		v.lose()
		if !v.back() {
			t.Fatal("not recovered")
		}
	}
	emit(root.To("user"), "last")
	v.until("last")
	if want = append(want, "last"); !slices.Equal(v.seen, want) {
		missing := slices.DeleteFunc(want, func(one string) bool { return slices.Contains(v.seen, one) })
		t.Errorf("got %d of %d events; missing are %q", len(v.seen), rooms+1, missing)
	}
}

// A client that comes back may be lost again, or leave, before its session is found.
func TestLostWhileTheSessionIsFound(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	for range 300 {
		c := h.dial(4)
		pid := c.connect("/", "").PID
		again := h.dial(4)                      // before the server has noticed that the client was gone
		again.burst(`40{"pid":"`+pid+`"}`, "1") // the engine's packet: it closes
		again.closed()
		c.drop()
	}
	eventually(t, "nobody is left", func() bool { return h.Connections() == 0 && len(h.Of("/").All().LocalSockets()) == 0 })
}

package socketio_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// party is a namespace with some connected clients.
type party struct {
	*harness
	nsp     *socketio.Namespace
	clients []*testClient
	sockets []*socketio.Socket
}

func newParty(t *testing.T, cfg socketio.Config, size int) *party {
	t.Helper()
	p := &party{harness: serve(t, cfg)}
	p.nsp = p.Of("/")
	joined := sockets(p.nsp)
	for range size {
		p.clients = append(p.clients, p.join("/", ""))
		p.sockets = append(p.sockets, receive(t, joined, "a socket"))
	}
	return p
}

// check emits, and compares which clients get the event, once.
func (p *party) check(t *testing.T, what string, emit func() error, want ...int) {
	t.Helper()
	if err := emit(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, s := range p.sockets {
		if err := s.Emit("probe"); err != nil {
			t.Fatal(err)
		}
	}
	var got []int
	for i, c := range p.clients {
		for c.next().data != `["probe"]` {
			got = append(got, i)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: clients %v got it, want %v", what, got, want)
	}
}

func TestOperators(t *testing.T) {
	p := newParty(t, socketio.Config{}, 5)
	s := p.sockets
	s[0].Join("a")
	s[1].Join("a", "b")
	s[2].Join("b", "c")
	s[3].Join("c")
	n := p.nsp
	emit := func(b socketio.BroadcastOperator) func() error {
		return func() error { return b.Emit("e", 1) }
	}
	p.check(t, "all", func() error { return n.Emit("e") }, 0, 1, 2, 3, 4)
	p.check(t, "All", emit(n.All()), 0, 1, 2, 3, 4)
	p.check(t, "To", emit(n.To("a")), 0, 1)
	p.check(t, "In", emit(n.In("a")), 0, 1)
	p.check(t, "To several", emit(n.To("a", "b")), 0, 1, 2)
	p.check(t, "To twice", emit(n.To("a").To("b").In("c")), 0, 1, 2, 3)
	p.check(t, "the same room twice", emit(n.To("a", "a")), 0, 1)
	p.check(t, "To nobody", emit(n.To("none")))
	p.check(t, "Except", emit(n.Except("a")), 2, 3, 4)
	p.check(t, "Except several", emit(n.Except("a").Except("c")), 4)
	p.check(t, "To Except", emit(n.To("a", "b").Except("c")), 0, 1)
	p.check(t, "Local", emit(n.Local().To("c")), 2, 3)
	p.check(t, "Compress", emit(n.To("a").Compress(false)), 0, 1)
	p.check(t, "socket.To", emit(s[1].To("a", "b")), 0, 2)
	p.check(t, "socket.In", emit(s[0].In("a")), 1)
	p.check(t, "socket.Except", emit(s[4].Except("a")), 2, 3)
	p.check(t, "socket.Broadcast", emit(s[2].Broadcast()), 0, 1, 3, 4)
	p.check(t, "own room", emit(n.To(s[3].ID())), 3)
	p.check(t, "own room and another", emit(n.To(s[1].ID(), "a")), 0, 1)
	p.check(t, "Except own room", emit(n.Except(s[3].ID())), 0, 1, 2, 4)
	p.check(t, "to oneself through socket.To", emit(s[0].To(s[0].ID())))
	p.check(t, "Volatile", emit(n.To("a").Volatile()), 0, 1)
	p.check(t, "socket.Volatile", emit(s[4].Volatile()), 4)

	base := n.To("a")
	one, two := base.To("c"), base.To("b")
	p.check(t, "an operator is a value", emit(one), 0, 1, 2, 3)
	p.check(t, "an operator is a value", emit(two), 0, 1, 2)
	p.check(t, "an operator is a value", emit(base), 0, 1)

	s[1].Leave("a", "b", "never joined")
	p.check(t, "after Leave", emit(n.To("a", "b")), 0, 2)
	s[4].Join(s[0].ID()) // a room that is called like a socket
	p.check(t, "a room called like a socket", emit(n.To(s[0].ID())), 0, 4)
	p.check(t, "Emit to the socket alone", func() error { return s[0].Emit("e") }, 0)
}

// A client that does not take its packets misses volatile events, and only
// those.
func TestVolatile(t *testing.T) {
	h := serve(t, socketio.Config{})
	poll := newPoller(h.Server)
	poll.connect()
	s := h.Of("/").Socket(poll.sid)
	for range 3 {
		if err := h.Of("/").Volatile().Emit("lost"); err != nil {
			t.Fatal(err)
		}
		if err := s.Volatile().Emit("lost"); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Of("/").Emit("kept"); err != nil {
		t.Fatal(err)
	}
	if got := poll.get(); got != `42["kept"]` {
		t.Errorf("got %q", got)
	}
}

// countingCodec counts how often events are encoded.
type countingCodec struct {
	socketio.JSON
	n atomic.Int64
}

func (c *countingCodec) Encode(p *socketio.Packet) (socketio.Encoded, error) {
	if p.Type == socketio.PacketEvent {
		c.n.Add(1)
	}
	return c.JSON.Encode(p)
}

func TestBroadcastIsEncodedOnce(t *testing.T) {
	codec := new(countingCodec)
	p := newParty(t, socketio.Config{Codec: codec}, 10)
	if err := p.nsp.Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	if n := codec.n.Load(); n != 1 {
		t.Errorf("encoded %d times", n)
	}
	for _, c := range p.clients {
		c.expect(`["e",1]`)
	}

	// With recovery there are at most two forms, with and without an offset.
	codec = new(countingCodec)
	p = newParty(t, socketio.Config{Codec: codec, Recovery: &socketio.Recovery{}}, 5)
	old := []*testClient{p.dial(3), p.dial(3)}
	for _, c := range old {
		c.packet('0', "/")
	}
	if err := p.nsp.Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	if n := codec.n.Load(); n != 2 {
		t.Errorf("encoded %d times", n)
	}
	for _, c := range old {
		c.expect(`["e",1]`)
	}
}

// Whoever emits, all sockets get the events in the same order.
func TestOrderIsTheSameForAll(t *testing.T) {
	for name, recovery := range map[string]*socketio.Recovery{"plain": nil, "with recovery": {}} {
		t.Run(name, func(t *testing.T) {
			const emitters, each = 8, 100
			cfg := socketio.Config{Recovery: recovery}
			p := newParty(t, cfg, 6)
			var group sync.WaitGroup
			for e := range emitters {
				group.Go(func() {
					for i := range each {
						if err := p.nsp.Emit("e", e, i); err != nil {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			var want []string
			for range emitters * each {
				want = append(want, p.clients[0].next().data)
			}
			for n, c := range p.clients[1:] {
				for i := range want {
					if got := c.next().data; got != want[i] {
						t.Fatalf("client %d: event %d is %s, for the first one it was %s", n+1, i, got, want[i])
					}
				}
			}
		})
	}
}

func TestFetchJoinLeaveDisconnect(t *testing.T) {
	p := newParty(t, socketio.Config{}, 4)
	n, s := p.nsp, p.sockets
	s[0].SetData("zero")
	if err := n.To(s[0].ID(), s[1].ID()).SocketsJoin("x", "y"); err != nil {
		t.Fatal(err)
	}
	if err := n.To(s[1].ID()).SocketsLeave("y"); err != nil {
		t.Fatal(err)
	}
	fetched, err := n.In("x").FetchSockets(context.Background())
	if err != nil || len(fetched) != 2 {
		t.Fatalf("%d sockets, %v", len(fetched), err)
	}
	for _, r := range fetched {
		want := []string{r.ID, "x"}
		if r.ID == s[0].ID() {
			want = append(want, "y")
			if r.Data != "zero" {
				t.Errorf("data %v", r.Data)
			}
		}
		slices.Sort(want)
		slices.Sort(r.Rooms)
		if !slices.Equal(r.Rooms, want) || r.Handshake == nil || r.Handshake.Query().Get("EIO") != "4" {
			t.Errorf("got %+v, want rooms %v", r, want)
		}
	}
	if all, err := n.All().FetchSockets(context.Background()); err != nil || len(all) != 4 {
		t.Errorf("%d sockets, %v", len(all), err)
	}

	reasons := make(chan string, 4)
	n.OnDisconnect(func(s *socketio.Socket, r socketio.Reason) { reasons <- fmt.Sprint(s.ID(), " ", r) })
	if err := n.In("y").DisconnectSockets(false); err != nil {
		t.Fatal(err)
	}
	p.clients[0].packet('1', "/")
	if got := receive(t, reasons, "the disconnect"); got != s[0].ID()+" server namespace disconnect" {
		t.Errorf("got %s", got)
	}
	p.clients[0].connect("/", "") // the connection is still there
	if err := n.In("x").DisconnectSockets(true); err != nil {
		t.Fatal(err)
	}
	p.clients[1].packet('1', "/")
	p.clients[1].closed()
	if got := receive(t, reasons, "the disconnect"); got != s[1].ID()+" server namespace disconnect" {
		t.Errorf("got %s", got)
	}
}

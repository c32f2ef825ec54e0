package socketio_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// retiring is a server with an event whose first handler waits to be released.
type retiring struct {
	*harness
	entered, release chan struct{}
	left             chan socketio.Reason
	joined           <-chan *socketio.Socket
}

func serveRetiring(t *testing.T, cfg socketio.Config) *retiring {
	r := &retiring{harness: serve(t, cfg), entered: make(chan struct{}), release: make(chan struct{}), left: make(chan socketio.Reason, 5)}
	for _, name := range []string{"/", "/other"} {
		nsp := r.Of(name)
		socketio.Handle(nsp, "e", func(_ context.Context, e *socketio.Event, n int) error {
			if n == 0 {
				close(r.entered)
				<-r.release
			}
			return e.Ack(n)
		})
		nsp.OnDisconnect(func(_ *socketio.Socket, why socketio.Reason) { r.left <- why })
	}
	r.joined = sockets(r.Of("/"))
	return r
}

// What a client had sent when its socket is retired is answered, then it gets the last words, and then it may come back elsewhere.
func TestRetire(t *testing.T) {
	for _, queue := range []int{0, 1} { // the second has the queue stop the reading too, and go on
		r := serveRetiring(t, socketio.Config{MaxQueuedEvents: queue})
		c := r.join("/", "")
		s := receive(t, r.joined, "the socket")
		c.burst(`420["e",0]`, `421["e",1]`, `422["e",2]`)
		receive(t, r.entered, "the first event")
		s.Retire(func() {
			if err := s.Emit("farewell"); err != nil {
				t.Error(err)
			}
		})
		select {
		case why := <-r.left:
			t.Fatalf("left for %s while an event is handled", why)
		default:
		}
		other := r.join("/", "") // others go on
		if p := other.ask(7, "e", "1"); p.data != `[1]` {
			t.Errorf("got %s", p)
		}
		c.send(`423["e",3]`) // is not read
		close(r.release)
		var heard []string
		for range 3 {
			heard = append(heard, c.packet('3', "/").data)
		}
		if want := []string{"[0]", "[1]", "[2]"}; !slices.Equal(heard, want) {
			t.Errorf("answered %q, want %q", heard, want)
		}
		c.event("farewell")
		c.closed()
		if why := receive(t, r.left, "the end"); why != socketio.ShuttingDown {
			t.Errorf("left for %s", why)
		}
		r.stop()
		if len(r.left) != 1 { // that of the other one
			t.Errorf("%d more ends", len(r.left))
		}
	}
}

// Sockets of one connection retire together, each with its last words; one that has left has nobody to say them to.
func TestRetireTogether(t *testing.T) {
	r := serveRetiring(t, socketio.Config{})
	others := sockets(r.Of("/other"))
	c := r.join("/", "")
	c.connect("/other", "")
	a, b := receive(t, r.joined, "the socket"), receive(t, others, "the other socket")
	c.burst(`420["e",0]`)
	receive(t, r.entered, "the first event")
	said := make(chan string, 5)
	say := func(what string) func() { return func() { said <- what } }
	a.Retire(say("a"))
	b.Retire(say("b"))
	a.Retire(say("a again"))
	close(r.release)
	for _, want := range []string{"a", "b", "a again"} {
		if got := receive(t, said, want); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	}
	c.closed()
	for range 2 {
		if why := receive(t, r.left, "an end"); why != socketio.ShuttingDown {
			t.Errorf("left for %s", why)
		}
	}
	a.Retire(say("late"))
	receive(t, said, "what is said to nobody")
}

// A client that polls gets the same, and then the packet that ends the session. Its server opens none meanwhile.
func TestRetirePolling(t *testing.T) {
	r := serveRetiring(t, socketio.Config{})
	p := newPoller(r.Server)
	p.connect()
	s := receive(t, r.joined, "the socket")
	r.StopOpening()
	if got := knock(r); !strings.Contains(got, "shutting down") {
		t.Errorf("another session: %q", got)
	}
	if got := p.post(`420["e",0]`, `421["e",1]`); got != "ok" {
		t.Fatal(got)
	}
	receive(t, r.entered, "the first event")
	s.Retire(func() { _ = s.Emit("farewell") })
	close(r.release)
	var got []string
	for len(got) == 0 || got[len(got)-1] != "1" {
		got = append(got, strings.Split(p.get(), "\x1e")...)
	}
	if want := []string{`430[0]`, `431[1]`, `42["farewell"]`, "1"}; !slices.Equal(got, want) {
		t.Errorf("polled %q, want %q", got, want)
	}
	if why := receive(t, r.left, "the end"); why != socketio.ShuttingDown {
		t.Errorf("left for %s", why)
	}
}

// knock returns what somebody new is answered.
func knock(r *retiring) string {
	p := &poller{server: r.Server, url: "/socket.io/?EIO=4&transport=polling"}
	return p.get()
}

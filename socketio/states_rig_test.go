package socketio_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// rig is a client's connection in some state, with a log of what its handlers hear.
type rig struct {
	*harness
	t       *testing.T
	root    *socketio.Namespace
	c       *testClient
	id      connected        // of its socket, once it has joined
	socket  *socketio.Socket // nil before it has asked to join
	log     chan string
	admits  chan *socketio.Socket // whom the middleware sees
	gates   chan chan struct{}    // the middleware takes one, if there is one, and waits for its end
	gate    chan struct{}         // that it waits for; nil for none
	entered chan struct{}
	leave   chan struct{} // ends the handler that blocks
	again   *testClient   // the connection that the client has come back on
	holding bool          // what comes waits for the middleware, or for the handler
	unread  bool          // so much waits that nothing is read
	deaf    bool          // the server reads no more
}

// clientStates make connections of each state there is.
var clientStates = map[string]func(t *testing.T, cfg socketio.Config) *rig{
	"unjoined": newRig,
	"joining": func(t *testing.T, cfg socketio.Config) *rig { // its middlewares run
		r := newRig(t, cfg)
		return r.asks("")
	},
	"joined": func(t *testing.T, cfg socketio.Config) *rig { return newRig(t, cfg).joins() },
	"busy": func(t *testing.T, cfg socketio.Config) *rig { // a handler blocks, and an event waits
		r := newRig(t, cfg).joins().blocks()
		r.sends(`2["e"]`)
		return r
	},
	"paused": func(t *testing.T, cfg socketio.Config) *rig { // a handler blocks, and its queue is full
		r := newRig(t, cfg).joins().blocks()
		r.c.burst(`42["e"]`, `42["e"]`, `42["e"]`)
		eventually(t, "reading pauses", func() bool { return socketio.Paused(r.socket) })
		r.unread = true
		return r
	},
	"recovering": func(t *testing.T, cfg socketio.Config) *rig { // its middlewares run, for a lost socket
		r := newRig(t, cfg).joins()
		r.c.drop()
		r.hears("left: transport close")
		r.c = r.dial(4)
		return r.asks(`{"pid":"` + r.id.PID + `"}`)
	},
	"left": func(t *testing.T, cfg socketio.Config) *rig {
		r := newRig(t, cfg).joins()
		r.c.send("1")
		r.hears("left: client namespace disconnect")
		return r
	},
	"sent away": func(t *testing.T, cfg socketio.Config) *rig {
		r := newRig(t, cfg).joins()
		r.socket.Disconnect(false)
		r.c.packet('1', "/")
		r.hears("left: server namespace disconnect")
		return r
	},
	"lost": func(t *testing.T, cfg socketio.Config) *rig {
		r := newRig(t, cfg).joins()
		r.c.drop()
		r.hears("left: transport close")
		return r
	},
}

// newRig dials, and joins nothing.
func newRig(t *testing.T, cfg socketio.Config) *rig {
	t.Helper()
	cfg.Recovery, cfg.MaxQueuedEvents = &socketio.Recovery{}, 2
	h := serve(t, cfg)
	r := &rig{
		harness: h, t: t, root: h.Of("/"), log: make(chan string, 100), admits: make(chan *socketio.Socket, 10),
		gates: make(chan chan struct{}, 1), entered: make(chan struct{}), leave: make(chan struct{}),
	}
	r.root.Use(func(_ context.Context, s *socketio.Socket) error {
		var gate chan struct{} // taken before anybody knows that s is here: it is for s
		select {
		case gate = <-r.gates:
		default:
		}
		r.admits <- s
		if gate != nil {
			<-gate
		}
		return nil
	})
	r.root.OnConnect(func(context.Context, *socketio.Socket) { r.log <- "connect" })
	r.root.OnDisconnect(func(_ *socketio.Socket, why socketio.Reason) { r.log <- "left: " + string(why) })
	r.root.On("e", func(context.Context, *socketio.Event) error { r.log <- "e"; return nil })
	r.root.On("block", func(context.Context, *socketio.Event) error {
		close(r.entered)
		<-r.leave
		return nil
	})
	r.root.On("mark", func(_ context.Context, e *socketio.Event) error { return e.Ack() })
	r.c = h.dial(4)
	return r
}

// asks joins, up to the middleware.
func (r *rig) asks(auth string) *rig {
	r.t.Helper()
	r.gate = make(chan struct{})
	r.gates <- r.gate
	r.c.send("0" + auth)
	r.socket = receive(r.t, r.admits, "the middleware")
	r.holding = true
	return r
}

func (r *rig) joins() *rig {
	r.t.Helper()
	r.id = r.c.connect("/", "")
	r.socket = receive(r.t, r.admits, "the middleware")
	r.hears("connect")
	return r
}

func (r *rig) blocks() *rig {
	r.t.Helper()
	r.c.emit("block")
	receive(r.t, r.entered, "the handler")
	r.holding = true
	return r
}

func (r *rig) hears(what string) {
	r.t.Helper()
	if got := receive(r.t, r.log, what); got != what {
		r.t.Fatalf("the handlers heard %q, want %q", got, what)
	}
}

// release lets go on what holds the connection in its state.
func (r *rig) release() {
	if r.gate != nil {
		close(r.gate)
	}
	close(r.leave)
}

// sends has the client send a packet, which is there when what holds it is let go.
func (r *rig) sends(packet string) {
	r.t.Helper()
	if !r.holding || r.unread {
		r.c.send(packet)
		return
	}
	before := socketio.Queued(r.socket)
	r.c.send(packet)
	eventually(r.t, "the packet waits", func() bool { return socketio.Queued(r.socket) > before })
}

// isGone waits until the server has seen the end of the connection, if it can.
func (r *rig) isGone() {
	r.t.Helper()
	if !r.unread {
		eventually(r.t, "the end of the connection", func() bool {
			return r.Connections() == 0 && (r.socket == nil || !r.socket.Connected())
		})
	}
}

// disconnect is for the client's socket, or for all where it has none.
func (r *rig) disconnect(closeConnection bool) {
	r.t.Helper()
	if r.socket != nil {
		r.socket.Disconnect(closeConnection)
	} else if err := r.root.All().DisconnectSockets(closeConnection); err != nil {
		r.t.Fatal(err)
	}
}

// seen reports whether a packet has come: its kind, and part of what is in it.
func (r *rig) seen(packet string) bool {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return slices.ContainsFunc(r.c.arrived, func(p clientPacket) bool {
		return p.kind == packet[0] && strings.Contains(p.data, packet[1:])
	})
}

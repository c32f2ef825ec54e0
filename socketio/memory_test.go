package socketio_test

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"testing"
	"weak"

	"github.com/sockeye-im/sockeye/socketio"
)

// Sockets that have left are garbage: neither rooms nor acknowledgements,
// neither the packet log nor their namespaces hold them.
func TestNothingIsLeft(t *testing.T) {
	for name, cfg := range map[string]socketio.Config{
		"plain":         {},
		"with recovery": {Recovery: &socketio.Recovery{}},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, cfg)
			root, dynamic := h.Of("/"), h.OfPattern(regexp.MustCompile(`/d\d`))
			joined, others := make(chan *socketio.Socket), make(chan *socketio.Socket)
			root.OnConnect(func(_ context.Context, s *socketio.Socket) { joined <- s })
			dynamic.OnConnect(func(_ context.Context, s *socketio.Socket) { others <- s })
			left := make(chan struct{}, 2)
			root.OnDisconnect(func(*socketio.Socket, socketio.Reason) { left <- struct{}{} })
			dynamic.OnDisconnect(func(*socketio.Socket, socketio.Reason) { left <- struct{}{} })
			root.On("e", func(_ context.Context, e *socketio.Event) error { return root.To("r").Emit("e", 1) })

			var gone []weak.Pointer[socketio.Socket]
			cycle := func(leave func(*testClient)) {
				c := h.dial(4)
				c.connect("/", "")
				s := receive(t, joined, "the socket")
				c.connect("/d1", "")
				gone = append(gone, weak.Make(s), weak.Make(receive(t, others, "the socket")))
				s.Join("r", "s")
				s.On("e", func(context.Context, *socketio.Event) error { _ = s; return nil })
				asked := make(chan error, 1)
				go func() {
					_, err := s.EmitWithAck(context.Background(), "ask")
					asked <- err
				}()
				c.event("ask")
				c.emit("e")
				c.event("e")
				leave(c)
				receive(t, left, "a disconnect")
				receive(t, left, "a disconnect")
				if err := receive(t, asked, "the end of the acknowledgement"); !errors.Is(err, socketio.ErrDisconnected) {
					t.Errorf("error %v", err)
				}
				c.drop()
			}
			for range 20 {
				cycle(func(c *testClient) { c.send("1"); c.send("1/d1,") })
			}
			if n := socketio.KeptSessions(root); n != 0 {
				t.Errorf("%d sessions are kept", n)
			}
			for range 20 {
				cycle((*testClient).drop)
			}
			eventually(t, "the connections end", func() bool { return h.Connections() == 0 && socketio.Idle(h.Server) })
			if n := root.Rooms().Len(); n != 0 {
				t.Errorf("%d sockets", n)
			}
			if names := socketio.RoomNames(root); len(names) != 0 {
				t.Errorf("rooms %v", names)
			}
			if names := h.Namespaces(); len(names) != 1 {
				t.Errorf("namespaces %v", names)
			}
			eventually(t, "all sockets are collected", func() bool {
				runtime.GC()
				for _, s := range gone {
					if s.Value() != nil {
						return false
					}
				}
				return true
			})
		})
	}
}

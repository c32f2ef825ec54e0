package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

func TestOwnDisconnectHandlers(t *testing.T) {
	for want, leave := range map[string]func(*testClient, *socketio.Socket){
		"client namespace disconnect": func(c *testClient, _ *socketio.Socket) { c.send("1") },
		"server namespace disconnect": func(_ *testClient, s *socketio.Socket) { s.Disconnect(false) },
		"forced close":                func(_ *testClient, s *socketio.Socket) { s.Drop() },
		"parse error":                 func(c *testClient, _ *socketio.Socket) { c.send("9") },
	} {
		t.Run(want, func(t *testing.T) {
			h := serve(t, socketio.Config{})
			root := h.Of("/")
			calls := make(chan string, 10)
			note := func(what string) func(socketio.Reason, error) {
				return func(r socketio.Reason, _ error) { calls <- fmt.Sprint(what, ": ", r) }
			}
			details := make(chan error, 1)
			joined := make(chan *socketio.Socket, 1)
			root.OnConnect(func(_ context.Context, s *socketio.Socket) {
				s.Join("r")
				s.OnDisconnect(note("own"))
				s.OnDisconnect(func(socketio.Reason, error) { panic("own went wrong") })
				s.OnDisconnect(note("own again"))
				s.OnDisconnecting(func(r socketio.Reason, err error) {
					note("leaving")(r, err)
					details <- err
					if rooms := s.Rooms(); !slices.Equal(rooms, []string{s.ID(), "r"}) {
						t.Errorf("rooms %v", rooms)
					}
				})
				joined <- s
			})
			root.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { note("namespace")(r, nil) })
			c := h.join("/", "")
			leave(c, receive(t, joined, "the socket"))
			for _, what := range []string{"leaving", "namespace", "own", "own again"} {
				if got := receive(t, calls, what); got != what+": "+want {
					t.Errorf("got %q, want %s", got, what)
				}
			}
			if err := <-details; (err != nil) != (want == "parse error") {
				t.Errorf("details %v", err)
			} else if err != nil && !errors.Is(err, socketio.ErrMalformed) {
				t.Errorf("details %v", err)
			}
			if !h.log.contains("own went wrong") {
				t.Error("the panic is not in the log")
			}
			h.stop()
			if len(calls) > 0 {
				t.Errorf("%s came again", <-calls)
			}
		})
	}
}

// Handlers of a name that never comes, and events that clients would take for
// something else, are refused.
func TestReservedNames(t *testing.T) {
	p := newParty(t, socketio.Config{}, 1)
	s := p.sockets[0]
	parent := p.OfFunc(func(string, socketio.Value) bool { return true })
	handler := func(context.Context, *socketio.Event) error { return nil }
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		for what, on := range map[string]func(){
			"Socket.On":    func() { s.On(name, handler) },
			"Namespace.On": func() { p.nsp.On(name, handler) },
			"Parent.On":    func() { parent.On(name, handler) },
			"OnServerSide": func() { p.nsp.OnServerSide(name, func(socketio.Args) ([]any, error) { return nil, nil }) },
			"Handle":       func() { socketio.Handle(s, name, func(context.Context, *socketio.Event, any) error { return nil }) },
		} {
			if err, _ := panicOf(on).(error); !errors.Is(err, socketio.ErrReservedEvent) {
				t.Errorf("%s(%q): %v", what, name, err)
			}
		}
		_, asked := s.EmitWithAck(t.Context(), name)
		_, askedAll := p.nsp.All().EmitWithAck(t.Context(), name)
		nothing := func(socketio.Args, error) { t.Error("called") }
		nothings := func([]socketio.Args, error) { t.Error("called") }
		for what, err := range map[string]error{
			"Socket.Emit": s.Emit(name), "Namespace.Emit": p.nsp.Emit(name), "Volatile": s.Volatile().Emit(name),
			"Socket.EmitWithAck": asked, "EmitWithAck": askedAll,
			"Socket.EmitAckFunc": s.EmitAckFunc(0, nothing, name), "EmitAckFunc": p.nsp.All().EmitAckFunc(0, nothings, name),
			"ServerSideEmit": p.nsp.ServerSideEmit(name),
		} {
			if !errors.Is(err, socketio.ErrReservedEvent) {
				t.Errorf("%s(%q): %v", what, name, err)
			}
		}
	}
	s.On("error", handler) // is an event like others
}

func panicOf(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

const internalFailure = `[{"error":{"message":"Internal server error"}}]`

// A client that waits for an acknowledgement is told when the event fails.
func TestFailedEventsAreAcknowledged(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	fail := func(event string, err error) {
		root.On(event, func(context.Context, *socketio.Event) error { return err })
	}
	fail("plain", errors.New("dial tcp 10.0.0.7: secret"))
	fail("known", fmt.Errorf("secret: %w", &socketio.AckError{Message: "no such room"}))
	fail("data", &socketio.AckError{Message: "too fast", Data: map[string]int{"wait": 5}})
	fail("unencodable", &socketio.AckError{Message: "x", Data: make(chan int)})
	fail("filtered", nil)
	root.Filter(func(_ context.Context, e *socketio.Event) error {
		if e.Name() == "filtered" {
			return &socketio.AckError{Message: "not for you"}
		}
		return nil
	})
	root.On("panic", func(context.Context, *socketio.Event) error { panic("secret") })
	socketio.HandleAck(root, "typed", func(_ context.Context, _ *socketio.Event, n int) (int, error) { return n, nil })
	socketio.HandleAck(root, "attachments", func(_ context.Context, _ *socketio.Event, n int) ([][]byte, error) {
		return make([][]byte, n), nil
	})
	root.On("too many", func(_ context.Context, e *socketio.Event) error {
		args := make([]any, socketio.MaxAttachments+1)
		for i := range args {
			args[i] = []byte{1}
		}
		return e.Ack(args...)
	})
	fail("twice", &socketio.AckError{Message: "first"})
	fail("twice", &socketio.AckError{Message: "second"})
	fail("answered", errors.New("before the answer"))
	root.On("answered", func(_ context.Context, e *socketio.Event) error { return e.Ack("all the same") })
	root.On("fine", func(_ context.Context, e *socketio.Event) error { return e.Ack("fine") })

	c := h.join("/", "")
	for i, tt := range []struct{ event, argument, want string }{
		{"plain", "1", internalFailure},
		{"known", "1", `[{"error":{"message":"no such room"}}]`},
		{"data", "1", `[{"error":{"message":"too fast","data":{"wait":5}}}]`},
		{"unencodable", "1", internalFailure},
		{"filtered", "1", `[{"error":{"message":"not for you"}}]`},
		{"panic", "1", internalFailure},
		{"typed", "1", `[1]`},
		{"typed", `"x"`, `[{"error":{"message":"argument 0: json: cannot unmarshal string into Go value of type int"}}]`},
		{"too many", "1", internalFailure},
		{"twice", "1", `[{"error":{"message":"first"}}]`},
		{"answered", "1", `["all the same"]`},
	} {
		if p := c.ask(i, tt.event, tt.argument); p.data != tt.want || len(p.attachments) != 0 {
			t.Errorf("%s(%s): got %s, want %s", tt.event, tt.argument, p, tt.want)
		}
	}
	// Who does not ask is not told.
	c.emit("plain")
	c.emit("panic")
	c.ask(100, "fine")
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.arrived) > 0 {
		t.Errorf("unasked: %s", c.arrived[0])
	}
}

// An OnError handler may say more, or something else.
func TestOnErrorAcknowledges(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	root.On("e", func(context.Context, *socketio.Event) error { return errors.New("went wrong") })
	root.OnError(func(e *socketio.Event, err error) { _ = e.Ack("sorry", err.Error()) })
	if p := h.join("/", "").ask(1, "e"); p.data != `["sorry","went wrong"]` {
		t.Errorf("got %s", p)
	}
}

// More attachments than clients take are refused to whoever emits them.
func TestTooManyAttachmentsAreRefused(t *testing.T) {
	for name, cfg := range map[string]socketio.Config{"plain": {}, "recovery": {Recovery: &socketio.Recovery{}}} {
		t.Run(name, func(t *testing.T) {
			p := newParty(t, cfg, 1)
			s := p.sockets[0]
			many := make([]any, socketio.MaxAttachments+1)
			for i := range many {
				many[i] = []byte{byte(i)}
			}
			_, asked := s.EmitWithAck(t.Context(), "e", many...)
			_, askedAll := p.nsp.All().EmitWithAck(t.Context(), "e", many...)
			for what, err := range map[string]error{
				"Emit": s.Emit("e", many...), "Broadcast": p.nsp.Emit("e", many...), "Volatile": s.Volatile().Emit("e", many...),
				"EmitWithAck": asked, "broadcast with ack": askedAll,
				"EmitAckFunc": s.EmitAckFunc(0, func(socketio.Args, error) { t.Error("called") }, "e", many...),
				"broadcast":   p.nsp.All().EmitAckFunc(0, func([]socketio.Args, error) { t.Error("called") }, "e", many...),
			} {
				if err == nil {
					t.Errorf("%s: no error", what)
				}
			}
			p.noAcks(t)
			if err := s.Emit("e", many[1:]...); err != nil {
				t.Error(err)
			}
			if got := p.clients[0].next(); len(got.attachments) != socketio.MaxAttachments {
				t.Errorf("got %s", got)
			}
		})
	}
}

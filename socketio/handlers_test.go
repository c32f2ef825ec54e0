package socketio_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

func TestHandlerOrder(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	calls := make(chan string, 20)
	note := func(name string) socketio.EventHandler {
		return func(context.Context, *socketio.Event) error { calls <- name; return nil }
	}
	root.OnConnect(func(_ context.Context, s *socketio.Socket) {
		s.On("e", note("own"))
		s.OnAny(note("own any"))
	})
	root.On("e", note("first"))
	root.On("e", note("second"))
	root.OnAny(note("any"))
	root.Filter(note("filter"))
	c := h.join("/", "")
	c.emit("e")
	for _, want := range []string{"filter", "any", "own any", "first", "second", "own"} {
		if got := receive(t, calls, want); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	c.emit("other")
	for _, want := range []string{"filter", "any", "own any"} {
		if got := receive(t, calls, want); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	// Handlers may be added at any time.
	root.On("other", note("late"))
	c.emit("other")
	for _, want := range []string{"filter", "any", "own any", "late"} {
		if got := receive(t, calls, want); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestFilterAndOnError(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	denied := errors.New("denied")
	root.Filter(func(_ context.Context, e *socketio.Event) error {
		if e.Name() == "secret" {
			return denied
		}
		return nil
	})
	handled := make(chan string, 10)
	for _, event := range []string{"secret", "open"} {
		root.On(event, func(_ context.Context, e *socketio.Event) error { handled <- e.Name(); return nil })
	}
	root.OnError(func(e *socketio.Event, err error) {
		if !errors.Is(err, denied) {
			t.Errorf("error %v", err)
		}
		if err := e.Ack("error: " + err.Error()); err != nil {
			t.Error(err)
		}
	})
	c := h.join("/", "")
	if p := c.ask(1, "secret"); p.data != `["error: denied"]` {
		t.Errorf("got %s", p)
	}
	c.emit("open")
	if got := receive(t, handled, "the open event"); got != "open" {
		t.Errorf("%s was handled", got)
	}
}

func TestErrorsWithoutOnErrorAreLogged(t *testing.T) {
	h := serve(t, socketio.Config{})
	h.Of("/").On("e", func(context.Context, *socketio.Event) error { return errors.New("went wrong") })
	h.Of("/").On("after", func(_ context.Context, e *socketio.Event) error { return e.Ack() })
	c := h.join("/", "")
	c.emit("e")
	c.ask(1, "after")
	if !h.log.contains("went wrong") {
		t.Error("nothing in the log")
	}
}

func TestPanicsAreContained(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	root.OnConnect(func(context.Context, *socketio.Socket) { panic("connect") })
	root.OnDisconnect(func(*socketio.Socket, socketio.Reason) { panic("disconnect") })
	root.OnAnyOutgoing(func(*socketio.Socket, string, []any) { panic("outgoing") })
	root.On("panic", func(context.Context, *socketio.Event) error { panic("event") })
	root.On("panic", func(_ context.Context, e *socketio.Event) error { return e.Ack("the next handler runs") })
	root.On("marshal", func(_ context.Context, e *socketio.Event) error { return e.Socket().Emit("x", panicky{}) })
	root.On("all", func(_ context.Context, e *socketio.Event) error { return root.Emit("x", panicky{}) })
	errs := make(chan error, 10)
	root.OnError(func(_ *socketio.Event, err error) { errs <- err; panic("error") })
	left := make(chan socketio.Reason, 1)
	root.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { left <- r })

	c := h.join("/", "")
	if p := c.ask(1, "panic"); p.data != `["the next handler runs"]` {
		t.Errorf("got %s", p)
	}
	c.emit("marshal")
	c.emit("all")
	for range 3 {
		if err := receive(t, errs, "the error"); !errors.Is(err, socketio.ErrPanic) {
			t.Errorf("error %v", err)
		}
	}
	if err := root.Emit("still", 1); err != nil {
		t.Fatal(err)
	}
	c.expect(`["still",1]`)
	c.send("1")
	receive(t, left, "the disconnect")
	for _, what := range []string{"connect", "disconnect", "outgoing", "error"} {
		if !h.log.contains("handler panicked: " + what) {
			t.Errorf("the panic of %s is not in the log", what)
		}
	}
}

type panicky struct{}

func (panicky) MarshalJSON() ([]byte, error) { panic("marshal") }

func TestOnAnyOutgoing(t *testing.T) {
	for name, recovery := range map[string]*socketio.Recovery{"plain": nil, "with recovery": {}} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, socketio.Config{Recovery: recovery})
			root := h.Of("/")
			type sent struct {
				id, event string
				args      []any
			}
			log := make(chan sent, 10)
			root.OnAnyOutgoing(func(s *socketio.Socket, event string, args []any) {
				s.Join("calls-back") // no lock may be held
				log <- sent{s.ID(), event, args}
			})
			joined := sockets(root)
			h.join("/", "")
			s := receive(t, joined, "the socket")
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			for _, emit := range []func() error{
				func() error { return s.Emit("e", 1) },
				func() error { return root.Emit("e", 1) },
				func() error { return root.Volatile().Emit("e", 1) },
				func() error { _, err := s.EmitWithAck(ctx, "e", 1); return ignore(err, context.Canceled) },
				func() error { _, err := root.All().EmitWithAck(ctx, "e", 1); return ignore(err, context.Canceled) },
			} {
				if err := emit(); err != nil {
					t.Fatal(err)
				}
				if got := receive(t, log, "the call"); !reflect.DeepEqual(got, sent{s.ID(), "e", []any{1}}) {
					t.Errorf("got %+v", got)
				}
			}
			if len(log) != 0 {
				t.Error("called more than once for an event")
			}
		})
	}
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}

func TestTypedHandlers(t *testing.T) {
	type in struct {
		Text string `json:"text"`
		N    int    `json:"n"`
	}
	type out struct {
		Upper string `json:"upper"`
	}
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	got := make(chan in, 10)
	errs := make(chan error, 10)
	root.OnError(func(e *socketio.Event, err error) { errs <- err })
	socketio.Handle(root, "note", func(_ context.Context, _ *socketio.Event, v in) error { got <- v; return nil })
	socketio.HandleAck(root, "upper", func(_ context.Context, _ *socketio.Event, v in) (out, error) {
		if v.Text == "" {
			return out{}, errors.New("no text")
		}
		return out{v.Text + "!"}, nil
	})
	socketio.HandleAck(root, "bad", func(_ context.Context, e *socketio.Event, _ any) (any, error) { return make(chan int), nil })
	root.OnConnect(func(_ context.Context, s *socketio.Socket) {
		socketio.Handle(s, "mine", func(_ context.Context, _ *socketio.Event, n int) error { got <- in{N: n}; return nil })
	})
	c := h.join("/", "")

	c.emit("note", `{"text":"a","n":2,"more":true}`, `"surplus"`)
	if v := receive(t, got, "the event"); v != (in{"a", 2}) {
		t.Errorf("got %+v", v)
	}
	c.emit("note")
	if v := receive(t, got, "the event"); v != (in{}) {
		t.Errorf("got %+v", v)
	}
	c.emit("mine", "7")
	if v := receive(t, got, "the event"); v.N != 7 {
		t.Errorf("got %+v", v)
	}
	if p := c.ask(3, "upper", `{"text":"x"}`); p.data != `[{"upper":"x!"}]` {
		t.Errorf("got %s", p)
	}
	c.emit("upper", `{"text":"x"}`) // nobody wants the acknowledgement
	c.emit("note", `{"n":"two"}`)
	var bad *socketio.ArgumentError
	if err := receive(t, errs, "the error"); !errors.As(err, &bad) || bad.Index != 0 {
		t.Errorf("error %v", err)
	}
	c.emit("upper", `{}`)
	if err := receive(t, errs, "the error"); err.Error() != "no text" {
		t.Errorf("error %v", err)
	}
	if len(errs) != 0 {
		t.Errorf("another error: %v", <-errs)
	}
}

// An acknowledgement that cannot be encoded is an error, after which another
// may be given.
func TestAckThatCannotBeEncoded(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	socketio.HandleAck(root, "bad", func(context.Context, *socketio.Event, any) (any, error) { return make(chan int), nil })
	root.OnError(func(e *socketio.Event, err error) {
		if err := e.Ack("sorry"); err != nil {
			t.Error(err)
		}
		if err := e.Ack("again"); !errors.Is(err, socketio.ErrNoAck) {
			t.Errorf("the second acknowledgement: %v", err)
		}
	})
	c := h.join("/", "")
	if p := c.ask(9, "bad"); p.data != `["sorry"]` {
		t.Errorf("got %s", p)
	}
}

func TestEvent(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	events := make(chan *socketio.Event, 1)
	root.OnAny(func(_ context.Context, e *socketio.Event) error { events <- e; return nil })
	c := h.join("/", "")

	c.emit("plain", "1", `"x"`)
	e := receive(t, events, "the event")
	if e.Name() != "plain" || len(e.Args()) != 2 || e.WantsAck() || !errors.Is(e.Ack(), socketio.ErrNoAck) {
		t.Errorf("event %q with %d arguments", e.Name(), len(e.Args()))
	}
	// After its handler has returned, with the largest id there is.
	c.send(`218446744073709551615["asked"]`)
	e = receive(t, events, "the event")
	if !e.WantsAck() {
		t.Error("no acknowledgement is wanted")
	}
	if err := e.Ack("<late>", socketio.Binary("b")); err != nil || e.WantsAck() {
		t.Errorf("error %v", err)
	}
	if p := c.packet('6', "/"); p.id != "18446744073709551615" || p.data != `["<late>",{"_placeholder":true,"num":0}]` {
		t.Errorf("got %s", p)
	}
	for sent, name := range map[string]string{`2[1]`: "1", `2[-2.5]`: "-2.5", `2["message"]`: "message", `2[""]`: ""} {
		c.send(sent)
		if e := receive(t, events, sent); e.Name() != name {
			t.Errorf("%s has the name %q", sent, e.Name())
		}
	}
	if err := e.Socket().Emit("disconnect"); !errors.Is(err, socketio.ErrReservedEvent) {
		t.Errorf("a reserved name: %v", err)
	}
	if err := root.Emit("connect"); !errors.Is(err, socketio.ErrReservedEvent) {
		t.Errorf("a reserved name: %v", err)
	}
}

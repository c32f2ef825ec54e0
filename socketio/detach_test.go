package socketio_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// workshop is a server with events that wait to be let go on: "wait" in the order
// of the connection, "detach" beside it.
type workshop struct {
	*harness
	began chan *socketio.Event
	goOn  chan struct{}
}

func newWorkshop(t *testing.T, cfg socketio.Config) *workshop {
	w := &workshop{harness: serve(t, cfg), began: make(chan *socketio.Event, 100), goOn: make(chan struct{})}
	work := func(_ context.Context, e *socketio.Event) error {
		w.began <- e
		<-w.goOn
		return e.Ack(e.Args().Values()...)
	}
	root := w.Of("/")
	root.On("wait", work)
	root.On("detach", func(ctx context.Context, e *socketio.Event) error {
		e.Detach()
		e.Detach()
		return work(ctx, e)
	})
	root.On("quick", func(_ context.Context, e *socketio.Event) error { return e.Ack() })
	return w
}

func TestDetach(t *testing.T) {
	w := newWorkshop(t, socketio.Config{})
	c := w.join("/", "")
	c.burst(`421["detach",1]`, `422["quick"]`, `423["wait",3]`, `424["quick"]`)
	ack := func() clientPacket {
		return c.find("an acknowledgement", func(p *clientPacket) bool { return p.kind == '3' })
	}
	if p := ack(); p.id != "2" {
		t.Errorf("got %s, want what is behind the event that is detached", p)
	}
	receive(t, w.began, "the event that is detached")
	receive(t, w.began, "the event that waits")
	w.goOn <- struct{}{}
	w.goOn <- struct{}{}
	var order []string
	for range 3 {
		order = append(order, ack().id)
	}
	first, waited, behind := slices.Index(order, "1"), slices.Index(order, "3"), slices.Index(order, "4")
	if first < 0 || waited < 0 || waited > behind {
		t.Errorf("order %v", order)
	}
}

// Those that are detached are bounded: one too many holds up the next.
func TestDetachIsBounded(t *testing.T) {
	w := newWorkshop(t, socketio.Config{MaxDetached: 2})
	joined := sockets(w.Of("/"))
	c := w.join("/", "")
	s := receive(t, joined, "the socket")
	for range 2 {
		for _, packet := range []string{`21["detach"]`, `22["detach"]`, `23["detach"]`} {
			c.send(packet)
			receive(t, w.began, "an event")
		}
		eventually(t, "the order is held up", func() bool { return socketio.HeldUp(s) })
		c.send(`24["quick"]`)
		eventually(t, "the next event waits", func() bool { return socketio.Queued(s) == 1 })
		w.goOn <- struct{}{}
		c.find("the next acknowledgement", func(p *clientPacket) bool { return p.id == "4" })
		w.goOn <- struct{}{}
		w.goOn <- struct{}{}
		for _, id := range []string{"1", "2", "3"} {
			c.find("acknowledgement "+id, func(p *clientPacket) bool { return p.id == id })
		}
		eventually(t, "all have returned", func() bool { return socketio.Idle(w.Server) })
	}
}

// Quiesce, and with it Shutdown, waits for what is detached.
func TestQuiesceWaitsForDetached(t *testing.T) {
	w := newWorkshop(t, socketio.Config{})
	c := w.join("/", "")
	c.send(`21["detach"]`)
	receive(t, w.began, "the event")
	c.ask(2, "quick")
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Quiesce(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v while a detached handler runs", err)
	}
	close(w.goOn)
	if err := w.Quiesce(t.Context()); err != nil {
		t.Error(err)
	}
	c.find("the acknowledgement", func(p *clientPacket) bool { return p.id == "1" })
}

// Once its handlers have returned an event cannot be detached, but still be
// acknowledged.
func TestEventsThatAreKept(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	kept := make(chan *socketio.Event, 1)
	root.On("keep", func(_ context.Context, e *socketio.Event) error { kept <- e; return nil })
	order := make(chan string, 100)
	root.On("note", func(_ context.Context, e *socketio.Event) error {
		var text string
		err := e.Args().Decode(&text)
		order <- text
		return errors.Join(err, e.Ack())
	})
	c := h.join("/", "")
	c.send(`27["keep"]`)
	e := receive(t, kept, "the event")
	c.ask(1, "note", `"a"`)
	e.Detach()
	c.ask(2, "note", `"b"`)
	if err := e.Ack("late"); err != nil {
		t.Error(err)
	}
	if p := c.find("the late acknowledgement", func(p *clientPacket) bool { return p.id == "7" }); p.data != `["late"]` {
		t.Errorf("got %s", p)
	}
	if a, b := <-order, <-order; a != "a" || b != "b" {
		t.Errorf("order %s %s", a, b)
	}
}

// Of many events that are detached or not, those that are not keep their order.
func TestDetachKeepsTheOrderOfOthers(t *testing.T) {
	h := serve(t, socketio.Config{MaxDetached: 3, MaxQueuedEvents: 5})
	root := h.Of("/")
	root.On("beside", func(_ context.Context, e *socketio.Event) error { e.Detach(); return e.Ack() })
	next, running := 0, false // the detector sees two handlers at a time
	socketio.Handle(root, "ordered", func(_ context.Context, e *socketio.Event, n int) error {
		if running || n != next {
			t.Errorf("event %d, running %v, when %d was due", n, running, next)
		}
		running = true
		next++
		defer func() { running = false }()
		return e.Ack()
	})
	c := h.join("/", "")
	const events = 300
	for i := range events {
		c.send(`2["beside"]`)
		if i%3 == 0 {
			c.send(`2` + itoa(i) + `["beside"]`)
		}
		c.send(`2` + itoa(events+i) + `["ordered",` + itoa(i) + `]`)
	}
	for i := range events {
		c.find("an acknowledgement", func(p *clientPacket) bool { return p.id == itoa(events+i) })
	}
}

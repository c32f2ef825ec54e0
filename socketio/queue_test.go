package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// A handler that blocks holds up its own connection and no other.
func TestBlockedHandlerDelaysNobodyElse(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	entered, release := make(chan struct{}), make(chan struct{})
	root.On("block", func(_ context.Context, e *socketio.Event) error {
		close(entered)
		<-release
		return e.Ack("released")
	})
	root.On("quick", func(_ context.Context, e *socketio.Event) error { return e.Ack("quick") })
	slow := h.join("/", "")
	slow.send(`21["block"]`)
	receive(t, entered, "the blocked handler")
	for range 5 {
		other := h.join("/", "")
		if p := other.ask(1, "quick"); p.data != `["quick"]` {
			t.Errorf("got %s", p)
		}
	}
	if err := root.Emit("news"); err != nil { // the blocked one is sent to as well
		t.Fatal(err)
	}
	slow.expect(`["news"]`)
	close(release)
	slow.packet('3', "/")
}

func TestEventsStayInOrder(t *testing.T) {
	h := serve(t, socketio.Config{})
	got := make(chan int, 1000)
	socketio.Handle(h.Of("/"), "n", func(_ context.Context, _ *socketio.Event, n int) error { got <- n; return nil })
	c := h.join("/", "")
	var frames []string
	for i := range 1000 {
		frames = append(frames, fmt.Sprintf(`42["n",%d]`, i))
		if i%7 == 0 {
			c.burst(frames...)
			frames = frames[:0]
		}
	}
	c.burst(frames...)
	for want := range 1000 {
		if n := receive(t, got, "an event"); n != want {
			t.Fatalf("got event %d, want %d", n, want)
		}
	}
}

func TestEmitWithAckInsideAHandler(t *testing.T) {
	h := serve(t, socketio.Config{})
	h.Of("/").On("start", func(ctx context.Context, e *socketio.Event) error {
		answer, err := socketio.EmitAck[string](ctx, e.Socket(), "question", 1)
		if err != nil {
			return err
		}
		return e.Ack("got " + answer)
	})
	c := h.join("/", "")
	c.send(`25["start"]`)
	q := c.event("question")
	c.send("3" + q.id + `["answer"]`)
	if p := c.packet('3', "/"); p.id != "5" || p.data != `["got answer"]` {
		t.Errorf("got %s", p)
	}
}

// While a handler blocks, its connection is read only until its queue is full;
// nothing is lost.
func TestBackpressure(t *testing.T) {
	const events = 2000
	padding := strings.Repeat("x", 8<<10) // 16 MiB in all, beyond what sockets buffer
	h := serve(t, socketio.Config{MaxQueuedEvents: 20, Engine: engineio.Config{MaxPayload: 64 << 10}})
	root := h.Of("/")
	entered, release := make(chan struct{}), make(chan struct{})
	root.On("block", func(context.Context, *socketio.Event) error {
		close(entered)
		<-release
		return nil
	})
	got := make(chan int, events)
	socketio.Handle(root, "n", func(_ context.Context, _ *socketio.Event, n int) error { got <- n; return nil })
	joined := sockets(root)
	c := h.join("/", "")
	s := receive(t, joined, "the socket")
	c.emit("block")
	receive(t, entered, "the blocked handler")

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range events {
			c.emit("n", fmt.Sprint(i), `"`+padding+`"`)
		}
	}()
	eventually(t, "reading pauses", func() bool { return socketio.Paused(s) })
	// What is queued is what was read when the queue was full: one read of the
	// socket (64 KiB) above the limit at most.
	if n := socketio.Queued(s); n > 20+9 {
		t.Errorf("%d events are queued", n)
	}
	select {
	case <-sent:
		t.Error("the client was not slowed down")
	default:
	}
	close(release)
	for want := range events {
		if n := receive(t, got, "an event"); n != want {
			t.Fatalf("got event %d, want %d", n, want)
		}
	}
	<-sent
	eventually(t, "reading goes on", func() bool { return !socketio.Paused(s) })
}

// Attachments count for what is queued.
func TestBackpressureCountsAttachments(t *testing.T) {
	h := serve(t, socketio.Config{MaxQueuedBytes: 100 << 10})
	root := h.Of("/")
	entered, release := make(chan struct{}), make(chan struct{})
	root.On("block", func(context.Context, *socketio.Event) error {
		close(entered)
		<-release
		return nil
	})
	joined := sockets(root)
	c := h.join("/", "")
	s := receive(t, joined, "the socket")
	c.emit("block")
	receive(t, entered, "the blocked handler")
	c.send(`52-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, strings.Repeat("x", 200<<10), "")
	eventually(t, "reading pauses", func() bool { return socketio.Paused(s) })
	close(release)
}

// A handler that waits for an acknowledgement while its client floods it waits
// no longer than its context allows.
func TestAckBehindAFlood(t *testing.T) {
	h := serve(t, socketio.Config{MaxQueuedEvents: 5})
	root := h.Of("/")
	errs, done := make(chan error, 1), make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	root.On("start", func(_ context.Context, e *socketio.Event) error {
		_, err := e.Socket().EmitWithAck(ctx, "question")
		errs <- err
		return nil
	})
	root.On("last", func(context.Context, *socketio.Event) error { done <- struct{}{}; return nil })
	joined := sockets(root)
	c := h.join("/", "")
	s := receive(t, joined, "the socket")
	c.emit("start")
	c.event("question")
	c.burst(strings.Split(strings.Repeat("42[\"n\"]\n", 50)+`42["last"]`, "\n")...)
	eventually(t, "reading pauses", func() bool { return socketio.Paused(s) })
	cancel()
	if err := receive(t, errs, "the end of the wait"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	receive(t, done, "the last event")
}

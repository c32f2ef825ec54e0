package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		want   socketio.Reason
		engine engineio.Config
		leave  func(*harness, *testClient, *socketio.Socket)
	}{
		{"client namespace disconnect", engineio.Config{}, func(_ *harness, c *testClient, _ *socketio.Socket) { c.send("1") }},
		{"client namespace disconnect", engineio.Config{}, func(_ *harness, c *testClient, _ *socketio.Socket) { c.burst("41", "1") }},
		{"server namespace disconnect", engineio.Config{}, func(_ *harness, _ *testClient, s *socketio.Socket) { s.Disconnect(false) }},
		{"server namespace disconnect", engineio.Config{}, func(_ *harness, _ *testClient, s *socketio.Socket) { s.Disconnect(true) }},
		{"forced close", engineio.Config{}, func(_ *harness, _ *testClient, s *socketio.Socket) { s.Drop() }},
		{"transport close", engineio.Config{}, func(_ *harness, c *testClient, _ *socketio.Socket) { c.drop() }},
		{"transport close", engineio.Config{}, func(_ *harness, c *testClient, _ *socketio.Socket) { c.burst("1") }},
		{"transport error", engineio.Config{}, func(_ *harness, c *testClient, _ *socketio.Socket) { c.burst("2") }},
		{"parse error", engineio.Config{}, func(_ *harness, c *testClient, _ *socketio.Socket) { c.send("9") }},
		{"ping timeout", engineio.Config{}, func(_ *harness, c *testClient, s *socketio.Socket) {
			c.deaf()
			socketio.Beat(s) // a ping
			socketio.Beat(s) // that was not answered
		}},
		{"server shutting down", engineio.Config{}, func(h *harness, _ *testClient, _ *socketio.Socket) { h.stop() }},
		{"slow consumer", engineio.Config{MaxQueuedBytes: 64 << 10}, func(_ *harness, c *testClient, s *socketio.Socket) {
			c.deaf()
			for s.Emit("e", strings.Repeat("x", 60<<10)) == nil {
			}
		}},
	} {
		t.Run(string(tt.want), func(t *testing.T) {
			h := serve(t, socketio.Config{Engine: tt.engine})
			root := h.Of("/")
			type leaving struct {
				s *socketio.Socket
				r socketio.Reason
			}
			left := make(chan leaving, 5)
			root.OnDisconnect(func(s *socketio.Socket, r socketio.Reason) { left <- leaving{s, r} })
			joined := sockets(root)
			c := h.join("/", "")
			s := receive(t, joined, "the socket")
			s.Join("r")
			done := s.Context().Done()
			if s.Context().Err() != nil || !s.Connected() {
				t.Error("gone at once")
			}
			tt.leave(h, c, s)
			got := receive(t, left, "the disconnect")
			if got.s != s || got.r != tt.want {
				t.Errorf("reason %q, want %q", got.r, tt.want)
			}
			c.drop() // a deaf client would keep Shutdown waiting
			receive(t, done, "the end of the context")
			receive(t, s.Context().Done(), "the end of the context")
			if !errors.Is(s.Context().Err(), context.Canceled) || s.Connected() {
				t.Error("still connected")
			}
			if rooms := s.Rooms(); !slices.Equal(sorted(rooms), sorted([]string{s.ID(), "r"})) {
				t.Errorf("rooms %v", rooms)
			}
			if err := s.Emit("e"); !errors.Is(err, socketio.ErrDisconnected) {
				t.Errorf("emit: %v", err)
			}
			s.Disconnect(false) // again
			s.Disconnect(true)
			h.stop()
			if len(left) != 0 {
				t.Error("OnDisconnect came twice")
			}
		})
	}
}

// What a client sent before it left is handled before its OnDisconnect, also
// when the connection ends at once.
func TestLastEventsAreHandled(t *testing.T) {
	for name, frames := range map[string][]string{
		"disconnect":           {"41"},
		"disconnect and close": {"41", "1"},
		"close":                {"1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, socketio.Config{})
			root := h.Of("/")
			log := make(chan string, 20)
			entered, release := make(chan struct{}), make(chan struct{})
			socketio.Handle(root, "e", func(_ context.Context, _ *socketio.Event, n int) error {
				if n == 0 {
					close(entered)
					<-release
				}
				log <- fmt.Sprint(n)
				return nil
			})
			root.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { log <- "disconnect" })
			joined := sockets(root)
			c := h.join("/", "")
			s := receive(t, joined, "the socket")
			c.burst(append([]string{`42["e",0]`, `42["e",1]`, `42["e",2]`}, frames...)...)
			receive(t, entered, "the first event")
			receive(t, s.Context().Done(), "the end of the context")
			close(release)
			for _, want := range []string{"0", "1", "2", "disconnect"} {
				if got := receive(t, log, want); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

// Events of a client that the server has sent away are dropped.
func TestEventsAfterServerDisconnect(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	log := make(chan string, 20)
	entered, release := make(chan struct{}), make(chan struct{})
	root.On("first", func(_ context.Context, e *socketio.Event) error {
		close(entered)
		<-release
		e.Socket().Disconnect(false)
		return nil
	})
	root.On("second", func(context.Context, *socketio.Event) error { log <- "second"; return nil })
	root.OnDisconnect(func(*socketio.Socket, socketio.Reason) { log <- "disconnect" })
	c := h.join("/", "")
	c.burst(`42["first"]`, `42["second"]`)
	receive(t, entered, "the first event")
	close(release)
	if got := receive(t, log, "the disconnect"); got != "disconnect" {
		t.Errorf("got %s", got)
	}
	c.packet('1', "/")
}

func TestConnectTimeout(t *testing.T) {
	for timeout := 50 * time.Millisecond; !testConnectTimeout(t, timeout); timeout *= 2 {
		t.Log("the test has stalled") // a busy machine needs longer to join
	}
}

// testConnectTimeout reports false when the machine was too slow to show it.
func testConnectTimeout(t *testing.T, timeout time.Duration) bool {
	t.Helper()
	h := serve(t, socketio.Config{ConnectTimeout: timeout})
	entered, ctxEnded := make(chan struct{}, 1), make(chan error, 1)
	h.Of("/slow").Use(func(ctx context.Context, s *socketio.Socket) error {
		entered <- struct{}{}
		<-ctx.Done() // the middleware counts, and learns of the end
		ctxEnded <- ctx.Err()
		return ctx.Err()
	})
	joined := h.dial(4)
	joined.send("0")
	idle, refused, slow := h.dial(4), h.dial(4), h.dial(4)
	refused.send("0/none,")
	slow.send("0/slow,")
	for _, c := range []*testClient{idle, refused, slow} {
		c.closed()
	}
	if len(entered) == 0 || !joined.joins() {
		return false
	}
	if err := receive(t, ctxEnded, "the end of the context"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := h.Of("/").Emit("e"); err != nil {
		t.Fatal(err)
	}
	joined.expect(`["e"]`)
	eventually(t, "the others to be forgotten", func() bool { return h.Connections() == 1 })
	return true
}

// joins reports whether the client, which has asked for it, has joined "/", or else its connection has ended.
func (c *testClient) joins() (joined bool) {
	c.t.Helper()
	c.await("an end of joining", func() bool {
		joined = slices.ContainsFunc(c.arrived, func(p clientPacket) bool { return p.kind == '0' })
		return joined || c.ended
	})
	return joined
}

// A middleware that knows by now who it is may take longer; once it has refused, the client is a stranger as before.
func TestConnectTimeoutHeld(t *testing.T) {
	for timeout := 50 * time.Millisecond; !testConnectTimeoutHeld(t, timeout); timeout *= 2 {
		t.Log("the test has stalled") // a busy machine needs longer to get to the middleware
	}
}

// testConnectTimeoutHeld reports false when the machine was too slow to show it.
func testConnectTimeoutHeld(t *testing.T, timeout time.Duration) bool {
	t.Helper()
	h := serve(t, socketio.Config{ConnectTimeout: timeout})
	entered, release := make(chan bool, 2), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(release) })
	defer letGo()
	start := time.Now()
	h.Of("/slow").Use(func(_ context.Context, s *socketio.Socket) error {
		s.HoldConnectTimeout()
		entered <- time.Since(start) < timeout // else its time may have been over before
		<-release
		var auth struct{ Good bool }
		if err := s.Auth(&auth); err != nil || auth.Good {
			return err
		}
		return &socketio.ConnectError{Message: "no"}
	})
	good, bad := h.dial(4), h.dial(4)
	good.send(`0/slow,{"good":true}`)
	bad.send("0/slow,")
	for _, c := range []*testClient{good, bad} {
		if !c.enters(entered) {
			return false
		}
	}
	h.dial(4).closed() // its time is over, and so was theirs
	letGo()
	good.packet('0', "/slow")
	bad.packet('4', "/slow")
	bad.closed()
	eventually(t, "the refused one to be forgotten", func() bool { return h.Connections() == 1 })
	return true
}

// enters reports whether a middleware was entered, in time, before the end of the connection.
func (c *testClient) enters(entered <-chan bool) bool {
	c.t.Helper()
	select {
	case inTime := <-entered:
		return inTime
	case <-c.done:
		return false
	case <-time.After(patience):
		c.t.Fatal("no middleware was entered")
		return false
	}
}

// Middlewares may do what handlers may, and learn when the client goes away or
// was refused by one behind them.
func TestMiddlewareCallsBack(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	refused := make(chan context.Context, 1)
	root.Use(func(ctx context.Context, s *socketio.Socket) error {
		refused <- ctx
		s.Disconnect(false) // means nothing yet
		s.Join("nowhere")
		return s.Emit("early", 1)
	})
	root.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ No bool }
		if err := s.Auth(&auth); err != nil || !auth.No {
			return err
		}
		return &socketio.ConnectError{Message: "no"}
	})
	c := h.dial(4)
	c.send(`0{"No":true}`)
	c.expect(`["early",1]`)
	c.packet('4', "/")
	receive(t, receive(t, refused, "the context").Done(), "the end of the context")
	c.connect("/", "")
	c.expect(`["early",1]`)
	if ctx := receive(t, refused, "the context"); ctx.Err() != nil {
		t.Error("the context of a socket that was let in has ended")
	}
}

// Shutdown waits for handlers, and for no longer than its context allows.
func TestShutdownWaits(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	entered, release, left := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	root.On("block", func(context.Context, *socketio.Event) error {
		close(entered)
		<-release
		return nil
	})
	root.OnDisconnect(func(*socketio.Socket, socketio.Reason) { left <- struct{}{} })
	c := h.join("/", "")
	c.emit("block")
	receive(t, entered, "the handler")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	close(release)
	receive(t, left, "the disconnect")
	h.stop()
}

// Asking for a context while the socket leaves is no race.
func TestContextWhileLeaving(t *testing.T) {
	h := serve(t, socketio.Config{})
	joined := sockets(h.Of("/"))
	for range 30 {
		c := h.join("/", "")
		s := receive(t, joined, "the socket")
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for s.Connected() {
					runtime.Gosched()
				}
				<-s.Context().Done()
			})
		}
		group.Go(func() { s.Drop() })
		group.Wait()
		c.closed()
	}
}

// A connection that is being opened when the server is quiesced counts: its handlers
// have come to know of it by then, and of what its client sends they never do.
func TestQuiesceWhileConnecting(t *testing.T) {
	for range 5 {
		h := serve(t, socketio.Config{})
		root := h.Of("/")
		joined := sockets(root)
		events := make(chan struct{}, 1)
		root.On("late", func(context.Context, *socketio.Event) error { events <- struct{}{}; return nil })
		dialled := make(chan *testClient, 1)
		go func() { dialled <- h.dial(3) }() // who is in "/" without asking
		eventually(t, "a connection", func() bool { return h.Connections() == 1 })
		if err := h.Quiesce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(joined) != 1 {
			t.Errorf("%d sockets when all has settled", len(joined))
		}
		receive(t, dialled, "the client").emit("late")
		h.stop()
		if len(joined) != 1 || len(events) != 0 {
			t.Errorf("%d sockets, %d events in the end", len(joined), len(events))
		}
	}
}

// A handler that catches up after Quiesce has given up on it does not have its connection
// read again.
func TestQueueFreedAfterQuiesce(t *testing.T) {
	h := serve(t, socketio.Config{MaxQueuedEvents: 2})
	root := h.Of("/")
	entered, release := make(chan struct{}), make(chan struct{})
	root.On("block", func(context.Context, *socketio.Event) error {
		close(entered)
		<-release
		return nil
	})
	handled := make(chan string, 10)
	root.On("n", func(_ context.Context, e *socketio.Event) error { handled <- "n"; return nil })
	root.On("late", func(context.Context, *socketio.Event) error { handled <- "late"; return nil })
	joined := sockets(root)
	c := h.join("/", "")
	s := receive(t, joined, "the socket")
	c.emit("block")
	receive(t, entered, "the handler")
	c.burst(`42["n"]`, `42["n"]`, `42["n"]`)
	eventually(t, "reading pauses", func() bool { return socketio.Paused(s) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Quiesce(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a handler was not waited for: %v", err)
	}
	close(release)
	eventually(t, "all is handled", func() bool { return socketio.Idle(h.Server) })
	c.emit("late")
	h.stop()
	if n := len(handled); n != 3 {
		t.Errorf("%d events were handled, want the 3 that had been read", n)
	}
}

package netloop_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

func TestPeerCloses(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		for _, test := range []struct {
			frame        []byte
			sent, answer ws.StatusCode
			reason       string
		}{
			{closing(1000, "bye"), 1000, 1000, "bye"},
			{closing(1001, ""), 1001, 1001, ""},
			{closing(1012, "x"), 1012, 1012, "x"},
			{closing(1013, ""), 1013, 1013, ""},
			{closing(1014, ""), 1014, 1014, ""},
			{closing(3000, "x"), 3000, 3000, "x"},
			{closing(4999, "x"), 4999, 4999, "x"},
			{wire(true, 0, ws.OpClose, ""), 1005, 1005, ""},
		} {
			c, conn := s.connect(t)
			c.send(test.frame, text("after the close frame"))
			c.expectClose(test.answer)
			var peer *netloop.CloseError
			if cause := next(t, s.closed); !errors.As(cause, &peer) || peer.Code != uint16(test.sent) || peer.Reason != test.reason {
				t.Errorf("HandleClose got %v, want %d %q", cause, test.sent, test.reason)
			}
			until(t, "the connection is gone", func() bool { return s.loop.Live() == 0 })
			if err := conn.Send(netloop.NewMessage(netloop.Text, false)); !errors.Is(err, netloop.ErrClosed) {
				t.Errorf("Send after the end: %v", err)
			}
			if err := conn.Ping(nil); !errors.Is(err, netloop.ErrClosed) {
				t.Errorf("Ping after the end: %v", err)
			}
			conn.Pause()
			conn.Resume()
			conn.Close(1000, "")
			conn.Abort()
		}
		none(t, s.messages)
		none(t, s.closed)
	})
}

func TestServerCloses(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		if err := conn.Send(netloop.NewMessage(netloop.Text, false, []byte("last words"))); err != nil {
			t.Fatal(err)
		}
		conn.Close(4000, "enough")
		conn.Close(4001, "again")
		if cause := next(t, s.closed); !errors.Is(cause, netloop.ErrClosed) {
			t.Errorf("HandleClose got %v", cause)
		}
		c.send(text("too late"))
		c.expect(ws.OpText, "last words")
		if reason := c.expectClose(4000); reason != "enough" {
			t.Errorf("reason %q", reason)
		}
		c.send(closing(4000, ""))
		c.expectEOF()
		until(t, "the connection is gone", func() bool { return s.loop.Live() == 0 })
		none(t, s.messages)
		none(t, s.closed)
	})
}

// The reason may be long, but must stay UTF-8 in 123 bytes.
func TestCloseReasonIsCut(t *testing.T) {
	s := serve(t, linkKind{}, netloop.Config{}, netloop.UpgradeOptions{})
	c, conn := s.connect(t)
	conn.Close(4000, strings.Repeat("ä", 100))
	if reason := c.expectClose(4000); !utf8.ValidString(reason) || reason != strings.Repeat("ä", 61) {
		t.Errorf("reason %q", reason)
	}
}

func TestPeerDoesNotAnswerTheClose(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		for timeout := 30 * time.Millisecond; !closesAlone(t, kind, timeout); timeout *= 2 {
			t.Log("the test has stalled") // a busy machine needs longer for a close frame
		}
	})
}

// closesAlone reports false when the time for the handshake was over before its first frame was written.
func closesAlone(t *testing.T, kind linkKind, timeout time.Duration) bool {
	t.Helper()
	s := serve(t, kind, netloop.Config{CloseTimeout: timeout}, netloop.UpgradeOptions{})
	c, conn := s.connect(t)
	start := time.Now()
	conn.Close(0, "")
	next(t, s.closed)
	if _, err := c.r.Peek(1); err != nil && time.Since(start) > timeout && timeout < patience {
		return false
	}
	c.expectClose(1005)
	c.expectEOF()
	until(t, "the connection is gone", func() bool { return s.loop.Live() == 0 })
	return true
}

func TestPeerVanishes(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, _ := s.connect(t)
		c.send(text("half a frame")[:5])
		_ = plain(c.Conn).Close()
		if cause := next(t, s.closed); !netloop.IsEOF(cause) {
			t.Errorf("HandleClose got %v, want EOF", cause)
		}
		c, _ = s.connect(t)
		_ = plain(c.Conn).SetLinger(0) // resets
		_ = plain(c.Conn).Close()
		if cause := next(t, s.closed); cause == nil || errors.Is(cause, netloop.ErrClosed) {
			t.Errorf("HandleClose got %v, want what the socket says", cause)
		}
		until(t, "the connections are gone", func() bool { return s.loop.Live() == 0 })
	})
}

func TestAbort(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		c.send(text("a"))
		next(t, s.messages)
		conn.Abort()
		if cause := next(t, s.closed); !errors.Is(cause, netloop.ErrClosed) {
			t.Errorf("HandleClose got %v", cause)
		}
		c.expectEOF()
	})
}

// A refused peer that goes on sending still gets to read why: the code, without a text.
func TestRefusedPeerReadsTheCode(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{MaxMessage: 1000}, netloop.UpgradeOptions{})
		c, _ := s.connect(t)
		c.send(wire(true, 0, ws.OpBinary, strings.Repeat("x", 3<<20)))
		if reason := c.expectClose(1009); reason != "" {
			t.Errorf("reason %q", reason)
		}
		c.expectEOF()
		_ = c.Close()
		until(t, "the connection is gone", func() bool { return s.loop.Live() == 0 })
	})
}

func TestStopWithOpenConnections(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		const n = 20
		clients := make([]*client, n)
		var last *netloop.Conn
		for i := range clients {
			clients[i], last = s.connect(t)
		}
		last.Pause()
		s.http.Close() // its goroutines have nothing to do with the loop's
		s.loop.Stop()
		for range n {
			select {
			case cause := <-s.closed:
				if !errors.Is(cause, netloop.ErrStopped) {
					t.Errorf("HandleClose got %v", cause)
				}
			default:
				t.Fatal("Stop returned before all handlers were told")
			}
		}
		for _, c := range clients {
			c.expectEOF()
		}
		if n := s.loop.Live(); n != 0 {
			t.Errorf("%d connections live on", n)
		}
		s.loop.Stop()
	})
}

// Stop waits for the handler of a connection that was just about to end.
func TestStopWaitsForHandlers(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		for range 30 {
			s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
			c, _ := s.connect(t)
			_ = plain(c.Conn).Close()
			s.loop.Stop()
			select {
			case <-s.closed:
			default:
				t.Fatal("Stop returned before HandleClose")
			}
			s.http.Close()
		}
	})
}

func TestAttachWhileAndAfterStop(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		before := descriptors(t)
		for range 20 {
			s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
			var dialling sync.WaitGroup
			for range 4 {
				dialling.Go(func() {
					d := ws.Dialer{Timeout: patience, TLSConfig: s.trust()}
					conn, _, _, err := d.Dial(context.Background(), s.url())
					if err == nil {
						_ = conn.Close()
					}
				})
			}
			s.loop.Stop()
			dialling.Wait()
			s.http.Close()
			until(t, "every connection is closed", func() bool { return len(s.conns) == len(s.closed) })
		}
		until(t, "as many descriptors as before", func() bool { return descriptors(t) <= before })
	})
}

// Listeners may be closed while their loop stops.
func TestListenersCloseAsTheLoopStops(t *testing.T) {
	for range 20 {
		loop := newLoop(t, netloop.Config{})
		listeners := make([]net.Listener, 20)
		for i := range listeners {
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			cfg := netloop.ListenerConfig{Handler: http.HandlerFunc(byWhom), ErrorLog: log.Default(), Run: func(task netloop.Task) { go task.Run() }}
			if listeners[i], err = loop.Listen(inner, cfg); err != nil {
				t.Fatal(err)
			}
		}
		begin, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			<-begin
			loop.Stop()
		}()
		close(begin)
		for _, l := range listeners {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
		next(t, stopped)
	}
}

// A connection may be attached before the loop stops, and started after it.
func TestStartAfterStop(t *testing.T) {
	loop := newLoop(t, netloop.Config{})
	if loop.Pollers() == 0 {
		t.Skip("no pollers here")
	}
	handler := newRecorder()
	peer, conn := pair(t, loop, handler)
	loop.Stop()
	conn.Start(nil)
	if cause := next(t, handler.closed); !errors.Is(cause, netloop.ErrStopped) {
		t.Errorf("HandleClose got %v", cause)
	}
	if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the peer reads %v, want EOF", err)
	}
}

func TestDrain(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := s.loop.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain with an open connection: %v", err)
		}
		conn.Close(1001, "")
		c.expectClose(1001)
		c.send(closing(1001, ""))
		if err := s.loop.Drain(context.Background()); err != nil {
			t.Errorf("Drain: %v", err)
		}
	})
}

// A closing handshake must not wait for whoever paused the connection.
func TestCloseWhilePaused(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{CloseTimeout: time.Hour}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		conn.Pause()
		conn.Close(1001, "")
		c.expectClose(1001)
		c.send(closing(1001, ""))
		c.expectEOF()
		next(t, s.closed)
	})
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd")
	}
	return len(entries)
}

func TestDescriptorsAreGivenBack(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{CloseTimeout: 20 * time.Millisecond}, netloop.UpgradeOptions{})
		c, conn := s.connect(t) // warms up what the process keeps
		conn.Abort()
		c.expectEOF()
		_ = c.Close()
		before := descriptors(t)
		for i := range 60 {
			c, conn := s.connect(t)
			switch i % 6 {
			case 0:
				conn.Abort()
			case 1:
				conn.Close(1000, "")
			case 2:
				_ = plain(c.Conn).Close()
			case 3:
				c.send(closing(1000, ""))
			case 4:
				c.send(wire(true, 7, ws.OpText, "bad"))
			case 5:
				conn.Pause()
				conn.Abort()
			}
			next(t, s.closed)
			_ = c.Close()
		}
		until(t, "no connection left", func() bool { return s.loop.Live() == 0 })
		until(t, "as many descriptors as before", func() bool { return descriptors(t) <= before })
	})
}

// A reset shows even while nothing is read, where epoll says so.
func TestResetWhilePaused(t *testing.T) {
	s := serve(t, linkKind{}, netloop.Config{}, netloop.UpgradeOptions{})
	if s.loop.Pollers() == 0 {
		t.Skip("no pollers here")
	}
	c, conn := s.connect(t)
	conn.Pause()
	_ = plain(c.Conn).SetLinger(0)
	_ = plain(c.Conn).Close()
	next(t, s.closed)
}

package engineio_test

import (
	"context"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
)

func TestShutdown(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		s := serve(t, cfg)
		session, c := s.openSocket(t, "4")
		paused, c2 := s.openSocket(t, "4")
		paused.Pause()
		polling, query := s.open(t, "4")
		waiting := s.pollLater(t, query, polling)
		idle, idleQuery := s.open(t, "4")
		send(t, session, "last words")
		send(t, idle, "read me later")
		done := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			done <- s.Shutdown(ctx)
		}()
		for range 4 {
			s.expectEnd(t, engineio.ShuttingDown)
		}
		c.expect("4last words")
		c.expectClose()
		c2.expectClose()
		if a := next(t, waiting); a.body != "1" {
			t.Errorf("the poll was answered %q", a.body)
		}
		if a := s.get(t, "EIO=4&transport=polling"); a.status != 503 {
			t.Errorf("a new session: %d %s", a.status, a.body)
		}
		_ = c.Close()
		_ = c2.Close()
		if err := next(t, done); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		s.poll(t, idleQuery, "4read me later")
		a := s.get(t, "EIO=4&transport=websocket", upgrading...)
		if a.status != 503 {
			t.Errorf("a new socket: %d %s", a.status, a.body)
		}
		if n := s.Len(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		s := serve(t, cfg)
		s.openSocket(t, "4") // and does not answer
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); err == nil {
			t.Error("no error")
		}
		s.expectEnd(t, engineio.ShuttingDown)
	})
}

// A socket that opens at the moment of the shutdown is neither kept nor
// counted twice.
func TestShutdownWhileOpening(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		for range 10 {
			s := serve(t, cfg)
			var opening sync.WaitGroup
			for _, version := range []string{"3", "4"} {
				opening.Go(func() { // reads until it is closed, where it gets that far
					d := ws.Dialer{Timeout: patience}
					conn, buffered, _, err := d.Dial(t.Context(), "ws"+strings.TrimPrefix(s.http.URL, "http")+"/?EIO="+version+"&transport=websocket")
					if err != nil {
						return
					}
					defer func() { _ = conn.Close() }()
					var r io.Reader = conn
					if buffered != nil {
						r = buffered
					}
					for f, err := ws.ReadFrame(r); err == nil && f.Header.OpCode != ws.OpClose; {
						f, err = ws.ReadFrame(r)
					}
				})
			}
			until(t, "a session", func() bool { return s.Len() > 0 })
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if err := s.Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			cancel()
			opening.Wait()
			until(t, "every opened session has ended", func() bool { return len(s.sessions) == len(s.closes) })
			if n := s.Len(); n != 0 {
				t.Errorf("%d sessions", n)
			}
		}
	})
}

// Nothing may keep a session that has ended, however it did.
func TestEndedSessionsAreFreed(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		s := serve(t, cfg)
		const n = 24
		freed := make(chan struct{}, n)
		for i := range n {
			func() {
				var session *engineio.Session
				switch i % 4 {
				case 0:
					var c *socket
					session, c = s.openSocket(t, "4")
					c.sendText("1")
					c.expectClose()
					_ = c.Close()
				case 1:
					var c *socket
					session, c = s.openSocket(t, "3")
					_ = c.Close()
				case 2:
					var query string
					session, query = s.open(t, "4")
					s.request(t, "POST", query, "bad")
				case 3:
					var query string
					session, query = s.open(t, "4")
					c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
					c.sendText("2probe")
					c.expect("3probe")
					c.sendText("5")
					c.sendText("1")
					c.expectClose()
					_ = c.Close()
				}
				runtime.AddCleanup(session, func(struct{}) { freed <- struct{}{} }, struct{}{})
			}()
			next(t, s.closes)
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if s.Len() != 0 || s.Reachable() != 0 {
			t.Errorf("%d open, %d reachable", s.Len(), s.Reachable())
		}
		s.client.CloseIdleConnections()
		until(t, "nearly all are freed", func() bool { // the last may still stand in a loop's scratch
			runtime.GC()
			return len(freed) >= n-2
		})
	})
}

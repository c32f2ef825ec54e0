package engineio_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
)

// reads returns once each of the loop's pollers has looked for what can be read: new
// connections go to them in turn. Whatever was written before and is to be read has
// been read then, from any connection of the server.
func (s *server) reads(t *testing.T) {
	t.Helper()
	for range 4 * runtime.GOMAXPROCS(0) {
		s.get(t, "EIO=4&transport=polling&sid=nobody", "Connection", "close")
	}
}

// A session that is being opened when the server is quiesced is read no more either,
// and its handler does not come to know of it later.
func TestQuiesceWhileOpening(t *testing.T) {
	for _, query := range []string{"EIO=4&transport=websocket", "EIO=3&transport=websocket", "EIO=4&transport=polling"} {
		t.Run(query, func(t *testing.T) {
			inside, leave := make(chan *engineio.Session), make(chan struct{})
			s := serve(t, engineio.Config{OnSession: before(func(session *engineio.Session) {
				inside <- session
				<-leave
			})})
			sockets, answers := make(chan *socket, 1), (<-chan answer)(nil)
			if query == "EIO=4&transport=polling" {
				answers = s.later(t, "GET", query, "")
			} else {
				go func() { sockets <- s.dial(t, query) }()
			}
			session := next(t, inside)
			quiet := make(chan struct{})
			go func() {
				s.Quiesce()
				close(quiet)
			}()
			until(t, "new sessions are refused", s.Stopping)
			none(t, quiet)
			close(leave)
			next(t, quiet)
			if query == "EIO=4&transport=polling" {
				next(t, answers)
				s.later(t, "POST", query+"&sid="+session.ID(), "4late")
			} else {
				next(t, sockets).sendText("4late")
			}
			s.reads(t)
			none(t, s.messages)
		})
	}
}

// A handler that catches up while the server stops does not undo the server's pause, and
// neither does the server when it closes at last: what comes is not read any more.
func TestResumeBehindQuiesce(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, c := s.openSocket(t, "4")
	polling, query := s.open(t, "4")
	moving, movingQuery := s.open(t, "4")
	probe := s.dial(t, strings.Replace(movingQuery, "polling", "websocket", 1))
	probe.sendText("2probe")
	probe.expect("3probe")
	all := []*engineio.Session{session, polling, moving}
	for _, session := range all {
		session.Pause()
	}
	s.Quiesce()
	probe.sendText("5")
	until(t, "the upgrade", func() bool { return moving.Transport() == engineio.WebSocket })
	for _, session := range all {
		session.Resume()
	}
	c.sendText("4late")
	probe.sendText("4late")
	posted := s.later(t, "POST", query, "4late")
	s.reads(t)
	none(t, s.messages)
	none(t, posted)
	send(t, session, "last words") // it can still be sent to
	c.expect("4last words")

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	for range all {
		s.expectEnd(t, engineio.ShuttingDown)
	}
	for _, c := range []*socket{c, probe} {
		c.expectClose()
		c.send(ws.OpClose, "")
	}
	if err := next(t, done); err != nil {
		t.Error(err)
	}
	next(t, posted)
	none(t, s.messages)
}

// A server that opens no more sends new sessions elsewhere before it asks who they are. Open ones go on, an upgrade
// included, until they are quiesced one by one.
func TestStopOpening(t *testing.T) {
	asked := make(chan string, 10)
	s := serve(t, engineio.Config{AllowRequest: func(r *http.Request) error { asked <- r.URL.RawQuery; return nil }})
	session, c := s.openSocket(t, "4")
	polling, query := s.open(t, "4")
	for range 2 {
		next(t, asked)
	}
	s.StopOpening()
	for _, transport := range []string{"polling", "websocket"} {
		var header []string
		if transport == "websocket" {
			header = upgrading
		}
		if a := s.get(t, "EIO=4&transport="+transport, header...); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %s", transport, a.status, a.body)
		}
	}
	none(t, asked)
	if a := s.get(t, "EIO=4&transport=carrier-pigeon"); a.status != http.StatusBadRequest {
		t.Errorf("an unknown transport: %d", a.status)
	}

	c.sendText("4still here")
	expect(t, s.messages, "still here")
	s.post(t, query, "4polls")
	expect(t, s.messages, "polls")
	probe := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
	probe.sendText("2probe")
	probe.expect("3probe")
	probe.sendText("5")
	until(t, "the upgrade", func() bool { return polling.Transport() == engineio.WebSocket })

	session.Quiesce()
	session.Resume() // of a handler that catches up
	c.sendText("4late")
	probe.sendText("4not late")
	expect(t, s.messages, "not late")
	s.reads(t)
	none(t, s.messages)
	send(t, session, "last words")
	c.expect("4last words")
	if s.Len() != 2 {
		t.Errorf("%d sessions", s.Len())
	}
}

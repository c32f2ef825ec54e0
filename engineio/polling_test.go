package engineio_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/engineio"
)

func TestPollingMessages(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, query := s.open(t, "4")
	s.post(t, query, "4hello\x1e4€\x1ebAQID")
	for _, want := range []string{"hello", "€", "bin:\x01\x02\x03"} {
		expect(t, s.messages, want)
	}
	send(t, session, "a")
	send(t, session, "b")
	if err := session.Send(engineio.NewBinary([]byte{1, 2, 3})); err != nil {
		t.Fatal(err)
	}
	s.poll(t, query, "4a\x1e4b\x1ebAQID")
	if session.Writable() {
		t.Error("writable without a poll")
	}
	waiting := s.pollLater(t, query, session)
	send(t, session, "c")
	if a := next(t, waiting); a.body != "4c" {
		t.Errorf("got %q", a.body)
	}
}

func TestPollingVersion3(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, query := s.open(t, "3")
	s.post(t, query, "8:4hello😀10:b4AQIDBA==1:22:2x")
	expect(t, s.messages, "hello😀")
	expect(t, s.messages, "bin:\x01\x02\x03\x04")
	s.poll(t, query, "1:32:3x")
	s.post(t, query, "\x00\x04\xff4€\x01\x03\xff\x04\x01\x02", "Content-Type", "application/octet-stream")
	expect(t, s.messages, "€")
	expect(t, s.messages, "bin:\x01\x02")

	send(t, session, "a😀")
	s.poll(t, query, "4:4a😀")
	_ = session.Send(engineio.NewBinary([]byte{1, 2, 3, 4}))
	a := s.get(t, query)
	if a.body != "\x01\x05\xff\x04\x01\x02\x03\x04" || a.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("binary: %q as %s", a.body, a.header.Get("Content-Type"))
	}

	// b64 in the handshake: the client cannot take binary.
	open := s.get(t, "EIO=3&transport=polling&b64=1")
	session = next(t, s.sessions)
	if open.header.Get("Content-Type") != "text/plain; charset=UTF-8" {
		t.Errorf("handshake as %s", open.header.Get("Content-Type"))
	}
	_ = session.Send(engineio.NewBinary([]byte{1, 2, 3, 4}))
	s.poll(t, "EIO=3&transport=polling&b64=1&sid="+session.ID(), "10:b4AQIDBA==")
}

func TestJSONP(t *testing.T) {
	s := serve(t, engineio.Config{})
	a := s.get(t, "EIO=3&transport=polling&j=7")
	if !strings.HasPrefix(a.body, `___eio[7]("`) || !strings.HasSuffix(a.body, `");`) || !strings.Contains(a.body, `\"sid\"`) {
		t.Errorf("handshake %s", a.body)
	}
	if a.header.Get("Content-Type") != "text/javascript; charset=UTF-8" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("header %v", a.header)
	}
	session := next(t, s.sessions)
	query := "EIO=3&transport=polling&sid=" + session.ID() + "&j="
	send(t, session, "<\u2028\"")
	s.poll(t, query+"8", `___eio[8]("4:4\u003c\u2028\"");`)
	_ = session.Send(engineio.NewBinary([]byte{1, 2, 3, 4}))
	s.poll(t, query+"9", `___eio[9]("10:b4AQIDBA==");`)
	s.post(t, query+"10", "d=4%3A4a%5Cnb", "Content-Type", "application/x-www-form-urlencoded")
	expect(t, s.messages, "a\nb")
}

func TestInvalidPackets(t *testing.T) {
	for _, body := range []string{"abc", "4a\x1eabc", "", "b!!", "4\xff"} {
		s := serve(t, engineio.Config{})
		_, query := s.open(t, "4")
		a := s.request(t, "POST", query, body)
		if a.status != http.StatusBadRequest {
			t.Errorf("%q: status %d", body, a.status)
		}
		s.expectEnd(t, engineio.ParseError)
		if a := s.get(t, query); !strings.Contains(a.body, `"code":1`) {
			t.Errorf("%q: afterwards %s", body, a.body)
		}
		if body == "4a\x1eabc" { // what stands before is taken, as by Node's server
			expect(t, s.messages, "a")
		}
		none(t, s.messages)
	}
}

// Open, noop and upgrade packets mean nothing from a polling client.
func TestPacketsWithoutMeaning(t *testing.T) {
	s := serve(t, engineio.Config{})
	_, query := s.open(t, "4")
	s.post(t, query, "0\x1e6\x1e5\x1e3\x1e4still here")
	expect(t, s.messages, "still here")
	none(t, s.closes)
}

func TestDuplicatePoll(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, query := s.open(t, "4")
	first := s.pollLater(t, query, session)
	if a := s.get(t, query); a.status != http.StatusBadRequest {
		t.Errorf("second poll: %d %s", a.status, a.body)
	}
	if a := next(t, first); a.status != http.StatusOK || a.body != "1" {
		t.Errorf("first poll: %d %s", a.status, a.body)
	}
	s.expectEnd(t, engineio.TransportError)
	if a := s.get(t, query); !strings.Contains(a.body, `"code":1`) {
		t.Errorf("afterwards: %s", a.body)
	}
}

func TestCancelledPoll(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, query := s.open(t, "4")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.try(ctx, http.MethodGet, query, "")
		done <- err
	}()
	until(t, "a waiting poll", session.Writable)
	cancel()
	next(t, done)
	s.expectEnd(t, engineio.TransportError)
	if n := s.Reachable(); n != 0 {
		t.Errorf("%d sessions are reachable", n)
	}
}

// rawPost sends the head of a data request and as much of its body as given.
func (s *server) rawPost(t *testing.T, query string, length int, body string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /engine.io/?%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", query, length, body)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestHalfSentData(t *testing.T) {
	s := serve(t, engineio.Config{})
	_, query := s.open(t, "4")
	conn := s.rawPost(t, query, 100, "4hello")
	_ = conn.Close()
	s.expectEnd(t, engineio.TransportError)
	none(t, s.messages)
}

func TestOverlappingData(t *testing.T) {
	s := serve(t, engineio.Config{})
	_, query := s.open(t, "4")
	inside, leave := make(chan struct{}), make(chan struct{})
	s.handle(func(*engineio.Session, string) {
		inside <- struct{}{}
		<-leave
	})
	s.rawPost(t, query, 6, "4hello")
	next(t, inside)
	if a := s.request(t, "POST", query, "4x"); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.expectEnd(t, engineio.TransportError)
	close(leave)
}

func TestOversizedData(t *testing.T) {
	s := serve(t, engineio.Config{MaxPayload: 1000})
	_, query := s.open(t, "4")
	s.post(t, query, "4"+strings.Repeat("x", 999))
	next(t, s.messages)
	if a := s.request(t, "POST", query, "4"+strings.Repeat("x", 1000)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("announced: %d %s", a.status, a.body)
	}
	r, _ := http.NewRequest(http.MethodPost, s.http.URL+"/?"+query, io.MultiReader(strings.NewReader("4"), strings.NewReader(strings.Repeat("x", 1000))))
	response, err := s.client.Do(r) // chunked: no length announced
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("chunked: %s", response.Status)
	}
	none(t, s.messages)
	none(t, s.closes)
	s.post(t, query, "4still here")
	expect(t, s.messages, "still here")
}

func TestBinaryBodyInVersion4(t *testing.T) {
	s := serve(t, engineio.Config{})
	_, query := s.open(t, "4")
	a := s.request(t, "POST", query, "\x01\x02", "Content-Type", "application/octet-stream")
	if a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.expectEnd(t, engineio.TransportError)
}

func TestClosedByThePollingClient(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, query := s.open(t, "4")
	waiting := s.pollLater(t, query, session)
	s.post(t, query, "4last\x1e1\x1e4too late")
	expect(t, s.messages, "last")
	s.expectEnd(t, engineio.TransportClose)
	if a := next(t, waiting); a.body != "6" {
		t.Errorf("the poll was answered %q", a.body)
	}
	if a := s.get(t, query); a.status != http.StatusBadRequest {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
	none(t, s.messages)
}

func TestClosedByTheServerWhilePolling(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, query := s.open(t, "4")
	waiting := s.pollLater(t, query, session)
	session.Close()
	s.expectEnd(t, engineio.ForcedClose)
	if a := next(t, waiting); a.body != "1" {
		t.Errorf("the poll was answered %q", a.body)
	}
	if s.Len() != 0 || s.Reachable() != 0 {
		t.Errorf("%d open, %d reachable", s.Len(), s.Reachable())
	}
	if err := session.Send(engineio.NewText(nil)); err == nil {
		t.Error("Send after the end: no error")
	}

	// Without a poll, what is queued and the close packet wait for the next.
	session, query = s.open(t, "4")
	send(t, session, "last words")
	session.Close()
	s.expectEnd(t, engineio.ForcedClose)
	var got string
	for !strings.Contains(got, "1") {
		a := s.get(t, query)
		if a.status != http.StatusOK {
			t.Fatalf("behind %q: %d %s", got, a.status, a.body)
		}
		got += "|" + a.body
	}
	if !strings.HasPrefix(got, "|4last words") {
		t.Errorf("got %q", got)
	}
	if s.Len() != 0 || s.Reachable() != 0 {
		t.Errorf("%d open, %d reachable", s.Len(), s.Reachable())
	}
}

// A handler that closes its session gets nothing more, of the same payload
// either.
func TestNothingIsHandledAfterTheEnd(t *testing.T) {
	s := serve(t, engineio.Config{})
	s.handle(func(session *engineio.Session, _ string) { session.Close() })
	_, query := s.open(t, "4")
	s.request(t, "POST", query, "4a\x1e4b\x1e4c")
	expect(t, s.messages, "a")
	s.expectEnd(t, engineio.ForcedClose)
	none(t, s.messages)

	_, c := s.openSocket(t, "4")
	c.sendText("4a")
	c.sendText("4b")
	c.expectClose()
	expect(t, s.messages, "a")
	none(t, s.messages)
}

func TestPausedPolling(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, query := s.open(t, "4")
	session.Pause()
	sent := s.later(t, http.MethodPost, query, "4held")
	send(t, session, "the other way is open")
	s.poll(t, query, "4the other way is open")
	none(t, s.messages)
	none(t, sent)
	session.Resume()
	if a := next(t, sent); a.body != "ok" {
		t.Errorf("%d %s", a.status, a.body)
	}
	expect(t, s.messages, "held")

	session.Pause()
	sent = s.later(t, http.MethodPost, query, "4never")
	session.Close()
	next(t, sent)
	none(t, s.messages)
}

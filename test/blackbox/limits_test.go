package blackbox_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// refusedUpgrade connects and wants to be turned away before there is a WebSocket.
func (s *server) refusedUpgrade(t *testing.T, d dialing) {
	t.Helper()
	l, err := dial(t.Context(), s.addr, d)
	if err == nil {
		l.close()
		t.Errorf("%+v: it is let in", d)
		return
	}
	var status ws.StatusError
	if !errors.As(err, &status) || (status != http.StatusBadRequest && status != http.StatusForbidden) {
		t.Errorf("%+v: got %v", d, err)
	}
}

// polling asks for a session by HTTP and returns the answer.
func (s *server) polling(t *testing.T, header http.Header) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.addr+"/socket.io/?EIO=4&transport=polling", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header, request.Close = header, true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(raw)
}

// TestOrigin keeps other sites' pages out.
func TestOrigin(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	s := start(t, setup{args: []string{"--origins", "https://app.example"}})
	from := func(origin string) http.Header { return http.Header{"Origin": {origin}} }
	for _, origin := range []string{"https://evil.example", "http://app.example", "https://app.example.evil.example", "https://app.example:444", "null", "://"} {
		s.refusedUpgrade(t, dialing{header: from(origin)})
		if status, body := s.polling(t, from(origin)); status != http.StatusForbidden || !strings.Contains(body, "Origin not allowed") {
			t.Errorf("polling from %s: %d %s", origin, status, body)
		}
	}
	for _, origin := range []string{"https://app.example", "http://" + s.addr} {
		l, err := dial(t.Context(), s.addr, dialing{header: from(origin)})
		if err != nil {
			t.Errorf("%s: %v", origin, err)
			continue
		}
		l.close()
		if status, body := s.polling(t, from(origin)); status != http.StatusOK {
			t.Errorf("polling from %s: %d %s", origin, status, body)
		}
	}
}

// TestCapacity: one over the limit is told so and disconnected; its place is free again when another leaves.
func TestCapacity(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{args: []string{"--max-connections", "2"}})
	ada := h.connect("ada")
	extra := h.connect("bob")
	raw, err := extra.next(t.Context(), "error")
	if err != nil || !strings.Contains(string(raw), `"message":"Server at capacity"`) {
		t.Errorf("got %s, %v", raw, err)
	}
	extra.gone(t)
	if !extra.toldToLeave() {
		t.Error("there was no Disconnect packet: stock clients would come back at once")
	}
	h.unchanged(t)
	ada.close()
	deadline := time.Now().Add(patience)
	for { // the server notices by and by that ada has left
		again := h.connect("bob")
		if got, err := again.call(t.Context(), "room:list", object{}); err == nil && got.OK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place is not free")
		}
	}
}

// TestConnectionsPerAddress counts connections of one address, whatever they do, and however they come in.
func TestConnectionsPerAddress(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	s := start(t, setup{limits: true, args: []string{"--max-connections-per-ip", "2"}})
	t.Run("one by one", func(t *testing.T) {
		s.t = t
		// A connection whose command was carried out is counted.
		s.connect("ada").must(t, "room:list", object{})
		s.connect("bob").must(t, "room:list", object{})
		s.refusedUpgrade(t, dialing{})
		if status, body := s.polling(t, http.Header{}); status != http.StatusForbidden || !strings.Contains(body, "Too many connections") {
			t.Errorf("polling: %d %s", status, body)
		}
		elsewhere, err := dial(t.Context(), s.addr, dialing{from: "127.0.0.2"})
		if err != nil {
			t.Fatalf("from another address: %v", err)
		}
		elsewhere.close()
	})
	t.Run("opened first, signed in later", func(t *testing.T) {
		in := 0
		var links []*link
		for range 4 {
			if l, err := dial(t.Context(), s.addr, dialing{from: "127.0.0.3"}); err == nil {
				t.Cleanup(l.close)
				links = append(links, l)
			}
		}
		for i, l := range links {
			c, err := join(l, object{"token": tokenFor(t, s.data, userName(i))})
			if err != nil {
				continue
			}
			defer c.close()
			if got, err := c.call(t.Context(), "room:list", object{}); err == nil && got.OK {
				in++
			}
		}
		if in != 2 {
			t.Errorf("%d connections of one address work, the limit is 2", in)
		}
	})
}

// TestConnectionRate bounds how often one address may connect.
func TestConnectionRate(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	s := start(t, setup{limits: true, args: []string{"--rate-connections", "5/h"}})
	for range 5 {
		l, err := dial(t.Context(), s.addr, dialing{})
		if err != nil {
			t.Fatal(err)
		}
		l.close()
	}
	s.refusedUpgrade(t, dialing{})
	if status, body := s.polling(t, http.Header{}); status != http.StatusForbidden || !strings.Contains(body, "Too many new connections") {
		t.Errorf("polling: %d %s", status, body)
	}
	l, err := dial(t.Context(), s.addr, dialing{from: "127.0.0.2"})
	if err != nil {
		t.Fatalf("from another address: %v", err)
	}
	l.close()
}

// TestEventRate: one event too many is refused with the time to wait, and stores nothing; another kind of event, another
// user, and a message that is known already are not concerned.
func TestEventRate(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	s := start(t, setup{limits: true, args: []string{"--rate-events", "3/h"}})
	ada := s.connect("ada")
	ada.must(t, "room:create", object{"id": "hall", "name": "Hall"})
	send := func(i int) object {
		return object{"roomId": "hall", "content": fmt.Sprint(i), "clientMsgId": fmt.Sprint(i)}
	}
	var first answer
	for i := range 3 {
		if a := ada.must(t, "room:message", send(i)); i == 0 {
			first = a
		}
	}
	got, err := ada.call(t.Context(), "room:message", send(3))
	if err != nil || got.OK || got.Error.Code != "rate_limited" || got.Error.RetryAfter < 1 || got.Error.RetryAfter > 20*60 || got.Error.Limit != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := ada.emit("room:message", send(4)); err != nil {
		t.Fatal(err)
	}
	if raw, err := ada.next(t.Context(), "error"); err != nil || !strings.Contains(string(raw), `"code":"rate_limited"`) || !strings.Contains(string(raw), `"retryAfter":`) {
		t.Errorf("got %s, %v", raw, err)
	}
	if again := ada.must(t, "room:message", send(0)); again.ID != first.ID || again.Seq != first.Seq {
		t.Errorf("the known message is %+v, was %+v", again, first)
	}
	bob := s.connect("bob")
	bob.must(t, "room:join", object{"roomId": "hall"})
	if next := bob.must(t, "room:message", object{"roomId": "hall", "content": "b"}); next.Seq != first.Seq+4 {
		t.Errorf("bob's message has seq %d, want %d behind three messages and his joining", next.Seq, first.Seq+4)
	}
	messages, err := ada.history(t.Context(), object{"roomId": "hall"})
	if err != nil || len(messages) != 4 {
		t.Errorf("the room has %d messages, want 4: %v", len(messages), err)
	}
}

// TestSlowHeaders: a request has 10 s to say what it wants.
func TestSlowHeaders(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: sockeye\r\n"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, bufio.NewReader(conn))
		close(ended)
	}()
	for dripping := true; dripping; { // a byte at a time does not help
		select {
		case <-ended:
			dripping = false
		case <-time.After(500 * time.Millisecond):
			_, _ = io.WriteString(conn, "X")
		}
	}
	if took := time.Since(began); took < 9*time.Second || took > time.Minute {
		t.Errorf("the connection was closed after %s", took)
	}
	h.unchanged(t)
}

// TestHalfSent: a message of which only a part comes keeps a connection from answering pings, so it ends.
func TestHalfSent(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{args: []string{"--ping-interval", "1s", "--ping-timeout", "10s"}})
	whole := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`420["room:message",{"roomId":"hall","content":"` + strings.Repeat("x", 5000) + `"}]`))))
	links := make(map[string]*link) // all wait at the same time
	for name, part := range map[string][]byte{
		"first byte":        whole[:1],
		"half a header":     whole[:3],
		"half a message":    whole[:len(whole)/2],
		"all but a byte":    whole[:len(whole)-1],
		"one of two frames": ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpText, false, []byte(`420["room:message",{"roomId":"hall",`)))),
	} {
		links[name] = h.signedIn(t)
		if err := links[name].raw(part); err != nil {
			t.Fatal(err)
		}
	}
	for name, l := range links {
		t.Run(name, func(t *testing.T) {
			if err := l.drain(t); errors.Is(err, net.ErrClosed) || isTimeout(err) {
				t.Errorf("the connection stays open: %v", err)
			}
			h.unchanged(t)
		})
	}
}

func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

// TestMemoryStaysBounded throws large bad input at the server, much more than it may keep.
func TestMemoryStaysBounded(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{shipped: true})
	almost := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(strings.Repeat("4", 999_000)))))
	tooBig := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(strings.Repeat("4", 1_500_000)))))
	for i := range 400 {
		l := h.signedIn(t)
		switch i % 4 {
		case 0:
			_ = l.raw(almost[:len(almost)-1]) // and then hang up
		case 1:
			_ = l.raw(tooBig)
		case 2:
			_ = l.raw(almost)
		case 3:
			_ = l.text(`4510-["room:message",{}]`)
			for range 9 {
				_ = l.frame(ws.NewBinaryFrame(make([]byte, 100_000)))
			}
		}
		l.close()
	}
	h.unchanged(t)
	if rss := residentMemory(t, h.cmd.Process.Pid); rss > 128<<20 {
		t.Errorf("the server has grown to %d MiB", rss>>20)
	}
}

package forward_test

import (
	"bufio"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/cluster/forward"
)

// socket is a WebSocket client that sends exactly what it is told to.
type socket struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

// dial moves a polling session to a WebSocket at the node, whichever has it.
func (n *node) dial(t *testing.T, query string) *socket {
	t.Helper()
	conn, r, _, err := ws.Dialer{Timeout: patience}.Dial(t.Context(), n.webSocket(query))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if r == nil {
		r = bufio.NewReader(conn)
	}
	return &socket{conn, t, r}
}

// webSocket is where a session moves to.
func (n *node) webSocket(query string) string {
	return "ws" + strings.TrimPrefix(n.public.URL, "http") + "/engine.io/?" + strings.Replace(query, "polling", "websocket", 1)
}

func (s *socket) send(text string) {
	s.t.Helper()
	if err := ws.WriteFrame(s, ws.MaskFrame(ws.NewTextFrame([]byte(text)))); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) expect(text string) {
	s.t.Helper()
	f, err := ws.ReadFrame(s.r)
	if err != nil || string(f.Payload) != text {
		s.t.Fatalf("got %.200q, %v, want %.200q", f.Payload, err, text)
	}
}

func (s *socket) upgrade() {
	s.t.Helper()
	s.send("2probe")
	s.expect("3probe")
	s.send("5")
}

// expectEnd reads on until the connection ends, and fails unless a close frame has come before.
func (s *socket) expectEnd() {
	s.t.Helper()
	for closed := false; ; {
		f, err := ws.ReadFrame(s.r)
		if err != nil {
			if !closed {
				s.t.Fatalf("it ends without a word: %v", err)
			}
			return
		}
		closed = closed || f.Header.OpCode == ws.OpClose
	}
}

func TestUpgrade(t *testing.T) {
	nodes := some(t, 2)
	a, b := nodes[0], nodes[1]
	session, query := a.open()
	s := b.dial(t, query)
	s.upgrade()
	s.send("4hello")
	s.expect("4echo:hello")
	until(t, "the session has moved", func() bool { return session.Transport() == engineio.WebSocket })
	long := strings.Repeat("x", 300_000)
	s.send("4" + long)
	s.expect("4echo:" + long)
	if b.WebSockets() != 1 || b.Figures().WebSockets != 1 {
		t.Errorf("%d are open, %d were joined", b.WebSockets(), b.Figures().WebSockets)
	}
	if to := b.PassedOn(); !slices.Equal(to, []forward.PassedOn{{Node: "a", Sessions: 1, WebSockets: 1}}) {
		t.Errorf("it says that it has passed on %+v", to)
	}
	session.Close()
	s.expectEnd()
	_ = s.Close()
	a.closed(engineio.ForcedClose)
	until(t, "nothing is held", func() bool { return b.WebSockets() == 0 })

	_, query = a.open()
	s = b.dial(t, query)
	s.upgrade()
	s.send("4hello")
	s.expect("4echo:hello")
	_ = s.Close() // without a word
	a.closed(engineio.TransportClose)
	until(t, "nothing is held", func() bool { return b.WebSockets() == 0 })
	b.failedNever()
}

// A client that sends before its handshake is answered is served as any other.
func TestUpgradeWithWhatFollows(t *testing.T) {
	nodes := some(t, 2)
	a, b := nodes[0], nodes[1]
	_, query := a.open()
	conn, err := net.Dial("tcp", b.public.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	text := "GET /engine.io/?" + strings.Replace(query, "polling", "websocket", 1) + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	probe := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte("2probe"))))
	if _, err := conn.Write(append([]byte(text), probe...)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for line := "-"; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "HTTP") && line != "HTTP/1.1 101 Switching Protocols\r\n" {
			t.Fatal(line)
		}
	}
	(&socket{conn, t, r}).expect("3probe")
}

// A node that hands over ends what it has passed on, and the node of the sessions notices.
func TestHandOver(t *testing.T) {
	nodes := some(t, 2)
	a, b := nodes[0], nodes[1]
	for range 3 {
		session, query := a.open()
		b.dial(t, query).upgrade()
		until(t, "the session has moved", func() bool { return session.Transport() == engineio.WebSocket })
	}
	b.HandOver(t.Context(), 0)
	for range 3 {
		a.closed(engineio.TransportClose)
	}
	until(t, "nothing is held", func() bool { return b.WebSockets() == 0 })
	_, query := a.open()
	s := b.dial(t, query) // as long as it is there
	s.upgrade()
	s.send("4hello")
	s.expect("4echo:hello")
	b.failedNever()
}

// Many move at a time, more than a node shakes hands with.
func TestManyUpgrades(t *testing.T) {
	nodes := some(t, 2)
	a, b := nodes[0], nodes[1]
	const many = 100
	queries := make([]string, many)
	for i := range queries {
		_, queries[i] = a.open()
	}
	moved := make(chan error, many)
	for _, query := range queries {
		go func() {
			conn, _, _, err := ws.Dialer{Timeout: patience}.Dial(t.Context(), b.webSocket(query))
			if err == nil {
				err = conn.Close()
			}
			moved <- err
		}()
	}
	for range many {
		if err := <-moved; err != nil {
			t.Error(err)
		}
	}
	b.failedNever()
	until(t, "nothing is held", func() bool { return b.WebSockets() == 0 })
}

// What a client does not take in time does not stay here.
func TestClientThatDoesNotRead(t *testing.T) {
	nodes := some(t, 2, func(o *options) {
		o.forward.WriteStall, o.engine.WriteStall = 300*time.Millisecond, 300*time.Millisecond
	})
	a, b := nodes[0], nodes[1]
	session, query := a.open()
	s := b.dial(t, query)
	s.upgrade()
	until(t, "the session has moved", func() bool { return session.Transport() == engineio.WebSocket })
	for range 20 {
		if session.Send(engineio.NewBinary(make([]byte, 1<<20))) != nil {
			break
		}
	}
	a.closed(engineio.SlowConsumer)
	until(t, "nothing is held", func() bool { return b.WebSockets() == 0 })
}

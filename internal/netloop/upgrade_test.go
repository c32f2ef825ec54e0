package netloop_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// handshake sends a valid request but for the fields given; an empty value
// leaves one out. The names Method and Proto change the request line.
func (s *server) handshake(t *testing.T, fields map[string]string) *http.Response {
	t.Helper()
	all := map[string]string{
		"Method": "GET", "Proto": "HTTP/1.1", "Host": "localhost", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	}
	for name, value := range fields {
		all[name] = value
	}
	request := all["Method"] + " / " + all["Proto"] + "\r\n"
	for name, value := range all {
		if value != "" && name != "Method" && name != "Proto" {
			request += name + ": " + value + "\r\n"
		}
	}
	conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func TestUpgradeAnswer(t *testing.T) {
	s := serve(t, linkKind{}, netloop.Config{}, netloop.UpgradeOptions{
		Protocol: "sockeye.v1", Header: http.Header{"Set-Cookie": {"a=b", "c=d"}},
	})
	for _, fields := range []map[string]string{
		nil,
		{"Upgrade": "WebSocket", "Connection": "UPGRADE"},
		{"Connection": "foo,upgrade , bar"},
	} {
		answer := s.handshake(t, fields)
		if answer.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v: status %s", fields, answer.Status)
		}
		// The key and its answer stand in RFC 6455 section 1.3.
		if got := answer.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			t.Errorf("accept %q", got)
		}
		if got := answer.Header.Get("Sec-WebSocket-Protocol"); got != "sockeye.v1" {
			t.Errorf("protocol %q", got)
		}
		if got := answer.Header.Values("Set-Cookie"); !slices.Equal(got, []string{"a=b", "c=d"}) {
			t.Errorf("cookies %q", got)
		}
	}
}

func TestUpgradeErrors(t *testing.T) {
	s := serve(t, linkKind{}, netloop.Config{}, netloop.UpgradeOptions{})
	for _, test := range []struct {
		field, value string
		status       int
	}{
		{"Method", "POST", http.StatusMethodNotAllowed},
		{"Proto", "HTTP/1.0", http.StatusBadRequest},
		{"Upgrade", "", http.StatusUpgradeRequired},
		{"Upgrade", "h2c", http.StatusUpgradeRequired},
		{"Connection", "", http.StatusUpgradeRequired},
		{"Connection", "keep-alive", http.StatusUpgradeRequired},
		{"Sec-WebSocket-Version", "", http.StatusUpgradeRequired},
		{"Sec-WebSocket-Version", "8", http.StatusUpgradeRequired},
		{"Sec-WebSocket-Key", "", http.StatusBadRequest},
		{"Sec-WebSocket-Key", "c2hvcnQ=", http.StatusBadRequest},
		{"Sec-WebSocket-Key", "!!!", http.StatusBadRequest},
	} {
		answer := s.handshake(t, map[string]string{test.field: test.value})
		if body, _ := io.ReadAll(answer.Body); answer.StatusCode != test.status || len(body) == 0 {
			t.Errorf("%s %q: status %s, body %q, want %d and a reason", test.field, test.value, answer.Status, body, test.status)
		}
	}
	if n := s.loop.Live(); n != 0 {
		t.Errorf("%d connections live", n)
	}
}

func TestUpgradeNeedsAHijacker(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "upgrade",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(name, value)
	}
	_, err := netloop.Upgrade(httptest.NewRecorder(), r, netloop.UpgradeOptions{})
	var refused *netloop.HandshakeError
	if !errors.As(err, &refused) || refused.Status != http.StatusInternalServerError {
		t.Errorf("got %v", err)
	}
}

// What a client sends without waiting for the answer is not lost.
func TestFramesBehindTheHandshake(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		if kind.tls {
			t.Skip("the same code")
		}
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(patience))
		request := "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		frames := join(text("1"), text("2"), text("3"))
		if _, err := conn.Write(append([]byte(request), frames[:10]...)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(frames[10:]); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if got := next(t, s.messages); got.text != fmt.Sprint(i+1) {
				t.Errorf("got %q", got.text)
			}
		}
	})
}

// One message for many connections is framed once.
func TestAllocations(t *testing.T) {
	payload := []byte(strings.Repeat("x", 300))
	if n := testing.AllocsPerRun(100, func() { netloop.NewMessage(netloop.Text, true, payload, payload) }); n > 2 {
		t.Errorf("NewMessage allocates %v times", n)
	}
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		_ = c.SetDeadline(time.Time{})
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			_, _ = io.Copy(io.Discard, c.r)
		}()
		m := netloop.NewMessage(netloop.Text, true, payload)
		n := testing.AllocsPerRun(2000, func() {
			if err := conn.Send(m); err != nil {
				t.Error(err)
			}
		})
		if n > 3 { // a goroutine on a blocking link; the race detector empties pools
			t.Errorf("Send allocates %v times", n)
		}
		_ = c.Close()
		<-drained
	})
}

// FuzzReceive runs any bytes through the parser, in one piece and cut in many:
// both must deliver and answer the same, and never panic.
func FuzzReceive(f *testing.F) {
	for _, e := range exchanges() {
		if len(e.bytes) < 1000 {
			f.Add(e.bytes, []byte{1, 2, 3}, false)
			f.Add(e.bytes, []byte{0}, true)
		}
	}
	f.Add(wire(true, 4, ws.OpText, deflated("hello hello hello")), []byte{3}, true)
	loop, err := netloop.New(netloop.Config{MaxMessage: 1000, Parked: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(loop.Stop)
	f.Fuzz(func(t *testing.T, stream, cuts []byte, compressed bool) {
		var agreed *netloop.Deflate
		if compressed {
			agreed = &netloop.Deflate{ClientContext: len(cuts)%2 == 0}
		}
		var chunks [][]byte
		for rest, i := bytes.Clone(stream), 0; len(rest) > 0; i++ {
			n := len(rest)
			if i < len(cuts) {
				n = min(n, 1+int(cuts[i]))
			}
			chunks = append(chunks, rest[:n:n])
			rest = rest[n:]
		}
		whole, answer := netloop.Feed(loop, agreed, bytes.Clone(stream))
		cut, cutAnswer := netloop.Feed(loop, agreed, chunks...)
		if !slices.Equal(whole, cut) || !bytes.Equal(answer, cutAnswer) {
			t.Fatalf("in one piece %q and %q, in %d %q and %q", whole, answer, len(chunks), cut, cutAnswer)
		}
		if last := whole[len(whole)-1]; !strings.HasPrefix(last, "closed: ") {
			t.Fatalf("the last event is %q", last)
		}
	})
}

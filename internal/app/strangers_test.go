package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// raw sends bytes on a connection of its own, and then others, which it shares with whoever sends them too.
func (r *running) raw(text string, more ...[]byte) net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	go pour(c, append([][]byte{[]byte(text)}, more...)...)
	return c
}

// pour writes all, of which the server may not read all.
func pour(c net.Conn, all ...[]byte) {
	for _, part := range all {
		if _, err := c.Write(part); err != nil {
			return
		}
	}
}

// ends waits until the server has ended a connection, and returns what it said.
func (r *running) ends(c net.Conn) string {
	r.t.Helper()
	said, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Errorf("a connection is still open, it was told %.60q", said)
	}
	return string(said)
}

func unfinished(target string, length int, come string, fields ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", target, strings.Join(fields, ""), length, come)
}

// Requests whose body never comes are answered, where that needs no body, and end.
func TestBodiesThatNeverCome(t *testing.T) {
	r := start(t, t.TempDir(), "--auth-timeout", "300ms", "--limits", "off")
	for name, request := range map[string]string{
		"page":         unfinished("/", 9, ""),
		"health":       unfinished("/health", 9, "1234"),
		"health, get":  "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
		"nowhere":      unfinished("/api/v1/nope", 9, ""),
		"no token":     unfinished("/api/v1/rooms", 9, ""),
		"bad token":    unfinished("/api/v1/rooms", 900_000, "{", "Authorization: Bearer x\r\n", "Content-Type: application/json\r\n"),
		"native":       unfinished("/ws", 9, ""),
		"unknown sid":  unfinished("/socket.io/?EIO=4&transport=polling&sid=x", 999_999, "4"),
		"chunked":      "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n4",
		"log in":       unfinished("/api/v1/login", 99, "{", "Content-Type: application/json\r\n"),
		"long log in":  unfinished("/api/v1/login", 99_999, strings.Repeat(" ", 20_000), "Content-Type: application/json\r\n"),
		"two lengths":  unfinished("/", 9, "", "Transfer-Encoding: chunked\r\n"),
		"other method": "PUT /health HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if said := r.ends(r.raw(request)); !strings.HasPrefix(said, "HTTP/1.1 ") {
				t.Errorf("no answer: %q", said)
			}
		})
	}
}

// Whoever may not come is told so by the head of the request: its body is not waited for.
func TestRefusalsDoNotWaitForTheBody(t *testing.T) {
	const handshake = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n"
	r := start(t, t.TempDir(), "--limits", "on", "--rate-connections", "2/h", "--auth-timeout", "5m")
	refused := func(request, status, why string) {
		t.Helper()
		if said := r.ends(r.raw(request + "\r\n1234")); !strings.HasPrefix(said, "HTTP/1.1 "+status) || !strings.Contains(said, why) {
			t.Errorf("told %q, want %s, %s", said, status, why)
		}
	}
	refused(handshake+"Origin: http://evil.example\r\n", "403", "Origin not allowed")
	for range 2 {
		r.poll("/socket.io/?EIO=4&transport=polling")
	}
	refused(handshake, "403", "Too many new connections")
	refused("GET /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n", "429", "Too many new connections")
}

// As long as nobody knows who it is, a client may send little at a time; and who is known may send little to sign in.
func TestStrangersSendLittle(t *testing.T) {
	const most = 1000
	r := start(t, t.TempDir(), "--dev", "--auth-payload", "1000")
	large := "3" + strings.Repeat("x", most) // a pong
	stranger := r.dial("/socket.io/?EIO=4&transport=websocket")
	stranger.send(large)
	for op := ws.OpText; op != ws.OpClose; {
		var text string
		var err error
		if op, text, err = readFrame(stranger.from); err != nil {
			t.Fatal(err)
		}
		if code, _ := ws.ParseCloseFrameData([]byte(text)); op == ws.OpClose && code != ws.StatusMessageTooBig {
			t.Errorf("closed with %d", code)
		}
	}
	sid := r.poll("/socket.io/?EIO=4&transport=polling")
	if status, body := r.do(http.MethodPost, "/socket.io/?EIO=4&transport=polling&sid="+sid, large); status != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d %s", status, body)
	}

	known := r.connect(r.login("Ada"))
	known.send(large)
	known.send(`421["room:list",{}]`)
	known.read(`431[{"ok":true`)
	known.send(`40/other,{"token":"` + strings.Repeat("x", most) + `"}`)
	for {
		_, text, err := readFrame(known.from)
		if err != nil {
			break
		}
		if strings.HasPrefix(text, "44/other,") {
			t.Fatalf("what it sent to sign in was read: %s", text)
		}
	}
}

// A body in good time is taken from those who are known, whatever its size.
func TestKnownBodiesMayBeLong(t *testing.T) {
	r := start(t, t.TempDir(), "--dev", "--auth-payload", "1000")
	token := r.login("alice")
	long := `{"description":"` + strings.Repeat("x", 500) + `","name":"` + strings.Repeat(" ", 2000) + `r"}`
	c := r.raw(unfinished("/api/v1/rooms", len(long), long, "Authorization: Bearer "+token+"\r\n", "Content-Type: application/json\r\n", "Connection: close\r\n"))
	if said := r.ends(c); strings.HasPrefix(said, "HTTP/1.1 413") || !strings.HasPrefix(said, "HTTP/1.1 ") {
		t.Errorf("told %.80q", said)
	}
	c = r.raw(unfinished("/api/v1/login", len(long), long, "Connection: close\r\n", "Content-Type: application/json\r\n"))
	if said := r.ends(c); !strings.HasPrefix(said, "HTTP/1.1 413") {
		t.Errorf("told %.80q", said)
	}
}

// Strangers who do their worst cost little, are sent away and counted, and others do not
// notice.
func TestStrangersCostLittle(t *testing.T) {
	const each, size = 50, 999_000
	r := start(t, t.TempDir(), "--dev", "--limits", "off", "--auth-timeout", "500ms")
	known := r.dial("/ws?token=" + r.login("alice")) // is no stranger for a moment
	known.read(`{"type":"connection"`)
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	// What is sent is the test's own memory, so all send the same.
	body, packets := bytes.Repeat([]byte("x"), size), append(bytes.Repeat([]byte("3\x1e"), size/2-1), "33"...)
	long := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`40{"token":"x","a":[` + strings.Repeat("[],", 5000) + `[]]}`))))
	before := held()
	unwhole := func(path string) net.Conn { // a message that is never whole
		p := r.dial(path)
		go pour(p.conn, []byte{0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 1, 2, 3, 4}, body)
		return p.conn
	}
	attacks := []func() net.Conn{
		func() net.Conn {
			return r.raw(unfinished("/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA", size+1, ""), body)
		},
		func() net.Conn { return r.raw(unfinished("/api/v1/login", size+1, ""), body) },
		func() net.Conn { return r.raw(unfinished("/", size+1, ""), body) },
		func() net.Conn { return unwhole("/socket.io/?EIO=4&transport=websocket") },
		func() net.Conn { return unwhole("/ws") },
		func() net.Conn { // one that signs in with more than a token
			p := r.dial("/socket.io/?EIO=4&transport=websocket")
			go pour(p.conn, long)
			return p.conn
		},
		func() net.Conn { // many packets in one request
			sid := r.poll("/socket.io/?EIO=4&transport=polling")
			return r.raw(unfinished("/socket.io/?EIO=4&transport=polling&sid="+sid, size, "", "Connection: close\r\n"), packets)
		},
	}
	var conns []net.Conn
	for range each {
		for _, attack := range attacks {
			conns = append(conns, attack())
		}
	}
	after := held()
	for i, c := range conns {
		if r.ends(c); i%each == 0 {
			after = max(after, held())
		}
	}
	if most := before + uint64(each*len(attacks)*size/10); after > most {
		t.Errorf("%d strangers hold %d bytes", len(conns), after-before)
	}
	known.send(`{"type":"ping"}`)
	known.read(`{"type":"pong"`)
	_, metrics := r.get("/metrics")
	for _, reason := range []string{"session", "too_large"} {
		if !counted(metrics, `websocket_connections_refused_total{reason="`+reason+`"}`) {
			t.Errorf("no refusal is counted for %q", reason)
		}
	}
}

// poll begins a session on polling and returns its id.
func (r *running) poll(target string) (sid string) {
	r.t.Helper()
	_, body := r.get(target)
	_, sid, _ = strings.Cut(body, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	return sid
}

func counted(metrics, series string) bool {
	for line := range strings.Lines(metrics) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value) != "0"
		}
	}
	return false
}

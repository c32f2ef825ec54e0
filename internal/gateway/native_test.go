package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// plain is a native connection.
type plain struct {
	t      testing.TB
	conn   net.Conn
	frames chan map[string]any // closed with the connection
	code   ws.StatusCode       // of the close frame, once frames is closed
}

// native opens a connection; token and protocol may be empty.
func (n *node) plain(token, protocol string) *plain {
	n.t.Helper()
	d := ws.Dialer{Timeout: patience}
	if protocol != "" {
		d.Protocols = []string{protocol}
	}
	url := "ws" + strings.TrimPrefix(n.url, "http") + "/ws"
	if token != "" {
		url += "?token=" + token
	}
	conn, br, _, err := d.Dial(context.Background(), url)
	if err != nil {
		n.t.Fatalf("dial: %v", err)
	}
	p := &plain{t: n.t, conn: conn, frames: make(chan map[string]any, 1000)}
	n.t.Cleanup(func() { _ = conn.Close() })
	var r io.Reader = conn
	if br != nil {
		r = br
	}
	go p.read(bufio.NewReader(r))
	return p
}

func (p *plain) read(from io.Reader) {
	defer close(p.frames)
	for {
		op, payload, err := readFrame(from)
		switch {
		case err != nil:
			return
		case op == ws.OpClose:
			p.code, _ = ws.ParseCloseFrameData([]byte(payload))
			_ = ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewCloseFrame(nil)))
		case op == ws.OpPing:
			_ = ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewPongFrame([]byte(payload))))
		case op == ws.OpText:
			var f map[string]any
			if json.Unmarshal([]byte(payload), &f) != nil {
				return
			}
			p.frames <- f
		}
	}
}

func (p *plain) send(text string) {
	p.t.Helper()
	_ = p.conn.SetWriteDeadline(time.Now().Add(patience))
	_ = ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewTextFrame([]byte(text)))) // a lost connection shows in what is read
}

// next waits for a frame of that type; others before it are passed over.
func (p *plain) next(kind string) map[string]any {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case f, ok := <-p.frames:
			if !ok {
				p.t.Fatalf("connection ended (%d) before %s came", p.code, kind)
			}
			if f["type"] == kind {
				return f
			}
		case <-timeout:
			p.t.Fatalf("%s did not come", kind)
		}
	}
}

// answer waits for the acknowledgement of what was sent with that ref. Those of
// what was sent before may come on either side of the events they caused.
func (p *plain) answer(ref string) map[string]any {
	p.t.Helper()
	for {
		if f := p.next("ack"); f["ref"] == ref {
			return f
		}
	}
}

// ended waits for the end of the connection and returns the close code.
func (p *plain) ended() ws.StatusCode {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case _, ok := <-p.frames:
			if !ok {
				return p.code
			}
		case <-timeout:
			p.t.Fatal("connection did not end")
		}
	}
}

func (p *plain) must(frame map[string]any, fields map[string]any) {
	p.t.Helper()
	for key, want := range fields {
		if frame[key] != want {
			p.t.Errorf("%s is %v, want %v in %v", key, frame[key], want, frame)
		}
	}
}

// The guide's names, in one room with Socket.IO.
func TestNativeAndSocketIOInOneRoom(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	ada.must("room:create", `{"id":"hall","name":"Hall"}`)
	bob := n.plain(n.token("bob"), "")
	bob.must(bob.next("connection"), map[string]any{"status": "connected"})
	bob.send(`{"type":"join_room","roomId":"hall","ref":7}`)
	bob.must(bob.next("room_joined"), map[string]any{"roomId": "hall", "ref": 7.0})
	if m := ada.message("room:user_joined"); m.UserID != "bob" || m.Seq != 2 {
		t.Errorf("got %+v", m)
	}

	bob.send(`{"type":"chat","roomId":"hall","content":"from bob","ref":"r1"}`)
	bob.must(bob.next("ack"), map[string]any{"ref": "r1", "ok": true, "seq": 3.0})
	if m := ada.message("room:message"); m.Content != "from bob" || m.Seq != 3 {
		t.Errorf("got %+v", m)
	}
	ada.must("room:message", `{"roomId":"hall","content":"from ada"}`)
	// bob's own message does not come back to him: this is the first chat.
	bob.must(bob.next("chat"), map[string]any{"senderId": "ada", "content": "from ada", "seq": 4.0, "roomId": "hall"})

	ada.must("message:send", `{"recipientId":"bob","content":"psst"}`)
	bob.must(bob.next("chat"), map[string]any{"senderId": "ada", "content": "psst", "recipientId": "bob"})
	bob.send(`{"type":"chat","recipientId":"ada","content":"what?"}`)
	bob.must(bob.next("ack"), map[string]any{"ok": true, "seq": 2.0})
	if m := ada.message("message:received"); m.Content != "what?" {
		t.Errorf("got %+v", m)
	}

	bob.send(`{"type":"ping","ref":1}`)
	bob.must(bob.next("pong"), map[string]any{"ref": 1.0})
	bob.send(`{"type":"leave_room","roomId":"hall"}`)
	bob.must(bob.next("ack"), map[string]any{"ok": true})
	ada.must("room:message", `{"roomId":"hall","content":"gone?"}`)
	n.told()
	bob.send(`{"type":"ping"}`)
	if f := <-bob.frames; f["type"] != "pong" {
		t.Errorf("after leaving came %v", f)
	}
}

// The names of the Socket.IO events, for those who ask for them.
func TestNativeV1(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.plain(n.token("bob"), "sockeye.v1")
	bob.next("connection")
	bob.send(`{"type":"room:create","id":"hall","name":"Hall","roomType":"private","ref":1}`)
	if f := bob.next("ack"); f["ok"] != true || f["room"].(map[string]any)["type"] != "private" {
		t.Errorf("got %v", f)
	}
	bob.send(`{"type":"room:invite","roomId":"hall","userId":"ada"}`)
	bob.next("ack")
	ada.must("room:join", `{"roomId":"hall"}`)
	bob.must(bob.next("room:user_joined"), map[string]any{"userId": "ada", "roomId": "hall", "seq": 2.0})
	sent := ada.must("room:message", `{"roomId":"hall","content":"hello","type":"file"}`)
	bob.must(bob.next("room:message"), map[string]any{"content": "hello", "messageType": "file", "id": sent.ID})
	bob.send(`{"type":"reaction:add","messageId":"` + sent.ID + `","emoji":"👍"}`)
	bob.must(bob.next("reaction:added"), map[string]any{"emoji": "👍", "userId": "bob", "seq": 4.0})
	bob.send(`{"type":"room:message","roomId":"none","content":"x","ref":"a"}`)
	if f := bob.answer("a"); f["ok"] != false || f["error"].(map[string]any)["code"] != "room_not_found" {
		t.Errorf("got %v", f)
	}
	bob.send(`{"type":"room:message","roomId":"none","content":"x"}`)
	bob.must(bob.next("error"), map[string]any{"code": "room_not_found", "event": "room:message"})
	bob.send(`{"type":"no:such","ref":2}`)
	if f := bob.next("ack"); f["error"].(map[string]any)["code"] != "unknown_command" {
		t.Errorf("got %v", f)
	}
	if f := n.plain(n.token("ada"), "sockeye.v1").next("conversation:heads"); len(f["items"].([]any)) != 1 {
		t.Errorf("got %v", f)
	}
}

func TestNativeSignIn(t *testing.T) {
	n := serve(t)
	response, err := http.Get(n.url + "/ws?token=nonsense")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a bad token: %s", response.Status)
	}
	later := n.plain("", "")
	later.send(`{"type":"auth","token":"` + n.token("ada") + `"}`)
	later.must(later.next("connection"), map[string]any{"status": "connected", "userId": "ada"})

	for name, first := range map[string]string{
		"bad token":    `{"type":"auth","token":"nonsense"}`,
		"no token":     `{"type":"auth"}`,
		"another type": `{"type":"chat","recipientId":"bob","content":"x"}`,
	} {
		c := n.plain("", "")
		c.send(first)
		c.must(c.next("error"), map[string]any{"code": "authentication_failed", "message": "Authentication failed"})
		if code := c.ended(); code != 4401 {
			t.Errorf("%s: closed with %d", name, code)
		}
	}
}

// As long as nobody knows who it is, a connection may send little at a time.
func TestNativeFramesOfStrangersAreSmall(t *testing.T) {
	const most = 16 << 10
	n := serve(t)
	ping := func(size int) string {
		const before, behind = `{"type":"ping","ref":"`, `"}`
		return before + strings.Repeat("x", size-len(before)-len(behind)) + behind
	}
	stranger := n.plain("", "")
	stranger.send(ping(most + 1))
	if code := stranger.ended(); code != ws.StatusMessageTooBig {
		t.Errorf("a frame of %d bytes is answered with %d", most+1, code)
	}
	known := n.plain("", "")
	known.send(ping(most))
	known.next("pong")
	known.send(`{"type":"auth","token":"` + n.token("ada") + `"}`)
	known.next("connection")
	known.send(ping(most + 1))
	known.next("pong")
}

func TestNativeWithoutATokenIsClosed(t *testing.T) {
	n := serve(t, func(s *setup) { s.Native.AuthTimeout = 20 * time.Millisecond })
	c := n.plain("", "")
	c.must(c.next("error"), map[string]any{"code": "authentication_failed"})
	if code := c.ended(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
	eventually(t, "the connection to be forgotten", func() bool { return n.native.Open() == 0 })
}

func TestNativeBadFrames(t *testing.T) {
	n := serve(t)
	c := n.plain(n.token("ada"), "")
	c.next("connection")
	for _, text := range []string{`nonsense`, `[]`, `"chat"`, `7`, `null`, `{"type":`} {
		c.send(text)
		c.must(c.next("error"), map[string]any{"message": "Invalid message format"})
	}
	for _, text := range []string{`{}`, `{"type":7}`, `{"type":"message:send","recipientId":"bob","content":"x"}`} {
		c.send(text)
		c.must(c.next("error"), map[string]any{"code": "unknown_command"})
	}
	_ = ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewBinaryFrame([]byte(`{"type":"ping"}`))))
	c.must(c.next("error"), map[string]any{"message": "Invalid message format"})
	c.send(`{"type":"ping","ref":"` + strings.Repeat("x", 1<<20) + `"}`)
	if code := c.ended(); code != ws.StatusMessageTooBig {
		t.Errorf("an oversized frame is answered with %d", code)
	}
}

// A silent peer is dropped; one that answers pings stays.
func TestNativeHeartbeat(t *testing.T) {
	t.Parallel() // it waits
	for heartbeat := time.Second; !dropsTheSilentAlone(t, heartbeat); heartbeat *= 2 {
		if heartbeat > patience {
			t.Fatal("who answers is dropped too")
		}
		t.Log("the test has stalled") // a busy machine needs longer for an answer
	}
}

// dropsTheSilentAlone reports false when who answers was dropped too.
func dropsTheSilentAlone(t *testing.T, heartbeat time.Duration) bool {
	t.Helper()
	n := serve(t, func(s *setup) { s.Native.Heartbeat = heartbeat })
	alive := n.plain(n.token("ada"), "")
	d := ws.Dialer{Timeout: patience}
	silent, _, _, err := d.Dial(context.Background(), "ws"+strings.TrimPrefix(n.url, "http")+"/ws?token="+n.token("bob"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	_ = silent.SetReadDeadline(time.Now().Add(2*heartbeat + patience))
	if _, err := io.Copy(io.Discard, silent); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the silent one is not dropped")
	}
	alive.send(`{"type":"ping"}`)
	for f := range alive.frames { // ends when it is dropped
		if f["type"] == "pong" {
			return true
		}
	}
	return false
}

// A frame may be on its way to a connection that closes at that moment. What it
// signs in would be there for ever.
func TestTokenBehindTheEnd(t *testing.T) {
	n := serve(t)
	p := n.plain("", "")
	eventually(t, "the connection", func() bool { return n.native.Open() == 1 })
	frame := n.native.Receiver()
	_ = p.conn.Close()
	eventually(t, "its end", func() bool { return n.native.Open() == 0 })
	frame(`{"type":"auth","token":"` + n.token("ada") + `"}`)
	if err := n.native.Quiesce(t.Context()); err != nil { // it is handled then
		t.Fatal(err)
	}
	if open, devices := n.gateway.Connections(), n.presence.Devices("ada"); open != 0 || devices != 0 {
		t.Errorf("%d connections, %d devices", open, devices)
	}
}

// What waits behind the end of a connection by the server is not carried out, as
// on a socket.
func TestFramesBehindARevocation(t *testing.T) {
	held, option := holdCircle()
	n := serve(t, option)
	bob := n.device("bob")
	ada := n.plain(n.token("ada"), "sockeye.v1")
	ada.next("presence")
	frame := n.native.Receiver()
	held.armed.Store(true)
	frame(`{"type":"friend:list"}`)
	<-held.asked
	frame(`{"type":"message:send","recipientId":"bob","content":"too late"}`)
	if err := n.accounts.RevokeUser(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	close(held.release)
	if code := ada.ended(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
	if err := n.native.Quiesce(t.Context()); err != nil {
		t.Fatal(err)
	}
	bob.quiet(n, "a message of a revoked token")
}

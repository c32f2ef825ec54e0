package authorization_test

import (
	"bytes"
	"context"
	crypto "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// rand is a text that there is but once.
func rand() string { return crypto.Text() }

// answer is what came of asking, whatever way it came.
type answer struct {
	ok   bool
	code string // of a refusal
	body string // as it came
}

func (a answer) String() string {
	if a.ok {
		return "ok"
	}
	return a.code
}

// into decodes the body of what was accepted.
func (a answer) into(t testing.TB, dst any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), dst); !a.ok || err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
}

// frame is what a device was sent: an answer if it has a ref, else an event.
type frame struct{ ref, name, raw string }

// wire is a protocol: how what is asked is written, and what comes is read.
type wire interface {
	address() string
	subprotocol() string
	// hello is what a client says first to sign in; empty if the token is in the request.
	hello(token string) string
	welcomed(raw string) bool
	write(ref, name string, payload map[string]any) string
	read(raw string) frame
	answerOf(f frame) (answer, error)
	leave() string // what room:leave is called
}

// device is a connection. Its methods are for one goroutine.
type device struct {
	t    testing.TB
	wire wire
	conn net.Conn
	done chan struct{} // closed when nothing more is read

	asked   int
	writing sync.Mutex

	mu     sync.Mutex
	news   chan struct{}
	frames []frame
	ended  bool
	code   ws.StatusCode // with which the server closed
}

// dial opens a connection, without signing in. A refusal comes back as its HTTP status.
func dial(t testing.TB, s *server, w wire, token string) (*device, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialer := ws.Dialer{}
	if w.subprotocol() != "" {
		dialer.Protocols = []string{w.subprotocol()}
	}
	if token != "" {
		dialer.Header = ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + token}})
	}
	conn, buffered, _, err := dialer.Dial(ctx, strings.Replace(s.url, "http", "ws", 1)+w.address())
	var refused ws.StatusError
	if errors.As(err, &refused) {
		return nil, int(refused)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := &device{t: t, wire: w, conn: conn, done: make(chan struct{}), news: make(chan struct{})}
	var from io.Reader = conn
	if buffered != nil { // the server speaks first
		from = io.MultiReader(io.LimitReader(buffered, int64(buffered.Buffered())), conn)
	}
	go d.listen(from)
	t.Cleanup(d.drop)
	return d, http.StatusSwitchingProtocols
}

// connect signs a device in that works until it is dropped.
func connect(t testing.TB, s *server, w wire, token string) *device {
	t.Helper()
	d, status := dial(t, s, w, "")
	if d == nil {
		t.Fatalf("HTTP %d", status)
	}
	d.say(w.hello(token))
	if !d.welcome() {
		t.Fatalf("sign-in: %v", d.take())
	}
	_ = d.ask(w.leave(), map[string]any{}) // is refused once the device is in its rooms
	return d
}

// welcome waits for what comes of signing in, and reports whether the device was let in.
func (d *device) welcome() (let bool) {
	d.t.Helper()
	_, err := d.find(func(f frame) bool {
		let = d.wire.welcomed(f.raw)
		return let || strings.HasPrefix(f.raw, "44")
	})
	if errors.Is(err, errLate) {
		d.t.Fatalf("sign-in: %v: %v", err, d.take())
	}
	return let
}

// drop ends the connection. It may be called again.
func (d *device) drop() {
	_ = d.conn.Close()
	<-d.done
}

func (d *device) say(text string) { d.frame(ws.NewTextFrame([]byte(text))) }

func (d *device) frame(f ws.Frame) {
	d.writing.Lock()
	defer d.writing.Unlock()
	_ = d.conn.SetWriteDeadline(time.Now().Add(patience))
	_ = ws.WriteFrame(d.conn, ws.MaskFrame(f)) // a loss shows in what is read
}

// send asks and does not wait; the ref tells which answer is the one.
func (d *device) send(name string, payload map[string]any) (ref string) {
	d.asked++
	ref = strconv.Itoa(d.asked)
	d.say(d.wire.write(ref, name, payload))
	return ref
}

// receive waits for an answer.
func (d *device) receive(ref string) (answer, error) {
	f, err := d.find(func(f frame) bool { return f.ref == ref })
	if err != nil {
		return answer{}, err
	}
	return d.wire.answerOf(f)
}

// ask waits for the answer, which must come.
func (d *device) ask(name string, payload map[string]any) answer {
	d.t.Helper()
	a, err := d.receive(d.send(name, payload))
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	return a
}

// must asks for what has to be accepted. The payload is JSON, for fmt.Sprintf.
func (d *device) must(name, payload string, args ...any) answer {
	d.t.Helper()
	a := d.ask(name, object(d.t, fmt.Sprintf(payload, args...)))
	if !a.ok {
		d.t.Fatalf("%s: %s", name, a.body)
	}
	return a
}

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return fields
}

// heard waits for an event with that text in it.
func (d *device) heard(text string) {
	d.t.Helper()
	if _, err := d.find(func(f frame) bool { return f.ref == "" && strings.Contains(f.raw, text) }); err != nil {
		d.t.Fatalf("an event with %q: %v", text, err)
	}
}

// take returns what came and was not asked for.
func (d *device) take() []frame {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.frames
	d.frames = nil
	return taken
}

var (
	errEnded = errors.New("the connection has ended")
	errLate  = errors.New("not in time")
)

// find waits for a frame and takes it out of those that came. What came before the end is found.
func (d *device) find(match func(frame) bool) (frame, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	looked := 0
	for {
		d.mu.Lock()
		looked = min(looked, len(d.frames))
		for ; looked < len(d.frames); looked++ {
			if f := d.frames[looked]; match(f) {
				d.frames = append(d.frames[:looked:looked], d.frames[looked+1:]...)
				d.mu.Unlock()
				return f, nil
			}
		}
		ended, news := d.ended, d.news
		d.mu.Unlock()
		if ended {
			return frame{}, errEnded
		}
		select {
		case <-news:
		case <-timeout.C:
			return frame{}, errLate
		}
	}
}

// closed waits for the end of the connection and returns the code that the server closed with, 0 if there was none.
func (d *device) closed() ws.StatusCode {
	d.t.Helper()
	select {
	case <-d.done:
	case <-time.After(patience):
		d.t.Fatal("the connection did not end")
	}
	return d.code
}

func (d *device) listen(from io.Reader) {
	defer close(d.done)
	defer d.change(func() { d.ended = true })
	for {
		header, err := ws.ReadHeader(from)
		if err != nil || header.Length > 16<<20 {
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(from, payload); err != nil {
			return
		}
		switch header.OpCode {
		case ws.OpClose:
			if len(payload) >= 2 {
				d.code = ws.StatusCode(binary.BigEndian.Uint16(payload))
			}
			return
		case ws.OpPing:
			d.frame(ws.NewPongFrame(payload))
		case ws.OpText:
			d.hear(string(payload))
		}
	}
}

func (d *device) hear(raw string) {
	if raw == "2" { // a heartbeat of Engine.IO
		d.say("3")
		return
	}
	f := d.wire.read(raw)
	d.change(func() { d.frames = append(d.frames, f) })
}

func (d *device) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	close(d.news)
	d.news = make(chan struct{})
}

// socketIO is Socket.IO protocol 5 over Engine.IO 4.
type socketIO struct{}

func (socketIO) address() string           { return "/socket.io/?EIO=4&transport=websocket" }
func (socketIO) leave() string             { return "room:leave" }
func (socketIO) subprotocol() string       { return "" }
func (socketIO) hello(token string) string { return `40` + text(map[string]any{"token": token}) }
func (socketIO) welcomed(raw string) bool  { return strings.HasPrefix(raw, `40{`) }

func (socketIO) write(ref, name string, payload map[string]any) string {
	return "42" + ref + text([]any{name, payload})
}

func (socketIO) read(raw string) frame {
	f := frame{raw: raw}
	body, isAck := strings.CutPrefix(raw, "43")
	if isAck {
		f.ref, _, _ = strings.Cut(body, "[")
		return f
	}
	if body, isEvent := strings.CutPrefix(raw, "42"); isEvent {
		var args []json.RawMessage
		if json.Unmarshal([]byte(body), &args) == nil && len(args) > 0 {
			_ = json.Unmarshal(args[0], &f.name)
		}
	}
	return f
}

func (socketIO) answerOf(f frame) (answer, error) {
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(strings.TrimPrefix(f.raw, "43"+f.ref)), &args); err != nil || len(args) != 1 {
		return answer{}, fmt.Errorf("acknowledgement %s: %w", f.raw, err)
	}
	return acknowledged(args[0])
}

// acknowledged reads {ok, error}.
func acknowledged(body []byte) (answer, error) {
	var ack struct {
		OK    *bool
		Error struct{ Code string }
	}
	if err := json.Unmarshal(body, &ack); err != nil || ack.OK == nil || *ack.OK == (ack.Error.Code != "") {
		return answer{}, fmt.Errorf("acknowledgement %s: %w", body, err)
	}
	return answer{ok: *ack.OK, code: ack.Error.Code, body: string(body)}, nil
}

// native is JSON over a plain WebSocket, with the names of the commands.
type native struct{}

func (native) address() string     { return "/ws" }
func (native) leave() string       { return "room:leave" }
func (native) subprotocol() string { return "sockeye.v1" }
func (native) hello(token string) string {
	return text(map[string]any{"type": "auth", "token": token})
}
func (native) welcomed(raw string) bool { return strings.Contains(raw, `"type":"connection"`) }

func (native) write(ref, name string, payload map[string]any) string {
	fields := map[string]any{"type": name, "ref": ref}
	for field, value := range payload {
		if field == "type" {
			field = "roomType"
		}
		fields[field] = value
	}
	return text(fields)
}

func (native) read(raw string) frame {
	var fields struct {
		Type string
		Ref  string
	}
	_ = json.Unmarshal([]byte(raw), &fields)
	return frame{ref: fields.Ref, name: fields.Type, raw: raw}
}

func (native) answerOf(f frame) (answer, error) { return acknowledged([]byte(f.raw)) }

// guide is the same with the guide's names.
type guide struct{ native }

func (guide) subprotocol() string { return "" }
func (guide) leave() string       { return "leave_room" }

func (guide) answerOf(f frame) (answer, error) {
	switch f.name {
	case "room_joined":
		return answer{ok: true, body: f.raw}, nil
	case "error":
		var refused struct{ Code string }
		err := json.Unmarshal([]byte(f.raw), &refused)
		return answer{code: refused.Code, body: f.raw}, err
	}
	return acknowledged([]byte(f.raw))
}

// text is a value as JSON, as browsers write it.
func text(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // the tests' own values
	}
	return strings.TrimSpace(out.String())
}

package websocket_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// TestConformance holds both endpoints of a whole server to RFC 6455 and RFC 7692 with
// what Autobahn's fuzzing client sends: its classes 1 to 7, 9, 10, 12 and 13, over raw
// sockets, by clients that have signed in. Where Autobahn waits for an echo these wait
// for the answer to a command.
func TestConformance(t *testing.T) {
	s := serve(t)
	for _, e := range []*endpoint{s.native("ada"), s.socketio("bob")} {
		t.Run(e.name, func(t *testing.T) {
			for _, c := range e.cases() {
				t.Run(c.name, func(t *testing.T) { e.connect(t, c.offer).holdTo(c) })
			}
		})
	}
}

// endpoint is a WebSocket of the server, and how to be answered there.
type endpoint struct {
	name    string
	addr    string
	path    string
	limit   int    // bytes of a message
	hello   string // signs in, where the path does not
	ready   string // part of the text that tells that it has worked
	deflate bool   // permessage-deflate is to be had

	// ask is a text message with that content that is answered, made longer by pad bytes
	// of white space; told is the content of such an answer.
	ask  func(content string, pad int) []byte
	told func(text []byte) (content string, ok bool)
	// binary are the frames of a message with binary in it; noted tells their answer.
	binary func(data []byte) []byte
	noted  func(text []byte) bool
}

// native answers a ping with its reference.
func (s *server) native(user string) *endpoint {
	return &endpoint{
		name: "ws", addr: s.addr, path: "/ws?token=" + s.token(user), limit: 1 << 20, ready: `"connection"`,
		ask: func(content string, pad int) []byte {
			return fmt.Appendf(nil, `{"type":"ping",%s"ref":"%s"}`, strings.Repeat(" ", pad), content)
		},
		told: func(text []byte) (string, bool) {
			var f struct{ Type, Ref string }
			return f.Ref, json.Unmarshal(text, &f) == nil && f.Type == "pong"
		},
		binary: func(data []byte) []byte { return frame(ws.OpBinary, data) },
		noted:  func(text []byte) bool { return bytes.Contains(text, []byte("Invalid message format")) },
	}
}

// socketio sends a member of a room what it has said there.
func (s *server) socketio(user string) *endpoint {
	e := &endpoint{
		name: "socket.io", addr: s.addr, path: "/socket.io/?EIO=4&transport=websocket", limit: 1_000_000, deflate: true,
		hello: `40{"token":"` + s.token(user) + `"}`, ready: `40{`,
		ask: func(content string, pad int) []byte {
			return fmt.Appendf(nil, `42["room:message",%s{"roomId":"hall","content":"%s"}]`, strings.Repeat(" ", pad), content)
		},
		told: func(text []byte) (string, bool) {
			var event []json.RawMessage
			var name string
			var m struct{ Content string }
			body, found := bytes.CutPrefix(text, []byte("42"))
			ok := found && json.Unmarshal(body, &event) == nil && len(event) > 1 &&
				json.Unmarshal(event[0], &name) == nil && name == "room:message" && json.Unmarshal(event[1], &m) == nil
			return m.Content, ok
		},
		binary: func(data []byte) []byte {
			head := frame(ws.OpText, []byte(`451-7["room:message",{"_placeholder":true,"num":0}]`))
			return append(head, frame(ws.OpBinary, data)...)
		},
		noted: func(text []byte) bool { return bytes.HasPrefix(text, []byte(`437[{"ok":false`)) },
	}
	p := e.connect(s.t, "")
	p.write(frame(ws.OpText, []byte(`420["room:create",{"id":"hall","name":"Hall"}]`)))
	p.until(`430[{"ok":true`)
	return e
}

// conformance is one case: what is sent, and what must come of it.
type conformance struct {
	name  string
	send  []byte
	chop  int // bytes of a write; 0 for all at once
	want  []reply
	offer string // of an extension
	// compressed are messages that follow, compressed as it was agreed on.
	compressed [][]byte
	fragment   int // bytes of a fragment of theirs; 0 for messages in one piece
}

// reply is what a case expects next. Texts that it did not ask for come in between.
type reply struct {
	op    ws.OpCode
	text  string // of a pong, or the content of an answer
	noted bool   // an answer to binary
	codes []int  // one of them closes; 1005 is none
}

func answer(content string) reply { return reply{op: ws.OpText, text: content} }
func pong(text string) reply      { return reply{op: ws.OpPong, text: text} }
func closes(codes ...int) reply   { return reply{op: ws.OpClose, codes: codes} }
func (r reply) String() string    { return fmt.Sprintf("opcode %d %.40q %v", r.op, r.text, r.codes) }

func (p *peer) fatal(r reply, got any) {
	p.t.Helper()
	p.t.Fatalf("want %v, got %.200v", r, got)
}

// holdTo sends what the case says and reads what comes of it, to the end of the stream:
// where the case ends otherwise the client closes.
func (p *peer) holdTo(c conformance) {
	p.t.Helper()
	if p.offer && p.endpoint.deflate != (p.agreed != "") && !strings.Contains(c.offer, "server_max_window_bits") {
		p.t.Fatalf("offered %q, agreed on %q", c.offer, p.agreed)
	}
	stream := c.send
	for _, message := range c.compressed {
		stream = append(stream, squeeze(message, c.fragment)...)
	}
	sent := p.writeLater(stream, c.chop)
	for _, r := range c.want {
		p.expect(r)
	}
	if last := len(c.want) - 1; last < 0 || c.want[last].op != ws.OpClose {
		<-sent
		p.write(frame(ws.OpClose, ws.NewCloseFrameBody(1000, "")))
		p.expect(closes(1000))
	}
	_, _, err := p.read()
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Errorf("behind the close frame: %v, want the end of the stream", err)
	}
	_ = p.Close()
	<-sent
}

func (p *peer) expect(r reply) {
	p.t.Helper()
	for {
		op, payload, err := p.read()
		if err != nil {
			p.fatal(r, err)
		}
		if op == ws.OpText && (r.op != ws.OpText || !p.answers(r, payload)) {
			continue
		}
		if op == ws.OpText {
			return
		}
		code := 1005
		if op == ws.OpClose && len(payload) >= 2 {
			code = int(payload[0])<<8 | int(payload[1])
		}
		switch {
		case op != r.op:
			p.fatal(r, fmt.Sprintf("opcode %d %x", op, payload))
		case op == ws.OpClose && !slices.Contains(r.codes, code):
			p.fatal(r, fmt.Sprintf("close %d %s", code, payload))
		case op == ws.OpPong && string(payload) != r.text:
			p.fatal(r, fmt.Sprintf("pong %q", payload))
		}
		return
	}
}

// answers reports whether a text is the answer that is waited for; one with another
// content fails.
func (p *peer) answers(r reply, text []byte) bool {
	p.t.Helper()
	if r.noted {
		return p.endpoint.noted(text)
	}
	content, ok := p.endpoint.told(text)
	if ok && content != r.text {
		p.fatal(r, text)
	}
	return ok
}

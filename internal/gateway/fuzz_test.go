package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// nativeSeeds are frames that get far, and some that do not.
var nativeSeeds = []string{
	`{"type":"ping","ref":"<a & b>"}`,
	`{"type":"ping","ref":{ "a" : [1e400, "\u2028\ud800"] }}`,
	`{"type":"ping","\u0072ef":null,"ref":7}`,
	`{"type":"auth","token":"x.y.z","ref":1}`,
	`{"type":"chat","roomId":"hall","content":"hello","messageType":"file","attachments":["f"],"ref":0}`,
	`{"type":"chat","recipientId":"bob","content":"hello","clientMsgId":"k","replyTo":"none"}`,
	`{"type":"chat","roomId":7,"content":{}}`,
	`{"type":"join_room","roomId":"hall","ref":"j"}`,
	`{"type":"leave_room","roomId":"none","ref":[]}`,
	`{"type":"room:message","roomId":"hall","content":"hello","ref":""}`,
	`{"type":"message:send","recipientId":"bob","content":"hello","messageType":7}`,
	`{"type":"message:edit","messageId":"none","content":"x"}`,
	`{"type":"message:read","messageIds":["none"]}`,
	`{"type":"reaction:add","messageId":"none","emoji":"👍"}`,
	`{"type":"typing:start","roomId":"hall"}`,
	`{"type":"history","roomId":"hall","limit":-1,"ref":false}`,
	`{"type":"sync","conversations":{"none":0,"c":9223372036854775807},"ref":1}`,
	`{"type":"room:create","id":"hall","name":"Hall","roomType":"private","messageType":"text","maxMembers":2}`,
	`{"type":"room:update","roomId":"hall","settings":{"messageRetention":1e9}}`,
	`{"type":"room:search","query":"%_\\\"*"}`,
	`{"type":"message:search","query":"会议 \"a*"}`,
	`{"type":"friend:request","userId":"bob"}`,
	`{"type":"user:search","query":"b"}`,
	`{"type":"presence:get","userIds":["bob","ada"]}`,
	`{"type":"client:visible","visible":false,"conversationId":"dm:x"}`,
	`{"type":"notification:subscribe","topics":["a","*"]}`,
	`{"type":"auth:refresh","token":"x"}`,
	`{"type":"conversation:list","limit":1}`,
	`{"type":7,"ref":"7"}`, `{"TYPE":"ping"}`, `{}`, `[]`, `null`, `"ping"`, `{"type":`, ``, "{\"type\":\"ping\",\"ref\":\"\xff\"}", "\xef\xbb\xbf{}",
}

// FuzzNativeFrame sends any bytes as a frame of connections that have signed in, in both dialects, and of one that has
// not. Each frame is answered once, with its ref byte for byte, or ends the connection with the code that the protocol
// names; no input is a fault of the server.
func FuzzNativeFrame(f *testing.F) {
	for _, seed := range nativeSeeds {
		f.Add(true, []byte(seed))
	}
	f.Add(false, []byte(`{"type":"ping"}`))
	n := serve(f)
	token := n.tokenFor("ada", 24*time.Hour)
	bob := n.device("bob")
	bob.must("room:create", `{"id":"hall","name":"Hall"}`)
	f.Fuzz(func(t *testing.T, text bool, data []byte) {
		sent := classify(text, data)
		for _, protocol := range []string{"", "sockeye.v1"} {
			n.pipe(t, token, protocol).check(sent, sent.ending)
		}
		ending := sent.ending
		if ending == 0 && sent.object && sent.kind != "ping" {
			ending = 4401
		}
		n.pipe(t, "", "").check(sent, ending)
	})
}

// sample is a frame, and what it is.
type sample struct {
	op     ws.OpCode
	data   []byte
	object bool
	kind   string          // the type of an object
	ref    json.RawMessage // of an object that has one
	ending ws.StatusCode   // what ends any connection; 0: nothing does
}

func classify(text bool, data []byte) sample {
	s := sample{op: ws.OpBinary, data: data}
	if text {
		s.op = ws.OpText
	}
	switch {
	case len(data) > 1<<20:
		s.ending = ws.StatusMessageTooBig
	case text && !utf8.Valid(data):
		s.ending = ws.StatusInvalidFramePayloadData
	case text && json.Valid(data) && bytes.TrimLeft(data, " \t\r\n")[0] == '{':
		var fields map[string]json.RawMessage
		s.object = json.Unmarshal(data, &fields) == nil
		_ = json.Unmarshal(fields["type"], &s.kind) // what is no string is no type
		s.ref = fields["ref"]
	}
	return s
}

// piped is a native connection without a network below.
type piped struct {
	t    testing.TB
	v1   bool
	conn net.Conn
	in   *bufio.Reader
}

// hijackable hands one connection over.
type hijackable struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// pipe opens a connection that ends with the test, and signs in if there is a token.
func (n *node) pipe(t testing.TB, token, protocol string) *piped {
	t.Helper()
	here, there := net.Pipe()
	if err := here.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close() })
	r := httptest.NewRequest(http.MethodGet, "/ws", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"MDEyMzQ1Njc4OWFiY2RlZg=="},
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if protocol != "" {
		r.Header.Set("Sec-Websocket-Protocol", protocol)
	}
	n.native.ServeHTTP(hijackable{httptest.NewRecorder(), there}, r)
	p := &piped{t: t, v1: protocol != "", conn: here, in: bufio.NewReader(here)}
	answer, err := http.ReadResponse(p.in, r)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", answer, err)
	}
	if token != "" {
		for frame := (reply{}); frame.Type != "connection"; {
			frame, _ = p.read()
		}
	}
	return p
}

func (p *piped) write(op ws.OpCode, payload []byte) {
	frame := ws.MaskFrame(ws.NewFrame(op, true, bytes.Clone(payload)))
	_ = ws.WriteFrame(p.conn, frame) // a loss shows in what is read
}

// reply is a frame of the server; Type is empty for the last one, which closes.
type reply struct {
	Type  string
	Ref   json.RawMessage
	Code  string
	Error *failure
	text  string
}

// read returns the next frame, or the code of the close frame.
func (p *piped) read() (reply, ws.StatusCode) {
	p.t.Helper()
	for {
		op, payload, err := readFrame(p.in)
		if err != nil {
			p.t.Fatalf("the connection ended without a close frame: %v", err)
		}
		switch op {
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData([]byte(payload))
			return reply{text: reason}, code
		case ws.OpText:
			f := reply{text: payload}
			if !utf8.ValidString(payload) || json.Unmarshal([]byte(payload), &f) != nil || f.Type == "" {
				p.t.Fatalf("no frame with a type: %q", payload)
			}
			return f, 0
		default:
			p.t.Fatalf("a frame of opcode %x: %q", op, payload)
		}
	}
}

var fences atomic.Int64

// check sends the frame and a ping behind it, and looks at all that comes back.
func (p *piped) check(s sample, ending ws.StatusCode) {
	p.t.Helper()
	fence := strconv.Quote(fmt.Sprintf("fence %d %d", time.Now().UnixNano(), fences.Add(1)))
	go func() { // the server may not read to the end
		p.write(s.op, s.data)
		p.write(ws.OpText, []byte(`{"type":"ping","ref":`+fence+`}`))
	}()
	var answers []reply
	for {
		f, code := p.read()
		if code != 0 {
			if code != ending {
				p.t.Errorf("%.200q ends the connection with %d %s, want %d", s.data, code, f.text, ending)
			}
			break
		}
		if string(f.Ref) == fence {
			if ending != 0 {
				p.t.Errorf("%.200q: the connection goes on, want its end with %d", s.data, ending)
			}
			break
		}
		if slices.Contains([]string{"ack", "error", "pong", "room_joined"}, f.Type) {
			answers = append(answers, f)
		}
	}
	p.judge(s, ending, answers)
}

func (p *piped) judge(s sample, ending ws.StatusCode, answers []reply) {
	p.t.Helper()
	if s.ending != 0 {
		return // no frame that could be answered
	}
	if len(answers) != 1 {
		p.t.Fatalf("%.200q is answered by %v", s.data, answers)
	}
	answer := answers[0]
	want := []string{"error"}
	switch {
	case !s.object || ending != 0:
	case s.kind == "ping":
		want = []string{"pong"}
	case p.v1 && s.ref != nil:
		want = []string{"ack"}
	case p.v1:
		want = []string{"ack", "error"}
	default:
		want = []string{"ack", "error", "room_joined"}
	}
	if !slices.Contains(want, answer.Type) {
		p.t.Errorf("%.200q is answered by %s", s.data, answer.text)
	}
	if !bytes.Equal(answer.Ref, s.ref) {
		p.t.Errorf("the ref of %.200q comes back as %q, want %q", s.data, answer.Ref, s.ref)
	}
	code := answer.Code
	if answer.Error != nil {
		code = answer.Error.Code
	}
	if failed := answer.Type == "error" || answer.Error != nil; failed && code == "" || code == "internal" {
		p.t.Errorf("%.200q is answered by %s", s.data, answer.text)
	}
}

package blackbox_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// hall is a room with one message in it, and the member who looks after every piece of bad input.
type hall struct {
	*server
	keeper *client
	known  []message
}

func newHall(t *testing.T, s setup) *hall {
	t.Helper()
	h := &hall{server: start(t, s)}
	h.keeper = h.connect("keeper")
	h.keeper.must(t, "room:create", object{"id": "hall", "name": "Hall"})
	h.keeper.must(t, "room:message", object{"roomId": "hall", "content": "first"})
	h.known = h.read(t)
	return h
}

func (h *hall) read(t *testing.T) []message {
	t.Helper()
	messages, err := h.keeper.history(t.Context(), object{"roomId": "hall"})
	if err != nil {
		t.Fatalf("the server does not answer any more: %v\n%s", err, h.log)
	}
	return messages
}

// unchanged fails if the room has other messages than before, or if anything has taken a seq of it. To see that, it
// stores one more itself.
func (h *hall) unchanged(t *testing.T) {
	t.Helper()
	now := h.read(t)
	if len(now) != len(h.known) {
		t.Errorf("the room had %d messages and has %d: %+v", len(h.known), len(now), now[len(now)-1])
	}
	last := now[len(now)-1].Seq
	if next := h.keeper.must(t, "room:message", object{"roomId": "hall", "content": "next"}); next.Seq != last+1 {
		t.Errorf("seq %d follows %d", next.Seq, last)
	}
	h.known = h.read(t)
}

// TestBrokenWebSocket sends what RFC 6455 forbids; the close code is the RFC's.
func TestBrokenWebSocket(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	text := func(n int) []byte { return bytes.Repeat([]byte("4"), n) }
	masked := func(f ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrame(f)) }
	reserved := ws.NewTextFrame(text(3))
	reserved.Header.Rsv = ws.Rsv(true, false, false)
	opcode := ws.NewFrame(ws.OpCode(3), true, text(3))
	ping := ws.NewPingFrame(text(126))
	endlessPing := ws.NewFrame(ws.OpPing, false, text(1))
	for name, tc := range map[string]struct {
		bytes []byte
		code  ws.StatusCode
	}{
		"not masked":             {ws.MustCompileFrame(ws.NewTextFrame(text(3))), 1002},
		"reserved bit":           {masked(reserved), 1002},
		"reserved opcode":        {masked(opcode), 1002},
		"long ping":              {masked(ping), 1002},
		"ping in parts":          {masked(endlessPing), 1002},
		"continuation of naught": {masked(ws.NewFrame(ws.OpContinuation, true, text(3))), 1002},
		"begun twice":            {append(masked(ws.NewFrame(ws.OpText, false, text(3))), masked(ws.NewTextFrame(text(3)))...), 1002},
		"not UTF-8":              {masked(ws.NewTextFrame([]byte("42[\"\xff\"]"))), 1007},
		"over the limit":         {masked(ws.NewTextFrame(text(1_000_001))), 1009},
		"announced over limit":   {hugeHeader(2_000_000), 1009},
		"announced 2^62":         {hugeHeader(1 << 62), 1009},
		"announced 2^63":         {hugeHeader(1 << 63), 1002},
		"parts over the limit":   {bytes.Join([][]byte{masked(ws.NewFrame(ws.OpText, false, text(600_000))), masked(ws.NewFrame(ws.OpContinuation, true, text(600_000)))}, nil), 1009},
		"close of one byte":      {masked(ws.NewFrame(ws.OpClose, true, []byte{3})), 1002},
		"close with code 1005":   {masked(ws.NewCloseFrame(ws.NewCloseFrameBody(1005, ""))), 1002},
	} {
		t.Run(name, func(t *testing.T) {
			l := h.signedIn(t)
			// The server may have hung up before it has read all.
			_ = l.raw(tc.bytes)
			err := l.drain(t)
			var end *closed
			if !errors.As(err, &end) || end.code != tc.code {
				t.Errorf("got %v, want close code %d", err, tc.code)
			}
			h.unchanged(t)
		})
	}
}

// hugeHeader is the beginning of a text frame that will not come.
func hugeHeader(length uint64) []byte {
	header := []byte{0x81, 0x80 | 127}
	header = binary.BigEndian.AppendUint64(header, length)
	return append(header, 1, 2, 3, 4)
}

// signedIn is a link on which a member of the hall has signed in.
func (h *hall) signedIn(t *testing.T) *link {
	t.Helper()
	l := h.open(t)
	auth, err := json.Marshal(object{"token": tokenFor(t, h.data, "keeper")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.text("40" + string(auth)); err != nil {
		t.Fatal(err)
	}
	for {
		_, m, err := l.read()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(m), "40") {
			return l
		}
	}
}

func (s *server) open(t *testing.T) *link {
	t.Helper()
	l, err := dial(t.Context(), s.addr, dialing{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return l
}

// drain reads to the end and returns why there is one. An answer other than events fails the test.
func (l *link) drain(t *testing.T) error {
	t.Helper()
	for {
		_, m, err := l.read()
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(m), "43") {
			t.Errorf("got an acknowledgement: %s", m)
		}
	}
}

// TestBrokenPackets sends messages that are no packets of Engine.IO or Socket.IO. Node's server closes the connection
// then, and so does this one: in both protocols there is no way to answer.
func TestBrokenPackets(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	deep := "42" + strings.Repeat("[", 200_000)
	for name, messages := range map[string][]string{
		"empty message":            {""},
		"unknown engine packet":    {"9"},
		"no packet at all":         {"hello"},
		"unknown packet type":      {"47"},
		"packet without type":      {"4"},
		"event without a body":     {"42"},
		"event as object":          {"42{}"},
		"event without a name":     {"42[]"},
		"name is no text":          {"42[{}]"},
		"name is null":             {"42[null]"},
		"broken JSON":              {`42["room:message",{"roomId":"hall","content":"x"]`},
		"text behind the JSON":     {`42["room:message",{"roomId":"hall","content":"x"}]]`},
		"deep nesting":             {deep},
		"reserved event":           {`42["connect"]`},
		"reserved event, leaving":  {`42["disconnecting"]`},
		"id beyond 64 bits":        {`4299999999999999999999["room:message",{"roomId":"hall","content":"x"}]`},
		"signed in twice":          {"40"},
		"namespace not joined":     {`42/other,["room:message",{"roomId":"hall","content":"x"}]`},
		"namespace without comma":  {`42/other["room:message"]`},
		"11 attachments":           {`4511-["room:message",{"_placeholder":true,"num":0}]`},
		"many attachments":         {`4599999999999999999999-["room:message"]`},
		"attachments unnumbered":   {`45-["room:message"]`},
		"attachments without dash": {`451["room:message"]`},
		"negative attachments":     {`45-1-["room:message"]`},
		"text for an attachment":   {`451-["room:message",{"_placeholder":true,"num":0}]`, `42["room:message",{"roomId":"hall","content":"x"}]`},
		"ack with an object":       {`430{}`},
		"error from the client":    {`44{"message":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			l := h.signedIn(t)
			for _, m := range messages {
				_ = l.text(m) // the server may have hung up
			}
			if err := l.drain(t); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
			h.unchanged(t)
		})
	}
}

// TestNothingIsHeardBehindABrokenPacket sends a good packet in the same segment behind a broken one. Who breaks the
// protocol may not mean what comes next; and since the connection ends, nobody would hear that it was done.
func TestNothingIsHeardBehindABrokenPacket(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	for name, broken := range map[string]string{
		"found by the reader":  "47",
		"found by the handler": `42["x"`,
		"signed in twice":      "40",
	} {
		t.Run(name, func(t *testing.T) {
			l := h.signedIn(t)
			segment := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(broken))))
			segment = append(segment, ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(
				[]byte(`421["room:message",{"roomId":"hall","content":"behind it"}]`))))...)
			if err := l.raw(segment); err != nil {
				t.Fatal(err)
			}
			if err := l.drain(t); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
			h.unchanged(t)
		})
	}
}

// TestBrokenBinary sends binary frames that nothing has announced, or too few.
func TestBrokenBinary(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	t.Run("not announced", func(t *testing.T) {
		l := h.signedIn(t)
		_ = l.frame(ws.NewBinaryFrame([]byte{1, 2, 3}))
		if err := l.drain(t); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection stays open")
		}
		h.unchanged(t)
	})
	t.Run("placeholder of no attachment", func(t *testing.T) {
		got := h.keeper.askRaw(t, `451-%d["room:message",{"roomId":"hall","content":{"_placeholder":true,"num":7}}]`, []byte("bytes"))
		if got.OK || got.Error.Code != "invalid_field" {
			t.Errorf("got %+v", got)
		}
		h.unchanged(t)
	})
	t.Run("attachment that does not come", func(t *testing.T) {
		l := h.signedIn(t)
		if err := l.text(`451-1["room:message",{"roomId":"hall","content":"x","more":{"_placeholder":true,"num":0}}]`); err != nil {
			t.Fatal(err)
		}
		l.close()
		h.unchanged(t)
	})
}

// TestBinaryIsNoText: bytes where text belongs are a wrong type, not text in base64.
func TestBinaryIsNoText(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	got := h.keeper.askRaw(t, `451-%d["room:message",{"roomId":"hall","content":{"_placeholder":true,"num":0}}]`, []byte("bytes"))
	if got.OK || got.Error.Code != "invalid_field" {
		t.Errorf("got %+v", got)
	}
	h.unchanged(t)
}

// TestUnknownNamespace is answered in words; the connection stays.
func TestUnknownNamespace(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	l := h.signedIn(t)
	if err := l.text("40/none,"); err != nil {
		t.Fatal(err)
	}
	if _, m, err := l.read(); err != nil || string(m) != `44/none,{"message":"Invalid namespace"}` {
		t.Errorf("got %q, %v", m, err)
	}
	if err := l.text(`42["room:join",{}]`); err != nil {
		t.Fatal(err)
	}
	if _, m, err := l.read(); err != nil || !strings.HasPrefix(string(m), `42["error",`) {
		t.Errorf("got %q, %v", m, err)
	}
	h.unchanged(t)
}

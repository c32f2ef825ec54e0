package netloop_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

const limit = 100_000

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// exchange is what a client sends, and what must come of it.
type exchange struct {
	name  string
	bytes []byte
	want  []message
	code  ws.StatusCode // the server refuses with it; 0: it goes on
}

func exchanges() []exchange {
	header := func(b ...byte) []byte { return b }
	long := strings.Repeat("x", limit)
	huge := binary.BigEndian.AppendUint64(header(0x81, 0xff), 1<<62)
	huge = append(huge, 1, 2, 3, 4)
	negative := binary.BigEndian.AppendUint64(header(0x81, 0xff), 1<<63)
	list := []exchange{
		{"binary", wire(true, 0, ws.OpBinary, "\x00\xff"), []message{{netloop.Binary, "\x00\xff"}}, 0},
		{"several in one segment", join(text("a"), text(""), text("b")), []message{{netloop.Text, "a"}, {netloop.Text, ""}, {netloop.Text, "b"}}, 0},
		{"fragments", join(wire(false, 0, ws.OpText, "a"), wire(false, 0, ws.OpContinuation, "b"), wire(true, 0, ws.OpContinuation, "c")),
			[]message{{netloop.Text, "abc"}}, 0},
		{"fragments around control frames", join(wire(false, 0, ws.OpBinary, "a"), wire(true, 0, ws.OpPong, "!"),
			wire(false, 0, ws.OpContinuation, ""), wire(true, 0, ws.OpPong, ""), wire(true, 0, ws.OpContinuation, "b"), text("c")),
			[]message{{netloop.Binary, "ab"}, {netloop.Text, "c"}}, 0},
		{"fragments that add up to the limit, and a pong", join(wire(false, 0, ws.OpText, long), wire(true, 0, ws.OpPong, "!"), wire(true, 0, ws.OpContinuation, "")),
			[]message{{netloop.Text, long}}, 0},
		{"a character cut in two", join(wire(false, 0, ws.OpText, "\xe2\x82"), wire(true, 0, ws.OpContinuation, "\xac")), []message{{netloop.Text, "€"}}, 0},
		{"characters cut everywhere", join(wire(false, 0, ws.OpText, "\xf0"), wire(false, 0, ws.OpContinuation, "\x9f\x98"), wire(false, 0, ws.OpContinuation, "\x80\xc3"),
			wire(false, 0, ws.OpContinuation, ""), wire(true, 0, ws.OpContinuation, "\xa9")), []message{{netloop.Text, "😀é"}}, 0},
		{"fragments of binary are not text", join(wire(false, 0, ws.OpBinary, "\xff"), wire(true, 0, ws.OpContinuation, "")), []message{{netloop.Binary, "\xff"}}, 0},
		{"minimal lengths are not asked for", join(header(0x81, 0xfe, 0, 1, 0, 0, 0, 0, 'a'), header(0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 'b')),
			[]message{{netloop.Text, "a"}, {netloop.Text, "b"}}, 0},

		{"not masked", header(0x81, 1, 'a'), nil, 1002},
		{"control frame not masked", header(0x89, 0), nil, 1002},
		{"RSV1 without an extension", wire(true, 4, ws.OpText, "a"), nil, 1002},
		{"RSV2", wire(true, 2, ws.OpText, "a"), nil, 1002},
		{"RSV3", wire(true, 1, ws.OpText, "a"), nil, 1002},
		{"reserved opcode", wire(true, 0, 3, "a"), nil, 1002},
		{"reserved control opcode", wire(true, 0, 11, "a"), nil, 1002},
		{"continuation of nothing", wire(true, 0, ws.OpContinuation, "a"), nil, 1002},
		{"new message inside another", join(wire(false, 0, ws.OpText, "a"), text("b")), nil, 1002},
		{"fragmented ping", wire(false, 0, ws.OpPing, "a"), nil, 1002},
		{"ping of 126 bytes", wire(true, 0, ws.OpPing, long[:126]), nil, 1002},
		{"a valid message before a bad frame", join(text("a"), wire(true, 1, ws.OpText, "b"), text("c")), []message{{netloop.Text, "a"}}, 1002},
		{"length with its highest bit set", negative, nil, 1002},

		{"announced over the limit", text(long + "x")[:14], nil, 1009},
		{"announced beyond any memory", huge, nil, 1009},
		{"over the limit by fragments", join(wire(false, 0, ws.OpText, long), wire(true, 0, ws.OpContinuation, "x")), nil, 1009},

		{"invalid UTF-8", text("a\xff"), nil, 1007},
		{"a surrogate in UTF-8", text("\xed\xa0\x80"), nil, 1007},
		{"UTF-8 that ends too soon", join(wire(false, 0, ws.OpText, "a\xe2"), wire(true, 0, ws.OpContinuation, "")), nil, 1007},

		{"a text that is invalid from its first fragment on", wire(false, 0, ws.OpText, "a\xff"), nil, 1007},
		{"a character that no byte can complete", wire(false, 0, ws.OpText, "a\xf4\x90"), nil, 1007},
		{"a character that the next fragment spoils", join(wire(false, 0, ws.OpText, "a\xe2"), wire(false, 0, ws.OpContinuation, "\x82"), wire(false, 0, ws.OpContinuation, "a")), nil, 1007},

		{"close frame of one byte", wire(true, 0, ws.OpClose, "\x03"), nil, 1002},
		{"close reason that is not UTF-8", closing(1000, "\xff"), nil, 1002},
	}
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, limit} {
		list = append(list, exchange{"length", text(long[:n]), []message{{netloop.Text, long[:n]}}, 0})
	}
	for _, code := range []ws.StatusCode{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		list = append(list, exchange{"invalid close code", closing(code, ""), nil, 1002})
	}
	return list
}

func TestFrames(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{MaxMessage: limit}, netloop.UpgradeOptions{})
		for _, e := range exchanges() {
			t.Run(e.name, func(t *testing.T) {
				c, _ := s.connect(t)
				c.send(e.bytes)
				for _, want := range e.want {
					if got := next(t, s.messages); got != want {
						t.Fatalf("got %d %.80q, want %d %.80q", got.op, got.text, want.op, want.text)
					}
				}
				if e.code == 0 {
					c.send(wire(true, 0, ws.OpPing, "still there"))
					c.expect(ws.OpPong, "still there")
					c.send(closing(1000, ""))
					c.expectClose(1000)
					next(t, s.closed)
				} else {
					c.expectClose(e.code)
					var breach *netloop.ProtocolError
					if cause := next(t, s.closed); !errors.As(cause, &breach) || breach.Code != uint16(e.code) {
						t.Errorf("HandleClose got %v, want a ProtocolError with %d", cause, e.code)
					}
				}
				_ = c.Close()
				none(t, s.messages)
			})
		}
	})
}

// The same bytes, however they are cut, mean the same.
func TestFramesByteByByte(t *testing.T) {
	loop := newLoop(t, netloop.Config{MaxMessage: limit})
	for _, e := range exchanges() {
		whole, answer := netloop.Feed(loop, nil, slices.Clone(e.bytes))
		var bytes [][]byte
		for _, b := range e.bytes {
			bytes = append(bytes, []byte{b})
		}
		single, singleAnswer := netloop.Feed(loop, nil, bytes...)
		if !slices.Equal(whole, single) || string(answer) != string(singleAnswer) {
			t.Errorf("%s: in one piece %.200q and %.200q, byte by byte %.200q and %.200q", e.name, whole, answer, single, singleAnswer)
		}
	}
}

func TestFramesInManySegments(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, _ := s.connect(t)
		stream := join(wire(false, 0, ws.OpText, "ab"), wire(true, 0, ws.OpPing, "p"), wire(true, 0, ws.OpContinuation, "cd"))
		for _, b := range stream {
			c.send([]byte{b})
		}
		c.expect(ws.OpPong, "p")
		if got := next(t, s.messages); got.text != "abcd" {
			t.Errorf("got %q", got.text)
		}
	})
}

func TestPingsAreAnswered(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		for _, payload := range []string{"", strings.Repeat("p", 125), "3"} { // each alone: of several the newest may do
			c.send(wire(true, 0, ws.OpPing, payload))
			c.expect(ws.OpPong, payload)
		}
		if err := conn.Ping([]byte("you?")); err != nil {
			t.Error(err)
		}
		c.expect(ws.OpPing, "you?")
	})
}

// What a peer announces must not be allocated before it is there, and nothing
// stays once a message is delivered.
func TestMemoryFollowsWhatArrived(t *testing.T) {
	loop := newLoop(t, netloop.Config{MaxMessage: 64 << 20})
	announced := append(binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, 60<<20), 1, 2, 3, 4, 'a')
	if n := netloop.Retained(loop, announced); n == 0 || n > 64 {
		t.Errorf("%d bytes kept for the %d that arrived", n, len(announced))
	}
	big := strings.Repeat("a", 1<<20)
	whole := join(wire(false, 0, ws.OpText, big), wire(true, 0, ws.OpContinuation, "b"), text("c"))
	if n := netloop.Retained(loop, whole[:1000], whole[1000:len(whole)-1], whole[len(whole)-1:]); n != 0 {
		t.Errorf("%d bytes kept after all was delivered", n)
	}
}

// Neither frames without content nor pings nobody reads the answers of may
// pile up.
func TestEndlessSmallFrames(t *testing.T) {
	loop := newLoop(t, netloop.Config{})
	empty := bytes.Repeat(wire(false, 0, ws.OpContinuation, ""), 10_000)
	start := time.Now()
	events, _ := netloop.Feed(loop, nil, wire(false, 0, ws.OpText, "a"), empty, wire(true, 0, ws.OpContinuation, "b"))
	if len(events) != 2 || events[0] != `1 "ab"` {
		t.Errorf("got %q", events)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("10,000 empty fragments took %v", took)
	}

	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{WriteStall: 50 * time.Millisecond}, netloop.UpgradeOptions{})
		s.tiny.Store(true)
		c, _ := s.connect(t)
		go func() { // ends when the server or the test closes
			pings := bytes.Repeat(wire(true, 0, ws.OpPing, strings.Repeat("p", 125)), 500)
			for {
				if _, err := c.Write(pings); err != nil {
					return
				}
			}
		}()
		if cause := next(t, s.closed); !errors.Is(cause, netloop.ErrSlowConsumer) {
			t.Errorf("closed with %v", cause)
		}
	})
}

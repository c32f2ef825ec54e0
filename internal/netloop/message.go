package netloop

import (
	"encoding/binary"
	"strings"
	"sync"

	"github.com/gobwas/ws"
)

// Op is the kind of a WebSocket frame (RFC 6455 section 5.2).
type Op = ws.OpCode

// The kinds of messages that applications send and receive.
const (
	Text   = ws.OpText
	Binary = ws.OpBinary
)

// maxHeader is the longest header of an unmasked frame: 2 bytes and an
// extended length of 8.
const maxHeader = 10

// Message is one WebSocket message, framed once for however many connections
// it goes to. It is immutable and may be sent from any goroutine.
type Message struct {
	op       Op
	compress bool
	head     int     // where the payload starts in frame
	frame    []byte  // header and payload, not compressed
	share    share   // of what it takes while it waits
	pooled   *[]byte // that frame is in, of pongBuffers; nil for a frame of its own

	deflateOnce sync.Once
	deflated    *Message // with the compressed frame; nil when compressing does not pay
}

// NewMessage frames the concatenation of parts as one message. With compress
// it is deflated, once, for connections that negotiated permessage-deflate.
// The parts are copied.
func NewMessage(op Op, compress bool, parts ...[]byte) *Message {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	m := &Message{op: op, compress: compress}
	m.frame = appendHeader(make([]byte, 0, headerSize(size)+size), op, false, size)
	m.head = len(m.frame)
	for _, part := range parts {
		m.frame = append(m.frame, part...)
	}
	return m
}

// Payload is the message's content, not compressed. The caller must not
// change it.
func (m *Message) Payload() []byte { return m.frame[m.head:] }

// compressed returns the message for a connection without context takeover.
func (m *Message) compressed() *Message {
	if !m.compress || len(m.Payload()) < deflateThreshold {
		return m
	}
	m.deflateOnce.Do(func() {
		if frame := deflateFrame(m.op, m.Payload()); len(frame) < len(m.frame) {
			m.deflated = raw(frame)
		}
	})
	if m.deflated == nil {
		return m
	}
	return m.deflated
}

// raw makes a message of bytes that are to be written as they are. They must not be
// changed any more.
func raw(frame []byte) *Message { return &Message{frame: frame} }

func headerSize(payload int) int {
	switch {
	case payload < 126:
		return 2
	case payload <= 0xffff:
		return 4
	default:
		return maxHeader
	}
}

// appendHeader appends the header of an unmasked, unfragmented frame.
func appendHeader(dst []byte, op Op, compressed bool, payload int) []byte {
	first := 0x80 | byte(op)
	if compressed {
		first |= 0x40
	}
	switch {
	case payload < 126:
		return append(dst, first, byte(payload))
	case payload <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(payload))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(payload))
	}
}

// controlFrame frames a ping, pong or close; payload is at most 125 bytes.
func controlFrame(op Op, payload []byte) *Message {
	m := raw(append(appendHeader(make([]byte, 0, 2+len(payload)), op, false, len(payload)), payload...))
	m.op = op
	return m
}

const (
	// fewPongs is up to how many bytes pongs that wait together have a buffer of their own.
	fewPongs = 1 << 10
	// manyPongs is from how many bytes on no more go into one message.
	manyPongs = 16 << 10
	// longestPong is a control frame with all of its payload (RFC 6455 section 5.5).
	longestPong = 2 + 125
)

// pongBuffers are for many pongs that wait together, each for as many as a message of them
// may have. Who floods us with pings has one for each round of writing: made anew every time they
// would be garbage faster than the collector comes.
var pongBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, manyPongs+longestPong)
	return &b
}}

// growPongs sees to it that another pong fits without a new buffer, once there are many.
func (m *Message) growPongs() {
	if m.pooled != nil || len(m.frame) < fewPongs {
		return
	}
	m.pooled = pongBuffers.Get().(*[]byte)
	m.frame = append((*m.pooled)[:0], m.frame...)
}

// releasePongs gives the buffer back. The message is written, and nobody else has it.
func (m *Message) releasePongs() {
	if m.pooled == nil {
		return
	}
	pongBuffers.Put(m.pooled)
	m.pooled, m.frame = nil, nil
}

func closeFrame(code ws.StatusCode, reason string) *Message {
	const maxReason = 123
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	return controlFrame(ws.OpClose, ws.NewCloseFrameBody(code, reason))
}

package netloop

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// inbound is what a connection remembers between reads: nothing, unless a
// frame or a fragmented message is half here. It grows with what has arrived,
// not with what a header announces.
type inbound struct {
	partial    []byte // the beginning of a frame
	fragments  []byte // payload of a message whose last frame is still to come
	op         Op     // of the fragmented message
	fragmented bool
	compressed bool // the fragmented message has RSV1 set
	discard    bool // the stream cannot be followed any further
}

// receive takes bytes from the peer, delivers the messages they complete, and
// answers control frames. The link calls it from one goroutine at a time; data
// is changed (unmasked in place) and free again when it returns.
func (c *Conn) receive(data []byte) {
	in := &c.inbound
	c.heard.Store(true)
	if in.discard {
		return
	}
	if in.partial != nil {
		data = append(in.partial, data...)
	}
	rest, err := c.consume(data)
	switch {
	case err != nil:
		*in = inbound{discard: true}
		c.refuse(err)
	case len(rest) == 0:
		in.partial = nil
	case in.partial != nil && &rest[0] == &data[0]:
		in.partial = data // nothing was used: keep the buffer that has grown
	default:
		in.partial = append([]byte(nil), rest...)
	}
}

// consume handles all whole frames of data and returns what is left.
func (c *Conn) consume(data []byte) (rest []byte, err error) {
	for len(data) > 0 {
		header, size, err := parseHeader(data)
		if err != nil {
			return nil, err
		}
		if size == 0 {
			return data, nil
		}
		if err := c.check(header); err != nil {
			return nil, err
		}
		end := size + int(header.Length)
		if end > len(data) {
			return data, nil
		}
		payload := data[size:end:end]
		ws.Cipher(payload, header.Mask, 0)
		if err := c.frame(header, payload); err != nil {
			return nil, err
		}
		data = data[end:]
	}
	return nil, nil
}

// parseHeader reads a frame's header (RFC 6455 section 5.2). size is its
// length, 0 when it is not all here yet.
func parseHeader(data []byte) (h ws.Header, size int, err error) {
	if len(data) < 2 {
		return h, 0, nil
	}
	h.Fin = data[0]&0x80 != 0
	h.Rsv = data[0] >> 4 & 0x7
	h.OpCode = ws.OpCode(data[0] & 0xf)
	h.Masked = data[1]&0x80 != 0
	h.Length = int64(data[1] & 0x7f)
	size = 2
	switch h.Length {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	if len(data) < size {
		return h, 0, nil
	}
	switch h.Length {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(data[2:]))
	case 127:
		length := binary.BigEndian.Uint64(data[2:])
		if length>>63 != 0 {
			return h, 0, &ProtocolError{1002, "frame length has its highest bit set"}
		}
		h.Length = int64(length)
	}
	if h.Masked {
		if len(data) < size+4 {
			return h, 0, nil
		}
		copy(h.Mask[:], data[size:])
		size += 4
	}
	return h, size, nil
}

var errTooBig = &ProtocolError{1009, "message over the limit"}

// check refuses a frame by its header, before its payload is waited for.
func (c *Conn) check(h ws.Header) error {
	in := &c.inbound
	expect := ws.StateServerSide
	if in.fragmented {
		expect = expect.Set(ws.StateFragmented)
	}
	if c.deflate != nil {
		expect = expect.Set(ws.StateExtended)
	}
	if err := ws.CheckHeader(h, expect); err != nil {
		return &ProtocolError{1002, err.Error()}
	}
	if h.Rsv2() || h.Rsv3() || h.Rsv1() && (h.OpCode.IsControl() || h.OpCode == ws.OpContinuation) {
		return &ProtocolError{1002, "reserved bits set"}
	}
	if !h.OpCode.IsControl() && h.Length > int64(c.loop.cfg.MaxMessage-len(in.fragments)) {
		return errTooBig
	}
	return nil
}

func (c *Conn) frame(h ws.Header, payload []byte) error {
	in := &c.inbound
	switch {
	case h.OpCode == ws.OpPing:
		c.pong(payload)
		return nil
	case h.OpCode == ws.OpPong:
		return nil
	case h.OpCode == ws.OpClose:
		return c.peerClose(payload)
	case h.Fin && !in.fragmented:
		return c.message(h.OpCode, h.Rsv1(), payload)
	}
	if !in.fragmented {
		in.op, in.compressed, in.fragmented = h.OpCode, h.Rsv1(), true
	}
	in.fragments = append(in.fragments, payload...)
	if !h.Fin {
		return nil
	}
	whole := in.fragments
	in.fragments, in.fragmented = nil, false
	return c.message(in.op, in.compressed, whole)
}

func (c *Conn) message(op Op, compressed bool, payload []byte) error {
	if compressed {
		inflated, err := c.deflate.inflate(payload, c.loop.cfg.MaxMessage)
		if errors.Is(err, errInflatedTooBig) {
			return errTooBig
		}
		if err != nil {
			return &ProtocolError{1007, "message cannot be decompressed"}
		}
		payload = inflated
	}
	if op == Text && !utf8.Valid(payload) {
		return &ProtocolError{1007, "text is not valid UTF-8"}
	}
	if c.isOpen() {
		c.handler.HandleMessage(c, op, payload)
	}
	return nil
}

func (c *Conn) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == open {
		_ = c.push(controlFrame(ws.OpPong, payload))
	}
}

func (c *Conn) peerClose(payload []byte) error {
	cause := &CloseError{Code: 1005}
	answer := controlFrame(ws.OpClose, nil)
	if len(payload) == 1 {
		return &ProtocolError{1002, "close frame of one byte"}
	}
	if len(payload) >= 2 {
		code, reason := ws.StatusCode(binary.BigEndian.Uint16(payload)), string(payload[2:])
		if err := ws.CheckCloseFrameData(code, reason); err != nil {
			return &ProtocolError{1002, err.Error()}
		}
		cause = &CloseError{Code: uint16(code), Reason: reason}
		answer = closeFrame(code, "")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peerClosed = true
	c.beginClose(answer, cause)
	c.schedule()
	return nil
}

// refuse ends the connection after a breach of the protocol.
func (c *Conn) refuse(err error) {
	var breach *ProtocolError
	if !errors.As(err, &breach) {
		breach = &ProtocolError{1011, err.Error()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = true
	c.beginClose(closeFrame(ws.StatusCode(breach.Code), breach.Reason), breach)
	c.schedule()
}

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
	valid      int    // bytes of fragments that are known to be whole UTF-8 characters
	op         Op     // of the fragmented message
	fragmented bool
	compressed bool // the fragmented message has RSV1 set
	kept       int  // bytes that are counted, see Conn.keep
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
	rest, err := c.complete(data)
	if err == nil && len(rest) > 0 {
		rest, err = c.consume(rest)
	}
	switch {
	case err != nil:
		*in = inbound{discard: true, kept: in.kept}
		c.refuse(err)
	case len(rest) > 0:
		in.partial = append([]byte(nil), rest...)
	}
	c.countKept()
}

// complete gives the frame that is half here what it lacks, handles it if it is whole then, and
// returns what is behind it. Only that frame is copied: a peer that sends much at once nearly
// always has a frame cut by the end of a read.
func (c *Conn) complete(data []byte) (rest []byte, err error) {
	in := &c.inbound
	if in.partial == nil {
		return data, nil
	}
	var head [maxHeader + 4]byte // with the mask of a client
	n := copy(head[:], in.partial)
	n += copy(head[n:], data)
	header, size, err := parseHeader(head[:n])
	if err != nil {
		return nil, err
	}
	if size > 0 {
		if err := c.check(header); err != nil {
			return nil, err
		}
	}
	missing := size + int(header.Length) - len(in.partial)
	if size == 0 || missing > len(data) {
		in.partial = append(in.partial, data...)
		return nil, nil
	}
	whole := in.partial
	whole = append(whole, data[:missing]...)
	in.partial = nil
	_, err = c.consume(whole)
	return data[missing:], err
}

// countKept has the connection's share of Config.Partial follow what it keeps.
func (c *Conn) countKept() {
	in := &c.inbound
	kept := cap(in.partial) + cap(in.fragments)
	if kept == in.kept {
		return
	}
	in.kept = kept
	if !c.keep(kept, c.restricted.Load() > 0) {
		*in = inbound{discard: true}
		c.refuse(errTooMuch)
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

var (
	errTooBig  = &ProtocolError{1009, "message over the limit"}
	errNotUTF8 = &ProtocolError{1007, "text is not valid UTF-8"}
	errTooMuch = &ProtocolError{1013, "try again later"}
)

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
	if !h.OpCode.IsControl() && h.Length > int64(c.maxMessage()-len(in.fragments)) {
		return c.tooBig()
	}
	return nil
}

// tooBig is the end of a connection whose message is over its limit.
func (c *Conn) tooBig() error {
	if c.restricted.Load() > 0 {
		c.loop.refused(RefusedSize)
	}
	return errTooBig
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
		return in.checkFragments()
	}
	whole := in.fragments
	in.fragments, in.valid, in.fragmented = nil, 0, false
	return c.message(in.op, in.compressed, whole)
}

// checkFragments refuses a text as soon as it cannot become valid any more, instead of
// collecting the rest of it (Autobahn's "fail fast"). Its last character may be cut.
func (in *inbound) checkFragments() error {
	if in.op != Text || in.compressed {
		return nil // what is compressed is not text yet
	}
	whole := len(in.fragments) - cutRune(in.fragments)
	if !utf8.Valid(in.fragments[in.valid:whole]) {
		return errNotUTF8
	}
	in.valid = whole
	return nil
}

// cutRune is how many bytes at the end of b begin a character that further bytes can
// complete, 0 when b ends between two characters or in what can become none.
func cutRune(b []byte) int {
	for n := min(utf8.UTFMax-1, len(b)); n > 0; n-- {
		if !utf8.FullRune(b[len(b)-n:]) {
			return n
		}
	}
	return 0
}

func (c *Conn) message(op Op, compressed bool, payload []byte) error {
	if compressed {
		inflated, err := c.deflate.inflate(payload, c.maxMessage())
		if errors.Is(err, errInflatedTooBig) {
			return c.tooBig()
		}
		if err != nil {
			return &ProtocolError{1007, "message cannot be decompressed"}
		}
		payload = inflated
	}
	if op == Text && !utf8.Valid(payload) {
		return errNotUTF8
	}
	if c.isOpen() {
		c.handler.HandleMessage(c, op, payload)
	}
	return nil
}

func (c *Conn) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open {
		return
	}
	if c.out != nil && c.out.fullOfPongs() && !c.full && !c.link.blocks() {
		c.drainNow() // or one read of everybody who floods us would make buffers for all of them
		if c.state != open {
			return
		}
	}
	if stuck := c.full || c.writing; c.out != nil && c.out.addPong(payload, stuck) {
		return
	}
	_ = c.push(controlFrame(ws.OpPong, payload))
}

func (c *Conn) peerClose(payload []byte) error {
	cause := &CloseError{Code: 1005}
	answer := controlFrame(ws.OpClose, nil)
	if len(payload) == 1 {
		return &ProtocolError{1002, "close frame of one byte"}
	}
	if len(payload) >= 2 {
		code, reason := binary.BigEndian.Uint16(payload), payload[2:]
		switch {
		case !mayClose(code):
			return &ProtocolError{1002, "close code that may not be sent"}
		case !utf8.Valid(reason):
			return &ProtocolError{1002, "close reason is not valid UTF-8"}
		}
		cause = &CloseError{Code: code, Reason: string(reason)}
		answer = closeFrame(ws.StatusCode(code), "")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peerClosed = true
	c.beginClose(answer, cause)
	c.schedule()
	return nil
}

// mayClose reports whether a peer may send that close code: those of RFC 6455 section
// 7.4.1 that are meant to be sent, those registered with IANA since (1012 to 1014), and
// those left to libraries and applications (section 7.4.2).
func mayClose(code uint16) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return true
	default:
		return false
	}
}

// refuse ends the connection after a breach of the protocol. A message over the limit is
// refused without a word: its code says it all, and Node's ws has none either.
func (c *Conn) refuse(err error) {
	var breach *ProtocolError
	if !errors.As(err, &breach) {
		breach = &ProtocolError{1011, err.Error()}
	}
	reason := breach.Reason
	if breach.Code == errTooBig.Code {
		reason = ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = true
	c.beginClose(closeFrame(ws.StatusCode(breach.Code), reason), breach)
	c.schedule()
}

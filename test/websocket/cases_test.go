package websocket_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

// greek is what Autobahn says.
const greek = "κόσμε"

// cases are all cases of an endpoint, by Autobahn's classes.
func (e *endpoint) cases() []conformance {
	return slices.Concat(
		e.framing(), e.pings(), e.reserved(), e.opcodes(), e.fragmentation(), e.utf8(),
		e.invalidUTF8(), e.closing(), e.closeCodes(), e.limits(), e.masks(), e.compression(),
	)
}

// say is a message with that content, of size bytes; of its own size for 0.
func (e *endpoint) say(content string, size int) []byte {
	return e.ask(content, max(0, size-len(e.ask(content, 0))))
}

// framing is class 1, and the chopped ones of 5 and 6.
func (e *endpoint) framing() []conformance {
	list := []conformance{}
	for _, size := range []int{125, 126, 127, 128, 65535, 65536} {
		list = append(list,
			conformance{name: fmt.Sprint("1.1 text of ", size), send: frame(ws.OpText, e.say(greek, size)), want: []reply{answer(greek)}},
			conformance{name: fmt.Sprint("1.1 text in pieces of 997 of ", size), send: frame(ws.OpText, e.say(greek, size)), chop: 997, want: []reply{answer(greek)}})
	}
	for _, size := range []int{0, 125, 126, 127, 128, 65535, 65536} {
		list = append(list, conformance{name: fmt.Sprint("1.2 binary of ", size), send: e.binary(make([]byte, size)), want: []reply{{op: ws.OpText, noted: true}}})
	}
	for _, chop := range []int{1, 2, 3, 7} {
		list = append(list, conformance{name: fmt.Sprint("1.1 text in pieces of ", chop), send: frame(ws.OpText, e.say(greek, 1000)), chop: chop, want: []reply{answer(greek)}})
	}
	return list
}

// pings is class 2.
func (e *endpoint) pings() []conformance {
	var list []conformance
	for _, text := range []string{"", "Hello", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", strings.Repeat("\xfe", 125)} {
		for _, chop := range []int{0, 1} {
			list = append(list, conformance{name: fmt.Sprintf("2 ping of %d in pieces of %d", len(text), chop), send: frame(ws.OpPing, []byte(text)), chop: chop, want: []reply{pong(text)}})
		}
	}
	var ten []byte
	var tenPongs []reply
	for i := range 10 {
		ten = append(ten, frame(ws.OpPing, fmt.Append(nil, i))...)
		tenPongs = append(tenPongs, pong(fmt.Sprint(i)))
	}
	return append(list,
		conformance{name: "2.5 ping of 126", send: frame(ws.OpPing, make([]byte, 126)), want: []reply{closes(1002)}},
		conformance{name: "2.7 pong unasked", send: join(frame(ws.OpPong, nil), frame(ws.OpPing, []byte("y"))), want: []reply{pong("y")}},
		conformance{name: "2.9 pong with text unasked", send: join(frame(ws.OpPong, []byte("x")), frame(ws.OpPing, []byte("y"))), want: []reply{pong("y")}},
		conformance{name: "2.10 ten pings", send: ten, want: tenPongs},
		conformance{name: "2.11 ten pings byte by byte", send: ten, chop: 1, want: tenPongs})
}

// reserved is class 3: bits that nobody has given a meaning.
func (e *endpoint) reserved() []conformance {
	var list []conformance
	for rsv := byte(1); rsv < 8; rsv++ {
		said := e.say(greek, 0)
		for what, send := range map[string][]byte{
			"text":             rawFrame(ws.OpText, true, rsv, true, said),
			"binary":           rawFrame(ws.OpBinary, true, rsv, true, said),
			"ping":             rawFrame(ws.OpPing, true, rsv, true, nil),
			"close":            rawFrame(ws.OpClose, true, rsv, true, nil),
			"behind a message": join(frame(ws.OpText, said), rawFrame(ws.OpText, true, rsv, true, said), frame(ws.OpPing, nil)),
		} {
			for _, chop := range []int{0, 1} {
				list = append(list, conformance{name: fmt.Sprintf("3 bits %d, %s, in pieces of %d", rsv, what, chop), send: send, chop: chop, want: []reply{closes(1002)}})
			}
		}
	}
	return list
}

// opcodes is class 4: those that are reserved.
func (e *endpoint) opcodes() []conformance {
	var list []conformance
	for _, op := range []ws.OpCode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		list = append(list,
			conformance{name: fmt.Sprint("4 opcode ", op), send: frame(op, nil), want: []reply{closes(1002)}},
			conformance{name: fmt.Sprint("4 with text, opcode ", op), send: frame(op, []byte("x")), want: []reply{closes(1002)}},
			conformance{name: fmt.Sprint("4 behind a message, opcode ", op), send: join(frame(ws.OpText, e.say(greek, 0)), frame(op, nil), frame(ws.OpPing, nil)), chop: 1, want: []reply{closes(1002)}},
			conformance{name: fmt.Sprint("4 within fragments, opcode ", op), send: join(part(ws.OpText, false, []byte("x")), frame(op, nil)), want: []reply{closes(1002)}})
	}
	return list
}

// fragmentation is class 5.
func (e *endpoint) fragmentation() []conformance {
	said := e.say(greek, 0)
	refused := func(name string, frames ...[]byte) conformance {
		return conformance{name: "5 " + name, send: join(frames...), want: []reply{closes(1002)}}
	}
	list := []conformance{
		refused("ping in fragments", part(ws.OpPing, false, []byte("a")), part(ws.OpContinuation, true, []byte("b"))),
		refused("pong in fragments", part(ws.OpPong, false, []byte("a")), part(ws.OpContinuation, true, []byte("b"))),
		refused("close in fragments", part(ws.OpClose, false, nil)),
		{name: "5 empty fragments, then text", send: join(part(ws.OpText, false, nil), part(ws.OpContinuation, false, nil), part(ws.OpContinuation, true, said)), want: []reply{answer(greek)}},
		{name: "5 text, then empty fragments", send: join(part(ws.OpText, false, said), part(ws.OpContinuation, false, nil), part(ws.OpContinuation, true, nil)), want: []reply{answer(greek)}},
	}
	for _, fin := range []bool{true, false} {
		list = append(list,
			refused(fmt.Sprint("continuation of nothing ", fin), part(ws.OpContinuation, fin, []byte("x")), frame(ws.OpText, said)),
			refused(fmt.Sprint("continuation behind the end ", fin), part(ws.OpText, false, said[:4]), part(ws.OpContinuation, true, said[4:]), part(ws.OpContinuation, fin, []byte("x"))),
			refused(fmt.Sprint("text within fragments ", fin), part(ws.OpText, false, []byte("x")), part(ws.OpText, fin, []byte("y"))),
			refused(fmt.Sprint("binary within fragments ", fin), part(ws.OpText, false, []byte("x")), part(ws.OpBinary, fin, []byte("y"))))
	}
	between := join(part(ws.OpText, false, said[:3]), frame(ws.OpPing, []byte("p1")), part(ws.OpContinuation, false, said[3:20]), frame(ws.OpPong, []byte("x")),
		frame(ws.OpPing, []byte("p2")), part(ws.OpContinuation, false, nil), part(ws.OpContinuation, true, said[20:]))
	for _, chop := range []int{0, 1} {
		list = append(list,
			conformance{name: fmt.Sprint("5 two fragments in pieces of ", chop), send: fragments(ws.OpText, 0, said, len(said)-1), chop: chop, want: []reply{answer(greek)}},
			conformance{name: fmt.Sprint("5 pings between fragments in pieces of ", chop), send: between, chop: chop, want: []reply{pong("p1"), pong("p2"), answer(greek)}})
	}
	return list
}

// utf8 is the valid part of class 6: 6.2, 6.5 to 6.7, 6.9, 6.11, 6.13, 6.22 and 6.23.
func (e *endpoint) utf8() []conformance {
	texts := []string{
		"Hello-µ@ßöäüàá-UTF-8!!", greek, "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff", "\ufffe", "\U00010000", "\U0010ffff",
		"\U0001fffe", "\U0010fffe", "\U0001f600", "𠜎𠜱", "\u2000\u2f80\U0001d49c",
	}
	var list []conformance
	for _, text := range texts {
		said := e.say(text, 0)
		at := bytes.Index(said, []byte(text))
		cut := fragments(ws.OpText, 0, said[:at], at) // then byte by byte, with pings between
		cut[0] &^= 0x80
		for i := at; i < len(said); i++ {
			cut = append(cut, part(ws.OpContinuation, i == len(said)-1, said[i:i+1])...)
			if i < at+len(text) {
				cut = append(cut, frame(ws.OpPing, nil)...)
			}
		}
		pongs := slices.Repeat([]reply{pong("")}, len(text))
		list = append(list,
			conformance{name: fmt.Sprintf("6 valid %+q", text), send: frame(ws.OpText, said), want: []reply{answer(text)}},
			conformance{name: fmt.Sprintf("6 valid, in pieces of 1 %+q", text), send: frame(ws.OpText, said), chop: 1, want: []reply{answer(text)}},
			conformance{name: fmt.Sprintf("6 valid, in fragments of 1 %+q", text), send: cut, want: append(pongs, answer(text))})
	}
	return list
}

// invalidUTF8 is the rest of class 6. What is invalid is refused before the end of the
// message has come, as 6.4 wants it: the fragments that could tell are never sent.
func (e *endpoint) invalidUTF8() []conformance {
	ended := []string{ // valid as far as they go, and then the message ends
		"\xc2", "\xe2\x82", "\xf0\x9f\x98", greek + "\xf0", "\xf4\x8f\xbf",
	}
	never := []string{ // not valid whatever follows
		greek + "\xed\xa0\x80\x65\x64\x69\x74\x65\x64", "\x80", "\xbf", "\x80\xbf\x80", "\xc0 ", "\xc1\xbf", "\xf8", "\xfc", "\xfe", "\xff", "\xfe\xfe\xff\xff",
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xc0\x80",
		"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", greek + "\xf4\x90\x80\x80edited", "\xf4\x90", "a\xff", "\xe2\x82a",
	}
	var list []conformance
	for _, text := range ended {
		list = append(list,
			conformance{name: fmt.Sprintf("6 cut %x", text), send: frame(ws.OpText, []byte(text)), want: []reply{closes(1007)}},
			conformance{name: fmt.Sprintf("6 cut, in fragments %x", text), send: fragments(ws.OpText, 0, []byte(text), 1), want: []reply{closes(1007)}})
	}
	for _, text := range never {
		open := join(part(ws.OpText, false, nil), part(ws.OpContinuation, false, []byte(text)))
		list = append(list,
			conformance{name: fmt.Sprintf("6 invalid %x", text), send: frame(ws.OpText, []byte(text)), want: []reply{closes(1007)}},
			conformance{name: fmt.Sprintf("6 invalid, in fragments %x", text), send: fragments(ws.OpText, 0, []byte(text), 1), want: []reply{closes(1007)}},
			conformance{name: fmt.Sprintf("6.4 invalid from the first fragment on %x", text), send: part(ws.OpText, false, []byte(text)), want: []reply{closes(1007)}},
			conformance{name: fmt.Sprintf("6.4 invalid from the second fragment on %x", text), send: open, chop: 1, want: []reply{closes(1007)}})
	}
	return list
}

// closing is class 7 but for its codes.
func (e *endpoint) closing() []conformance {
	with := func(code uint16, reason string) []byte {
		return frame(ws.OpClose, append(binary.BigEndian.AppendUint16(nil, code), reason...))
	}
	said := frame(ws.OpText, e.say(greek, 0))
	return []conformance{
		{name: "7.1 close", send: with(1000, ""), want: []reply{closes(1000)}},
		{name: "7.1 close twice", send: join(with(1000, ""), with(1000, "")), want: []reply{closes(1000)}},
		{name: "7.1 ping behind the close", send: join(with(1000, ""), frame(ws.OpPing, nil)), want: []reply{closes(1000)}},
		{name: "7.1 message behind the close", send: join(with(1000, ""), said), want: []reply{closes(1000)}},
		{name: "7.1 close within fragments", send: join(part(ws.OpText, false, []byte("x")), with(1000, ""), part(ws.OpContinuation, true, []byte("y"))), want: []reply{closes(1000)}},
		{name: "7.1 pong before the close", send: join(frame(ws.OpPing, []byte("z")), with(1000, ""), frame(ws.OpPing, []byte("late"))), want: []reply{pong("z"), closes(1000)}},
		{name: "7.3 without a code", send: frame(ws.OpClose, nil), want: []reply{closes(1005)}},
		{name: "7.3 of one byte", send: frame(ws.OpClose, []byte{3}), want: []reply{closes(1002)}},
		{name: "7.3 with a reason", send: with(1000, "Hello World!"), want: []reply{closes(1000)}},
		{name: "7.3 with a reason of 123", send: with(1000, strings.Repeat("*", 123)), want: []reply{closes(1000)}},
		{name: "7.3 with a reason of 124", send: with(1000, strings.Repeat("*", 124)), want: []reply{closes(1002)}},
		{name: "7.5 with a reason that is no UTF-8", send: with(1000, greek+"\xed\xa0\x80edited"), want: []reply{closes(1002, 1007)}},
	}
}

// closeCodes are 7.7, 7.9 and 7.13. Those that IANA has registered since Autobahn was
// written are taken: 1012 to 1014.
func (e *endpoint) closeCodes() []conformance {
	var list []conformance
	add := func(answer func(code int) int, codes ...int) {
		for _, code := range codes {
			list = append(list, conformance{
				name: fmt.Sprint("7 code ", code), send: frame(ws.OpClose, binary.BigEndian.AppendUint16(nil, uint16(code))), //nolint:gosec // all are below 65,536
				want: []reply{closes(answer(code))},
			})
		}
	}
	same := func(code int) int { return code }
	add(same, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
	breach := func(int) int { return 1002 }
	add(breach, 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
	return list
}

// limits are classes 9 and 10: sizes up to the limit, however cut, and beyond it.
func (e *endpoint) limits() []conformance {
	list := []conformance{
		{name: "9 header of 2^62 bytes", send: []byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, want: []reply{closes(1009)}},
		{name: "9 highest bit of the length", send: []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, want: []reply{closes(1002)}},
		{name: "9 over the limit", send: frame(ws.OpText, e.say(greek, e.limit+1)), want: []reply{closes(1009)}},
		{name: "9 over the limit in fragments", send: fragments(ws.OpText, 0, e.say(greek, e.limit+1), 50_000), want: []reply{closes(1009)}},
		{name: "9.1 of the limit", send: frame(ws.OpText, e.say(greek, e.limit)), want: []reply{answer(greek)}},
		{name: "9.2 binary of the limit", send: e.binary(make([]byte, e.limit)), want: []reply{{op: ws.OpText, noted: true}}},
		{name: "9.5 in pieces of 64", send: frame(ws.OpText, e.say(greek, 65536)), chop: 64, want: []reply{answer(greek)}},
		{name: "10.1 in fragments of 1300", send: fragments(ws.OpText, 0, e.say(greek, 65536), 1300), want: []reply{answer(greek)}},
	}
	for _, size := range []int{64, 1024, 65536} {
		list = append(list, conformance{name: fmt.Sprint("9.3 of the limit, in fragments of ", size), send: fragments(ws.OpText, 0, e.say(greek, e.limit), size), want: []reply{answer(greek)}})
	}
	hundred := bytes.Repeat(frame(ws.OpText, e.say(greek, 125)), 100)
	return append(list, conformance{name: "9.7 a hundred messages", send: hundred, want: slices.Repeat([]reply{answer(greek)}, 100)})
}

// masks are what Autobahn leaves to servers: frames without a mask, and lengths that
// take more bytes than they need, which RFC 6455 forbids to send and nobody refuses.
func (e *endpoint) masks() []conformance {
	said := e.say(greek, 0)
	wide := append(binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, uint64(len(said))), 0, 0, 0, 0)
	return []conformance{
		{name: "text without a mask", send: rawFrame(ws.OpText, true, 0, false, said), want: []reply{closes(1002)}},
		{name: "ping without a mask", send: rawFrame(ws.OpPing, true, 0, false, nil), want: []reply{closes(1002)}},
		{name: "a length of 8 bytes", send: append(wide, said...), want: []reply{answer(greek)}},
	}
}

// compression is classes 12 and 13: messages of many sizes, whole and in fragments,
// under every agreement that a client can offer.
func (e *endpoint) compression() []conformance {
	const plain = "permessage-deflate"
	if !e.deflate { // declined, so that its bit stays reserved
		return []conformance{
			{name: "12 not agreed", offer: plain, send: frame(ws.OpText, e.say(greek, 0)), want: []reply{answer(greek)}},
			{name: "12 not agreed, and used", offer: plain, send: rawFrame(ws.OpText, true, 4, true, []byte("x")), want: []reply{closes(1002)}},
		}
	}
	var list []conformance
	long := strings.Repeat(greek, 300) // so long that its answer is compressed too
	for _, offer := range []string{
		plain, plain + "; client_no_context_takeover", plain + "; server_no_context_takeover", plain + "; client_max_window_bits",
		plain + "; client_max_window_bits=15; server_max_window_bits=15", plain + "; server_no_context_takeover; client_no_context_takeover",
		plain + "; server_max_window_bits=9, " + plain,
	} {
		for _, fragment := range []int{0, 128} {
			c := conformance{name: fmt.Sprintf("13 %s, fragments of %d", offer, fragment), offer: offer, fragment: fragment}
			for _, size := range []int{0, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072} {
				c.compressed = append(c.compressed, e.say(greek, size), e.say(long, size))
				c.want = append(c.want, answer(greek), answer(long))
			}
			list = append(list, c)
		}
	}
	return append(list,
		conformance{name: "12 plain among compressed ones", offer: plain, send: frame(ws.OpText, e.say(greek, 0)), compressed: [][]byte{e.say(long, 0)}, want: []reply{answer(greek), answer(long)}},
		conformance{name: "12 no DEFLATE", offer: plain, send: rawFrame(ws.OpText, true, 4, true, []byte("\xff\xff\xff\xff")), want: []reply{closes(1007)}},
		conformance{name: "12 no UTF-8 in it", offer: plain, send: squeeze([]byte("a\xff"), 0), want: []reply{closes(1007)}},
		conformance{name: "12 a bomb", offer: plain, send: squeeze(make([]byte, 5<<20), 0), want: []reply{closes(1009)}},
		conformance{name: "12 its bit on a continuation", offer: plain, send: join(rawFrame(ws.OpText, false, 4, true, []byte("x")), rawFrame(ws.OpContinuation, true, 4, true, nil)), want: []reply{closes(1002)}},
		conformance{name: "12 its bit on a ping", offer: plain, send: rawFrame(ws.OpPing, true, 4, true, nil), want: []reply{closes(1002)}},
		conformance{name: "12 another bit", offer: plain, send: rawFrame(ws.OpText, true, 2, true, nil), want: []reply{closes(1002)}})
}

func join(frames ...[]byte) []byte { return slices.Concat(frames...) }

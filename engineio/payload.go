package engineio

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// separator stands between the packets of a version 4 payload.
const separator = 0x1e

// encodePayload encodes packets for the answer to a poll. binary says that it
// is in version 3's binary form, which is used where a packet is binary and
// the client can take it.
func encodePayload(protocol int, packets []queued, supportsBinary bool) (payload []byte, binary bool) {
	if protocol == v4 {
		return encodePayloadV4(packets), false
	}
	if supportsBinary {
		for _, p := range packets {
			if p.binary {
				return encodeBinaryPayloadV3(packets), true
			}
		}
	}
	return encodePayloadV3(packets), false
}

// decodePayload calls take for each packet of the body of a data request as it is
// decoded, until one is malformed or take returns false: a payload of a hundred thousand
// packets takes no more memory than its text. Like Node's server it takes what stands
// before a malformed packet. A packet may share memory with body.
func decodePayload(protocol int, body []byte, binary bool, take func(packet) bool) error {
	// Other clients would close a WebSocket that brings them such text.
	if !binary && !utf8.Valid(body) {
		return errPacket
	}
	switch {
	case protocol == v4:
		return decodePayloadV4(body, take)
	case binary:
		return decodeBinaryPayloadV3(body, take)
	default:
		return decodePayloadV3(body, take)
	}
}

func encodePayloadV4(packets []queued) []byte {
	size := len(packets)
	for i := range packets {
		n := len(packets[i].frame.Payload())
		if packets[i].binary {
			n = 1 + base64.StdEncoding.EncodedLen(n)
		}
		size += n
	}
	out := make([]byte, 0, size)
	for i := range packets {
		p := packets[i].packet()
		if i > 0 {
			out = append(out, separator)
		}
		if p.binary {
			out = base64.StdEncoding.AppendEncode(append(out, 'b'), p.data)
		} else {
			out = append(append(out, byte(p.kind)), p.data...)
		}
	}
	return out
}

func decodePayloadV4(body []byte, take func(packet) bool) error {
	for part := range bytes.SplitSeq(body, []byte{separator}) {
		p, err := decodeEntryV4(part)
		if err != nil {
			return err
		}
		if !take(p) {
			return nil
		}
	}
	return nil
}

func decodeEntryV4(entry []byte) (packet, error) {
	if len(entry) == 0 || entry[0] != 'b' {
		return decodeText(entry)
	}
	data, err := decodeBase64(entry[1:])
	return packet{kind: packetMessage, binary: true, data: data}, err
}

// encodePayloadV3 writes length:packet entries; the length counts UTF-16 code
// units, as JavaScript does.
func encodePayloadV3(packets []queued) []byte {
	var out []byte
	for i := range packets {
		p := packets[i].packet()
		if p.binary {
			encoded := base64.StdEncoding.EncodedLen(len(p.data))
			out = strconv.AppendInt(out, int64(2+encoded), 10)
			out = append(out, ':', 'b', byte(p.kind))
			out = base64.StdEncoding.AppendEncode(out, p.data)
			continue
		}
		out = strconv.AppendInt(out, int64(1+utf16Len(p.data)), 10)
		out = append(out, ':', byte(p.kind))
		out = append(out, p.data...)
	}
	return out
}

func decodePayloadV3(body []byte, take func(packet) bool) error {
	if len(body) == 0 {
		return errPacket
	}
	for len(body) > 0 {
		head, rest, found := bytes.Cut(body, []byte{':'})
		if !found {
			return errPacket
		}
		units, err := parseLength(head)
		if err != nil {
			return err
		}
		size, ok := utf16Prefix(rest, units)
		if !ok {
			return errPacket
		}
		entry := rest[:size]
		body = rest[size:]
		if len(entry) == 0 {
			continue
		}
		p, err := decodeEntryV3(entry)
		if err != nil {
			return err
		}
		if !take(p) {
			return nil
		}
	}
	return nil
}

func decodeEntryV3(entry []byte) (packet, error) {
	if len(entry) == 0 || entry[0] != 'b' {
		return decodeText(entry)
	}
	p, err := decodeText(entry[1:])
	if err != nil {
		return p, err
	}
	p.binary = true
	p.data, err = decodeBase64(p.data)
	return p, err
}

// encodeBinaryPayloadV3 writes for each packet: 0 for text or 1 for binary,
// the length in bytes as one byte a decimal digit, 255, and the packet.
func encodeBinaryPayloadV3(packets []queued) []byte {
	var out []byte
	for i := range packets {
		p := packets[i].packet()
		kind, first := byte(0), byte(p.kind)
		if p.binary {
			kind, first = 1, byte(p.kind-packetOpen)
		}
		out = append(out, kind)
		at := len(out)
		out = strconv.AppendInt(out, int64(1+len(p.data)), 10)
		for i := at; i < len(out); i++ {
			out[i] -= '0'
		}
		out = append(out, 255, first)
		out = append(out, p.data...)
	}
	return out
}

func decodeBinaryPayloadV3(body []byte, take func(packet) bool) error {
	if len(body) == 0 {
		return errPacket
	}
	for len(body) > 0 {
		kind := body[0]
		digits, rest, found := bytes.Cut(body[1:], []byte{255})
		if kind > 1 || !found || len(digits) > maxLengthDigits {
			return errPacket
		}
		for i := range digits {
			digits[i] += '0'
		}
		size, err := parseLength(digits)
		if err != nil || size > len(rest) {
			return errPacket
		}
		var p packet
		if kind == 0 {
			p, err = decodeText(rest[:size])
			if err == nil && !utf8.Valid(p.data) {
				err = errPacket
			}
		} else {
			p, err = decodeBinary(v3, rest[:size])
		}
		if err != nil {
			return err
		}
		if !take(p) {
			return nil
		}
		body = rest[size:]
	}
	return nil
}

// maxLengthDigits is enough for any payload that fits a request, and what it
// counts fits an int of 32 bits.
const maxLengthDigits = 9

func parseLength(digits []byte) (int, error) {
	if len(digits) == 0 || len(digits) > maxLengthDigits {
		return 0, errPacket
	}
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, errPacket
		}
		n = n*10 + int(d-'0')
	}
	return n, nil
}

func decodeBase64(text []byte) ([]byte, error) {
	data, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, errPacket
	}
	return data, nil
}

func utf16Len(s []byte) int {
	n := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		n += utf16Units(r)
		i += size
	}
	return n
}

// utf16Prefix returns how many bytes the first units code units of s take; not
// ok when s is shorter or the count ends inside a character.
func utf16Prefix(s []byte, units int) (size int, ok bool) {
	for units > 0 && size < len(s) {
		r, n := utf8.DecodeRune(s[size:])
		units -= utf16Units(r)
		size += n
	}
	return size, units == 0
}

func utf16Units(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

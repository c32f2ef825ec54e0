package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/jsonscan"
)

// jsonDecoder reads the packets of one connection. Between packets it holds
// nothing.
type jsonDecoder struct {
	pending *pendingPacket
}

// pendingPacket waits for its attachments.
type pendingPacket struct {
	packet      Received
	missing     int
	attachments [][]byte
	text        []byte
}

// Add implements Decoder.
func (d *jsonDecoder) Add(binary bool, data []byte) (Received, bool, error) {
	switch {
	case binary && d.pending == nil:
		return Received{}, false, fmt.Errorf("%w: attachment without a packet", ErrMalformed)
	case binary:
		return d.attach(data)
	case d.pending != nil:
		return Received{}, false, fmt.Errorf("%w: text where an attachment was announced", ErrMalformed)
	}
	p, attachments, text, err := parseHeader(data)
	if err != nil {
		return Received{}, false, err
	}
	if attachments > 0 {
		d.pending = &pendingPacket{packet: p, missing: attachments, text: bytes.Clone(text)}
		return Received{}, false, nil
	}
	p.Body, err = newBody(p.Type, bytes.Clone(text), nil)
	return p, err == nil, err
}

func (d *jsonDecoder) attach(data []byte) (Received, bool, error) {
	w := d.pending
	w.attachments = append(w.attachments, bytes.Clone(data))
	w.missing--
	if w.missing > 0 {
		return Received{}, false, nil
	}
	d.pending = nil
	p := w.packet
	var err error
	p.Body, err = newBody(p.Type, w.text, w.attachments)
	return p, err == nil, err
}

// parseHeader reads <type>[<attachments>-][<namespace>,][<ack id>] and returns
// the JSON behind it.
func parseHeader(data []byte) (p Received, attachments int, text []byte, err error) {
	if len(data) == 0 || data[0] < '0' || data[0] > '0'+byte(packetBinaryAck) {
		return p, 0, nil, fmt.Errorf("%w: unknown packet type", ErrMalformed)
	}
	p.Type = PacketType(data[0] - '0')
	rest := data[1:]
	if p.Type == packetBinaryEvent || p.Type == packetBinaryAck {
		if attachments, rest, err = parseAttachments(rest); err != nil {
			return p, 0, nil, err
		}
		p.Type -= packetBinaryEvent - PacketEvent
	}
	p.Namespace = "/"
	if len(rest) > 0 && rest[0] == '/' {
		name, behind, _ := bytes.Cut(rest, []byte{','})
		p.Namespace, rest = string(name), behind
	}
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	if digits > 0 && (p.Type == PacketEvent || p.Type == PacketAck) {
		id, err := strconv.ParseUint(string(rest[:digits]), 10, 64)
		if err != nil {
			return p, 0, nil, fmt.Errorf("%w: ack id", ErrMalformed)
		}
		p.AckID = &id
		rest = rest[digits:]
	}
	return p, attachments, rest, nil
}

func parseAttachments(data []byte) (n int, rest []byte, err error) {
	digits, rest, found := bytes.Cut(data, []byte{'-'})
	if !found || len(digits) == 0 || len(digits) > 4 {
		return 0, nil, fmt.Errorf("%w: number of attachments", ErrMalformed)
	}
	n, err = strconv.Atoi(string(digits))
	if err != nil || digits[0] == '+' || digits[0] == '-' {
		return 0, nil, fmt.Errorf("%w: number of attachments", ErrMalformed)
	}
	if n > MaxAttachments {
		return 0, nil, fmt.Errorf("%w: %d attachments, the limit is %d", ErrMalformed, n, MaxAttachments)
	}
	return n, rest, nil
}

// newBody checks what can be checked without reading all of text, which is
// left to the goroutine that handles the packet.
func newBody(kind PacketType, text []byte, attachments [][]byte) (Value, error) {
	if len(text) == 0 {
		if kind == PacketEvent || kind == PacketAck {
			return nil, fmt.Errorf("%w: no arguments", ErrMalformed)
		}
		return nil, nil
	}
	first := text[0]
	switch {
	case kind == PacketDisconnect,
		(kind == PacketEvent || kind == PacketAck) && first != '[',
		kind == PacketConnect && first != '{':
		return nil, fmt.Errorf("%w: payload", ErrMalformed)
	}
	return &jsonValue{text: text, attachments: attachments}, nil
}

// jsonValue is JSON text with the attachments its placeholders refer to. Its
// Elements are known to be valid.
type jsonValue struct {
	text        []byte
	attachments [][]byte
}

// Elements implements Value.
func (v *jsonValue) Elements() ([]Value, error) {
	var few [4]jsonscan.Span // as most events have, name included
	spans, ok := jsonscan.Array(v.text, few[:0])
	if !ok {
		return nil, fmt.Errorf("%w: not a JSON array", ErrMalformed)
	}
	values := make([]Value, len(spans))
	elements := make([]jsonValue, len(spans))
	for i, span := range spans {
		part := span.In(v.text)
		elements[i] = jsonValue{text: part, attachments: v.attachments}
		if len(v.attachments) > 0 && !bytes.Contains(part, placeholderKey) {
			elements[i].attachments = nil
		}
		values[i] = &elements[i]
	}
	return values, nil
}

// HasBinary implements Value.
func (v *jsonValue) HasBinary() bool { return len(v.attachments) > 0 }

// Decode implements Value.
func (v *jsonValue) Decode(dst any) error {
	if dst, ok := dst.(*string); ok {
		if s, ok := v.plain(); ok {
			*dst = s
			return nil
		}
	}
	if len(v.attachments) == 0 {
		return json.Unmarshal(v.text, dst)
	}
	tree, err := v.tree(!isLoose(dst))
	if err != nil {
		return err
	}
	if assign(dst, tree) {
		return nil
	}
	return decodeTree(tree, dst)
}

// plain reads a string without escapes, as most are, at a fraction of what
// encoding/json takes; not ok for anything else. The text is valid JSON.
func (v *jsonValue) plain() (s string, ok bool) {
	last := len(v.text) - 1
	if last < 1 || v.text[0] != '"' || v.text[last] != '"' {
		return "", false
	}
	for _, c := range v.text[1:last] {
		if c == '\\' || c >= utf8.RuneSelf {
			return "", false
		}
	}
	return string(v.text[1:last]), true
}

// isLoose reports whether dst takes the tree itself, for which numbers are to
// be what encoding/json makes of them.
func isLoose(dst any) bool {
	switch dst.(type) {
	case *any, *[]any, *map[string]any:
		return true
	}
	return false
}

// assign stores what needs no way through JSON, so that attachments stay what
// they are.
func assign(dst, tree any) bool {
	switch dst := dst.(type) {
	case *any:
		*dst = tree
		return true
	case *[]any:
		return store(dst, tree)
	case *map[string]any:
		return store(dst, tree)
	case *Binary:
		return store(dst, tree)
	case *[]byte:
		return store((*Binary)(dst), tree)
	}
	return false
}

func store[T any](dst *T, tree any) bool {
	v, ok := tree.(T)
	if ok {
		*dst = v
	}
	return ok
}

// MarshalJSON lets a received value stand inside a value to be sent.
func (v *jsonValue) MarshalJSON() ([]byte, error) {
	if len(v.attachments) == 0 {
		return v.text, nil
	}
	tree, err := v.tree(true)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err = e.Encode(tree)
	return text.Bytes(), err
}

var placeholderKey = []byte(`"_placeholder"`)

// tree decodes the value, attachments where their placeholders are. exact keeps
// numbers as the client wrote them, as json.Number.
func (v *jsonValue) tree(exact bool) (any, error) {
	d := json.NewDecoder(bytes.NewReader(v.text))
	if exact {
		d.UseNumber()
	}
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	r := resolver{attachments: v.attachments}
	return r.resolve(tree)
}

// resolver puts attachments where their placeholders are. It counts them: a
// text of placeholders for one big attachment must not become as many copies.
type resolver struct {
	attachments [][]byte
	used        int
}

func (r *resolver) resolve(tree any) (any, error) {
	var err error
	switch node := tree.(type) {
	case []any:
		for i := range node {
			if node[i], err = r.resolve(node[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if node["_placeholder"] == true {
			return r.attachment(node["num"])
		}
		for key := range node {
			if node[key], err = r.resolve(node[key]); err != nil {
				return nil, err
			}
		}
	}
	return tree, nil
}

func (r *resolver) attachment(num any) (any, error) {
	r.used++
	i, ok := num.(float64)
	if number, exact := num.(json.Number); exact {
		var err error
		i, err = number.Float64()
		ok = err == nil
	}
	if !ok || i < 0 || i >= float64(len(r.attachments)) || i != math.Trunc(i) {
		return nil, fmt.Errorf("%w: illegal attachment", ErrMalformed)
	}
	if r.used > MaxAttachments {
		return nil, fmt.Errorf("%w: more than %d placeholders in a value", ErrMalformed, MaxAttachments)
	}
	return Binary(r.attachments[int(i)]), nil
}

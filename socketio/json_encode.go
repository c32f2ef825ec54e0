package socketio

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/jsonscan"
)

// JSON is the codec of stock clients (npm socket.io-parser).
type JSON struct{}

// NewDecoder implements Codec.
func (JSON) NewDecoder() Decoder { return new(jsonDecoder) }

// Encode implements Codec. It fails when a value cannot be encoded as JSON or
// has more than MaxAttachments attachments.
func (JSON) Encode(p *Packet) (Encoded, error) {
	e := encoders.Get().(*jsonEncoder)
	defer e.release()
	if err := e.body(p); err != nil {
		return nil, fmt.Errorf("socketio: encode %s: %w", p.what(), err)
	}
	if len(e.attachments) > MaxAttachments {
		return nil, fmt.Errorf("socketio: encode %s: %d attachments, the limit is %d", p.what(), len(e.attachments), MaxAttachments)
	}
	encoded := make(Encoded, 0, 1+len(e.attachments))
	encoded = append(encoded, engineio.NewText(e.header(p), e.buf.Bytes()))
	for _, data := range e.attachments {
		encoded = append(encoded, engineio.NewBinary(data))
	}
	return encoded, nil
}

// what names a packet in an error.
func (p *Packet) what() string {
	switch p.Type {
	case PacketEvent:
		return "event " + strconv.Quote(p.Event)
	case PacketAck:
		return "acknowledgement"
	}
	return "payload"
}

var encoders = sync.Pool{New: func() any {
	e := new(jsonEncoder)
	e.json = json.NewEncoder(&e.buf)
	e.json.SetEscapeHTML(false)
	return e
}}

// maxPooledBuffer and maxPooledKeys keep a rare big packet from staying in memory.
const (
	maxPooledBuffer = 64 << 10
	maxPooledKeys   = 64
)

type jsonEncoder struct {
	buf         bytes.Buffer
	json        *json.Encoder
	attachments [][]byte
	head        []byte
	keys        []string // of the objects that are being written
	textOnly    bool     // neither an Event nor an Ack
}

func (e *jsonEncoder) release() {
	if e.buf.Cap() > maxPooledBuffer {
		return
	}
	e.buf.Reset()
	clear(e.attachments)
	e.attachments = e.attachments[:0]
	clear(e.keys[:min(cap(e.keys), maxPooledKeys)])
	if e.keys = e.keys[:0]; cap(e.keys) > maxPooledKeys {
		e.keys = nil
	}
	encoders.Put(e)
}

// header writes type, number of attachments, namespace and ack id.
func (e *jsonEncoder) header(p *Packet) []byte {
	kind := p.Type
	if len(e.attachments) > 0 {
		kind += packetBinaryEvent - PacketEvent
	}
	h := e.head[:0]
	h = append(h, '0'+byte(kind))
	if len(e.attachments) > 0 {
		h = append(strconv.AppendInt(h, int64(len(e.attachments)), 10), '-')
	}
	if p.Namespace != "" && p.Namespace != "/" {
		h = append(append(h, p.Namespace...), ',')
	}
	if p.AckID != nil {
		h = strconv.AppendUint(h, *p.AckID, 10)
	}
	e.head = h
	return h
}

func (e *jsonEncoder) body(p *Packet) error {
	e.textOnly = p.Type != PacketEvent && p.Type != PacketAck
	if e.textOnly {
		if p.Data == nil {
			return nil
		}
		return e.value(p.Data, 0)
	}
	e.buf.WriteByte('[')
	if p.Type == PacketEvent {
		if err := e.string(p.Event); err != nil {
			return err
		}
	}
	for i, arg := range p.Args {
		if i > 0 || p.Type == PacketEvent {
			e.buf.WriteByte(',')
		}
		if err := e.value(arg, 0); err != nil {
			return err
		}
	}
	e.buf.WriteByte(']')
	return nil
}

// value writes any value. depth is the number of values around it.
//
// Maps and slices of anything, as most events are made of, are written here:
// encoding/json takes twice as long for them.
func (e *jsonEncoder) value(v any, depth int) error {
	if depth > jsonscan.MaxDepth {
		return errTooDeep
	}
	switch v := v.(type) {
	case nil:
		e.buf.WriteString("null")
	case bool:
		e.buf.Write(strconv.AppendBool(e.buf.AvailableBuffer(), v))
	case int:
		e.buf.Write(strconv.AppendInt(e.buf.AvailableBuffer(), int64(v), 10))
	case int64:
		e.buf.Write(strconv.AppendInt(e.buf.AvailableBuffer(), v, 10))
	case string:
		return e.string(v)
	case []byte:
		if v == nil && depth > 0 {
			e.buf.WriteString("null")
			return nil
		}
		e.placeholder(v)
	case Binary:
		e.placeholder(v)
	case *jsonValue:
		return e.received(v, depth)
	case map[string]any:
		return e.object(v, depth)
	case []any:
		return e.array(v, depth)
	default:
		return e.other(v, depth)
	}
	return nil
}

func (e *jsonEncoder) string(s string) error {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return e.encode(s)
		}
	}
	e.buf.WriteByte('"')
	e.buf.WriteString(s)
	e.buf.WriteByte('"')
	return nil
}

// object writes the keys in the order of encoding/json.
func (e *jsonEncoder) object(m map[string]any, depth int) error {
	if m == nil {
		e.buf.WriteString("null")
		return nil
	}
	around := len(e.keys)
	for key := range m {
		e.keys = append(e.keys, key)
	}
	keys := e.keys[around:]
	slices.Sort(keys)
	separator := byte('{')
	for _, key := range keys {
		e.buf.WriteByte(separator)
		separator = ','
		if err := e.string(key); err != nil {
			return err
		}
		e.buf.WriteByte(':')
		if err := e.value(m[key], depth+1); err != nil {
			return err
		}
	}
	if len(m) == 0 {
		e.buf.WriteByte('{')
	}
	e.buf.WriteByte('}')
	e.keys = e.keys[:around]
	return nil
}

func (e *jsonEncoder) array(list []any, depth int) error {
	if list == nil {
		e.buf.WriteString("null")
		return nil
	}
	e.buf.WriteByte('[')
	for i, element := range list {
		if i > 0 {
			e.buf.WriteByte(',')
		}
		if err := e.value(element, depth+1); err != nil {
			return err
		}
	}
	e.buf.WriteByte(']')
	return nil
}

// other writes what encoding/json has to look at.
func (e *jsonEncoder) other(v any, depth int) error {
	found, err := holdsBytes(v, depth)
	if err != nil {
		return err
	}
	var data blobs
	if found {
		v = data.replace(v)
	}
	start := e.buf.Len()
	if err := e.encode(v); err != nil {
		return err
	}
	if found {
		e.attach(start, data)
	}
	return e.lift(start)
}

func (e *jsonEncoder) encode(v any) error {
	if err := e.json.Encode(v); err != nil {
		return err
	}
	e.buf.Truncate(e.buf.Len() - 1) // the newline that json.Encoder adds
	return nil
}

// placeholder writes what stands for an attachment; in a packet that can have none
// (section "Packet encoding" of the protocol) the data as base64.
func (e *jsonEncoder) placeholder(data []byte) {
	if e.textOnly {
		e.buf.WriteByte('"')
		e.buf.WriteString(base64.StdEncoding.EncodeToString(data))
		e.buf.WriteByte('"')
		return
	}
	e.buf.WriteString(`{"_placeholder":true,"num":`)
	e.buf.WriteString(strconv.Itoa(len(e.attachments)))
	e.buf.WriteByte('}')
	e.attachments = append(e.attachments, data)
}

// received sends on what came in, as it came (beside attachments the keys of
// objects may change their order).
func (e *jsonEncoder) received(v *jsonValue, depth int) error {
	if len(v.attachments) == 0 {
		e.buf.Write(v.text)
		return nil
	}
	tree, err := v.tree(true)
	if err != nil {
		return err
	}
	return e.value(tree, depth)
}

// attach turns the tokens behind start into attachments.
func (e *jsonEncoder) attach(start int, data blobs) {
	rest := bytes.Clone(e.buf.Bytes()[start:])
	e.buf.Truncate(start)
	for {
		before, blob, behind, found := data.find(rest)
		e.buf.Write(before)
		if !found {
			return
		}
		e.placeholder(blob)
		rest = behind
	}
}

// A Binary that encoding/json comes upon is first written in place, as base64
// behind a marker (MarshalJSON has no way to tell the encoder more), and then
// lifted out. The marker's quotes cannot stand unescaped inside a JSON string, and
// its random part keeps clients from sending one.
var (
	binaryMarker    = []byte(`{"\u0000socketio.Binary:` + rand.Text() + `":"`)
	binaryMarkerEnd = []byte(`"}`)
)

// MarshalJSON is for the JSON codec, which turns its result into an
// attachment.
func (b Binary) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, len(binaryMarker)+base64.StdEncoding.EncodedLen(len(b))+len(binaryMarkerEnd))
	out = append(out, binaryMarker...)
	out = base64.StdEncoding.AppendEncode(out, b)
	return append(out, binaryMarkerEnd...), nil
}

// lift turns the markers behind start into attachments.
func (e *jsonEncoder) lift(start int) error {
	if !bytes.Contains(e.buf.Bytes()[start:], binaryMarker) {
		return nil
	}
	rest := bytes.Clone(e.buf.Bytes()[start:])
	e.buf.Truncate(start)
	for {
		before, after, found := bytes.Cut(rest, binaryMarker)
		e.buf.Write(before)
		if !found {
			return nil
		}
		encoded, behind, _ := bytes.Cut(after, binaryMarkerEnd)
		data, err := base64.StdEncoding.AppendDecode(nil, encoded)
		if err != nil {
			return err
		}
		e.placeholder(data)
		rest = behind
	}
}

package socketio

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/sockeye-im/sockeye/engineio"
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
		return nil, fmt.Errorf("encode %q: %w", p.Event, err)
	}
	if len(e.attachments) > MaxAttachments {
		return nil, fmt.Errorf("encode %q: %d attachments, the limit is %d", p.Event, len(e.attachments), MaxAttachments)
	}
	encoded := make(Encoded, 0, 1+len(e.attachments))
	encoded = append(encoded, engineio.NewText(e.header(p), e.buf.Bytes()))
	for _, data := range e.attachments {
		encoded = append(encoded, engineio.NewBinary(data))
	}
	return encoded, nil
}

var encoders = sync.Pool{New: func() any {
	e := new(jsonEncoder)
	e.json = json.NewEncoder(&e.buf)
	e.json.SetEscapeHTML(false)
	return e
}}

// maxPooledBuffer keeps a rare big packet from staying in memory.
const maxPooledBuffer = 64 << 10

type jsonEncoder struct {
	buf         bytes.Buffer
	json        *json.Encoder
	attachments [][]byte
	head        []byte
}

func (e *jsonEncoder) release() {
	if e.buf.Cap() > maxPooledBuffer {
		return
	}
	e.buf.Reset()
	clear(e.attachments)
	e.attachments = e.attachments[:0]
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
	if p.Type != PacketEvent && p.Type != PacketAck {
		if p.Data == nil {
			return nil
		}
		return e.value(p.Data)
	}
	e.buf.WriteByte('[')
	if p.Type == PacketEvent {
		if err := e.value(p.Event); err != nil {
			return err
		}
	}
	for i, arg := range p.Args {
		if i > 0 || p.Type == PacketEvent {
			e.buf.WriteByte(',')
		}
		if err := e.value(arg); err != nil {
			return err
		}
	}
	e.buf.WriteByte(']')
	return nil
}

func (e *jsonEncoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.buf.WriteString("null")
		return nil
	case []byte:
		e.placeholder(v)
		return nil
	case Binary:
		e.placeholder(v)
		return nil
	case *jsonValue:
		return e.received(v)
	}
	start := e.buf.Len()
	if err := e.json.Encode(v); err != nil {
		return err
	}
	e.buf.Truncate(e.buf.Len() - 1) // the newline that json.Encoder adds
	return e.lift(start)
}

func (e *jsonEncoder) placeholder(data []byte) {
	e.buf.WriteString(`{"_placeholder":true,"num":`)
	e.buf.WriteString(strconv.Itoa(len(e.attachments)))
	e.buf.WriteByte('}')
	e.attachments = append(e.attachments, data)
}

// received sends on what came in, as it came (beside attachments the keys of
// objects may change their order).
func (e *jsonEncoder) received(v *jsonValue) error {
	if len(v.attachments) == 0 {
		e.buf.Write(v.text)
		return nil
	}
	tree, err := v.tree(true)
	if err != nil {
		return err
	}
	return e.value(tree)
}

// A Binary inside a value is first written in place, as base64 behind a marker
// (encoding/json gives MarshalJSON no way to tell the encoder more), and then
// lifted out. The marker's quotes cannot stand unescaped inside a JSON string,
// and its random part keeps clients from sending one.
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

package netloop

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"
)

// deflateThreshold is the size in bytes below which a message is sent
// uncompressed: the dictionary of a short message costs more than it saves.
const deflateThreshold = 1024

// maxWindow is the reach of DEFLATE back into what was sent before (RFC 1951).
const maxWindow = 32 << 10

var (
	// deflateTail ends every flushed block; permessage-deflate leaves it out on
	// the wire (RFC 7692 section 7.2.1).
	deflateTail = []byte{0x00, 0x00, 0xff, 0xff}
	// inflateTail puts it back, and a final empty block behind it, so that the
	// reader ends with io.EOF.
	inflateTail = []byte{0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff}

	errInflatedTooBig = errors.New("decompressed message over the limit")
)

// Deflate is what was negotiated for one connection.
type Deflate struct {
	// ServerContext keeps the compressor's window from message to message.
	// It costs some 600 KiB a connection.
	ServerContext bool
	// ClientContext says that the client keeps its own window, which costs up
	// to 32 KiB a connection to follow.
	ClientContext bool
}

// deflate is the compression state of one connection; nil without
// permessage-deflate. The loop calls inflate from one goroutine at a time, and
// frame under the connection's lock.
type deflate struct {
	agreed Deflate
	window []byte // the last 32 KiB inflated, with ClientContext
	out    bytes.Buffer
	writer *flate.Writer // with ServerContext
}

// frame returns what to send for m on this connection.
func (d *deflate) frame(m *Message) *Message {
	if !d.agreed.ServerContext || !m.compress || len(m.Payload()) < deflateThreshold {
		return m.compressed()
	}
	if d.writer == nil {
		d.writer, _ = flate.NewWriter(&d.out, flate.BestSpeed) // the level is valid
	}
	d.out.Reset()
	return raw(compressedFrame(d.writer, &d.out, m.op, m.Payload()))
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

// inflate decompresses one message of at most limit bytes. The limit holds for
// what comes out, so a small message cannot blow up.
func (d *deflate) inflate(compressed []byte, limit int) ([]byte, error) {
	reader := inflaters.Get().(io.Reader)
	defer inflaters.Put(reader)
	source := io.MultiReader(bytes.NewReader(compressed), bytes.NewReader(inflateTail))
	if err := reader.(flate.Resetter).Reset(source, d.window); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(reader, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if n > int64(limit) {
		return nil, errInflatedTooBig
	}
	if d.agreed.ClientContext {
		d.remember(out.Bytes())
	}
	return out.Bytes(), nil
}

// remember never lets the window outgrow maxWindow, not even on the way.
func (d *deflate) remember(message []byte) {
	message = message[max(0, len(message)-maxWindow):]
	if d.window == nil {
		d.window = make([]byte, 0, maxWindow)
	}
	over := max(0, len(d.window)+len(message)-maxWindow)
	d.window = append(append(d.window[:0], d.window[over:]...), message...)
}

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is valid
	return w
}}

// deflateFrame compresses a message that stands alone.
func deflateFrame(op Op, payload []byte) []byte {
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	return compressedFrame(w, &out, op, payload)
}

func compressedFrame(w *flate.Writer, out *bytes.Buffer, op Op, payload []byte) []byte {
	// Writing to a bytes.Buffer does not fail.
	_, _ = w.Write(payload)
	_ = w.Flush()
	body := bytes.TrimSuffix(out.Bytes(), deflateTail)
	frame := appendHeader(make([]byte, 0, maxHeader+len(body)), op, true, len(body))
	return append(frame, body...)
}

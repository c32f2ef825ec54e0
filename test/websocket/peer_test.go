package websocket_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// peer is a client of an endpoint that sends exactly the bytes it is told to.
type peer struct {
	net.Conn
	t        testing.TB
	endpoint *endpoint
	r        *bufio.Reader
	offer    bool
	agreed   string // the extension, as the server has named it
}

// connect opens a WebSocket, with an offer of an extension unless that is empty, and
// signs in.
func (e *endpoint) connect(t testing.TB, offer string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	request := "GET " + e.path + " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if offer != "" {
		request += "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	p := &peer{Conn: conn, t: t, endpoint: e, r: bufio.NewReader(conn), offer: offer != ""}
	p.write([]byte(request + "\r\n"))
	answer, err := http.ReadResponse(p.r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v %v", answer, err)
	}
	p.agreed = answer.Header.Get("Sec-WebSocket-Extensions")
	if e.hello != "" {
		p.write(frame(ws.OpText, []byte(e.hello)))
	}
	p.until(e.ready)
	return p
}

// until reads on to a text with that in it.
func (p *peer) until(part string) {
	p.t.Helper()
	for text := ""; !strings.Contains(text, part); {
		_, payload, err := p.read()
		if err != nil {
			p.t.Fatalf("waiting for %q: %v", part, err)
		}
		text = string(payload)
	}
}

// writeLater writes on another goroutine, chop bytes at a time, all at once for 0. A
// server that refuses reads no further: then it ends with the connection.
func (p *peer) writeLater(b []byte, chop int) (done <-chan struct{}) {
	if chop == 0 {
		chop = max(1, len(b))
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		for part := range slices.Chunk(b, chop) {
			if _, err := p.Write(part); err != nil {
				return
			}
		}
	}()
	return written
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// read returns the next message, which servers must neither mask nor, here, fragment.
func (p *peer) read() (ws.OpCode, []byte, error) {
	f, err := ws.ReadFrame(p.r)
	switch {
	case err != nil:
		return 0, nil, err
	case f.Header.Masked || !f.Header.Fin || f.Header.Rsv&3 != 0 || f.Header.Rsv1() && p.agreed == "":
		return 0, nil, fmt.Errorf("frame with header %+v", f.Header)
	case f.Header.Rsv1():
		f.Payload, err = inflate(f.Payload)
	}
	return f.Header.OpCode, f.Payload, err
}

// frame is a whole message in one masked frame.
func frame(op ws.OpCode, payload []byte) []byte { return rawFrame(op, true, 0, true, payload) }

// part is a fragment; the last one has fin.
func part(op ws.OpCode, fin bool, payload []byte) []byte { return rawFrame(op, fin, 0, true, payload) }

// rawFrame builds frames that no library would.
func rawFrame(op ws.OpCode, fin bool, rsv byte, masked bool, payload []byte) []byte {
	f := ws.NewFrame(op, fin, slices.Clone(payload))
	f.Header.Rsv = rsv
	if masked {
		f = ws.MaskFrameInPlaceWith(f, [4]byte{0x12, 0x34, 0x56, 0x78})
	}
	b, err := ws.CompileFrame(f)
	if err != nil {
		panic(err)
	}
	return b
}

// fragments cuts a message into frames of size bytes.
func fragments(op ws.OpCode, rsv byte, payload []byte, size int) []byte {
	var out []byte
	for first := true; first || len(payload) > 0; first = false {
		n := min(size, len(payload))
		out = append(out, rawFrame(op, n == len(payload), rsv, true, payload[:n])...)
		op, rsv, payload = ws.OpContinuation, 0, payload[n:]
	}
	return out
}

// squeeze compresses a message as permessage-deflate does without context takeover, and
// cuts it into fragments of size bytes, 0 for none.
func squeeze(message []byte, size int) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression) // the level is valid
	_, _ = w.Write(message)                              // to memory
	_ = w.Flush()
	squeezed := bytes.TrimSuffix(out.Bytes(), []byte("\x00\x00\xff\xff"))
	if size == 0 {
		size = len(squeezed)
	}
	return fragments(ws.OpText, 4, squeezed, size)
}

func inflate(message []byte) ([]byte, error) {
	tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
	return io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(message), tail)))
}

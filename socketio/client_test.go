package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// testClient is a Socket.IO client on a WebSocket, written from the protocol's
// description and sharing no code with the package: protocol 5 over EIO4, or
// protocol 4 over EIO3.
type testClient struct {
	t    testing.TB
	eio  int
	conn net.Conn

	writing sync.Mutex

	mu      sync.Mutex
	arrived []clientPacket
	raw     [][]byte // binary messages, after keepRaw
	asRaw   bool
	open    string // the Engine.IO session id
	ended   bool
	isDeaf  bool
	news    chan struct{} // closed and replaced at every change
	done    chan struct{} // closed when reading has ended
	dropped chan struct{} // closed by drop
	drops   sync.Once
}

// clientPacket is what the client has read.
type clientPacket struct {
	kind        byte // '0' … '6', as on the wire
	nsp         string
	id          string // ack id, "" for none
	data        string // JSON text
	attachments []string
	missing     int
}

func (p clientPacket) String() string {
	return fmt.Sprintf("%c %s %q %s %q", p.kind, p.nsp, p.id, p.data, p.attachments)
}

// dial opens a connection and joins nothing.
func (h *harness) dial(eio int) *testClient {
	h.t.Helper()
	return h.dialHeader(eio, nil)
}

func (h *harness) dialHeader(eio int, header http.Header) *testClient {
	h.t.Helper()
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(header)}
	url := strings.Replace(h.http.URL, "http", "ws", 1) + "/socket.io/?transport=websocket&EIO=" + strconv.Itoa(eio)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, buffered, _, err := dialer.Dial(ctx, url)
	if err != nil {
		h.t.Fatal(err)
	}
	c := &testClient{t: h.t, eio: eio, conn: conn, news: make(chan struct{}), done: make(chan struct{}), dropped: make(chan struct{})}
	var from io.Reader = conn
	if buffered != nil {
		from = io.MultiReader(io.LimitReader(buffered, int64(buffered.Buffered())), conn)
	}
	go c.read(from)
	h.t.Cleanup(c.drop)
	c.await("the open packet", func() bool { return c.open != "" })
	return c
}

// join opens a connection and joins a namespace; auth is JSON or "".
func (h *harness) join(nsp, auth string) *testClient {
	h.t.Helper()
	c := h.dial(4)
	c.connect(nsp, auth)
	return c
}

// connected is the answer to a Connect packet.
type connected struct{ SID, PID string }

func (c *testClient) connect(nsp, auth string) connected {
	c.t.Helper()
	c.send("0" + prefix(nsp) + auth)
	p := c.packet('0', nsp)
	var answer connected
	if err := json.Unmarshal([]byte(p.data), &answer); err != nil {
		c.t.Fatalf("connect answer %s: %v", p, err)
	}
	return answer
}

func prefix(nsp string) string {
	if nsp == "/" {
		return ""
	}
	return nsp + ","
}

// send sends one Socket.IO packet as text, and its attachments.
func (c *testClient) send(packet string, attachments ...string) {
	c.write(ws.OpText, "4"+packet)
	for _, data := range attachments {
		if c.eio == 3 {
			data = "\x04" + data
		}
		c.write(ws.OpBinary, data)
	}
}

// emit sends an event in namespace "/"; args are JSON.
func (c *testClient) emit(event string, args ...string) { c.emitIn("/", event, args...) }

func (c *testClient) emitIn(nsp, event string, args ...string) {
	c.send("2" + prefix(nsp) + `["` + strings.Join(append([]string{event + `"`}, args...), ",") + "]")
}

// ask sends an event that wants an acknowledgement and returns that.
func (c *testClient) ask(id int, event string, args ...string) clientPacket {
	c.t.Helper()
	c.send("2" + strconv.Itoa(id) + `["` + strings.Join(append([]string{event + `"`}, args...), ",") + "]")
	return c.find("acknowledgement "+strconv.Itoa(id), func(p *clientPacket) bool {
		return (p.kind == '3' || p.kind == '6') && p.id == strconv.Itoa(id)
	})
}

func (c *testClient) write(op ws.OpCode, payload string) {
	c.writing.Lock()
	defer c.writing.Unlock()
	frame := ws.MaskFrame(ws.NewFrame(op, true, []byte(payload)))
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	_ = ws.WriteFrame(c.conn, frame) // a lost connection shows in what is read
}

// burst sends text frames in one write, so that the server reads them at once.
func (c *testClient) burst(payloads ...string) {
	c.writing.Lock()
	defer c.writing.Unlock()
	var buf bytes.Buffer
	for _, p := range payloads {
		_ = ws.WriteFrame(&buf, ws.MaskFrame(ws.NewFrame(ws.OpText, true, []byte(p))))
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	_, _ = c.conn.Write(buf.Bytes())
}

// drop ends the connection as a broken network would, and waits for the
// reader.
func (c *testClient) drop() {
	c.drops.Do(func() {
		close(c.dropped)
		_ = c.conn.Close()
	})
	<-c.done
}

// deaf stops the reading, pings and all.
func (c *testClient) deaf() { c.change(func() { c.isDeaf = true }) }

func (c *testClient) listens() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.isDeaf
}

func (c *testClient) read(from io.Reader) {
	defer close(c.done)
	defer c.change(func() { c.ended = true })
	for {
		frame, err := readFrame(from)
		if err != nil {
			return
		}
		if !c.listens() {
			<-c.dropped
			return
		}
		switch {
		case frame.Header.OpCode == ws.OpClose:
			c.write(ws.OpClose, "")
			return
		case frame.Header.OpCode == ws.OpBinary:
			c.change(func() { c.attach(frame.Payload) })
		case len(frame.Payload) == 0:
		case frame.Payload[0] == '0':
			var handshake struct{ SID string }
			_ = json.Unmarshal(frame.Payload[1:], &handshake)
			c.change(func() { c.open = handshake.SID })
		case frame.Payload[0] == '2':
			c.write(ws.OpText, "3")
		case frame.Payload[0] == '4':
			p := parsePacket(string(frame.Payload[1:]))
			c.change(func() { c.arrived = append(c.arrived, p) })
		}
	}
}

// keepRaw keeps binary messages for what they are, not as attachments.
func (c *testClient) keepRaw() { c.change(func() { c.asRaw = true }) }

func readFrame(from io.Reader) (ws.Frame, error) {
	header, err := ws.ReadHeader(from)
	if err != nil {
		return ws.Frame{}, err
	}
	payload := make([]byte, header.Length) // our own server's
	_, err = io.ReadFull(from, payload)
	return ws.Frame{Header: header, Payload: payload}, err
}

// attach adds binary data to the last packet.
func (c *testClient) attach(data []byte) {
	if c.asRaw {
		c.raw = append(c.raw, data)
		return
	}
	if c.eio == 3 {
		data = data[1:]
	}
	last := &c.arrived[len(c.arrived)-1]
	last.attachments = append(last.attachments, string(data))
	last.missing--
}

func parsePacket(text string) clientPacket {
	p := clientPacket{kind: text[0], nsp: "/"}
	text = text[1:]
	if p.kind == '5' || p.kind == '6' {
		digits, behind, _ := strings.Cut(text, "-")
		p.missing, _ = strconv.Atoi(digits)
		text = behind
	}
	if strings.HasPrefix(text, "/") {
		p.nsp, text, _ = strings.Cut(text, ",")
	}
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	p.id, p.data = text[:end], text[end:]
	return p
}

func (c *testClient) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.news)
	c.news = make(chan struct{})
}

// await waits until ok, which is called under the lock, holds.
func (c *testClient) await(what string, ok func() bool) {
	c.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		c.mu.Lock()
		holds, ended, news, arrived := ok(), c.ended, c.news, len(c.arrived)
		c.mu.Unlock()
		if holds {
			return
		}
		if ended {
			c.t.Fatalf("connection ended before %s came", what)
		}
		select {
		case <-news:
		case <-timeout.C:
			c.t.Fatalf("%s did not come (%d packets unread)", what, arrived)
		}
	}
}

// find waits for a packet and takes it out of those that arrived.
func (c *testClient) find(what string, match func(*clientPacket) bool) clientPacket {
	c.t.Helper()
	var found clientPacket
	c.await(what, func() bool {
		for i := range c.arrived {
			if c.arrived[i].missing == 0 && match(&c.arrived[i]) {
				found = c.arrived[i]
				c.arrived = append(c.arrived[:i:i], c.arrived[i+1:]...)
				return true
			}
		}
		return false
	})
	return found
}

// packet waits for a packet of that type in the namespace.
func (c *testClient) packet(kind byte, nsp string) clientPacket {
	c.t.Helper()
	return c.find("packet "+string(kind)+" of "+nsp, func(p *clientPacket) bool { return p.kind == kind && p.nsp == nsp })
}

// next takes the oldest event, of whatever name.
func (c *testClient) next() clientPacket {
	c.t.Helper()
	return c.find("an event", func(p *clientPacket) bool { return p.kind == '2' || p.kind == '5' })
}

// event waits for an event of that name in any namespace.
func (c *testClient) event(name string) clientPacket {
	c.t.Helper()
	return c.find("event "+name, func(p *clientPacket) bool {
		return (p.kind == '2' || p.kind == '5') && strings.HasPrefix(p.data, `["`+name+`"`)
	})
}

// expect waits for the oldest event and compares its body.
func (c *testClient) expect(body string) {
	c.t.Helper()
	if p := c.next(); p.data != body {
		c.t.Fatalf("got event %s, want %s", p.data, body)
	}
}

// closed waits for the end of the connection.
func (c *testClient) closed() {
	c.t.Helper()
	c.await("the end of the connection", func() bool { return c.ended })
}

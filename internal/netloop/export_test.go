package netloop

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"time"

	"github.com/gobwas/ws"
)

// Live counts the loop's connections.
func (l *Loop) Live() int { return l.live() }

// Pollers counts the loop's epoll instances.
func (l *Loop) Pollers() int { return len(l.pollers) }

// Waiting is what is queued for c.
func Waiting(c *Conn) (frames, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return 0, 0
	}
	return c.out.len(), c.out.bytes
}

// LastWaiting is the frame that is queued for c last.
func LastWaiting(c *Conn) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.out.messages[len(c.out.messages)-1].frame)
}

// Retained is how many bytes a connection keeps after it has read chunks.
func Retained(l *Loop, chunks ...[]byte) int {
	c := &Conn{loop: l, link: new(nowhere), handler: new(transcript)}
	for _, chunk := range chunks {
		c.receive(chunk)
	}
	return cap(c.inbound.partial) + cap(c.inbound.fragments)
}

// IsBlocking reports whether c is on a link that blocks.
func IsBlocking(c *Conn) bool { return c.link.blocks() }

// Armed counts the timers of a wheel.
func (w *Wheel) Armed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, t := range w.slots {
		for ; t != nil; t = t.next {
			n++
		}
	}
	return n
}

// Farthest is how long it is until the last timer of a wheel fires.
func (w *Wheel) Farthest() (d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.slots {
		for ; t != nil; t = t.next {
			d = max(d, time.Until(w.start.Add(time.Duration(t.due)*wheelTick)))
		}
	}
	return d
}

// nowhere is a link that takes everything and never calls back.
type nowhere struct{ written []byte }

func (*nowhere) start(*Conn) error                    { return nil }
func (*nowhere) schedule(*Conn)                       {}
func (*nowhere) blocks() bool                         { return false }
func (*nowhere) awaitRoom(bool) error                 { return nil }
func (*nowhere) pause(bool) error                     { return nil }
func (*nowhere) interrupt()                           {}
func (*nowhere) acked() (uint64, time.Duration, bool) { return 0, 0, false }
func (*nowhere) closeWrite()                          {}
func (*nowhere) close()                               {}

func (n *nowhere) write(b []byte) (int, error) {
	n.written = append(n.written, b...)
	return len(b), nil
}

// transcript notes what a connection delivers.
type transcript []string

func (t *transcript) HandleMessage(_ *Conn, op Op, payload []byte) {
	*t = append(*t, fmt.Sprintf("%d %q", op, payload))
}

func (t *transcript) HandleClose(_ *Conn, cause error) {
	*t = append(*t, fmt.Sprintf("closed: %v", cause))
}

// Feed runs chunks through a connection without a socket. It returns what was
// delivered and the bytes that were written in answer. The chunks are changed.
func Feed(l *Loop, agreed *Deflate, chunks ...[]byte) (events []string, answers []byte) {
	var seen transcript
	to := new(nowhere)
	c := &Conn{loop: l, link: to, handler: &seen}
	if agreed != nil {
		c.deflate = &deflate{agreed: *agreed}
	}
	for _, chunk := range chunks {
		c.receive(chunk)
		c.flush(nil)
	}
	c.abort(io.EOF)
	c.flush(nil)
	return seen, to.written
}

// Backlog is how many messages wait once a connection has read a chunk, and which bytes are
// written then.
func Backlog(l *Loop, chunk []byte) (waiting int, written []byte) {
	to := new(nowhere)
	c := &Conn{loop: l, link: to, handler: new(transcript)}
	c.receive(chunk)
	waiting, _ = Waiting(c)
	c.flush(make([]byte, 0, scratchSize))
	c.abort(io.EOF)
	c.flush(nil)
	return waiting, to.written
}

// Exchange has a connection receive frames, many times, in two pieces, and write what waits. It returns how many
// bytes that takes each time.
func Exchange(l *Loop, frames []byte, cut int) (allocated int) {
	const times = 200
	copies := make([][]byte, times) // frames are unmasked in place
	for i := range copies {
		copies[i] = slices.Clone(frames)
	}
	to := &nowhere{written: make([]byte, 0, 2*len(frames))}
	c := &Conn{loop: l, link: to, handler: new(transcript)}
	scratch := make([]byte, 0, scratchSize)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, frames := range copies {
		c.receive(frames[:cut])
		c.receive(frames[cut:])
		c.flush(scratch)
		to.written = to.written[:0]
	}
	runtime.ReadMemStats(&after)
	c.abort(io.EOF)
	c.flush(nil)
	return int(after.TotalAlloc-before.TotalAlloc) / times
}

// Inflater is one connection's side of permessage-deflate that reads.
type Inflater struct{ d deflate }

// NewInflater makes one; context keeps the window from message to message.
func NewInflater(context bool) *Inflater {
	return &Inflater{deflate{agreed: Deflate{ClientContext: context}}}
}

// Inflate decompresses one message.
func (i *Inflater) Inflate(compressed []byte, limit int) ([]byte, error) {
	return i.d.inflate(compressed, limit)
}

// Window is how much memory is kept between messages.
func (i *Inflater) Window() int { return cap(i.d.window) }

// Deflater is the side that writes.
type Deflater struct{ d deflate }

// NewDeflater makes one; context keeps the window from message to message.
func NewDeflater(context bool) *Deflater {
	return &Deflater{deflate{agreed: Deflate{ServerContext: context}}}
}

// Frame returns the frame's payload for m and whether it is compressed.
func (d *Deflater) Frame(m *Message) (payload []byte, compressed bool) {
	frame := d.d.frame(m).frame
	header, size, err := parseHeader(frame)
	if err != nil || size+int(header.Length) != len(frame) {
		panic("netloop: made a bad frame")
	}
	return frame[size:], header.Rsv == ws.Rsv(true, false, false)
}

// SocketListener is what TLSListener puts below TLS.
func SocketListener(inner net.Listener) net.Listener { return &socketListener{inner} }

// Unwrap returns net's connection below a socket.
func Unwrap(nc net.Conn) net.Conn {
	if s, ok := nc.(*socket); ok {
		return s.Conn
	}
	return nc
}

// Memory is the loop's.
func (l *Loop) Memory() *QueueMemory { return l.memory }

// Awaited reports whether somebody waits for room.
func Awaited(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out != nil && c.out.room != nil
}

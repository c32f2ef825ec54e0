package netloop

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// Handler gets what arrives on a connection. Its methods run on the loop's own
// goroutines and must not block; HandleMessage is called by one goroutine at a
// time, HandleClose possibly at the same time by another. They may use the
// Conn freely.
type Handler interface {
	// HandleMessage gets one whole message. The payload is the loop's and valid
	// until the call returns.
	HandleMessage(c *Conn, op Op, payload []byte)
	// HandleClose is called once, when the connection has stopped carrying
	// messages, whoever ended it. cause is a *CloseError after a closing
	// handshake that the peer began, ErrSlowConsumer, ErrClosed after a local
	// Close, a ProtocolError, or what the socket reported.
	HandleClose(c *Conn, cause error)
}

var (
	// ErrClosed is returned for a connection that is closing or closed.
	ErrClosed = errors.New("connection closed")
	// ErrSlowConsumer says that the peer did not take what was sent to it.
	ErrSlowConsumer = errors.New("slow consumer")
)

// SlowConsumerCode is the WebSocket close code for ErrSlowConsumer, sent in
// case the peer reads after all.
const SlowConsumerCode = 4008

// CloseError is the closing handshake as the peer began it.
type CloseError struct {
	Code   uint16 // 1005 when the peer gave none
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("peer closed with %d %s", e.Code, e.Reason)
}

// IsEOF reports whether cause is the peer's end of the stream without a
// closing handshake.
func IsEOF(cause error) bool { return errors.Is(cause, io.EOF) }

// ProtocolError is a breach of RFC 6455 or of a limit by the peer.
type ProtocolError struct {
	Code   uint16 // the close code it was answered with
	Reason string
}

func (e *ProtocolError) Error() string { return e.Reason }

// link moves bytes of one connection. Its methods are called with the
// connection's lock held unless they say otherwise.
type link interface {
	// start lets reads begin; called once, without the lock.
	start(c *Conn) error
	// schedule arranges for Conn.flush to be called soon by another goroutine.
	schedule(c *Conn)
	// write takes bytes from b: fewer than len(b) with errFull when the peer's
	// window is full. A link that blocks is called without the lock and may take
	// fewer without an error.
	write(b []byte) (int, error)
	// acked is how many bytes the peer has acknowledged, and for how long, at least, it
	// has taken nothing though something waited in the kernel; not ok where that is
	// unknown.
	acked() (n uint64, idle time.Duration, ok bool)
	blocks() bool
	// awaitRoom has Conn.resume called when there is room, until switched off.
	awaitRoom(on bool) error
	// pause stops and continues reading.
	pause(bool) error
	// interrupt ends a write that blocks.
	interrupt()
	// closeWrite tells the peer that nothing more will come.
	closeWrite()
	close()
}

// errFull is a link's word that the socket takes nothing at the moment.
var errFull = errors.New("socket buffer full")

// state is how far a connection has come. Messages flow only while it is open.
type state uint8

const (
	open    state = iota
	closing       // a close frame is queued or sent
	gone          // the descriptor is closed
)

// Conn is one WebSocket connection. Its methods may be called concurrently,
// never block, but for AwaitRoom, and never call the Handler themselves.
type Conn struct {
	loop    *Loop
	link    link
	handler Handler
	deflate *deflate
	arrival *arrival // until Start, of what a Listener has accepted

	inbound inbound     // the reader's own
	heard   atomic.Bool // something came, or could not, since Heard was last asked

	restricted atomic.Int32 // bytes of the largest message; 0: as the loop's Config has it

	mu         sync.Mutex
	kept       claim     // on Config.Partial
	out        *outbound // nil while nothing waits
	deadline   *Timer    // of a request or a closing handshake; nil until first needed
	cause      error     // why it left open
	state      state
	scheduled  bool // a flush is on its way
	writing    bool // a blocking link writes, with mu released
	full       bool // the socket takes nothing; awaitRoom was called
	dead       bool // nothing more can be sent: close the descriptor
	peerClosed bool // the peer's close frame has come
	refused    bool // the peer broke the protocol: what it sends is discarded
	shut       bool // closeWrite was called
	notified   bool // HandleClose was called
	paused     bool
}

// Start begins to read; buffered is what the peer sent behind its handshake.
// It is called once.
func (c *Conn) Start(buffered []byte) {
	if len(buffered) > 0 {
		c.receive(buffered)
	}
	if err := c.link.start(c); err != nil {
		c.abort(err)
	}
}

// arriving tells whether the connection has no handler yet.
func (c *Conn) arriving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.arrival != nil
}

// agree takes over what the opening handshake has come to. mu is held.
func (c *Conn) agree(h *Hijacked) {
	if h.Deflate != nil {
		c.deflate = &deflate{agreed: *h.Deflate}
	}
	// The answer goes out in one write with what the handler queues at once.
	_ = c.push(raw(h.Answer))
}

// Send queues m. It fails with ErrClosed, or with ErrSlowConsumer when m is
// the message that closes the connection.
func (c *Conn) Send(m *Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open {
		return ErrClosed
	}
	if c.deflate != nil {
		return c.push(c.deflate.frame(m))
	}
	return c.push(m)
}

// Ping queues a ping frame with at most 125 bytes.
func (c *Conn) Ping(payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open {
		return ErrClosed
	}
	return c.push(controlFrame(ws.OpPing, payload))
}

// Heard reports whether anything has come from the peer since it was last asked,
// or since the beginning: what a heartbeat goes by. A peer that was not read all of
// the time, see Pause, counts as heard: its answers may wait in the socket.
func (c *Conn) Heard() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard.Swap(false) || c.paused
}

// Close begins the closing handshake behind what is queued. Code 0 sends none.
// The descriptor is closed when the peer answers or Config.CloseTimeout has
// passed, in which it took nothing of what is queued.
func (c *Conn) Close(code uint16, reason string) {
	frame := controlFrame(ws.OpClose, nil)
	if code != 0 {
		frame = closeFrame(ws.StatusCode(code), reason)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beginClose(frame, ErrClosed)
}

// Restrict takes the connection for a stranger's, until Trust: its messages may have
// size bytes at most, and what is kept of one that is half here counts among those of
// strangers. It is called before Start; 0 changes nothing.
func (c *Conn) Restrict(size int) {
	if size > 0 && size < c.loop.cfg.MaxMessage {
		c.restricted.Store(int32(size)) //nolint:gosec // messages are smaller
	}
}

// Trust undoes Restrict for frames whose header is still to come.
func (c *Conn) Trust() { c.restricted.Store(0) }

// maxMessage is the size of the largest message at the moment.
func (c *Conn) maxMessage() int {
	if size := c.restricted.Load(); size > 0 {
		return int(size)
	}
	return c.loop.cfg.MaxMessage
}

// keep counts what the connection keeps of what is half here; false when all
// connections keep too much already.
func (c *Conn) keep(bytes int, stranger bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == gone {
		return true // nothing is kept for long
	}
	if c.kept.set(c.loop.cfg.Partial.budget(stranger), bytes) {
		return true
	}
	c.loop.refused(RefusedPartial)
	return false
}

// SetHandler hands the connection to another handler. Only a HandleMessage of
// this connection may call it: the next message goes to the new one.
func (c *Conn) SetHandler(h Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handler = h
}

// Abort drops the connection without a closing handshake.
func (c *Conn) Abort() { c.abort(ErrClosed) }

// Full reports whether the socket takes nothing at the moment, or a write that
// may block is under way, which is when volatile messages are dropped.
func (c *Conn) Full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full || c.writing || c.state != open
}

// Pause stops reading from the peer, which feels it as TCP backpressure;
// Resume goes on. What was read already is still delivered. A paused
// connection does not notice that its peer is gone until it is written to.
func (c *Conn) Pause() { c.setPaused(true) }

// Resume continues after Pause.
func (c *Conn) Resume() { c.setPaused(false) }

func (c *Conn) setPaused(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == open && c.paused != paused {
		c.pauseLink(paused)
	}
}

func (c *Conn) pauseLink(paused bool) {
	c.paused = paused
	c.heard.Store(true)
	if err := c.link.pause(paused); err != nil {
		c.fail(err)
	}
}

func (c *Conn) abort(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(cause)
}

// beginClose leaves the open state with a last frame. mu is held.
func (c *Conn) beginClose(frame *Message, cause error) {
	if c.state != open {
		return
	}
	c.leaveOpen(cause)
	c.setDeadline(c.loop.cfg.CloseTimeout)
	_ = c.push(frame)
	if c.paused {
		c.pauseLink(false) // to read the peer's answer; messages are discarded
	}
}

// fail leaves the open state with nothing more to be sent. mu is held.
func (c *Conn) fail(cause error) {
	if c.state == gone {
		return
	}
	if c.state == open {
		c.leaveOpen(cause)
	}
	c.dead = true
	if c.writing {
		c.link.interrupt()
	}
	c.schedule()
}

// leaveOpen begins the end: who waits for room need not wait any more, and what is
// queued has its time from now on. mu is held.
func (c *Conn) leaveOpen(cause error) {
	c.state, c.cause = closing, cause
	if c.out != nil {
		c.out.callWaiters()
		c.noteProgress()
		c.out.watch.progress = time.Now()
	}
}

func (c *Conn) schedule() {
	if c.scheduled || c.state == gone {
		return
	}
	c.scheduled = true
	c.link.schedule(c)
}

// settle closes the descriptor once nothing holds it, and returns the call of
// the handler that is now due, to be made without the lock. mu is held.
func (c *Conn) settle() (notify func()) {
	if c.state == closing && !c.writing && (c.dead || c.peerClosed && c.out == nil) {
		c.state = gone
		if c.deadline != nil {
			c.loop.wheel.Disarm(c.deadline)
		}
		c.link.close()
		c.release()
		c.kept.release()
	}
	if c.state == closing && c.refused && c.out == nil && !c.shut {
		// Closing the descriptor with input unread would send a reset, which
		// can overtake the close frame. The peer closes, or the deadline does.
		c.shut = true
		c.link.closeWrite()
	}
	if c.state != open && !c.notified {
		c.notified = true
		handler, cause := c.handler, c.cause
		return func() { handler.HandleClose(c, cause) }
	}
	return func() {}
}

func (c *Conn) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == open
}

// readFailed is the link's word that reading ended.
func (c *Conn) readFailed(err error) {
	if err == nil {
		err = io.EOF
	}
	c.abort(err)
}

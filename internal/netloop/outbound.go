package netloop

import (
	"errors"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

const (
	// scratchSize is how many bytes of small frames one write carries at most.
	scratchSize = 64 << 10
	// drainBytes is how much is written to one connection before others have a turn.
	drainBytes = 1 << 20
)

// outbound is what waits to be written to one connection, oldest first. It is
// taken from a pool when the first message is queued and given back when the
// last is written, so an idle connection has none.
type outbound struct {
	messages []*Message // messages[:head] are written
	head     int
	sent     int // bytes of messages[head] already written
	taken    int // bytes behind them that a write under way holds
	bytes    int // cost of all messages that wait

	account  Account
	watch    watch
	room     chan struct{} // closed when little waits; nil while nobody waits for that
	lowWater int           // bytes that are little
}

var outbounds = sync.Pool{New: func() any { return new(outbound) }}

func (o *outbound) push(m *Message) {
	if len(o.messages) == cap(o.messages) && o.head > len(o.messages)/2 {
		o.forgetWritten() // of a peer that is always a little behind
	}
	o.messages = append(o.messages, m)
	o.bytes += m.Cost()
	if o.account.IsOpen() {
		o.account.Add(m)
	}
}

func (o *outbound) forgetWritten() {
	n := copy(o.messages, o.messages[o.head:])
	clear(o.messages[n:])
	o.messages, o.head = o.messages[:n], 0
}

func (o *outbound) len() int { return len(o.messages) - o.head }

// batch returns the bytes to write next: the oldest frame itself, or several
// copied together into scratch.
func (o *outbound) batch(scratch []byte) []byte {
	first := o.messages[o.head].frame[o.sent:]
	if o.len() == 1 || len(first)+len(o.messages[o.head+1].frame) > cap(scratch) {
		o.taken = len(first)
		return first
	}
	batch := scratch[:0]
	batch = append(batch, first...)
	for _, m := range o.messages[o.head+1:] {
		if len(batch)+len(m.frame) > cap(scratch) {
			break
		}
		batch = append(batch, m.frame...)
	}
	o.taken = len(batch)
	return batch
}

// advance forgets n written bytes; the write has ended.
func (o *outbound) advance(n int) {
	o.taken = 0
	o.sent += n
	for o.head < len(o.messages) && o.sent >= len(o.messages[o.head].frame) {
		written := o.messages[o.head]
		o.sent -= len(written.frame)
		o.forget(o.head)
		o.head++
		written.releasePongs()
	}
	if o.room != nil && o.bytes <= o.lowWater {
		o.callWaiters()
	}
}

// forget drops a message that waits no more.
func (o *outbound) forget(i int) {
	m := o.messages[i]
	o.messages[i] = nil
	o.bytes -= m.Cost()
	if o.account.IsOpen() {
		o.account.Remove(m)
	}
}

// uncounted changes a message that waits here alone.
func (o *outbound) uncounted(m *Message, change func()) {
	o.bytes -= m.Cost()
	if o.account.IsOpen() {
		o.account.Remove(m)
	}
	change()
	o.bytes += m.Cost()
	if o.account.IsOpen() {
		o.account.Add(m)
	}
}

// firstUnsent is the index of the first message of which nothing is written or being
// written.
func (o *outbound) firstUnsent() int {
	i := o.head
	for begun := 0; begun < o.sent+o.taken; i++ {
		begun += len(o.messages[i].frame)
	}
	return i
}

// dropUnsent forgets all messages of which nothing is written or being written.
func (o *outbound) dropUnsent() {
	if o == nil {
		return
	}
	keep := o.firstUnsent()
	for i := keep; i < len(o.messages); i++ {
		o.forget(i)
	}
	o.messages = o.messages[:keep]
}

// uncount ends the part that the queue takes in the QueueMemory.
func (o *outbound) uncount() {
	if !o.account.IsOpen() {
		return
	}
	for _, m := range o.messages[o.head:] {
		o.account.Remove(m)
	}
	o.account.Close()
}

// addPong makes a pong with that payload part of one that is the last that waits, and
// reports whether it did. Where the queue is stuck it takes the other's place: only the
// newest ping need be answered (RFC 6455 section 5.5.3), and a peer that pings without
// reading the answers shall neither fill a queue with them nor cost more than it has to.
// Else it goes behind the other, in one message: one read carries thousands of pings, and
// a message each takes six times as much memory until the next round has written them.
func (o *outbound) addPong(payload []byte, stuck bool) bool {
	last := len(o.messages) - 1
	if last < o.firstUnsent() || o.messages[last].op != ws.OpPong {
		return false
	}
	waits := o.messages[last] // it is this connection's alone, and nothing of it is written
	switch {
	case !stuck && len(waits.frame) > manyPongs:
		return false
	case !stuck:
		o.uncounted(waits, func() {
			waits.growPongs()
			waits.frame = append(appendHeader(waits.frame, ws.OpPong, false, len(payload)), payload...)
		})
	case len(waits.frame) == 2+len(payload) && int(waits.frame[1]) == len(payload):
		copy(waits.frame[2:], payload)
	default: // it is of another length, or there are several
		o.forget(last)
		o.messages = o.messages[:last]
		waits.releasePongs()
		o.push(controlFrame(ws.OpPong, payload))
	}
	return true
}

// fullOfPongs reports whether no more of them go into the message that is the last.
func (o *outbound) fullOfPongs() bool {
	last := len(o.messages) - 1
	return last >= o.head && o.messages[last].op == ws.OpPong && len(o.messages[last].frame) > manyPongs
}

// callWaiters lets those go on who wait in AwaitRoom.
func (o *outbound) callWaiters() {
	if o != nil && o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// release gives the queue back, with all that still waits.
func (c *Conn) release() {
	o := c.out
	c.out = nil
	if o == nil {
		return
	}
	o.uncount()
	clear(o.messages[o.head:])
	o.callWaiters()
	if !c.endWatch(o) {
		return // its timer fires right now, and looks at it
	}
	*o = outbound{messages: o.messages[:0]}
	if cap(o.messages) <= 64 {
		outbounds.Put(o)
	}
}

// push queues messages and sees to it that they are sent. mu is held.
func (c *Conn) push(messages ...*Message) error {
	if c.out == nil {
		c.out = outbounds.Get().(*outbound)
	}
	for _, m := range messages {
		c.out.push(m)
	}
	if c.out.bytes > c.loop.crowd && c.state == open {
		if err := c.crowded(len(messages)); err != nil {
			return err
		}
	}
	if !c.full {
		c.schedule()
	}
	return nil
}

var scratches = sync.Pool{New: func() any {
	b := make([]byte, 0, scratchSize)
	return &b
}}

// drainNow writes what waits without waiting for the next round. The link must not block; mu
// is held.
func (c *Conn) drainNow() {
	scratch := scratches.Get().(*[]byte)
	c.drain(*scratch)
	scratches.Put(scratch)
}

// flush writes what waits. A link calls it after schedule; scratch is the
// caller's and free again when it returns.
func (c *Conn) flush(scratch []byte) {
	c.mu.Lock()
	c.scheduled = false
	if !c.full && !c.writing && !c.dead {
		c.drain(scratch)
	}
	notify := c.settle()
	c.mu.Unlock()
	notify()
}

// resume is the link's word that a full socket has room again.
func (c *Conn) resume(scratch []byte) {
	c.mu.Lock()
	if c.full && c.state != gone {
		c.full = false
		if err := c.link.awaitRoom(false); err != nil {
			c.fail(err)
		}
	}
	c.mu.Unlock()
	c.flush(scratch)
}

// drain writes until nothing waits, the socket is full, or so much is written that
// others are to have a turn. mu is held, and released around the writes of a
// blocking link, which has a goroutine of its own.
func (c *Conn) drain(scratch []byte) {
	for left := drainBytes; c.out != nil && c.state != gone && !c.dead; {
		if left <= 0 && !c.link.blocks() {
			c.schedule()
			return
		}
		n, err := c.write(c.out.batch(scratch))
		left -= n
		c.out.advance(n)
		if c.out.len() == 0 {
			c.release()
		}
		switch {
		case errors.Is(err, errFull):
			c.awaitRoom(n > 0)
			return
		case err != nil:
			c.fail(err)
		}
	}
	if c.state == open {
		c.rest()
	}
}

// awaitRoom is for a socket that takes no more at the moment.
func (c *Conn) awaitRoom(took bool) {
	c.full = true
	c.beginWatch(took)
	c.count()
	if err := c.link.awaitRoom(true); err != nil {
		c.fail(err)
	}
}

func (c *Conn) write(b []byte) (int, error) {
	if !c.link.blocks() {
		return c.link.write(b)
	}
	c.beginWatch(false)
	c.writing = true
	c.mu.Unlock()
	n, err := c.link.write(b)
	c.mu.Lock()
	c.writing = false
	if n > 0 {
		c.beginWatch(true)
	}
	return n, err
}

func (c *Conn) setDeadline(d time.Duration) {
	if c.deadline == nil {
		c.deadline = &Timer{Owner: c}
	}
	c.loop.wheel.Arm(c.deadline, d)
}

var errNoRequest = errors.New("no request came in time")

// Expire is for the Wheel: it is time to see whether a peer that is waited for takes
// anything, it did not answer the closing handshake, or it has not asked for
// anything.
func (c *Conn) Expire(t *Timer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case t != c.deadline:
		c.look(t)
	case c.state == closing && c.delivers():
		c.setDeadline(c.loop.cfg.CloseTimeout)
	case c.state == closing:
		c.fail(c.cause)
	case c.waits():
		c.countLate()
		c.fail(errNoRequest)
	}
}

package netloop

import (
	"errors"
	"os"
	"sync"
	"time"
)

// scratchSize is how many bytes of small frames one write carries at most.
const scratchSize = 64 << 10

// outbound is what waits to be written to one connection, oldest first. It is
// taken from a pool when the first frame is queued and given back when the
// last is written, so an idle connection has none.
type outbound struct {
	frames [][]byte // frames[:head] are written
	head   int
	sent   int // bytes of frames[head] already written
	taken  int // bytes behind them that a write under way holds
	bytes  int // all bytes that wait

	progress time.Time // when the peer last took something, once its socket was full
}

var outbounds = sync.Pool{New: func() any { return new(outbound) }}

func (o *outbound) push(frame []byte) {
	o.frames = append(o.frames, frame)
	o.bytes += len(frame)
}

func (o *outbound) len() int { return len(o.frames) - o.head }

// batch returns the bytes to write next: the oldest frame itself, or several
// copied together into scratch.
func (o *outbound) batch(scratch []byte) []byte {
	first := o.frames[o.head][o.sent:]
	if o.len() == 1 || len(first)+len(o.frames[o.head+1]) > cap(scratch) {
		o.taken = len(first)
		return first
	}
	batch := scratch[:0]
	batch = append(batch, first...)
	for _, frame := range o.frames[o.head+1:] {
		if len(batch)+len(frame) > cap(scratch) {
			break
		}
		batch = append(batch, frame...)
	}
	o.taken = len(batch)
	return batch
}

// advance forgets n written bytes; the write has ended.
func (o *outbound) advance(n int) {
	o.taken = 0
	o.bytes -= n
	o.sent += n
	for o.head < len(o.frames) && o.sent >= len(o.frames[o.head]) {
		o.sent -= len(o.frames[o.head])
		o.frames[o.head] = nil
		o.head++
	}
}

// dropUnsent forgets all frames of which nothing is written or being written.
func (o *outbound) dropUnsent() {
	if o == nil {
		return
	}
	keep, kept := o.head, 0
	for ; kept < o.sent+o.taken; keep++ {
		kept += len(o.frames[keep])
	}
	o.bytes = kept - o.sent
	clear(o.frames[keep:])
	o.frames = o.frames[:keep]
}

func (o *outbound) release() {
	if o == nil {
		return
	}
	clear(o.frames)
	*o = outbound{frames: o.frames[:0]}
	if cap(o.frames) <= 64 {
		outbounds.Put(o)
	}
}

// push queues one frame and sees to it that it is sent. Where the queue is
// over its limit the socket is tried first; a peer whose socket is full then
// is a slow consumer. mu is held.
func (c *Conn) push(frame []byte) error {
	if c.out == nil {
		c.out = outbounds.Get().(*outbound)
	}
	c.out.push(frame)
	if c.overLimit() && c.state == open {
		if !c.link.blocks() && !c.full {
			scratch := scratches.Get().(*[]byte)
			c.drain(*scratch)
			scratches.Put(scratch)
		}
		if c.state != open {
			return ErrClosed
		}
		if c.out != nil && c.overLimit() && !c.graced() {
			c.failSlow()
			return ErrSlowConsumer
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

func (c *Conn) overLimit() bool {
	cfg := &c.loop.cfg
	return c.out.len() > cfg.MaxQueuedFrames || c.out.bytes > cfg.MaxQueuedBytes && c.out.len() > 1
}

// burstGrace is how long a peer has to take something of a burst.
const burstGrace = time.Second

// graced allows a burst of four times the limit: to a peer that has taken something
// a moment ago, and to a blocking link, whose writer is another goroutine that may
// not have run yet.
func (c *Conn) graced() bool {
	cfg := &c.loop.cfg
	if c.out.len() > 4*cfg.MaxQueuedFrames || c.out.bytes > 4*cfg.MaxQueuedBytes {
		return false
	}
	return c.link.blocks() || time.Since(c.out.progress) < burstGrace
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

// drain writes until nothing waits or the socket is full. mu is held, and
// released around the writes of a blocking link.
func (c *Conn) drain(scratch []byte) {
	for c.out != nil && c.state != gone && !c.dead {
		n, err := c.write(c.out.batch(scratch))
		c.out.advance(n)
		if c.out.len() == 0 {
			c.out.release()
			c.out = nil
		}
		switch {
		case errors.Is(err, errFull):
			c.full = true
			if n > 0 || c.out.progress.IsZero() {
				c.out.progress = time.Now()
			}
			if c.state == open {
				c.setDeadline(c.loop.cfg.WriteStall)
			}
			if err := c.link.awaitRoom(true); err != nil {
				c.fail(err)
			}
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			if c.state == open {
				c.failSlow()
			} // else the deadline of the closing handshake decides
		case err != nil:
			c.fail(err)
		}
	}
	if c.state == open {
		c.rest()
	}
}

func (c *Conn) write(b []byte) (int, error) {
	if !c.link.blocks() {
		return c.link.write(b)
	}
	c.writing = true
	c.mu.Unlock()
	n, err := c.link.write(b)
	c.mu.Lock()
	c.writing = false
	return n, err
}

func (c *Conn) setDeadline(d time.Duration) {
	if c.deadline == nil {
		c.deadline = &Timer{Owner: c}
	}
	c.loop.wheel.Arm(c.deadline, d)
}

var errNoRequest = errors.New("no request came in time")

// Expire is for the Wheel: a write has stalled, the peer did not answer the
// closing handshake, or it has not asked for anything.
func (c *Conn) Expire(*Timer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == closing:
		c.fail(c.cause)
	case c.waits():
		c.fail(errNoRequest)
	case c.full:
		c.failSlow()
	}
}

package netloop

import (
	"context"
	"errors"
	"time"
)

const (
	// crowdBytes is from how much on a sender tries the socket itself, instead of
	// leaving all to the next round, and the queue takes part in the QueueMemory.
	crowdBytes = 256 << 10
	// highWater is from how much on AwaitRoom waits.
	highWater = 1 << 20
	// looks is how often in WriteStall it is seen whether a peer takes anything.
	looks = 8
	// brokenOff is from how much on what is left of a half-sent message is not
	// finished for the sake of a close frame when memory is short.
	brokenOff = 64 << 10
)

// watch is the look at a peer that is waited for. A write that is over tells little:
// between two of them the peer may take what the kernel holds for it.
type watch struct {
	timer    Timer
	on       bool
	progress time.Time // when the peer was last seen to take something
	acked    uint64    // what it had acknowledged then; 0 when unknown
}

// beginWatch is for a peer that is waited for from now on, if it is not already, and
// notes whether it has taken something. mu is held.
func (c *Conn) beginWatch(took bool) {
	w := &c.out.watch
	begins := !w.on && c.state == open
	if took || begins {
		w.progress, w.acked = time.Now(), 0
	}
	if !begins {
		return
	}
	w.on = true
	w.timer.Owner = c
	c.loop.wheel.Arm(&w.timer, c.loop.cfg.WriteStall/looks)
}

// endWatch reports whether the timer does not fire any more.
func (c *Conn) endWatch(o *outbound) bool {
	return !o.watch.on || c.loop.wheel.Disarm(&o.watch.timer)
}

// look sees whether the peer has taken anything. mu is held.
func (c *Conn) look(t *Timer) {
	if c.out == nil || t != &c.out.watch.timer {
		return // of a queue that was given back meanwhile
	}
	w := &c.out.watch
	w.on = false
	if c.state != open || !c.full && !c.writing {
		return
	}
	c.count()
	c.noteProgress()
	stall := c.loop.cfg.WriteStall
	idle := time.Since(w.progress)
	if idle >= stall {
		c.failSlow()
		return
	}
	w.on = true
	c.loop.wheel.Arm(&w.timer, min(stall/looks, stall-idle))
}

// noteProgress asks the kernel. Where it was not asked before, and does not know since
// when the peer takes nothing, it gives the benefit of the doubt: nobody is closed early.
// What the kernel holds waits for the peer too: seconds may pass until its socket is full
// and a write tells of it. mu is held.
func (c *Conn) noteProgress() {
	w := &c.out.watch
	n, idle, known := c.link.acked()
	if known && n != w.acked {
		w.progress, w.acked = time.Now().Add(-idle), n
	}
}

// delivers tells whether a closing connection still has something to say to a peer
// that takes it. mu is held.
func (c *Conn) delivers() bool {
	if c.out == nil || c.dead || c.arrival == nil && (c.refused || c.peerClosed) || errors.Is(c.cause, ErrSlowConsumer) {
		return false
	}
	c.noteProgress()
	return time.Since(c.out.watch.progress) < c.loop.cfg.CloseTimeout
}

// crowded is for a queue that has grown long, with so many messages that are new.
// The socket is tried first, so that a burst to a reader in good health costs it
// nothing; a peer for whom too much waits then is a slow consumer. mu is held.
func (c *Conn) crowded(fresh int) error {
	if !c.link.blocks() && !c.full {
		c.drainNow()
	}
	if c.state != open {
		return ErrClosed
	}
	if c.out == nil || c.out.bytes <= c.loop.crowd {
		return nil
	}
	c.count()
	if c.out.bytes > c.loop.cfg.MaxQueuedBytes && c.out.len() > fresh {
		c.failSlow()
		return ErrSlowConsumer
	}
	return nil
}

// count has the queue take part in the loop's QueueMemory. mu is held.
func (c *Conn) count() {
	o := c.out
	if o.account.IsOpen() {
		return
	}
	o.account.Open(c.loop, (*slowConn)(c))
	for _, m := range o.messages[o.head:] {
		o.account.Add(m)
	}
}

// slowConn is a Conn for the QueueMemory.
type slowConn Conn

// Waiting implements Queue.
func (s *slowConn) Waiting() int {
	c := (*Conn)(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return 0
	}
	return c.out.bytes
}

// GiveUp implements Queue.
func (s *slowConn) GiveUp() {
	c := (*Conn)(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return
	}
	if c.state == open {
		c.failSlow()
	}
	if c.out.bytes > brokenOff {
		c.fail(ErrSlowConsumer)
		c.out.uncount() // what is left goes as soon as the link lets go of it
	}
}

// failSlow gives up on what waits, but for a message that is half sent, and
// leaves a close frame for a peer that comes back to life. mu is held.
func (c *Conn) failSlow() {
	if c.unclaimed() {
		c.fail(ErrSlowConsumer)
		return
	}
	c.out.dropUnsent()
	c.beginClose(closeFrame(SlowConsumerCode, ErrSlowConsumer.Error()), ErrSlowConsumer)
	c.schedule()
}

// AwaitRoom returns once little waits for the peer: at once while that is less than
// 1 MiB (or half of Config.MaxQueuedBytes, if that is less), else when it has fallen
// to half of that. It fails with ErrClosed when the connection is closing, or with
// ctx's error. It is for senders that can wait, and blocks, unlike the others.
func (c *Conn) AwaitRoom(ctx context.Context) error {
	most := min(highWater, c.loop.cfg.MaxQueuedBytes/2)
	c.mu.Lock()
	switch {
	case c.state != open:
		c.mu.Unlock()
		return ErrClosed
	case c.out == nil || c.out.bytes <= most:
		c.mu.Unlock()
		return nil
	}
	if c.out.room == nil {
		c.out.room = make(chan struct{})
		c.out.lowWater = most / 2
	}
	room := c.out.room
	c.mu.Unlock()
	select {
	case <-room:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !c.isOpen() {
		return ErrClosed
	}
	return nil
}

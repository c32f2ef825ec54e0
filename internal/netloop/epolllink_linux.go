package netloop

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// epollLink is a connection's descriptor. Its fields are guarded by the
// connection's lock.
type epollLink struct {
	p          *epoller
	fd         int
	interest   uint32
	registered bool // with epoll
	held       bool // an arrival is not read from until what came is looked at
}

// start begins to read for the handler.
func (l *epollLink) start(c *Conn) error {
	if c.arriving() {
		return l.begin(c)
	}
	return l.register(c)
}

// register has the poller wait for what comes.
func (l *epollLink) register(c *Conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == gone {
		return nil
	}
	p := l.p
	p.mu.Lock()
	defer p.mu.Unlock() // until the end: stop must find it, or keep it out
	if p.closing {
		return ErrStopped
	}
	if missing := l.fd + 1 - len(p.conns); missing > 0 {
		p.conns = append(p.conns, make([]*Conn, missing)...)
	}
	p.conns[l.fd] = c
	if !c.paused {
		l.interest |= unix.EPOLLIN
	}
	l.registered = true
	return l.control(unix.EPOLL_CTL_ADD)
}

// forget is register undone.
func (l *epollLink) forget() error {
	p := l.p
	p.mu.Lock()
	p.conns[l.fd] = nil
	p.mu.Unlock()
	if !l.registered {
		return nil
	}
	l.registered = false
	return l.control(unix.EPOLL_CTL_DEL)
}

// hold keeps what came before the handler has taken over; mu is held. What ends
// the stream is looked at again then.
func (l *epollLink) hold(c *Conn, data []byte, err error, hungUp bool) {
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	a := c.arrival
	ended := err != nil || len(data) == 0
	switch {
	case c.state != open: // behind the last answer
		if ended {
			c.fail(c.cause)
		}
		return
	case ended && a.exchange:
		if err != nil || hungUp || !c.handler.(*exchange).closeHalf() {
			c.fail(io.EOF) // nobody is there for the answer
			return
		}
		a.deaf = true
	case a.deaf && !ended: // nobody hears it, but the answer is to be read by whoever has sent it
		return
	case !ended:
		a.early = append(a.early, data...)
		if !c.kept.set(c.loop.cfg.Partial.budget(true), cap(a.early)) {
			c.loop.refused(RefusedPartial)
			c.fail(errTooMuch)
			return
		}
		if len(a.early) <= maxEarly {
			return
		}
	}
	l.held = true
	if !hungUp {
		_ = l.want(unix.EPOLLIN, false) // an answer may still be waiting for room
	} else if l.registered { // nobody takes one, and this calls without end
		l.registered = false
		_ = l.control(unix.EPOLL_CTL_DEL)
	}
}

// begin hands an arrival to its handler.
func (l *epollLink) begin(c *Conn) error {
	c.mu.Lock()
	if len(c.arrival.early) == 0 && !l.held {
		c.arrival = nil
		c.mu.Unlock()
		return nil
	}
	c.mu.Unlock()
	l.p.passMu.Lock() // nothing is read until what came before is handled
	defer l.p.passMu.Unlock()
	c.mu.Lock()
	early := c.arrival.early
	c.arrival = nil
	c.kept.release()
	err := l.hear(c)
	c.mu.Unlock()
	if err == nil && len(early) > 0 {
		c.receive(early)
	}
	return err
}

// hear undoes what hold did to the descriptor. mu is held.
func (l *epollLink) hear(c *Conn) error {
	if !l.held || c.state == gone {
		return nil
	}
	l.held = false
	if l.registered {
		return l.want(unix.EPOLLIN, !c.paused)
	}
	if !c.paused {
		l.interest |= unix.EPOLLIN
	}
	l.registered = true
	return l.control(unix.EPOLL_CTL_ADD)
}

func (l *epollLink) control(op int) error {
	event := unix.EpollEvent{Events: l.interest, Fd: int32(l.fd)}
	if err := unix.EpollCtl(l.p.fd, op, l.fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// want changes what epoll reports; before start it is only noted.
func (l *epollLink) want(event uint32, on bool) error {
	interest := l.interest | event
	if !on {
		interest = l.interest &^ event
	}
	if interest == l.interest {
		return nil
	}
	l.interest = interest
	if !l.registered {
		return nil
	}
	return l.control(unix.EPOLL_CTL_MOD)
}

func (l *epollLink) schedule(c *Conn) {
	p := l.p
	p.dirtyMu.Lock()
	if p.stopped {
		p.dirtyMu.Unlock()
		go c.flush(nil)
		return
	}
	p.dirty = append(p.dirty, c)
	wake := len(p.dirty) == 1 && !p.reading
	p.dirtyMu.Unlock()
	if wake {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

func (l *epollLink) blocks() bool { return false }

// read takes nothing from a connection that was paused after the event came.
// That of a socket that hung up cannot be switched off, so it is always read.
func (l *epollLink) read(c *Conn, buf []byte, hungUp bool) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == gone:
		return 0, ErrClosed
	case c.paused && !hungUp:
		return 0, unix.EAGAIN
	}
	n, err := receive(l.fd, buf)
	if a := c.arrival; a != nil && a.answering {
		l.hold(c, buf[:max(n, 0)], err, hungUp)
		return 0, unix.EAGAIN
	}
	return n, err
}

func (l *epollLink) write(b []byte) (int, error) {
	n, err := send(l.fd, b)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return 0, errFull
	case err != nil:
		return 0, err
	case n < len(b):
		return n, errFull
	}
	return n, nil
}

func (l *epollLink) acked() (n uint64, idle time.Duration, ok bool) { return acked(l.fd) }

func (l *epollLink) awaitRoom(on bool) error { return l.want(unix.EPOLLOUT, on) }

func (l *epollLink) pause(paused bool) error { return l.want(unix.EPOLLIN, !paused) }

func (l *epollLink) interrupt() {}

func (l *epollLink) closeWrite() { _ = unix.Shutdown(l.fd, unix.SHUT_WR) }

func (l *epollLink) close() {
	p := l.p
	p.mu.Lock()
	if l.fd < len(p.conns) {
		p.conns[l.fd] = nil
	}
	p.mu.Unlock()
	_ = unix.Close(l.fd) // leaves the epoll set by itself
}

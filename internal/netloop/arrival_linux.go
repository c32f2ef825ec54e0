package netloop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"
)

// maxArrival is how many bytes of a request the loop waits for; a longer one is
// net/http's, which has limits of its own.
const maxArrival = 16 << 10

// lingering is how long a client has to close behind an answer that is the last one, where
// it may have sent more: that would otherwise cut the answer off.
const lingering = 500 * time.Millisecond

// maxEarly is how much is read from a client that does not wait for the answer to
// its handshake; the rest stays in the socket.
const maxEarly = 64 << 10

// arrival is what a connection is until its handler takes it over, if it ever does:
// in turn it waits for a request, and has one that is being answered. It is guarded
// by the connection's lock, but for what waits for a request, which is the reader's
// own.
type arrival struct {
	door  *doorway
	from  netip.AddrPort
	shown *shown // to ConnState; nil when there is none

	head    []byte   // the beginning of a request
	scanned int      // up to which byte it has no end
	wanted  request  // once that is known
	body    *awaited // nil unless it is waited for, or refused

	partial   bool // a request has begun
	headed    bool // its head is there, and its body is waited for
	answering bool
	exchange  bool   // what is answered is no upgrade
	deaf      bool   // the answer under way is the last one
	unread    bool   // more may come of a request than was waited for
	passing   bool   // net/http is to have it, when all is written
	early     []byte // came while the request was answered
}

// awaited is a body that is not here with its head. Few requests have one, and many
// connections none: they do without its memory.
type awaited struct {
	terms Terms
	since time.Time // when it was first waited for
}

// arrive takes what comes while a request is waited for. Who reads calls it; data is
// free again when it returns.
func (c *Conn) arrive(data []byte) {
	a := c.arrival
	first := a.head == nil
	if !first {
		a.head = append(a.head, data...)
		data = a.head
	}
	waitsForBody := a.wanted.verdict != undecided
	if !waitsForBody {
		a.wanted = judge(data, a.scanned, &a.door.cfg)
	}
	switch wanted := a.wanted; {
	case wanted.verdict == smuggling:
		c.loop.refused(RefusedFraming)
		c.turnAway(http.StatusBadRequest)
	case wanted.verdict == netHTTP, wanted.verdict == undecided && len(data) > maxArrival,
		wanted.verdict == upgraded && c.answered(): // whoever takes it over would cut the answer off
		c.passOn(bytes.Clone(data))
	case wanted.verdict != undecided && len(data) >= wanted.end+wanted.body:
		c.request(data, nil)
	case !waitsForBody && c.refusesBody(data):
		if c.arrival.body.terms.Stream {
			c.passOn(bytes.Clone(data))
		} else {
			c.request(data, ErrBodyRefused)
		}
	default:
		c.awaitRest(data, first, waitsForBody)
	}
}

// refusesBody asks for the terms of a body that is still to come, and reports whether
// it is not to be waited for.
func (c *Conn) refusesBody(data []byte) bool {
	a := c.arrival
	if a.wanted.verdict != exchanged {
		return false
	}
	b := &awaited{terms: a.door.cfg.Terms(targetOf(data)), since: time.Now()}
	if b.terms.Time == 0 {
		b.terms.Time = a.door.cfg.BodyTimeout
	}
	a.body = b
	return a.wanted.body > b.terms.Max
}

// awaitRest keeps a request that is half here; first says that data is none of the
// arrival's own yet.
func (c *Conn) awaitRest(data []byte, first, waitsForBody bool) {
	a := c.arrival
	headed := a.wanted.verdict != undecided
	if !headed {
		a.scanned = max(0, len(data)-len(endOfHead)+1)
	}
	if first {
		a.head = bytes.Clone(data)
	}
	if !c.keep(cap(a.head), a.body == nil || a.body.terms.Stranger) {
		c.abort(errTooMuch)
		return
	}
	switch {
	case a.body != nil && (!waitsForBody || a.body.terms.Rate > 0):
		c.limitTime(a.timeLeft(len(data)), true)
	case first:
		c.limitTime(a.door.cfg.HeaderTimeout, false)
	}
}

// timeLeft is how long a body has for what is missing, of which that many bytes have
// come with its head.
func (a *arrival) timeLeft(come int) time.Duration {
	terms := &a.body.terms
	left := terms.Time - time.Since(a.body.since)
	if terms.Rate > 0 {
		left += time.Duration(come-a.wanted.end) * time.Second / time.Duration(terms.Rate)
	}
	return max(left, 1)
}

// cut is the end of the connection while a request is waited for. A handler learns
// of a body that stops halfway; false when there is none.
func (c *Conn) cut() bool {
	a := c.arrival
	if a.wanted.verdict != exchanged {
		return false
	}
	r := readRequest(a.head[:a.wanted.end])
	if r == nil {
		return false
	}
	c.answer(r, a.wanted, a.head, io.ErrUnexpectedEOF)
	return true
}

// endsAfterAnswer is the end of the connection while no request is waited for: a client
// that has closed its half is still to get the answers that are queued. false when there
// are none.
func (c *Conn) endsAfterAnswer() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open || c.out == nil {
		return false
	}
	_ = c.link.pause(true) // the end is there to be read for ever
	c.sayLast()
	return true
}

// request has the request answered that data begins with; missing is why some of its
// body is not there.
func (c *Conn) request(data []byte, missing error) {
	wanted := c.arrival.wanted
	if r := readRequest(data[:wanted.end]); r != nil {
		c.answer(r, wanted, data, missing)
	} else {
		c.passOn(bytes.Clone(data))
	}
}

// answer has the handler answer a request. data is all that was read of it, and
// what came behind.
func (c *Conn) answer(r *http.Request, wanted request, data []byte, missing error) {
	a := c.arrival
	r.RemoteAddr = a.from.String()
	end := wanted.end + wanted.body
	c.mu.Lock()
	a.answering, a.partial, a.headed = true, false, false
	a.head, a.scanned, a.wanted, a.body = nil, 0, request{}, nil
	if end < len(data) {
		a.early = bytes.Clone(data[end:])
	}
	a.exchange, a.deaf, a.unread = wanted.verdict == exchanged, missing != nil, errors.Is(missing, ErrBodyRefused)
	x := exchangeOf(c, r, data[wanted.end:min(end, len(data))], missing)
	c.handler = x
	if x.opening {
		a.unread = true // a client may send more without waiting for an answer that is no upgrade
		c.kept.release()
	}
	if x.opening && c.deadline != nil {
		c.loop.wheel.Disarm(c.deadline)
		c.deadline = nil // most connections never need one again
	}
	c.mu.Unlock()
	a.door.cfg.Run(x)
}

// answered tells whether an earlier answer is still being sent.
func (c *Conn) answered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out != nil
}

// limitTime bounds the time until the request is there; 0 does not.
func (c *Conn) limitTime(d time.Duration, headed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arrival.partial, c.arrival.headed = true, headed
	if d > 0 && c.state == open {
		c.setDeadline(d)
	}
}

// rest is for the time when all is written: it sets the deadline for what comes, or
// lets the connection go; behind a doorway that was closed nothing comes. mu is held.
func (c *Conn) rest() {
	switch a := c.arrival; {
	case a != nil && a.passing:
		a.passing = false
		a.door.cfg.Run((*passage)(c))
	case a != nil && !a.answering && !a.partial && a.door.isShut():
		c.fail(ErrClosed)
	case a != nil && !a.answering && !a.partial:
		c.setDeadline(a.door.cfg.IdleTimeout)
	case c.deadline != nil && (a == nil || a.answering):
		c.loop.wheel.Disarm(c.deadline)
	}
}

// passOn gives a connection to net/http, with what was read of it, once the client
// has all answers of the loop's.
func (c *Conn) passOn(read []byte) {
	a := c.arrival
	c.mu.Lock()
	a.early, a.answering = read, true
	a.passing = c.out != nil
	wait := a.passing
	c.mu.Unlock()
	if !wait {
		(*passage)(c).Run()
	}
}

// passage is the way of a connection to net/http.
type passage Conn

// Run implements Task.
func (p *passage) Run() {
	c := (*Conn)(p)
	d := c.arrival.door
	nc, early, err := c.detach(http.StateClosed)
	if err != nil {
		c.abort(err)
		return
	}
	d.pass(&returned{nc, early})
}

// detach takes a connection away from the loop, which forgets it; the next may
// have it as it is, with the bytes that were read of it. ConnState is told state.
func (c *Conn) detach(state http.ConnState) (nc *net.TCPConn, early []byte, err error) {
	fd, early, err := c.takeDescriptor(state)
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(fd), "tcp")
	defer func() { _ = file.Close() }() // FileConn has duplicated it
	made, err := net.FileConn(file)
	if err != nil {
		return nil, nil, fmt.Errorf("take connection: %w", err)
	}
	nc, ok := made.(*net.TCPConn)
	if !ok {
		return nil, nil, errors.Join(errors.ErrUnsupported, made.Close())
	}
	_ = nc.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}) // as net does
	return nc, early, nil
}

// takeDescriptor ends the connection for the loop, but not for its peer.
func (c *Conn) takeDescriptor(state http.ConnState) (fd int, early []byte, err error) {
	c.mu.Lock()
	a := c.arrival
	if c.state != open || a == nil {
		c.mu.Unlock()
		return -1, nil, ErrClosed
	}
	fd, early, err = c.letGo()
	c.mu.Unlock()
	if err == nil {
		a.tell(state)
	}
	return fd, early, err
}

// letGo does that. mu is held.
func (c *Conn) letGo() (fd int, early []byte, err error) {
	if c.deadline != nil {
		c.loop.wheel.Disarm(c.deadline)
	}
	link := c.link.(*epollLink)
	if err := link.forget(); err != nil {
		return -1, nil, err
	}
	c.state, c.notified = gone, true
	return link.fd, c.arrival.early, nil
}

// returned is a connection of which something was read before net/http has it.
type returned struct {
	*net.TCPConn
	read []byte
}

func (r *returned) Read(b []byte) (int, error) {
	if len(r.read) == 0 {
		return r.TCPConn.Read(b)
	}
	n := copy(b, r.read)
	if r.read = r.read[n:]; len(r.read) == 0 {
		r.read = nil
	}
	return n, nil
}

// take makes an arrival the handler's.
func (l *Loop) take(h *Hijacked, handler Handler) (*Conn, error) {
	c := h.arrived
	if c.loop != l {
		return l.move(h, handler)
	}
	c.mu.Lock()
	if c.state != open {
		c.mu.Unlock()
		return nil, ErrStopped
	}
	c.handler = handler
	c.agree(h)
	a := c.arrival
	c.mu.Unlock()
	a.tell(http.StateHijacked)
	return c, nil
}

// move makes an arrival of another loop a connection of this one.
func (l *Loop) move(h *Hijacked, handler Handler) (*Conn, error) {
	p := l.pollerInTurn()
	if p == nil {
		nc, early, err := h.arrived.detach(http.StateHijacked)
		if err != nil {
			return nil, err
		}
		h.Conn, h.Buffered = nc, early
		return l.attachConn(h, handler)
	}
	fd, early, err := h.arrived.takeDescriptor(http.StateHijacked)
	if err != nil {
		return nil, err
	}
	h.Buffered = early
	c := &Conn{loop: l, handler: handler, link: &epollLink{p: p, fd: fd}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agree(h)
	return c, nil
}

// idle tells whether the connection has no handler, no request and no answer.
func (c *Conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.arrival != nil && !c.arrival.answering && c.out == nil
}

// waits tells whether the connection waits for a request. One that has begun may be
// behind an answer that is still being taken. mu is held.
func (c *Conn) waits() bool {
	a := c.arrival
	return a != nil && !a.answering && (a.partial || c.out == nil)
}

// countLate counts a request that was begun and is not there in time. mu is held.
func (c *Conn) countLate() {
	if c.arrival.partial {
		c.loop.refused(RefusedTime)
	}
}

// waitsAt tells whether the connection has asked for nothing yet, or has its answers.
func (c *Conn) waitsAt(d *doorway) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.arrival
	return a != nil && a.door == d && !a.answering && !a.headed && c.out == nil
}

// unclaimed tells whether the connection speaks HTTP, as far as it has come. mu is
// held.
func (c *Conn) unclaimed() bool { return c.arrival != nil && c.handler == Handler(c.arrival) }

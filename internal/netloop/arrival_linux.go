package netloop

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
)

// maxArrival is how many bytes of a request the loop waits for; a longer one is
// net/http's, which has limits of its own.
const maxArrival = 16 << 10

// maxEarly is how much is read from a client that does not wait for the answer to
// its handshake; the rest stays in the socket.
const maxEarly = 64 << 10

// arrival is what a connection is until its handler takes it over: first it has
// no request yet, then its request is being answered. It is guarded by the
// connection's lock, but for the first time, when it is the poller's own.
type arrival struct {
	door *doorway
	from netip.AddrPort

	head    []byte // the beginning of a request
	scanned int    // up to which byte it has no end

	answering bool
	early     []byte // came while the request was answered
}

// arrive takes the first bytes of a connection. The poller calls it; data is free
// again when it returns.
func (c *Conn) arrive(data []byte) {
	a := c.arrival
	if a.head != nil {
		a.head = append(a.head, data...)
		data = a.head
	}
	end, to := judge(data, a.scanned)
	if to == ours && end <= maxArrival {
		if r := readRequest(data[:end]); r != nil {
			c.answer(r, data[end:])
			return
		}
	}
	if to != undecided || len(data) > maxArrival {
		c.passOn(bytes.Clone(data))
		return
	}
	if a.head == nil {
		a.head = bytes.Clone(data)
	}
	a.scanned = max(0, len(data)-len(endOfHead)+1)
}

// answer has the handler answer an opening handshake.
func (c *Conn) answer(r *http.Request, early []byte) {
	a := c.arrival
	d := a.door
	r.RemoteAddr = a.from.String()
	r = r.WithContext(d.cfg.Context)
	c.mu.Lock()
	a.answering = true
	a.head = nil
	if len(early) > 0 {
		a.early = append([]byte(nil), early...)
	}
	if c.deadline != nil {
		c.loop.wheel.Disarm(c.deadline)
		c.deadline = nil // most connections never need one again
	}
	c.mu.Unlock()
	d.cfg.Run(&visitor{door: d, conn: c, request: r})
}

// passOn gives a connection to net/http, with what was read of it.
func (c *Conn) passOn(read []byte) {
	d := c.arrival.door
	nc, _, err := c.detach()
	if err != nil {
		c.abort(err)
		return
	}
	d.pass(&returned{nc, read})
}

// detach takes a connection away from the loop, which forgets it; the next may
// have it as it is, with the bytes that were read of it.
func (c *Conn) detach() (nc *net.TCPConn, early []byte, err error) {
	fd, early, err := c.takeDescriptor()
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
func (c *Conn) takeDescriptor() (fd int, early []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open || c.arrival == nil {
		return -1, nil, ErrClosed
	}
	if c.deadline != nil {
		c.loop.wheel.Disarm(c.deadline)
	}
	link := c.link.(*epollLink)
	if err := link.forget(); err != nil {
		return -1, nil, err
	}
	c.state = gone
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
	defer c.mu.Unlock()
	if c.state != open {
		return nil, ErrStopped
	}
	c.handler = handler
	c.agree(h)
	return c, nil
}

// move makes an arrival of another loop a connection of this one.
func (l *Loop) move(h *Hijacked, handler Handler) (*Conn, error) {
	p := l.pollerInTurn()
	if p == nil {
		nc, early, err := h.arrived.detach()
		if err != nil {
			return nil, err
		}
		h.Conn, h.Buffered = nc, early
		return l.attachConn(h, handler)
	}
	fd, early, err := h.arrived.takeDescriptor()
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

// waitsAt tells whether the connection has asked for nothing yet.
func (c *Conn) waitsAt(d *doorway) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.arrival != nil && c.arrival.door == d && !c.arrival.answering
}

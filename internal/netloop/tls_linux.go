package netloop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// secureRead is how many bytes of TLS one look at a connection takes from its
	// socket at most, so that a fast peer does not keep others waiting.
	secureRead = 64 << 10
	// secureWrite is how many bytes are encrypted at a time. More than a batch of
	// frames, so that only a single large frame is ever cut.
	secureWrite = scratchSize
	// maxSealed is how many encrypted bytes may wait: what is written waits for those
	// before it, so more are answers of TLS's own to a peer that does not read.
	maxSealed = 2 * secureWrite
)

// wouldBlock says that the socket has nothing more at the moment. crypto/tls
// goes on after an error that is temporary, where it was.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "nothing to read at the moment" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

// socket is what TLS reads from and writes to: a connection of net's until a loop
// takes it over, then a bare descriptor that never blocks. It is then guarded by
// the connection's lock.
type socket struct {
	net.Conn // nil once it is taken over

	fd     int
	budget int     // bytes that may still be read from the descriptor
	sealed *[]byte // records to be sent; from a pool, nil while there are none
	sent   int     // bytes of them already sent
}

var sealedBuffers = sync.Pool{New: func() any { return new([]byte) }}

// Read gives TLS what has come.
func (s *socket) Read(b []byte) (int, error) {
	if s.Conn != nil {
		return s.Conn.Read(b)
	}
	if s.budget == 0 {
		return 0, wouldBlock{}
	}
	n, err := receive(s.fd, b[:min(len(b), s.budget)])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		s.budget = 0
		return 0, wouldBlock{}
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	s.budget -= n
	return n, nil
}

// Write takes all that TLS has to send: a record that is half written would be
// the end of the stream for it.
func (s *socket) Write(b []byte) (int, error) {
	if s.Conn != nil {
		return s.Conn.Write(b)
	}
	if s.sealed == nil {
		s.sealed = sealedBuffers.Get().(*[]byte)
	}
	*s.sealed = append(*s.sealed, b...)
	return len(b), nil
}

// flush sends records; errFull when some are left.
func (s *socket) flush() error {
	for s.sealed != nil {
		rest := (*s.sealed)[s.sent:]
		n, err := send(s.fd, rest[:min(len(rest), maxRaw)])
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			return errFull
		case err != nil:
			return err
		}
		if s.sent += n; s.sent == len(*s.sealed) {
			s.release()
		}
	}
	return nil
}

func (s *socket) release() {
	if s.sealed == nil {
		return
	}
	if cap(*s.sealed) <= 2*secureWrite {
		*s.sealed = (*s.sealed)[:0]
		sealedBuffers.Put(s.sealed)
	}
	s.sealed, s.sent = nil, 0
}

// Close closes net's connection. The descriptor is the link's.
func (s *socket) Close() error {
	if s.Conn != nil {
		return s.Conn.Close()
	}
	return nil
}

// SetDeadline does nothing once the connection is taken over: nothing blocks.
func (s *socket) SetDeadline(t time.Time) error {
	if s.Conn != nil {
		return s.Conn.SetDeadline(t)
	}
	return nil
}

// SetReadDeadline is like SetDeadline.
func (s *socket) SetReadDeadline(t time.Time) error {
	if s.Conn != nil {
		return s.Conn.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline is like SetDeadline.
func (s *socket) SetWriteDeadline(t time.Time) error {
	if s.Conn != nil {
		return s.Conn.SetWriteDeadline(t)
	}
	return nil
}

// secureLink is an epollLink with TLS in between.
type secureLink struct {
	epollLink
	tls    *tls.Conn
	socket *socket
	owed   bool // the last byte of what was encrypted has not been reported as written
}

// adoptTLS takes over a connection of a TLSListener.
func (p *epoller) adoptTLS(nc *tls.Conn) (link, bool, error) {
	s, ok := nc.NetConn().(*socket)
	if !ok {
		return nil, false, nil
	}
	if err := nc.SetDeadline(time.Time{}); err != nil { // net/http may have left its own
		return nil, false, err
	}
	fd, err := duplicate(s.Conn.(*net.TCPConn))
	if err != nil {
		return nil, false, err
	}
	_ = s.Conn.Close() // the duplicate keeps the socket
	s.Conn, s.fd = nil, fd
	boundUnsent(fd)
	return &secureLink{epollLink: epollLink{p: p, fd: fd}, tls: nc, socket: s}, true, nil
}

// start first handles what TLS has read already: no event will tell of that.
func (l *secureLink) start(c *Conn) error {
	buf := parkedBuffers.Get().(*[]byte)
	err := l.receive(c, *buf, 0)
	parkedBuffers.Put(buf)
	if err != nil {
		return err
	}
	return l.register(c)
}

// ready is the poller's word that something has come.
func (l *secureLink) ready(c *Conn, buf []byte, hungUp bool) {
	c.mu.Lock()
	wanted := !c.paused || hungUp // as in epollLink.read
	c.mu.Unlock()
	if !wanted {
		return
	}
	if err := l.receive(c, buf, secureRead); err != nil {
		c.readFailed(err)
	}
}

// receive handles what comes, up to budget bytes from the descriptor, and all that
// TLS holds: of a connection that is paused meanwhile too, for the same reason. Only
// one goroutine at a time may call it.
func (l *secureLink) receive(c *Conn, buf []byte, budget int) error {
	c.mu.Lock()
	l.socket.budget = budget
	c.mu.Unlock()
	for {
		n, err := l.readRecord(c, buf)
		if n > 0 {
			c.receive(buf[:n])
		}
		switch {
		case errors.Is(err, wouldBlock{}), errors.Is(err, ErrClosed):
			return nil
		case err != nil:
			return err
		}
	}
}

func (l *secureLink) readRecord(c *Conn, buf []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == gone {
		return 0, ErrClosed
	}
	n, err := l.tls.Read(buf)
	if l.socket.sealed != nil && !l.owed {
		_ = l.socket.flush() // TLS has answered; what is left goes with what is written next
	}
	if l.socket.sealed != nil && len(*l.socket.sealed) > maxSealed {
		return n, ErrSlowConsumer
	}
	return n, err
}

// write encrypts b. Until all of it is sent it reports one byte less: what waits is
// then never empty while there are records to be sent, and whether the peer takes
// anything is known of it as of any other.
func (l *secureLink) write(b []byte) (int, error) {
	if err := l.socket.flush(); err != nil {
		return 0, err
	}
	if l.owed {
		l.owed = false
		return 1, nil
	}
	b = b[:min(len(b), secureWrite)]
	if _, err := l.tls.Write(b); err != nil {
		return 0, err
	}
	err := l.socket.flush()
	if errors.Is(err, errFull) {
		l.owed = true
		return len(b) - 1, errFull
	}
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (l *secureLink) closeWrite() {
	l.sayGoodbye()
	l.epollLink.closeWrite()
}

func (l *secureLink) close() {
	l.sayGoodbye()
	l.socket.release()
	l.epollLink.close()
}

// sayGoodbye sends TLS's own end of the stream, if the socket takes it.
func (l *secureLink) sayGoodbye() {
	if l.socket.flush() == nil {
		_ = l.tls.CloseWrite()
		_ = l.socket.flush()
	}
}

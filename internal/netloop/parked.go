package netloop

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// parkedBuffer is what a parked connection reads into. It is taken from a pool
// when there is something to read, except for TLS, which cannot tell.
const parkedBuffer = 16 << 10

// parkedWrite is how much one blocking write is given.
const parkedWrite = 64 << 10

var parkedBuffers = sync.Pool{New: func() any {
	b := make([]byte, parkedBuffer)
	return &b
}}

// parkedLink serves one connection with a goroutine that waits in Read, and
// another while there is something to write. It works everywhere.
type parkedLink struct {
	loop    *Loop
	nc      net.Conn
	raw     syscall.RawConn // nil where what is read is not what the socket brings (TLS)
	socket  syscall.RawConn // nil where it is unknown
	resumed chan struct{}   // not nil while paused; guarded by the connection's lock
}

func newParkedLink(l *Loop, nc net.Conn) *parkedLink {
	p := &parkedLink{loop: l, nc: nc}
	_ = nc.SetWriteDeadline(time.Time{}) // net/http may have left one
	below := nc
	if secured, ok := nc.(interface{ NetConn() net.Conn }); ok {
		below = secured.NetConn()
	}
	if sc, ok := below.(syscall.Conn); ok {
		p.socket, _ = sc.SyscallConn() // nil on an error
	}
	if below == nc && canReadWhenReady {
		p.raw = p.socket
	}
	return p
}

func (p *parkedLink) start(c *Conn) error {
	// net/http may have left its deadline.
	if err := p.nc.SetReadDeadline(time.Time{}); err != nil {
		c.abort(err)
	}
	go p.readLoop(c)
	return nil
}

func (p *parkedLink) readLoop(c *Conn) {
	defer p.loop.parked.Done()
	defer p.loop.forget(c)
	for {
		p.awaitResume(c)
		buf, n, err := p.read()
		if n > 0 {
			p.awaitResume(c) // Pause may have come while it waited in read
			c.receive((*buf)[:n])
		}
		if buf != nil {
			parkedBuffers.Put(buf)
		}
		if err != nil {
			c.readFailed(err)
			return
		}
	}
}

func (p *parkedLink) awaitResume(c *Conn) {
	for {
		c.mu.Lock()
		resumed := p.resumed
		c.mu.Unlock()
		if resumed == nil {
			return
		}
		<-resumed
	}
}

// read waits for bytes, without a buffer where it can, and returns the pooled
// buffer that holds them.
func (p *parkedLink) read() (buf *[]byte, n int, err error) {
	if p.raw != nil {
		return readWhenReady(p.raw)
	}
	buf = parkedBuffers.Get().(*[]byte)
	n, err = p.nc.Read(*buf)
	return buf, n, err
}

// schedule counts its goroutine with the readers, so that Loop.Stop waits for
// it: the last one closes the connection. Until then the count is not zero,
// because a reader schedules that one before it ends.
func (p *parkedLink) schedule(c *Conn) {
	p.loop.parked.Go(func() {
		scratch := scratches.Get().(*[]byte)
		c.flush(*scratch)
		scratches.Put(scratch)
	})
}

func (p *parkedLink) blocks() bool { return true }

// write takes at most parkedWrite bytes. It may block for as long as the peer takes
// nothing: Conn watches it, and interrupts it.
func (p *parkedLink) write(b []byte) (int, error) {
	return p.nc.Write(b[:min(len(b), parkedWrite)])
}

func (p *parkedLink) acked() (n uint64, idle time.Duration, ok bool) {
	if p.socket == nil {
		return 0, 0, false
	}
	if err := p.socket.Control(func(fd uintptr) { n, idle, ok = acked(int(fd)) }); err != nil {
		return 0, 0, false
	}
	return n, idle, ok
}

func (p *parkedLink) awaitRoom(bool) error { return nil } // write waits itself

func (p *parkedLink) pause(paused bool) error {
	if paused {
		p.resumed = make(chan struct{})
	} else if p.resumed != nil {
		close(p.resumed)
		p.resumed = nil
	}
	return nil
}

func (p *parkedLink) interrupt() {
	_ = p.nc.SetWriteDeadline(time.Unix(1, 0))
}

func (p *parkedLink) closeWrite() {
	if half, ok := p.nc.(interface{ CloseWrite() error }); ok {
		_ = p.nc.SetWriteDeadline(time.Now().Add(time.Second)) // TLS sends an alert
		_ = half.CloseWrite()
	}
}

func (p *parkedLink) close() {
	_ = p.pause(false)
	p.loop.parked.Go(func() {
		_ = p.nc.Close() // TLS waits for its alert to be sent
	})
}

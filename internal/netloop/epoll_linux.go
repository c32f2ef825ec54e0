package netloop

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	readBuffer = 64 << 10
	maxEvents  = 256
	// flushesAPass is how many connections are written to before others have a turn:
	// some 50 microseconds.
	flushesAPass = 16
)

// epoller is one epoll instance with two goroutines: one reads what is ready, and
// writes what was queued meanwhile; the other writes while the first one waits. Its descriptor is itself waited for by
// Go's own poller, so neither keeps a thread.
type epoller struct {
	file *os.File // owns the epoll descriptor
	raw  syscall.RawConn
	fd   int

	mu      sync.Mutex
	conns   []*Conn // by descriptor
	closing bool    // takes no more

	dirtyMu sync.Mutex
	dirty   []*Conn // scheduled for a flush
	reading bool    // the reader is at work, and sees to them
	stopped bool    // the writer takes no more
	wake    chan struct{}

	passMu sync.Mutex // held by who reads what is ready
	pass   pass

	quit chan struct{}
	done sync.WaitGroup
}

// pass is the memory of one look at what is ready.
type pass struct {
	events  []unix.EpollEvent
	conns   []*Conn
	buf     []byte
	scratch []byte
}

func newPoller() (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	// os.NewFile gives a non-blocking descriptor to Go's poller.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("epoll descriptor: %w", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("epoll descriptor: %w", err)
	}
	p := &epoller{file: file, raw: raw, fd: fd, wake: make(chan struct{}, 1), quit: make(chan struct{})}
	p.pass = pass{
		events:  make([]unix.EpollEvent, maxEvents),
		conns:   make([]*Conn, maxEvents),
		buf:     make([]byte, readBuffer),
		scratch: make([]byte, 0, scratchSize),
	}
	p.done.Add(2)
	go p.readLoop()
	go p.writeLoop()
	return p, nil
}

// adopt duplicates the descriptor of a plain socket and closes nc, so that
// neither net's bookkeeping nor its poll descriptor stays with the connection.
func (p *epoller) adopt(nc net.Conn) (link, bool, error) {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil, false, nil
	}
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, false, err
	}
	dup, dupErr := -1, error(nil)
	err = raw.Control(func(fd uintptr) {
		dup, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, dupErr); err != nil {
		return nil, false, fmt.Errorf("duplicate descriptor: %w", err)
	}
	_ = nc.Close() // the duplicate keeps the socket
	return &epollLink{p: p, fd: dup}, true, nil
}

func (p *epoller) live() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.conns {
		if c != nil {
			n++
		}
	}
	return n
}

func (p *epoller) stop() {
	p.mu.Lock()
	p.closing = true
	conns := append([]*Conn(nil), p.conns...)
	p.mu.Unlock()
	for _, c := range conns {
		if c != nil {
			c.abort(ErrStopped)
		}
	}
	p.dirtyMu.Lock()
	p.stopped = true
	p.dirtyMu.Unlock()
	close(p.quit)      // the writer flushes once more, which closes all of them
	_ = p.file.Close() // wakes the reader
	p.done.Wait()
}

// readLoop ends when the epoll descriptor is closed. Before it waits it writes what
// was queued meanwhile, most of it by those it woke: no other goroutine needs to be
// woken for that.
func (p *epoller) readLoop() {
	defer p.done.Done()
	w := newRound()
	_ = p.raw.Read(func(uintptr) bool {
		for p.beginPass(); ; {
			ready := p.readReady()
			if ready {
				runtime.Gosched()
			}
			if !p.write(w) && !ready && p.endPass() {
				return false // wait until more is ready
			}
		}
	})
}

// beginPass makes the reader the one who writes what is queued.
func (p *epoller) beginPass() {
	p.dirtyMu.Lock()
	defer p.dirtyMu.Unlock()
	p.reading = true
}

// endPass hands that back to the writer; false when something is queued.
func (p *epoller) endPass() bool {
	p.dirtyMu.Lock()
	defer p.dirtyMu.Unlock()
	if len(p.dirty) > 0 {
		return false
	}
	p.reading = false
	return true
}

// readReady reads from all connections that are ready and reports whether there
// were any. Two goroutines never do so at the same time, so that handlers are
// called by one at a time. The epoll descriptor must be open.
func (p *epoller) readReady() bool {
	p.passMu.Lock()
	defer p.passMu.Unlock()
	n, err := unix.EpollWait(p.fd, p.pass.events, 0)
	if err != nil {
		return errors.Is(err, unix.EINTR)
	}
	p.lookup(p.pass.events[:n], p.pass.conns)
	for i, c := range p.pass.conns[:n] {
		if c != nil {
			p.pass.conns[i] = nil
			p.handle(c, p.pass.events[i].Events, p.pass.buf, p.pass.scratch)
		}
	}
	return n > 0
}

func (p *epoller) lookup(events []unix.EpollEvent, conns []*Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range events {
		if fd := int(events[i].Fd); fd < len(p.conns) {
			conns[i] = p.conns[fd]
		}
	}
}

func (p *epoller) handle(c *Conn, events uint32, buf, scratch []byte) {
	if events&unix.EPOLLOUT != 0 {
		c.resume(scratch)
	}
	if events&^unix.EPOLLOUT == 0 {
		return
	}
	hungUp := events&(unix.EPOLLHUP|unix.EPOLLERR) != 0
	n, err := c.link.(*epollLink).read(c, buf, hungUp)
	switch {
	case n > 0:
		c.receive(buf[:n])
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, ErrClosed):
	default:
		c.readFailed(err)
	}
}

// writeLoop writes what is queued while the reader waits.
func (p *epoller) writeLoop() {
	defer p.done.Done()
	w := newRound()
	for {
		select {
		case <-p.wake:
			p.write(w)
		case <-p.quit:
			w.last = true
			p.write(w)
			return
		}
	}
}

// round is the memory of one visit to all connections with something queued.
type round struct {
	conns   []*Conn
	scratch []byte
	last    bool // the poller stops
}

func newRound() *round { return &round{scratch: make([]byte, 0, scratchSize)} }

// write flushes each connection that has something queued once, and reports whether
// there were any. What is queued meanwhile goes out in one write when the
// connection's turn comes, or waits for the next round: batches form by themselves
// under load, and an idle connection waits for nothing. During a long round it lets
// come in what is ready to be read, so that the rest of the round can carry what
// follows from it.
func (p *epoller) write(w *round) bool {
	p.dirtyMu.Lock()
	w.conns, p.dirty = p.dirty, w.conns[:0]
	p.dirtyMu.Unlock()
	for i, c := range w.conns {
		w.conns[i] = nil
		c.flush(w.scratch)
		if i%flushesAPass == flushesAPass-1 && !w.last {
			p.giveWay()
		}
	}
	return len(w.conns) > 0
}

// giveWay does the reader's work and lets others run: on one core they would not
// before the round is over. Whom it woke, and who has something to send meanwhile, such
// as what a commit has stored.
func (p *epoller) giveWay() {
	_ = p.raw.Control(func(uintptr) { p.readReady() }) // an error: it was closed
	runtime.Gosched()
}

// epollLink is a connection's descriptor. Its fields are guarded by the
// connection's lock.
type epollLink struct {
	p          *epoller
	fd         int
	interest   uint32
	registered bool // with epoll
}

func (l *epollLink) start(c *Conn) error {
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
	return receive(l.fd, buf)
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

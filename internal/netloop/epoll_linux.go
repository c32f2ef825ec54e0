package netloop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
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
	conns   []*Conn          // by descriptor
	doors   map[int]*doorway // so are these
	closing bool             // takes no more

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
	switch known := nc.(type) {
	case *tls.Conn:
		return p.adoptTLS(known)
	case *net.TCPConn, *net.UnixConn:
	case *returned:
		if len(known.read) > 0 {
			return nil, false, nil
		}
	default:
		return nil, false, nil
	}
	dup, err := duplicate(nc.(syscall.Conn))
	if err != nil {
		return nil, false, err
	}
	_ = nc.Close() // the duplicate keeps the socket
	boundUnsent(dup)
	return &epollLink{p: p, fd: dup}, true, nil
}

// unsentBytes is how much the kernel takes for a peer beyond what is on its way to
// it. What is more waits in our queue, where it is counted: the kernel would let
// megabytes pile up for a peer that does not read, before anybody noticed.
const unsentBytes = 128 << 10

// boundUnsent sets that bound. Sockets that have none, such as Unix ones, go on
// without.
func boundUnsent(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
}

func (p *epoller) live() int {
	p.mu.Lock()
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	n := 0
	for _, c := range conns {
		if c != nil && !c.idle() {
			n++
		}
	}
	return n
}

// open has the poller wait for connections of a doorway too.
func (p *epoller) open(d *doorway, fd int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doors == nil {
		p.doors = make(map[int]*doorway)
	}
	p.doors[fd] = d
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &event))
}

// listenTo stops waiting for connections, and goes on.
func (p *epoller) listenTo(fd int, on bool) error {
	event := unix.EpollEvent{Fd: int32(fd)}
	if on {
		event.Events = unix.EPOLLIN
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &event))
}

// shut ends open, and the descriptor.
func (p *epoller) shut(fd int) {
	p.mu.Lock()
	delete(p.doors, fd)
	p.mu.Unlock()
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) // others hold the socket: closing is not enough
	_ = unix.Close(fd)
}

func (p *epoller) accept(fd int32) {
	p.mu.Lock()
	d := p.doors[int(fd)]
	p.mu.Unlock()
	if d != nil {
		d.accept()
	}
}

// dropArrivals ends connections of a doorway that have asked for nothing.
func (p *epoller) dropArrivals(d *doorway) {
	p.mu.Lock()
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	for _, c := range conns {
		if c != nil && c.waitsAt(d) {
			c.abort(ErrClosed)
		}
	}
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
		if c == nil {
			p.accept(p.pass.events[i].Fd)
			continue
		}
		p.pass.conns[i] = nil
		p.handle(c, p.pass.events[i].Events, p.pass.buf, p.pass.scratch)
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
	if l, ok := c.link.(*secureLink); ok {
		l.ready(c, buf, hungUp)
		return
	}
	n, err := c.link.(*epollLink).read(c, buf, hungUp)
	switch {
	case n > 0 && c.arrival != nil: // only this goroutine ends its first time
		c.arrive(buf[:n])
	case n > 0:
		c.receive(buf[:n])
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, ErrClosed):
	case c.arrival != nil && c.cut():
	case c.arrival != nil && err == nil && !hungUp && c.endsAfterAnswer():
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

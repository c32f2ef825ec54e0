package netloop

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// acceptsAPass is how many connections are accepted before others have a turn.
	acceptsAPass = 64
	// passedOn is how many connections may wait for net/http to take them; more
	// wait on a goroutine each.
	passedOn = 256
	// acceptPause is how long nothing is accepted when descriptors or memory have
	// run out.
	acceptPause = 50 * time.Millisecond
)

// doorway accepts connections on one poller of a loop, which its descriptor is
// registered with like those of connections.
type doorway struct {
	loop  *Loop
	inner *net.TCPListener
	cfg   ListenerConfig
	p     *epoller
	retry Timer // after a pause

	passed chan net.Conn // for Accept
	closed chan struct{} // by Close
	left   chan struct{} // by the loop, which has stopped

	mu   sync.Mutex
	fd   int // a duplicate; -1 once it is closed
	shut bool
}

func (l *Loop) listen(inner net.Listener, cfg ListenerConfig) (net.Listener, error) {
	tcp, ok := inner.(*net.TCPListener)
	if !ok {
		return inner, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || len(l.pollers) == 0 {
		return inner, nil
	}
	fd, err := duplicate(tcp)
	if err != nil {
		return nil, err
	}
	d := &doorway{
		loop: l, inner: tcp, cfg: cfg, p: l.pollers[0].(*epoller), fd: fd,
		passed: make(chan net.Conn, passedOn), closed: make(chan struct{}), left: make(chan struct{}),
	}
	d.retry.Owner = d
	// Connections inherit it; net sets it on each of its own.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := d.p.open(d, fd); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	l.doors = append(l.doors, d)
	return d, nil
}

// duplicate returns another descriptor of a socket, which stays open when the
// first is closed.
func duplicate(socket syscall.Conn) (int, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return -1, err
	}
	dup, dupErr := -1, error(nil)
	err = raw.Control(func(fd uintptr) {
		dup, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	return dup, errors.Join(err, dupErr)
}

// Accept implements net.Listener for net/http.
func (d *doorway) Accept() (net.Conn, error) {
	select {
	case nc := <-d.passed:
		return nc, nil
	default:
	}
	select {
	case nc := <-d.passed:
		return nc, nil
	case <-d.closed:
		return nil, net.ErrClosed
	case <-d.left:
		return d.inner.Accept()
	}
}

// Addr implements net.Listener.
func (d *doorway) Addr() net.Addr { return d.inner.Addr() }

// Close implements net.Listener: nothing more is accepted, and connections that
// have not asked for anything are dropped.
func (d *doorway) Close() error {
	d.mu.Lock()
	again := d.shut
	d.shut = true
	d.mu.Unlock()
	if again {
		return net.ErrClosed
	}
	close(d.closed)
	d.dropPassed()
	d.release()
	d.loop.closeDoor(d)
	return d.inner.Close() // and with it goes what nobody has accepted
}

// rest accepts nothing more, and leaves what has come.
func (d *doorway) rest() {
	_ = d.inner.SetDeadline(time.Unix(1, 0)) // for when the loop has stopped before; fails where it is closed
	d.release()
}

// leave is for the loop, which stops.
func (d *doorway) leave() {
	d.release()
	close(d.left)
}

// release takes the listener out of its poller.
func (d *doorway) release() {
	d.loop.wheel.Disarm(&d.retry)
	d.mu.Lock()
	fd := d.fd
	d.fd = -1
	d.mu.Unlock()
	if fd >= 0 {
		d.p.shut(fd)
	}
}

// accept takes what connections there are. The poller calls it.
func (d *doorway) accept() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return
	}
	for range acceptsAPass {
		fd, from, err := unix.Accept4(d.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			d.admit(fd, addrPort(from))
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case errors.Is(err, unix.EAGAIN):
			return
		default: // no descriptors or no memory left
			_ = d.p.listenTo(d.fd, false)
			d.loop.wheel.Arm(&d.retry, acceptPause)
			return
		}
	}
}

// Expire is for the Wheel: the pause is over.
func (d *doorway) Expire(*Timer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd >= 0 {
		_ = d.p.listenTo(d.fd, true)
	}
}

// admit makes a connection of the loop's of a socket that asks for nothing yet.
func (d *doorway) admit(fd int, from netip.AddrPort) {
	a := &arrival{door: d, from: from}
	c := &Conn{loop: d.loop, handler: a, arrival: a}
	link := &epollLink{p: d.loop.pollerInTurn(), fd: fd}
	c.link = link
	boundUnsent(fd)
	if d.cfg.HeaderTimeout > 0 {
		c.setDeadline(d.cfg.HeaderTimeout) // nobody else has it yet
	}
	if d.cfg.ConnState != nil {
		a.shown = &shown{conn: c, arrival: a}
		a.tell(http.StateNew)
	}
	if err := link.register(c); err != nil {
		c.abort(err)
	}
}

// pass hands a connection to net/http.
func (d *doorway) pass(nc net.Conn) {
	select {
	case d.passed <- nc:
		if d.isShut() {
			d.dropPassed()
		}
	default:
		d.cfg.Run(&passing{d, nc})
	}
}

// isShut tells whether the doorway was closed.
func (d *doorway) isShut() bool {
	select {
	case <-d.closed:
		return true
	default:
		return false
	}
}

// dropPassed closes what nobody accepts any more.
func (d *doorway) dropPassed() {
	for {
		select {
		case nc := <-d.passed:
			_ = nc.Close()
		default:
			return
		}
	}
}

// passing waits for net/http to take a connection.
type passing struct {
	door *doorway
	nc   net.Conn
}

func (p *passing) Run() {
	select {
	case p.door.passed <- p.nc:
		if p.door.isShut() {
			p.door.dropPassed()
		}
	case <-p.door.closed:
		_ = p.nc.Close()
	}
}

func addrPort(from unix.Sockaddr) netip.AddrPort {
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(from.Addr), uint16(from.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(from.Addr).Unmap(), uint16(from.Port))
	default:
		return netip.AddrPort{}
	}
}

// closeDoor forgets a doorway, and who stands in it.
func (l *Loop) closeDoor(d *doorway) {
	l.mu.Lock()
	l.doors = slices.DeleteFunc(l.doors, func(other *doorway) bool { return other == d })
	pollers := l.pollers
	l.mu.Unlock()
	for _, p := range pollers {
		p.(*epoller).dropArrivals(d)
	}
}

// pollerInTurn is the poller for the next connection.
func (l *Loop) pollerInTurn() *epoller {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pollers) == 0 {
		return nil
	}
	return l.inTurn().(*epoller)
}

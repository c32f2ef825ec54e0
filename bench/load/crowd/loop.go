//go:build linux

package crowd

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxEvents  = 1024
	readBuffer = 256 << 10
	// atOnce is how many connections are being opened at a time.
	atOnce = 64
	// patience is how long nothing may happen before it is an error.
	patience = time.Minute
	// portsPerAddress is how many connections come from one loopback address: it stays below the range of ports that
	// the kernel hands out.
	portsPerAddress = 20_000
)

// loop is one epoll instance and its connections. It is used by one goroutine.
type loop struct {
	plan    Plan
	words   *dialect
	servers []unix.SockaddrInet4 // the plan's own one first
	fd      int
	conns   []*conn // by number, which epoll hands back
	events  []unix.EpollEvent
	buf     []byte
	out     []byte // what is being put together to be sent
	open    int    // connections that have come in
	last    time.Time

	// heard is called for each message on a connection that has come in. The payload is valid until it returns.
	heard func(c *conn, payload []byte) error
	// came is called for each connection that has come in; nil: nobody wants to know.
	came func(c *conn) error
	// special is called for frames that are no text, and lost when the server has closed a connection, which is an error
	// unless it returns nil. Nil: both are errors.
	special func(c *conn, kind byte, payload []byte) error
	lost    func(c *conn, err error) error

	receiveBuffer int // of connections to come, in bytes; the kernel's default if 0

	wait int // milliseconds that a pass waits at most
}

func newLoop(plan Plan, words *dialect) (*loop, error) {
	var servers []unix.SockaddrInet4
	for _, server := range append([]Server{{Addr: plan.Addr}}, plan.Others...) {
		addr, err := netip.ParseAddrPort(server.Addr)
		if err != nil || !addr.Addr().Is4() {
			return nil, fmt.Errorf("address %q is not IPv4:port", server.Addr)
		}
		servers = append(servers, unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())})
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &loop{
		plan:    plan,
		words:   words,
		servers: servers,
		fd:      fd,
		events:  make([]unix.EpollEvent, maxEvents),
		buf:     make([]byte, readBuffer),
		last:    time.Now(),
		wait:    100,
		heard:   func(*conn, []byte) error { return nil },
	}, nil
}

func (l *loop) close() {
	for _, c := range l.conns {
		if !c.gone {
			_ = unix.Close(c.fd)
		}
	}
	_ = unix.Close(l.fd)
}

// pass waits for something to happen, at most for a tenth of a second unless the scenario wants it shorter, and sees to
// all that did.
func (l *loop) pass() error {
	n, err := unix.EpollWait(l.fd, l.events, l.wait)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("epoll_wait", err)
	}
	for i := range max(n, 0) {
		c := l.conns[l.events[i].Fd]
		if c.gone {
			continue
		}
		if err := c.survive(c.happened(l.events[i].Events)); err != nil {
			return fmt.Errorf("connection %d: %w", l.events[i].Fd, err)
		}
	}
	return nil
}

// run makes passes until done, and fails when nothing has come for too long. after is called behind every pass.
func (l *loop) run(after func() (done bool, err error)) error {
	l.last = time.Now()
	for {
		if err := l.pass(); err != nil {
			return err
		}
		done, err := after()
		if done || err != nil {
			return err
		}
		if time.Since(l.last) > patience {
			return fmt.Errorf("nothing has come for %s, %d of %d connections are in", patience, l.open, len(l.conns))
		}
	}
}

// bring opens n connections, at most atOnce at the same time, and returns when all are in.
func (l *loop) bring(n int, as role) ([]*conn, error) {
	first, target := len(l.conns), l.open+n
	err := l.run(func() (bool, error) {
		for len(l.conns) < first+n && len(l.conns)-l.open < atOnce {
			if err := l.dial(as); err != nil {
				return false, err
			}
		}
		return l.open == target, nil
	})
	if err != nil {
		return nil, err
	}
	return l.conns[first:], nil
}

func (l *loop) dial(as role) error {
	number := len(l.conns)
	if l.words.as != nil {
		as = l.words.as(number)
	}
	c := &conn{loop: l, number: number, role: as}
	l.conns = append(l.conns, c)
	if as.opens.apart {
		return c.connect(as.opens.server)
	}
	return c.connect(as.server)
}

// connect connects to a server by its place in the plan.
func (c *conn) connect(server int) error {
	l := c.loop
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	c.fd = fd
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if l.receiveBuffer > 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, l.receiveBuffer); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	// Without IP_BIND_ADDRESS_NO_PORT bind would take a port that no other connection of the machine has.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	source := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + c.number/portsPerAddress)}}
	if err := unix.Bind(fd, &source); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Connect(fd, &l.servers[server]); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return os.NewSyscallError("connect", err)
	}
	c.interest = unix.EPOLLIN | unix.EPOLLOUT
	return c.control(unix.EPOLL_CTL_ADD)
}

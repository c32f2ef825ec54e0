package client_test

import (
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between clients and a server, and does to their connections what
// networks do.
type proxy struct {
	addr    string
	in      net.Listener
	running sync.WaitGroup

	mu     sync.Mutex
	target string
	delay  time.Duration // of every piece
	deaf   bool          // new and old connections stay open, but nothing gets through
	conns  map[net.Conn]struct{}
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: in.Addr().String(), in: in, target: target, conns: make(map[net.Conn]struct{})}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = in.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *proxy) now() (target string, delay time.Duration, deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target, p.delay, p.deaf
}

// cut ends all connections, in the middle of whatever they were at.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) accept() {
	for {
		near, err := p.in.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(near) })
	}
}

func (p *proxy) serve(near net.Conn) {
	target, _, _ := p.now()
	far, err := net.Dial("tcp", target)
	if err != nil {
		_ = near.Close()
		return
	}
	p.set(func() { p.conns[near], p.conns[far] = struct{}{}, struct{}{} })
	defer p.set(func() { delete(p.conns, near); delete(p.conns, far) })
	var both sync.WaitGroup
	both.Go(func() { p.carry(near, far) })
	both.Go(func() { p.carry(far, near) })
	both.Wait()
}

// carry passes on what comes, late or not at all, until either side ends.
func (p *proxy) carry(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	piece := make([]byte, 4<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		_, delay, deaf := p.now()
		time.Sleep(delay)
		if deaf {
			continue
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

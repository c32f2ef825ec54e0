package postgres_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sockeye-im/sockeye/internal/cluster/brokertest"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// gate is a way to a database that can be held up: connections stay, and nothing passes.
type gate struct {
	t    *testing.T
	to   string // the socket
	mu   sync.Mutex
	open chan struct{} // closed while it is open
}

// throughGate returns the address of a database through a gate that is open.
func throughGate(t *testing.T, address string) (*gate, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	g := &gate{t: t, to: filepath.Join(query.Get("host"), ".s.PGSQL.5432"), open: make(chan struct{})}
	close(g.open)
	dir, err := os.MkdirTemp("/tmp", "gate") // not in TMPDIR: the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", g.to)
			if err != nil {
				_ = near.Close()
				continue
			}
			running.Go(func() { g.pass(far, near) })
			running.Go(func() { g.pass(near, far) })
		}
	})
	t.Cleanup(func() { g.release(); _ = listener.Close(); running.Wait() })
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	return g, u.String()
}

func (g *gate) pass(to, from net.Conn) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		<-open
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// hold lets nothing pass until release.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

// A database that does not answer, or a network that loses everything, breaks no connection: the broker must notice by itself.
func TestHeldUp(t *testing.T) {
	address := pgtest.Database(t)
	gate, through := throughGate(t, address)
	cut, well := brokertest.Listen(t, broker(t, through, "sockeye-a")), brokertest.Listen(t, broker(t, address, "sockeye-a"))
	cut.Hears(t, well, []byte("before"))
	were := cut.Missed()
	gate.hold()
	cut.Until(t, "it notices", func() bool { return !cut.Working() })
	well.Publish([]byte("meanwhile"))
	gate.release()
	cut.Until(t, "it is there again", func() bool { return cut.Working() && cut.Missed() > were })
	well.Hears(t, cut, []byte("after"))
}

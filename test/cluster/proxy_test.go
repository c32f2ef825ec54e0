//go:build linux

package cluster_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between two parts of the cluster, and does to what passes what networks do.
type proxy struct {
	listener net.Listener
	dial     func() (net.Conn, error) // to whom it stands before
	postgres bool                     // messages of PostgreSQL pass, which it reads

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when what follows changes
	held     [2]bool       // by direction: nothing passes, as if packets were lost
	delay    time.Duration // of all that passes
	atCommit commitCut     // what to do at the next COMMIT, once
	cuts     int           // how many COMMITs were cut
	closed   bool
	links    map[*link]bool
	done     sync.WaitGroup
}

// direction is which way bytes go.
type direction int

const (
	toServer direction = iota
	toClient
)

// commitCut is where the connection ends that a COMMIT comes on.
type commitCut int

const (
	noCut       commitCut = iota
	cutBefore             // the server never sees the COMMIT
	cutAnswer             // the server carries it out, and its answer is lost
	cutInAnswer           // only the first bytes of the answer come
)

// link is one connection through the proxy.
type link struct {
	gone chan struct{} // closed when it has ended
	mu   sync.Mutex
	// ends are by the direction that leads there; that of the server is nil until it is connected to.
	ends  [2]net.Conn
	ended bool
	quota int // bytes that may still pass to the client; negative: all
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	close(l.gone)
	for _, end := range l.ends {
		if end != nil {
			_ = end.Close()
		}
	}
}

// lead connects it to the server, unless it has ended.
func (l *link) lead(server net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		_ = server.Close()
		return false
	}
	l.ends[toServer] = server
	return true
}

func (l *link) end(way direction) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ends[way]
}

// newProxy listens on a free port of an address. It ends with the test.
func newProxy(t *testing.T, host string, postgres bool, dial func() (net.Conn, error)) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, dial: dial, postgres: postgres, changed: make(chan struct{}), links: make(map[*link]bool)}
	p.done.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.set(func() { p.closed = true })
		p.cut()
		p.done.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// set changes how it behaves.
func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// hold lets nothing pass one way or the other until it is told otherwise: connections stand, and what was on its way comes later.
func (p *proxy) hold(way direction, held bool) { p.set(func() { p.held[way] = held }) }

// slow has all that passes take so long.
func (p *proxy) slow(delay time.Duration) { p.set(func() { p.delay = delay }) }

// cutCommit has the next COMMIT cut.
func (p *proxy) cutCommit(how commitCut) { p.set(func() { p.atCommit = how }) }

// cutsDone is how many COMMITs were cut so far.
func (p *proxy) cutsDone() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() { p.connect(client) })
	}
}

// connect carries one connection, once what is sent to the server arrives.
func (p *proxy) connect(client net.Conn) {
	l := &link{ends: [2]net.Conn{toClient: client}, gone: make(chan struct{}), quota: -1}
	defer l.cut()
	if !p.add(l) {
		return
	}
	defer p.remove(l)
	if !p.await(l, toServer) {
		return
	}
	server, err := p.dial()
	if err != nil || !l.lead(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.carry(l, toServer) })
	both.Go(func() { p.carry(l, toClient) })
	both.Wait()
}

func (p *proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.links[l] = true
	return true
}

func (p *proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// await waits until what goes that way passes; false when the connection has ended.
func (p *proxy) await(l *link, way direction) bool {
	for {
		p.mu.Lock()
		held, changed := p.held[way], p.changed
		p.mu.Unlock()
		if !held {
			return true
		}
		select {
		case <-changed:
		case <-l.gone:
			return false
		}
	}
}

// chunk is what was sent at once, and when it is due.
type chunk struct {
	bytes []byte
	due   time.Time
}

// carry has one direction of a connection pass.
func (p *proxy) carry(l *link, way direction) {
	defer l.cut()
	chunks := make(chan chunk, 256)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(chunks)
		p.read(l, way, func(b []byte) bool {
			p.mu.Lock()
			due := time.Now().Add(p.delay)
			p.mu.Unlock()
			select {
			case chunks <- chunk{bytes.Clone(b), due}:
				return true
			case <-l.gone:
				return false
			}
		})
	})
	for c := range chunks {
		if wait := time.Until(c.due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-l.gone:
			}
		}
		if !p.await(l, way) || !l.write(way, c.bytes) {
			break
		}
	}
	l.cut()
	reading.Wait()
}

// write sends what may still pass, and is false when the connection is to end.
func (l *link) write(way direction, b []byte) bool {
	last := false
	if way == toClient {
		l.mu.Lock()
		if l.quota >= 0 {
			b = b[:min(len(b), l.quota)]
			l.quota -= len(b)
			last = l.quota == 0
		}
		l.mu.Unlock()
	}
	_, err := l.end(way).Write(b)
	return err == nil && !last
}

// read takes what is sent that way, as it comes, or by messages of PostgreSQL.
func (p *proxy) read(l *link, way direction, pass func([]byte) bool) {
	from := l.end(1 - way)
	if way == toServer && p.postgres {
		_ = p.readPostgres(l, bufio.NewReader(from), pass) // until it ends
		return
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !pass(buf[:n]) || err != nil {
			return
		}
	}
}

var errCut = errors.New("cut")

// What connections to PostgreSQL begin with, and how messages begin.
const (
	cancelRequest = 80877102
	messageParse  = 'P'
	messageBind   = 'B'
	messageSync   = 'S'
)

// readPostgres takes the messages of a client, of which the first has no type, and cuts at a COMMIT if it is to.
func (p *proxy) readPostgres(l *link, from *bufio.Reader, pass func([]byte) bool) error {
	cutting, commits := noCut, false
	for first := true; ; first = false {
		message, err := readMessage(from, first)
		if err != nil {
			return err
		}
		if first && binary.BigEndian.Uint32(message[4:]) == cancelRequest {
			return errCut // what a client sends behind a connection that broke: it could come before what is under way is carried out
		}
		if commits && message[0] == messageBind { // else it was only asked what COMMIT is
			if cutting = p.nextCut(); cutting == cutBefore {
				return errCut
			}
			l.limit(cutting)
		}
		commits = !first && message[0] == messageParse && bytes.Contains(message, []byte("\x00COMMIT\x00"))
		if !pass(message) {
			return errCut
		}
		if cutting == cutAnswer && message[0] == messageSync {
			// The server has all that it needs. A connection that ends now ends behind the COMMIT, whose answer nobody hears.
			select {
			case <-time.After(100 * time.Millisecond):
			case <-l.gone:
			}
			return errCut
		}
	}
}

func readMessage(from *bufio.Reader, first bool) ([]byte, error) {
	head := make([]byte, 5)
	if first {
		head = head[:4]
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[len(head)-4:])
	if size < 4 || size > 64<<20 {
		return nil, errors.New("this is not PostgreSQL's protocol")
	}
	message := make([]byte, len(head)+int(size)-4)
	_, err := io.ReadFull(from, message[copy(message, head):])
	return message, err
}

// nextCut takes what is to be done at the next COMMIT.
func (p *proxy) nextCut() (how commitCut) {
	p.set(func() {
		how, p.atCommit = p.atCommit, noCut
		if how != noCut {
			p.cuts++
		}
	})
	return how
}

// limit says how much of the answer passes.
func (l *link) limit(how commitCut) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch how {
	case cutAnswer:
		l.quota = 0
	case cutInAnswer:
		l.quota = 3 // of a message that says that the first statement was read
	}
}

package netloop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Config holds the limits of every connection of a Loop. The zero value of a
// field stands for its default.
type Config struct {
	// MaxMessage is the size in bytes of the largest message a peer may send,
	// after reassembly and decompression; over it the connection is closed
	// with 1009. Default 1,000,000.
	MaxMessage int
	// Partial bounds what is kept of messages and requests that are half here. A
	// connection that would keep more is closed, with 1013 if it is a WebSocket. nil
	// is no bound.
	Partial *Partial
	// Refused is told of connections and requests that are turned away for a limit. It
	// must not block, and must not call the loop. It may be nil.
	Refused func(Refusal)
	// MaxQueuedBytes bounds what waits for a peer: over it the connection is closed
	// with ErrSlowConsumer. A message counts for 96 bytes more than it has, which it
	// takes in memory; one alone may be larger. Default 64 MiB.
	MaxQueuedBytes int
	// QueueMemory bounds what waits for all peers together. Default: one of the
	// loop's own, see NewQueueMemory.
	QueueMemory *QueueMemory
	// WriteStall is how long a peer may take nothing of what waits for it before it
	// is closed with ErrSlowConsumer, at most a quarter later. Default 10 s.
	WriteStall time.Duration
	// CloseTimeout bounds the closing handshake, from when the peer last took
	// something of what waits for it. Default 5 s.
	CloseTimeout time.Duration
	// Pollers is the number of epoll instances. Default GOMAXPROCS.
	Pollers int
	// Parked uses a parked goroutine for every connection, as on systems
	// without epoll.
	Parked bool
}

func (c Config) withDefaults() Config {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.MaxMessage, 1_000_000)
	set(&c.MaxQueuedBytes, 64<<20)
	set(&c.Pollers, runtime.GOMAXPROCS(0))
	if c.QueueMemory == nil {
		c.QueueMemory = NewQueueMemory(0)
	}
	if c.WriteStall <= 0 {
		c.WriteStall = 10 * time.Second
	}
	if c.CloseTimeout <= 0 {
		c.CloseTimeout = 5 * time.Second
	}
	return c
}

// Refusal is why the loop turns a connection or a request away.
type Refusal string

// The reasons of a Refusal.
const (
	RefusedTime    Refusal = "too_slow"  // a request was not there in time
	RefusedSize    Refusal = "too_large" // a message of a restricted connection, or a body
	RefusedPartial Refusal = "too_much"  // all that is half here is too much, see Config.Partial
	RefusedFraming Refusal = "framing"   // a request with both Content-Length and Transfer-Encoding
)

func (l *Loop) refused(why Refusal) {
	if l.cfg.Refused != nil {
		l.cfg.Refused(why)
	}
}

// ErrStopped is returned by Attach once the loop was told to stop.
var ErrStopped = errors.New("connection loop has stopped")

// poller is what waits for many descriptors at once; nil where there is none.
type poller interface {
	// adopt takes nc over. ok is false for a connection it cannot wait for.
	adopt(nc net.Conn) (l link, ok bool, err error)
	// live counts its connections.
	live() int
	// stop drops the poller's connections and waits for its goroutines.
	stop()
}

// Loop owns connections and the goroutines that serve them. Its methods may be
// called concurrently.
type Loop struct {
	cfg    Config
	wheel  *Wheel
	memory *QueueMemory
	relief relief
	crowd  int // bytes, see crowdBytes

	mu      sync.Mutex
	conns   map[*Conn]struct{} // parked ones; a poller keeps its own
	pollers []poller
	next    int
	doors   []*doorway
	stopped bool

	parked sync.WaitGroup // goroutines of parked connections
}

// New starts a loop; Stop ends it.
func New(cfg Config) (*Loop, error) {
	l := &Loop{cfg: cfg.withDefaults(), wheel: NewWheel(), conns: make(map[*Conn]struct{})}
	l.memory = l.cfg.QueueMemory
	l.relief.memory = l.memory
	l.relief.timer.Owner = &l.relief
	l.crowd = min(crowdBytes, l.cfg.MaxQueuedBytes)
	if l.cfg.Parked {
		return l, nil
	}
	for range l.cfg.Pollers {
		p, err := newPoller()
		if err != nil {
			l.Stop()
			return nil, fmt.Errorf("start poller: %w", err)
		}
		if p == nil {
			break
		}
		l.pollers = append(l.pollers, p)
	}
	return l, nil
}

// Wheel is the loop's timing wheel, for deadlines of the layers above.
func (l *Loop) Wheel() *Wheel { return l.wheel }

// Attach takes over a hijacked connection and queues h.Answer. Nothing is read
// before Conn.Start, which must follow. On an error nc is closed.
func (l *Loop) Attach(h *Hijacked, handler Handler) (*Conn, error) {
	if h.arrived != nil {
		return l.take(h, handler)
	}
	return l.attachConn(h, handler)
}

func (l *Loop) attachConn(h *Hijacked, handler Handler) (*Conn, error) {
	c := &Conn{loop: l, handler: handler}
	if err := l.attach(c, h.Conn); err != nil {
		_ = h.Conn.Close()
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agree(h)
	return c, nil
}

func (l *Loop) attach(c *Conn, nc net.Conn) error {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return ErrStopped
	}
	if len(l.pollers) > 0 {
		p := l.inTurn()
		l.mu.Unlock()
		lk, ok, err := p.adopt(nc)
		if err != nil {
			return err
		}
		if ok {
			c.link = lk
			return nil
		}
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	if l.stopped {
		return ErrStopped
	}
	l.conns[c] = struct{}{}
	l.parked.Add(1) // until its reader ends
	c.link = newParkedLink(l, nc)
	return nil
}

// Stop drops all connections without a closing handshake (close them first for
// one), tells their handlers, and waits for the loop's goroutines.
func (l *Loop) Stop() {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return
	}
	l.stopped = true
	doors := slices.Clone(l.doors) // which may be closed meanwhile
	parked := make([]*Conn, 0, len(l.conns))
	for c := range l.conns {
		parked = append(parked, c)
	}
	l.mu.Unlock()
	for _, d := range doors {
		d.leave()
	}
	for _, c := range parked {
		c.abort(ErrStopped)
	}
	l.parked.Wait()
	for _, p := range l.pollers {
		p.stop()
	}
	l.wheel.Stop()
}

// inTurn picks a poller. mu is held.
func (l *Loop) inTurn() poller {
	l.next++
	return l.pollers[l.next%len(l.pollers)]
}

func (l *Loop) forget(c *Conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

// Drain waits until every connection is gone or ctx ends, whose error it then
// returns. It does not close them.
func (l *Loop) Drain(ctx context.Context) error {
	const poll = 10 * time.Millisecond // rare, so no bookkeeping at each close
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for l.live() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

func (l *Loop) live() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.conns)
	for _, p := range l.pollers {
		n += p.live()
	}
	return n
}

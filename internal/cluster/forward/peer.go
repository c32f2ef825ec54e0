package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

const (
	// askEvery is how often a node that can be reached is asked whether it still can.
	askEvery = 10 * time.Second
	// silence is after how long without a word the connection that all share is tried, and how long the answer to that may
	// take. A node that is silent altogether is gone sooner.
	silence = 15 * time.Second
	// The pauses between two attempts begin with the first, and double.
	firstPause, longestPause = 20 * time.Millisecond, 5 * time.Second
	// openingsAtOnce is how many connections to a node are made at a time for WebSockets.
	openingsAtOnce = 32
	// idleConnections is how many connections without a request are kept, for idleFor, beside the shared one.
	idleConnections, idleFor = 16, 30 * time.Second
)

// peer is another node. It is the http.Handler of requests for its sessions.
type peer struct {
	forwarder *Forwarder
	at        entry
	pin       pin

	shared *http.Transport       // HTTP/2: one connection for all that is short
	own    *http.Transport       // HTTP/1.1: a connection for each body that is long
	turns  chan struct{}         // has one in it for each WebSocket that is being opened
	lost   atomic.Bool           // the last attempt to reach it has failed
	met    atomic.Bool           // the node has answered something: it knows this one
	why    atomic.Pointer[error] // of the last failure to reach it

	requests, webSockets atomic.Uint64 // that it has answered
	now                  atomic.Int64  // requests and WebSockets that are passed on at the moment

	mu     sync.Mutex
	life   context.Context // ends when the node does
	cancel context.CancelFunc
}

func newPeer(f *Forwarder, e entry) *peer {
	p := &peer{forwarder: f, at: e, pin: pin(e.Certificate), turns: make(chan struct{}, openingsAtOnce)}
	p.life, p.cancel = context.WithCancel(f.ctx)
	p.cancel() // until begin
	p.shared, p.own = p.transport((*http.Protocols).SetHTTP2), p.transport((*http.Protocols).SetHTTP1)
	p.shared.HTTP2 = &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: silence, WriteByteTimeout: silence}
	return p
}

func (p *peer) transport(speaks func(*http.Protocols, bool)) *http.Transport {
	protocols := new(http.Protocols)
	speaks(protocols, true)
	return &http.Transport{
		Protocols: protocols, DialContext: (&net.Dialer{Timeout: p.forwarder.cfg.ConnectTimeout}).DialContext,
		TLSClientConfig: p.forwarder.keys.to(p.pin), TLSHandshakeTimeout: p.forwarder.cfg.ConnectTimeout,
		DisableCompression: true, MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: idleFor, MaxResponseHeaderBytes: maxHeader,
	}
}

// is tells whether the node says the same of itself as ever.
func (p *peer) is(e entry) bool {
	return p.at.Node == e.Node && p.at.Tag == e.Tag && p.at.Since == e.Since && p.at.Address == e.Address && bytes.Equal(p.at.Certificate, e.Certificate)
}

// begin notes that the node lives, and tries to reach it from then on.
func (p *peer) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() == nil {
		return
	}
	p.life, p.cancel = context.WithCancel(p.forwarder.ctx)
	life := p.life
	p.forwarder.run(func() { p.reach(life) })
}

// end ends all that is on its way to the node, and the connections to it.
func (p *peer) end() {
	p.mu.Lock()
	p.cancel()
	p.mu.Unlock()
	p.shared.CloseIdleConnections()
	p.own.CloseIdleConnections()
}

func (p *peer) lives() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life
}

// ServeHTTP has the node answer a request.
func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	life := p.lives()
	switch {
	case visitOf(r) != nil:
		p.forwarder.refuse(w, r, Twice)
	case life.Err() != nil:
		p.forwarder.refuse(w, r, Gone)
	case netloop.IsUpgrade(r):
		p.splice(life, w, r)
	default:
		p.poll(life, w, r)
	}
}

// reach connects to the node before a client needs that, and looks again and again whether it still can.
func (p *peer) reach(life context.Context) {
	var complaint complaint
	for failed := 0; ; {
		err := p.ask(life)
		if life.Err() != nil {
			return
		}
		p.lost.Store(err != nil)
		wait := askEvery
		if err == nil {
			failed = 0
			p.met.Store(true)
			complaint.over(p)
		} else {
			p.why.Store(&err)
			wait = min(firstPause<<failed, longestPause)
			failed = min(failed+1, 10)
		}
		if wait == longestPause {
			complaint.make(p, err)
		}
		if !sleep(life, wait) {
			return
		}
	}
}

// complaint is what the log says of a node that cannot be reached: once a minute, and when it can be again.
type complaint struct{ made time.Time }

func (c *complaint) make(p *peer, err error) {
	if time.Since(c.made) >= time.Minute {
		c.made = time.Now()
		p.forwarder.deps.Log.Warn("another node cannot be reached: who comes here with a session of it has to open another one",
			"node", p.at.Node, "address", p.at.Address, "err", err)
	}
}

func (c *complaint) over(p *peer) {
	if !c.made.IsZero() {
		c.made = time.Time{}
		p.forwarder.deps.Log.Info("another node can be reached again", "node", p.at.Node, "address", p.at.Address)
	}
}

// ask asks the node whether it is there.
func (p *peer) ask(life context.Context) error {
	ctx, cancel := context.WithTimeout(life, p.forwarder.cfg.ConnectTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+p.at.Address+presencePath, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := p.shared.RoundTrip(r)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.Body.Close()
}

// acquaint waits, for half of the time for connecting, until the node has answered anything, or it is clear that it will not.
// A node that does not know this one yet closes the connection. What was sent by then may have the kernel close it before it
// is read why, so that nobody knows whether to try again.
func (p *peer) acquaint(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.forwarder.cfg.ConnectTimeout/2)
	defer cancel()
	for !p.met.Load() && !p.hopeless() && sleep(ctx, firstPause) {
	}
}

// hopeless tells whether the last attempt to reach the node has failed for what is no question of its knowing this one.
func (p *peer) hopeless() bool {
	why := p.why.Load()
	var dialing *net.OpError
	return why != nil && (errors.Is(*why, errPin) || errors.As(*why, &dialing) && dialing.Op == "dial")
}

// patiently tries again while the node does not know this one, for that long: it was started a moment ago, or this one was,
// and will hear of the other. again tells whether that is possible.
func patiently[T any](ctx context.Context, most time.Duration, again func() bool, try func() (T, error)) (T, error) {
	began := time.Now()
	for pause := firstPause; ; pause *= 2 {
		got, err := try()
		if !isUnknown(err) || !again() || time.Since(began)+pause > most || !sleep(ctx, pause) {
			return got, err
		}
	}
}

// isUnknown tells whether the node has turned the connection away for its certificate. TLS 1.3 says so behind the
// handshake, before anything that was sent is looked at.
func isUnknown(err error) bool {
	var remote *net.OpError
	return errors.As(err, &remote) && remote.Op == "remote error"
}

// causeOf is why a request has failed that went under ctx, while the node lived.
func causeOf(ctx, life context.Context, err error) Cause {
	var dialing *net.OpError
	var late net.Error
	switch {
	case life.Err() != nil:
		return Gone
	case isUnknown(err), errors.Is(err, errPin):
		return Certificate
	case errors.As(err, &dialing) && dialing.Op == "dial":
		return Unreachable
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return Slow
	default:
		return Broken
	}
}

// sleep is false when ctx has ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

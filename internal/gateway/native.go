package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/netloop"
	"github.com/sockeye-im/sockeye/internal/ordered"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
	"github.com/sockeye-im/sockeye/socketio"
)

// Close codes of native connections (RFC 6455 section 7.4.2).
const (
	closeUnauthenticated = 4401
	closeTurnedAway      = 1013 // try again later
	closeGoingAway       = 1001
	closeDisconnected    = 4403
	closeIdle            = 4410
	closeFault           = 1011
)

// NativeConfig configures native connections.
type NativeConfig struct {
	MaxFrame    int           // bytes; over it the connection is closed with 1009
	AuthFrame   int           // bytes of a frame before the token was good; 0: MaxFrame
	MaxPartial  int           // bytes of all frames together of which a part has come; 0: no bound
	AuthTimeout time.Duration // for the token of a connection that came without one
	Heartbeat   time.Duration // between pings; a peer that was read and silent for one is dropped
	QueueBytes  int           // that may wait for a slow consumer, which is closed with 4008
	QueueMemory *netloop.QueueMemory
	WriteStall  time.Duration
}

// What a connection may have sent that is not handled yet; beyond it the connection is
// not read.
const (
	maxUnhandled      = 256
	maxUnhandledBytes = 1 << 20
)

// Native serves JSON over plain WebSockets. It is an http.Handler.
type Native struct {
	gateway *Gateway
	index   *Index
	cfg     NativeConfig
	loop    *netloop.Loop
	limits  ordered.Limits
	opening ordered.Workers // connections whose first job is not posted yet

	mu       sync.Mutex
	conns    map[*native]struct{}
	stopping atomic.Bool // set under mu
	refusing atomic.Bool // new connections

	received, answered atomic.Uint64 // frames from clients, and to them but for what the index sends
}

// newNative starts the door for native connections; Shutdown closes it.
func newNative(g *Gateway, cfg NativeConfig) (*Native, error) {
	loop, err := netloop.New(netloop.Config{
		MaxMessage: cfg.MaxFrame, Partial: netloop.NewPartial(cfg.MaxPartial),
		Refused:        func(why netloop.Refusal) { g.deps.Metrics.ConnectionRefused(string(why)) },
		MaxQueuedBytes: cfg.QueueBytes, QueueMemory: cfg.QueueMemory, WriteStall: cfg.WriteStall,
	})
	if err != nil {
		return nil, err
	}
	return &Native{
		gateway: g, index: g.deps.Index, cfg: cfg, loop: loop, conns: make(map[*native]struct{}),
		limits: ordered.Limits{Jobs: maxUnhandled, Bytes: maxUnhandledBytes, Pool: new(ordered.Pool)},
	}, nil
}

// Open is the number of open connections, signed in or not.
func (n *Native) Open() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

func (n *Native) all() []*native {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.conns))
}

// ServeHTTP upgrades a request. A token that is not good is refused before.
func (n *Native) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := n.gateway
	if n.refusing.Load() {
		n.sendElsewhere(w)
		return
	}
	if denied := g.deps.Door.admit(r, n.Open()); denied != nil {
		denied.answer(w)
		return
	}
	if g.roster.size() >= g.cfg.MaxConnections {
		g.deps.Metrics.ConnectionRefused(refusedCapacity)
		deniedFull.answer(w)
		return
	}
	c := &native{door: n, id: nativePrefix + rand.Text(), speaks: guide{}}
	c.timer.Owner = c
	c.from, c.since = g.admission.clientIP(r.RemoteAddr, r.Header), g.deps.Now()
	if token := requestToken(r); token != "" {
		var err error
		if c.arriving, err = n.arrive(r.Context(), token, c.from); err != nil {
			n.refuse(w, c, err)
			return
		}
	}
	n.open(w, r, c)
}

// arrive signs the user of a token in, unless the server began to stop while the
// token was verified.
func (n *Native) arrive(ctx context.Context, token string, from netip.Addr) (*session, error) {
	identity, err := n.gateway.deps.Accounts.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	if n.stopping.Load() {
		return nil, errStopping
	}
	return n.gateway.newSession(ctx, identity, from)
}

// refuse answers a request whose user could not be signed in.
func (n *Native) refuse(w http.ResponseWriter, c *native, err error) {
	if errors.Is(err, errStopping) {
		n.sendElsewhere(w)
		return
	}
	if !errors.Is(err, account.ErrUnauthenticated) {
		n.gateway.deps.Metrics.ConnectionRefused(refusedFault)
		n.gateway.complaints.fault(signInFailed, err)
		http.Error(w, endedFault.refusal.Message, http.StatusServiceUnavailable)
		return
	}
	n.gateway.deps.Metrics.ConnectionRefused(refusedToken)
	n.gateway.complaints.refused(c.from, err)
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, nativeRefusal(err).Message, http.StatusUnauthorized)
}

// nativeRefusal is what a client learns of an error that matches account.ErrUnauthenticated.
func nativeRefusal(err error) command.Refusal {
	if errors.Is(err, account.ErrAccountDisabled) {
		return endedDisabled.refusal
	}
	return unauthenticated
}

func requestToken(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return r.URL.Query().Get("token")
}

func (n *Native) open(w http.ResponseWriter, r *http.Request, c *native) {
	opts := netloop.UpgradeOptions{}
	for _, offered := range r.Header.Values("Sec-Websocket-Protocol") {
		for name := range strings.SplitSeq(offered, ",") {
			if strings.TrimSpace(name) == subprotocol {
				c.speaks, opts.Protocol = v1{}, subprotocol
			}
		}
	}
	hijacked, err := netloop.Upgrade(w, r, opts)
	if err != nil {
		var refusal *netloop.HandshakeError
		if errors.As(err, &refusal) {
			http.Error(w, refusal.Reason, refusal.Status)
		}
		return
	}
	if c.conn, err = n.loop.Attach(hijacked, c); err != nil {
		return
	}
	n.begin(c)
	c.conn.Start(hijacked.Buffered)
}

// begin has an open connection sign in if it has brought a token, or wait for one.
// A server that stops closes it instead: it was opened too late.
func (n *Native) begin(c *native) {
	if !n.add(c) {
		c.end()
		c.conn.Close(closeGoingAway, closedByShutdown)
		return
	}
	defer n.opening.Done()
	if c.arriving == nil {
		c.conn.Restrict(n.cfg.AuthFrame)
		n.loop.Wheel().Arm(&c.timer, n.cfg.AuthTimeout)
		return
	}
	c.present()
	c.beat()
	signedIn := c.arriving
	c.post(nativeJob{run: func() { c.enter(signedIn, nil) }})
}

// add counts a connection, as one that is being opened until its first job is posted, so
// that Quiesce does not miss it. It reports false when the server stops.
func (n *Native) add(c *native) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping.Load() {
		return false
	}
	n.conns[c] = struct{}{}
	n.opening.Add()
	return true
}

// native is one connection. Its jobs, which run one after the other, own what is
// not said to be shared.
type native struct {
	door   *Native
	id     string
	conn   *netloop.Conn
	timer  netloop.Timer // for the token first, then for heartbeats
	pinged bool          // the timer's own
	phase  atomic.Int32  // shared, see phase
	queue  ordered.Queue[nativeJob]
	speaks dialect

	from     netip.Addr
	since    time.Time
	arriving *session    // of the token it came with; nil without one, and once signed in
	session  *session    // nil until signed in; set under door.mu
	carried  carried     // shared
	silent   atomic.Bool // shared: it did not answer a ping
	closed   atomic.Bool // shared
	retiring atomic.Bool // shared: it is read no more; set under door.mu
}

// nativePrefix begins the ids of native connections. No chat room can be called
// so, and none gets what is for such a connection alone.
const nativePrefix = "ws:"

type nativeJob struct {
	text []byte
	run  func() // instead of text
}

// ID, Dialect and Deliver are for the index.
func (c *native) ID() string { return c.id }

// Dialect is how the connection speaks.
func (c *native) Dialect() Dialect { return c.speaks }

// Deliver queues a frame.
func (c *native) Deliver(frame any) {
	if m, ok := frame.(*netloop.Message); ok && m != nil {
		c.carried.sent.Add(1)
		c.carried.sentBytes.Add(uint64(len(m.Payload())))
		_ = c.conn.Send(m) // a closed one tells HandleClose
	}
}

// Pause and Resume are for the queue.
func (c *native) Pause() { c.conn.Pause() }

// Resume goes on reading, unless the server stops or the connection retires: neither must come between.
func (c *native) Resume() {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	if !c.door.stopping.Load() && !c.retiring.Load() {
		c.conn.Resume()
	}
}

// Run is for the pool.
func (c *native) Run() { c.queue.Work(c) }

func (c *native) post(job nativeJob) {
	c.queue.Post(c, &c.door.limits, job, len(job.text))
}

// HandleMessage is for the connection loop.
func (c *native) HandleMessage(_ *netloop.Conn, op netloop.Op, payload []byte) {
	c.door.received.Add(1)
	c.carried.received.Add(1)
	c.carried.receivedBytes.Add(uint64(len(payload)))
	if op != netloop.Text {
		payload = nil // no JSON
	}
	c.post(nativeJob{text: append(make([]byte, 0, len(payload)), payload...)})
}

// HandleClose is for the connection loop.
func (c *native) HandleClose(_ *netloop.Conn, cause error) {
	c.closed.Store(true)
	c.door.loop.Wheel().Disarm(&c.timer)
	c.door.index.Detach(c)
	why := c.whyClosed(cause)
	c.post(nativeJob{run: func() { c.leave(why) }})
}

var unauthenticated = command.Refusal{Code: command.CodeUnauthenticated, Message: "Authentication failed"}

// refuse ends a connection that did not sign in; ref is that of its attempt.
func (c *native) refuse(ref json.RawMessage) { c.fail(closeUnauthenticated, ref, unauthenticated) }

// fail tells why and closes, unless it was told another reason before.
func (c *native) fail(code uint16, ref json.RawMessage, why command.Refusal) {
	if c.end() {
		c.tell(code, ref, why)
	}
}

// tell is the last thing that a connection hears.
func (c *native) tell(code uint16, ref json.RawMessage, why command.Refusal) {
	c.say(write("error", ref, why))
	c.conn.Close(code, why.Message)
}

// Do handles one frame.
func (c *native) Do(job *nativeJob) {
	if job.run != nil {
		job.run()
		return
	}
	if c.is(ended) {
		return
	}
	f, ok := parseFrame(job.text)
	if !ok {
		c.inOrder(write("error", nil, command.Refusal{Code: string(refusal.InvalidField), Message: "Invalid message format"}))
		return
	}
	switch {
	case f.Type == "ping":
		c.inOrder(write("pong", f.Ref, struct{}{}))
	case c.session == nil:
		c.authenticate(f)
	case !c.session.here:
		// it has left
	default:
		c.run(f)
	}
}

// inOrder answers behind the commands that were started before.
func (c *native) inOrder(answer any) {
	if c.session != nil {
		c.session.settle()
	}
	c.say(answer)
}

// authenticate takes the token of a connection that came without one. From here on
// the client has done its part: how long the rest takes is not held against it.
func (c *native) authenticate(f *frame) {
	if !c.present() {
		return // it came too late, and was told so
	}
	c.beat()
	g := c.door.gateway
	if f.Type != "auth" {
		g.deps.Metrics.ConnectionRefused(refusedToken)
		c.refuse(f.Ref)
		return
	}
	signedIn, err := g.verifiedSession(context.Background(), f.string("token"), c.from)
	switch {
	case errors.Is(err, account.ErrUnauthenticated):
		g.deps.Metrics.ConnectionRefused(refusedToken)
		g.complaints.refused(c.from, err)
		c.fail(closeUnauthenticated, f.Ref, nativeRefusal(err))
	case err != nil:
		g.deps.Metrics.ConnectionRefused(refusedFault)
		g.complaints.fault(signInFailed, err)
		c.End(endedFault)
	default:
		c.conn.Trust()
		c.enter(signedIn, f.Ref)
	}
}

// enter lets a connection in whose token is good, which came with that ref if it
// came in a frame. A connection that has closed may have left already, and would
// never leave again; one that closes from here on leaves after.
func (c *native) enter(signedIn *session, ref json.RawMessage) {
	if c.closed.Load() {
		return
	}
	ctx := context.Background()
	c.door.mu.Lock()
	c.session, c.arriving = signedIn, nil
	c.door.mu.Unlock()
	c.door.index.Attach(c)
	if c.closed.Load() {
		c.door.index.Detach(c) // it closed before it was attached
	}
	signedIn.enter(ctx, c, func() {
		c.say(write("connection", ref, welcome{"connected", c.id, signedIn.user, c.door.gateway.greeting(ctx)}))
	})
}

// Rooms, Join, Leave, Connected, Recovered, Emit, Greet and End make it a link.
func (c *native) Rooms() []string { return c.door.index.Rooms(c) }

// Join puts the connection into rooms.
func (c *native) Join(rooms ...string) { c.door.index.Join(c, rooms...) }

// Leave takes the connection out of rooms.
func (c *native) Leave(rooms ...string) { c.door.index.Leave(c, rooms...) }

// Connected tells whether it is open.
func (c *native) Connected() bool { return !c.closed.Load() }

// Recovered is for Socket.IO: a native client syncs.
func (c *native) Recovered() bool { return false }

// End tells why and closes.
func (c *native) End(why ending) { c.fail(why.closeCode, nil, why.refusal) }

// AwaitRoom returns once little waits for the peer.
func (c *native) AwaitRoom(ctx context.Context) error { return c.conn.AwaitRoom(ctx) }

// Emit sends an event of the connection's own.
func (c *native) Emit(event string, payload any) {
	c.say(c.speaks.Write(wire.Event{Name: event, Payload: payload}, false))
}

// Greet is Emit: nothing is kept for native connections.
func (c *native) Greet(e wire.Event) { c.Emit(e.Name, e.Payload) }

// run carries a request out and answers it.
func (c *native) run(f *frame) {
	c.session.touch()
	name := c.speaks.request(f)
	c.session.carryOut(context.Background(), name, f.decode, func(answer any, refusal *command.Refusal) {
		c.answer(f, answer, refusal)
	})
}

func (c *native) answer(f *frame, answer any, refusal *command.Refusal) {
	switch {
	case refusal == nil:
		c.say(c.speaks.answer(f, answer))
	case c.speaks == dialect(v1{}) && len(f.Ref) > 0:
		c.say(write("ack", f.Ref, command.Rejected{Error: refusal}))
	default:
		refusal.Event = f.Type
		c.say(write("error", f.Ref, refusal))
	}
}

// leave undoes enter.
func (c *native) leave(why socketio.Reason) {
	c.door.mu.Lock()
	delete(c.door.conns, c)
	c.door.mu.Unlock()
	if c.session != nil {
		c.session.leave(why)
	}
}

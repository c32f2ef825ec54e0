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
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/netloop"
	"github.com/sockeye-im/sockeye/internal/ordered"
	"github.com/sockeye-im/sockeye/socketio"
)

// Close codes of native connections (RFC 6455 section 7.4.2).
const (
	closeUnauthenticated = 4401
	closeTurnedAway      = 1013 // try again later
	closeGoingAway       = 1001
	closeDisconnected    = 4403
	closeFault           = 1011
)

// NativeConfig configures native connections.
type NativeConfig struct {
	MaxFrame    int           // bytes; over it the connection is closed with 1009
	AuthTimeout time.Duration // for a connection that came without a token
	Heartbeat   time.Duration // between pings; a peer that was silent for one is dropped
	QueueFrames int           // that may wait for a slow consumer, which is closed with 4008
	QueueBytes  int
	WriteStall  time.Duration
}

// Native serves JSON over plain WebSockets. It is an http.Handler.
type Native struct {
	gateway *Gateway
	hub     *hub.Hub
	cfg     NativeConfig
	loop    *netloop.Loop
	limits  ordered.Limits

	mu       sync.Mutex
	conns    map[*native]struct{}
	stopping atomic.Bool // set under mu

	received, answered atomic.Uint64 // frames from clients, and to them but for what the hub sends
}

// NewNative starts the door for native connections; Shutdown closes it.
func NewNative(g *Gateway, h *hub.Hub, cfg NativeConfig) (*Native, error) {
	loop, err := netloop.New(netloop.Config{
		MaxMessage: cfg.MaxFrame, MaxQueuedFrames: cfg.QueueFrames, MaxQueuedBytes: cfg.QueueBytes, WriteStall: cfg.WriteStall,
	})
	if err != nil {
		return nil, err
	}
	return &Native{
		gateway: g, hub: h, cfg: cfg, loop: loop, conns: make(map[*native]struct{}),
		limits: ordered.Limits{Jobs: cfg.QueueFrames, Bytes: cfg.QueueBytes, Workers: new(ordered.Workers)},
	}, nil
}

// Open is the number of open connections, signed in or not.
func (n *Native) Open() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

// Quiesce takes no more connections, reads no more from those that are open, and
// waits until what was received is done, or ctx ends.
func (n *Native) Quiesce(ctx context.Context) error {
	n.mu.Lock()
	n.stopping.Store(true)
	n.mu.Unlock()
	for _, c := range n.all() {
		c.conn.Pause()
	}
	return n.limits.Workers.Wait(ctx)
}

// Shutdown quiesces, closes all connections in a way that clients come back from,
// and drops what is left when ctx ends.
func (n *Native) Shutdown(ctx context.Context) error {
	err := n.Quiesce(ctx)
	for _, c := range n.all() {
		c.conn.Close(closeGoingAway, "server shutting down")
	}
	err = errors.Join(err, n.loop.Drain(ctx))
	n.loop.Stop()
	return errors.Join(err, n.limits.Workers.Wait(ctx))
}

func (n *Native) all() []*native {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.conns))
}

// ServeHTTP upgrades a request. A token that is not good is refused before.
func (n *Native) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := n.gateway
	if err := g.Admit(r, n.Open()); err != nil {
		status := http.StatusForbidden
		if errors.Is(err, errFull) {
			status = http.StatusServiceUnavailable
		}
		http.Error(w, err.Error(), status)
		return
	}
	if g.sessions.Load() >= int64(g.cfg.MaxConnections) {
		g.Metrics.ConnectionRefused(refusedCapacity)
		http.Error(w, errFull.Error(), http.StatusServiceUnavailable)
		return
	}
	c := &native{door: n, id: nativePrefix + rand.Text(), speaks: guide{}}
	c.timer.Owner = c
	c.from = g.admission.clientIP(r.RemoteAddr, r.Header)
	if token := requestToken(r); token != "" {
		identity, err := g.Accounts.Verify(r.Context(), token)
		if err != nil {
			g.Metrics.ConnectionRefused(refusedToken)
			g.Log.Info("sign-in refused", "from", c.from.String(), "err", err)
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "Authentication failed", http.StatusUnauthorized)
			return
		}
		c.identity = &identity
	}
	n.open(w, r, c)
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
	if !n.add(c) {
		c.conn.Close(closeGoingAway, "server shutting down")
	}
	n.loop.Wheel().Arm(&c.timer, n.cfg.AuthTimeout)
	if c.identity != nil {
		c.post(nativeJob{run: func() { c.enter(nil) }})
	}
	c.conn.Start(hijacked.Buffered)
}

func (n *Native) add(c *native) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping.Load() {
		return false
	}
	n.conns[c] = struct{}{}
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
	queue  ordered.Queue[nativeJob]
	speaks dialect

	from     netip.Addr
	identity *account.Identity // of the token it came with; nil without one, and once signed in
	session  *session          // nil until signed in; set under door.mu
	carried  carried           // shared
	signedIn atomic.Bool       // shared
	ended    atomic.Bool       // shared: it was told why it ends; what waits is not carried out
	silent   atomic.Bool       // shared: it did not answer a ping
	closed   atomic.Bool       // shared
}

// nativePrefix begins the ids of native connections. No chat room can be called
// so, and none gets what is for such a connection alone.
const nativePrefix = "ws:"

type nativeJob struct {
	text []byte
	run  func() // instead of text
}

// ID, Dialect and Deliver are for the hub.
func (c *native) ID() string { return c.id }

// Dialect is how the connection speaks.
func (c *native) Dialect() hub.Dialect { return c.speaks }

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

// Resume goes on reading, unless the server stops.
func (c *native) Resume() {
	if !c.door.stopping.Load() {
		c.conn.Resume()
	}
}

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
	c.door.hub.Detach(c)
	why := c.whyClosed(cause)
	c.post(nativeJob{run: func() { c.leave(why) }})
}

// Expire is for the timing wheel: the token did not come, or it is time for a
// ping.
func (c *native) Expire(*netloop.Timer) {
	switch {
	case !c.signedIn.Load():
		c.refuse(nil)
	case c.pinged && !c.conn.Heard():
		c.silent.Store(true)
		c.conn.Abort()
	default:
		c.pinged = true
		_ = c.conn.Heard()   // forget what came before the ping
		_ = c.conn.Ping(nil) // a closed one tells HandleClose
		c.door.loop.Wheel().Arm(&c.timer, c.door.cfg.Heartbeat)
	}
}

// refuse ends a connection that did not sign in; ref is that of its attempt.
func (c *native) refuse(ref json.RawMessage) {
	c.fail(closeUnauthenticated, ref, command.Refusal{Code: command.CodeUnauthenticated, Message: "Authentication failed"})
}

// fail tells why and closes. Frames that were received but not handled yet are
// dropped.
func (c *native) fail(code uint16, ref json.RawMessage, why command.Refusal) {
	c.ended.Store(true)
	c.say(write("error", ref, why))
	c.conn.Close(code, why.Message)
}

// Do handles one frame.
func (c *native) Do(job *nativeJob) {
	if job.run != nil {
		job.run()
		return
	}
	if c.ended.Load() {
		return
	}
	f := new(frame)
	if json.Unmarshal(job.text, &f.fields) != nil || f.fields == nil {
		c.inOrder(write("error", nil, command.Refusal{Code: string(chat.CodeInvalidField), Message: "Invalid message format"}))
		return
	}
	_ = json.Unmarshal(f.fields["type"], &f.Type) // what is no string is no type
	_ = json.Unmarshal(f.fields["roomId"], &f.RoomID)
	f.Ref = f.fields["ref"]
	switch {
	case f.Type == "ping":
		c.inOrder(write("pong", f.Ref, struct{}{}))
	case c.session == nil:
		c.authenticate(f)
	case !c.session.counted:
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

// authenticate takes the token of a connection that came without one.
func (c *native) authenticate(f *frame) {
	var token string
	_ = json.Unmarshal(f.fields["token"], &token)
	identity, err := c.door.gateway.Accounts.Verify(context.Background(), token)
	if f.Type != "auth" || err != nil || c.identity != nil {
		c.door.gateway.Metrics.ConnectionRefused(refusedToken)
		c.refuse(f.Ref)
		return
	}
	c.identity = &identity
	c.enter(f.Ref)
}

// enter lets a connection in whose token is good, which came with that ref if it
// came in a frame. A connection that has closed may have left already, and would
// never leave again; one that closes from here on leaves after.
func (c *native) enter(ref json.RawMessage) {
	if c.closed.Load() {
		return
	}
	g, ctx := c.door.gateway, context.Background()
	signedIn, err := g.newSession(ctx, *c.identity, c.from)
	switch {
	case errors.Is(err, account.ErrUnauthenticated):
		g.Metrics.ConnectionRefused(refusedToken)
		c.refuse(ref)
		return
	case err != nil:
		g.Metrics.ConnectionRefused(refusedFault)
		g.Log.Error("user could not be signed in", "err", err)
		c.End(endedFault)
		return
	}
	c.door.mu.Lock()
	c.session, c.identity = signedIn, nil
	c.door.mu.Unlock()
	c.signedIn.Store(true)
	c.door.loop.Wheel().Arm(&c.timer, c.door.cfg.Heartbeat)
	c.door.hub.Attach(c)
	if c.closed.Load() {
		c.door.hub.Detach(c) // it closed before it was attached
	}
	signedIn.enter(ctx, c, func() {
		c.say(write("connection", ref, map[string]string{
			"status": "connected", "clientId": c.id, "userId": string(signedIn.user),
		}))
	})
}

// Rooms, Join, Leave, Connected, Recovered, Emit and End make it a link.
func (c *native) Rooms() []string { return c.door.hub.Rooms(c) }

// Join puts the connection into rooms.
func (c *native) Join(rooms ...string) { c.door.hub.Join(c, rooms...) }

// Leave takes the connection out of rooms.
func (c *native) Leave(rooms ...string) { c.door.hub.Leave(c, rooms...) }

// Connected tells whether it is open.
func (c *native) Connected() bool { return !c.closed.Load() }

// Recovered is for Socket.IO: a native client syncs.
func (c *native) Recovered() bool { return false }

// End tells why and closes.
func (c *native) End(why ending) { c.fail(why.closeCode, nil, why.refusal) }

// Emit sends an event of the connection's own.
func (c *native) Emit(event string, payload any) {
	c.say(c.speaks.Write(hub.Event{Name: event, Payload: payload}, false))
}

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

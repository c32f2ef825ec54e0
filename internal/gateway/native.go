package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
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
)

// Close codes of native connections (RFC 6455 section 7.4.2).
const (
	closeUnauthenticated = 4401
	closeTurnedAway      = 1013 // try again later
	closeGoingAway       = 1001
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
	c := &native{door: n, id: rand.Text(), speaks: guide{}}
	c.timer.Owner = c
	c.session.from = g.admission.clientIP(r.RemoteAddr, r.Header)
	if token := requestToken(r); token != "" {
		identity, err := g.Verifier.Verify(r.Context(), token)
		if err != nil {
			g.Metrics.ConnectionRefused(refusedToken)
			g.Log.Info("sign-in refused", "from", c.session.from.String(), "err", err)
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
		c.post(nativeJob{run: c.enter})
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

	identity *account.Identity // of the token it came with; nil without one
	session  session
	signedIn atomic.Bool // shared
	closed   atomic.Bool // shared
}

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
	if op != netloop.Text {
		payload = nil // no JSON
	}
	c.post(nativeJob{text: append(make([]byte, 0, len(payload)), payload...)})
}

// HandleClose is for the connection loop.
func (c *native) HandleClose(*netloop.Conn, error) {
	c.closed.Store(true)
	c.door.loop.Wheel().Disarm(&c.timer)
	c.door.hub.Detach(c)
	c.post(nativeJob{run: c.leave})
}

// Expire is for the timing wheel: the token did not come, or it is time for a
// ping.
func (c *native) Expire(*netloop.Timer) {
	switch {
	case !c.signedIn.Load():
		c.fail(closeUnauthenticated, command.CodeUnauthenticated, "Authentication failed")
	case c.pinged && !c.conn.Heard():
		c.conn.Abort()
	default:
		c.pinged = true
		_ = c.conn.Heard()   // forget what came before the ping
		_ = c.conn.Ping(nil) // a closed one tells HandleClose
		c.door.loop.Wheel().Arm(&c.timer, c.door.cfg.Heartbeat)
	}
}

// fail tells why and closes.
func (c *native) fail(code uint16, reason, message string) {
	c.Deliver(write("error", nil, command.Refusal{Code: reason, Message: message}))
	c.conn.Close(code, message)
}

// Do handles one frame.
func (c *native) Do(job *nativeJob) {
	if job.run != nil {
		job.run()
		return
	}
	f := new(frame)
	if json.Unmarshal(job.text, &f.fields) != nil || f.fields == nil {
		c.Deliver(write("error", nil, command.Refusal{Code: string(chat.CodeInvalidField), Message: "Invalid message format"}))
		return
	}
	_ = json.Unmarshal(f.fields["type"], &f.Type) // what is no string is no type
	_ = json.Unmarshal(f.fields["roomId"], &f.RoomID)
	f.Ref = f.fields["ref"]
	switch {
	case f.Type == "ping":
		c.Deliver(write("pong", f.Ref, struct{}{}))
	case !c.session.counted:
		c.authenticate(f)
	default:
		c.run(f)
	}
}

// authenticate takes the token of a connection that came without one.
func (c *native) authenticate(f *frame) {
	var token string
	_ = json.Unmarshal(f.fields["token"], &token)
	identity, err := c.door.gateway.Verifier.Verify(context.Background(), token)
	if f.Type != "auth" || err != nil || c.identity != nil {
		c.door.gateway.Metrics.ConnectionRefused(refusedToken)
		c.fail(closeUnauthenticated, command.CodeUnauthenticated, "Authentication failed")
		return
	}
	c.identity = &identity
	c.enter()
}

// enter lets a connection in whose token is good.
func (c *native) enter() {
	g, ctx := c.door.gateway, context.Background()
	user, err := g.Chat.EnsureUser(ctx, chat.Actor{ID: chat.UserID(c.identity.UserID), Name: c.identity.Name})
	if err != nil {
		g.Log.Error("user could not be signed in", "err", err)
		c.fail(closeFault, string(chat.CodeInternal), "Failed to sign in")
		return
	}
	if !g.admission.enter(c.session.from) {
		g.Metrics.ConnectionRefused(refusalNames[errTooManyHere])
		c.fail(closeTurnedAway, command.CodeTooManyConnections, errTooManyHere.Error())
		return
	}
	if g.sessions.Add(1) > int64(g.cfg.MaxConnections) {
		g.sessions.Add(-1)
		g.admission.leave(c.session.from)
		g.Metrics.ConnectionRefused(refusedCapacity)
		c.fail(closeTurnedAway, command.CodeServerAtCapacity, errFull.Error())
		return
	}
	c.session.counted = true
	c.signedIn.Store(true)
	g.Metrics.ConnectionOpened()
	c.session.actor = chat.Actor{ID: user.ID, Name: user.Name, Origin: c.id}
	c.session.expires.due = func() {
		c.fail(closeUnauthenticated, command.CodeTokenExpired, "Authentication failed")
	}
	g.expiry.set(&c.session.expires, c.identity.ExpiresAt)
	c.door.loop.Wheel().Arm(&c.timer, c.door.cfg.Heartbeat)
	c.Deliver(write("connection", nil, map[string]string{"status": "connected", "clientId": c.id, "userId": string(user.ID)}))
	if err := c.subscribe(ctx); err != nil {
		g.Log.Error("connection could not be subscribed", "user", string(user.ID), "err", err)
		c.fail(closeFault, string(chat.CodeInternal), "Failed to sign in")
	}
}

// subscribe does what Gateway.subscribe does for a socket.
func (c *native) subscribe(ctx context.Context) error {
	g, actor := c.door.gateway, c.session.actor
	c.door.hub.Attach(c, hub.UserRoom(actor.ID))
	if c.closed.Load() {
		c.door.hub.Detach(c) // it closed before it was attached
		return nil
	}
	rooms, err := g.Chat.Memberships(ctx, actor.ID)
	if err != nil {
		return err
	}
	c.door.hub.Join(c, hub.ChatRooms(rooms)...)
	still, err := g.Chat.Memberships(ctx, actor.ID)
	if err != nil {
		return err
	}
	c.door.hub.Leave(c, without(hub.ChatRooms(rooms), hub.ChatRooms(still))...)
	unread, err := g.Chat.Unread(ctx, actor.ID, chat.MaxUnread)
	if err != nil {
		return err
	}
	if len(unread) > 0 {
		c.emit("messages:unread", hub.MessagesOf(unread))
	}
	heads, err := g.Chat.Heads(ctx, actor.ID)
	if err == nil && len(heads) > 0 {
		c.emit("conversation:heads", hub.HeadsOf(heads))
	}
	return err
}

// without returns the elements of all that are not in kept.
func without(all, kept []string) []string {
	keep := make(map[string]bool, len(kept))
	for _, s := range kept {
		keep[s] = true
	}
	var gone []string
	for _, s := range all {
		if !keep[s] {
			gone = append(gone, s)
		}
	}
	return gone
}

// emit sends an event of the connection's own.
func (c *native) emit(event string, payload any) {
	c.Deliver(c.speaks.Write(hub.Event{Name: event, Payload: payload}, false))
}

// run carries a request out and answers it.
func (c *native) run(f *frame) {
	name := c.speaks.request(f)
	caller := &command.Caller{
		Actor: c.session.actor,
		Emit:  c.emit,
		Refresh: func(ctx context.Context, token string) (time.Time, error) {
			return c.door.gateway.refresh(ctx, &c.session, token)
		},
	}
	answer, refusal := c.door.gateway.Commands.Run(context.Background(), caller, name, f.decode)
	switch {
	case refusal == nil:
		c.Deliver(c.speaks.answer(f, answer))
	case c.speaks == dialect(v1{}) && len(f.Ref) > 0:
		c.Deliver(write("ack", f.Ref, command.Rejected{Error: refusal}))
	default:
		refusal.Event = f.Type
		c.Deliver(write("error", f.Ref, refusal))
	}
}

// leave undoes enter.
func (c *native) leave() {
	c.door.mu.Lock()
	delete(c.door.conns, c)
	c.door.mu.Unlock()
	if !c.session.counted {
		return
	}
	c.session.counted = false
	g := c.door.gateway
	g.sessions.Add(-1)
	g.Metrics.ConnectionClosed()
	g.admission.leave(c.session.from)
	g.expiry.clear(&c.session.expires)
}

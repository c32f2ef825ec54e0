package socketio

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync/atomic"
)

// Namespace is a channel of its own on the shared connections: sockets join it,
// handlers see only its events. Its methods may be called concurrently.
type Namespace struct {
	*Handlers
	server  *Server
	name    string
	rooms   *Rooms
	cluster Cluster
	ackIDs  atomic.Uint64

	dynamic bool // made for a ParentNamespace, and gone when it is empty
	joining int  // clients on their way in; guarded by the server's lock
}

func newNamespace(s *Server, name string, h *Handlers) *Namespace {
	n := &Namespace{Handlers: h, server: s, name: name}
	n.rooms = newRooms(n)
	n.cluster = s.cfg.NewCluster(n)
	return n
}

// Name is the namespace's name, with its leading slash.
func (n *Namespace) Name() string { return n.name }

// Rooms are the namespace's on this server.
func (n *Namespace) Rooms() *Rooms { return n.rooms }

// reach is what reaches the sockets of all servers, or of this one alone.
func (n *Namespace) reach(local bool) Cluster {
	if local {
		return alone{n.rooms}
	}
	return n.cluster
}

// Emit sends an event to all sockets of the namespace, on all servers.
func (n *Namespace) Emit(event string, args ...any) error { return n.all().Emit(event, args...) }

// To selects the sockets in any of the rooms.
func (n *Namespace) To(rooms ...string) BroadcastOperator { return n.all().To(rooms...) }

// In is To under its other name.
func (n *Namespace) In(rooms ...string) BroadcastOperator { return n.all().To(rooms...) }

// Except selects the sockets in none of the rooms.
func (n *Namespace) Except(rooms ...string) BroadcastOperator { return n.all().Except(rooms...) }

// Local selects the sockets of this server.
func (n *Namespace) Local() BroadcastOperator { return n.all().Local() }

// Volatile selects all sockets for an event that may be lost.
func (n *Namespace) Volatile() BroadcastOperator { return n.all().Volatile() }

// All selects all sockets.
func (n *Namespace) All() BroadcastOperator { return n.all() }

func (n *Namespace) all() BroadcastOperator { return BroadcastOperator{nsp: n} }

// Socket returns the socket of this server with that id; nil when there is
// none.
func (n *Namespace) Socket(id string) *Socket { return n.rooms.Socket(id) }

// ServerSideEmit sends an event to the OnServerSide handlers of this namespace
// on all other servers.
func (n *Namespace) ServerSideEmit(event string, args ...any) error {
	if reserved(event) {
		return ErrReservedEvent
	}
	return n.cluster.ServerSideEmit(event, args)
}

// ServerSideEmitWithAck does the same and waits for the acknowledgements of all
// other servers, or for ctx to end.
func (n *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	if reserved(event) {
		return nil, ErrReservedEvent
	}
	return n.cluster.ServerSideEmitWithAck(ctx, event, args)
}

// ReceiveServerSide is for a Cluster: another server has emitted an event. The
// result is the acknowledgement, should one be wanted.
func (n *Namespace) ReceiveServerSide(event string, args Args) (reply []any, err error) {
	n.mu.RLock()
	handlers := n.serverSide[event]
	n.mu.RUnlock()
	for _, f := range handlers {
		err = errors.Join(err, guard(func() error {
			out, err := f(args)
			if reply == nil {
				reply = out
			}
			return err
		}))
	}
	return reply, err
}

// encode also says which way the messages are to go.
func (n *Namespace) encode(p *Packet, how Selection) (Encoded, error) {
	encoded, err := n.server.cfg.Codec.Encode(p)
	if err != nil || !how.Uncompress {
		return encoded, err
	}
	for i := range encoded {
		encoded[i] = encoded[i].Uncompressed()
	}
	return encoded, nil
}

// connect runs a client through the middlewares and lets it in. It is called on
// the client's own goroutine and may block.
func (n *Namespace) connect(c *client, auth Value) {
	s := &Socket{nsp: n, client: c, auth: auth, entering: new(entrance)}
	s.open = make(chan struct{})
	if !c.admitting(s) {
		return
	}
	session := n.restore(s)
	if session == nil {
		s.assignID()
	}
	if err := n.admit(s); err != nil {
		s.end(ServerDisconnect)
		close(s.open)
		n.refuse(c, s, err)
		return
	}
	if s.freshStart {
		session = nil
	}
	if n.server.cfg.ForgetAuth {
		s.mu.Lock()
		s.auth = nil
		s.mu.Unlock()
	}
	if !c.add(s) {
		close(s.open)
		return // the client went away meanwhile
	}
	err := n.rooms.add(s, session, s.welcome)
	if err != nil {
		s.end(TransportClose)
	}
	close(s.open)
	if err != nil {
		// The client comes back, and then starts afresh.
		c.session.Fail(engineTransportClose, err)
		return
	}
	n.connected(s)
}

func (n *Namespace) refuse(c *client, s *Socket, err error) {
	var refusal *ConnectError
	switch {
	case errors.As(err, &refusal):
	case errors.Is(err, ErrPanic):
		s.logger().Error("socketio: middleware", "namespace", n.name, "err", err)
		refusal = &ConnectError{Message: internalError}
	default:
		s.logger().Warn("socketio: middleware refused a socket", "namespace", n.name, "err", err)
		refusal = &ConnectError{Message: err.Error()}
	}
	c.refuse(n.name, refusal)
}

// internalError is what clients learn of a mistake.
const internalError = "Internal server error"

// restore looks for the session that a client wants to continue. A socket whose
// connection is dead without the server knowing is dropped for it: its private
// id proves that this is the same client.
func (n *Namespace) restore(s *Socket) *Session {
	if n.server.cfg.Recovery == nil || s.client.session.Protocol() == 3 {
		return nil
	}
	s.recoverable = true
	if s.auth == nil {
		return nil
	}
	var claim struct {
		PID    string `json:"pid"`
		Offset string `json:"offset"`
	}
	if s.auth.Decode(&claim) != nil || claim.PID == "" {
		return nil
	}
	var found *Session
	id, ok := n.verifyPID(claim.PID)
	if ok {
		n.supersede(id)
		found = n.rooms.restore(id, claim.Offset)
	}
	if found == nil && (!ok || !n.rooms.has(id)) && n.fetch(s, Claim{n.name, claim.PID, claim.Offset}) {
		found = n.rooms.restore(claim.PID[:idLength], "")
	}
	if found != nil {
		s.continues(found)
	}
	return found
}

var errSuperseded = errors.New("client has reconnected")

// release undoes the reservation that Server.find made.
func (n *Namespace) release() { n.vacate(1) }

// vacate removes a dynamic namespace that nobody is in, so that the names that
// clients choose do not pile up.
func (n *Namespace) vacate(joined int) {
	if !n.dynamic {
		return
	}
	n.server.mu.Lock()
	n.joining -= joined
	empty := n.joining == 0 && n.rooms.Len() == 0 && n.server.namespaces[n.name] == n
	if empty {
		delete(n.server.namespaces, n.name)
	}
	n.server.mu.Unlock()
	if empty {
		_ = n.cluster.Close()
	}
}

const (
	idBytes  = 15 // 120 random bits
	idLength = 20 // of those in base64
)

func (s *Server) newID() string {
	if own := s.cfg.Recovery; own != nil && own.NewID != nil {
		return own.NewID()
	}
	return newID()
}

func newID() string {
	var b [idBytes]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// pid is the private id with which a client can come back: the public one and
// a code that only the server can make, so that none needs to be kept.
func (n *Namespace) pid(id string) string {
	mac := hmac.New(sha256.New, n.server.pidKey[:])
	mac.Write([]byte(n.name + "\x00" + id))
	return id + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:idBytes])
}

func (n *Namespace) verifyPID(pid string) (id string, ok bool) {
	if len(pid) != 2*idLength {
		return "", false
	}
	id = pid[:idLength]
	return id, hmac.Equal([]byte(pid), []byte(n.pid(id))) || n.rooms.tookIn(id, pid)
}

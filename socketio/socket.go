package socketio

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
)

// ErrDisconnected is returned for a socket that has left its namespace.
var ErrDisconnected = errors.New("socketio: socket disconnected")

// Socket is one connection in one namespace. Its methods may be called
// concurrently.
type Socket struct {
	nsp    *Namespace
	client *client

	// Written while the socket is being let in, by one goroutine.
	id          string
	recovered   bool
	recoverable bool          // the client was given a private id
	freshStart  bool          // RefuseRecovery
	open        chan struct{} // closed when letting in is over
	foreign     foreign       // where it continues a session of another server

	// Those of Rooms, guarded by its lock.
	rooms memberships
	since uint64 // where the packet log stood when the socket was let in

	mu       sync.Mutex
	entering *entrance // until it is let in
	auth     Value
	data     any
	acks     map[uint64]func(Value, error)
	handlers *ownHandlers  // nil for none
	left     []string      // the rooms it was in at the end
	done     chan struct{} // made by Context, closed once left is known
	gone     bool          // leaving
	ended    bool          // left is known
	reason   Reason        // for which it is gone
}

// ID is the socket's id, which other clients may know. Middlewares find it too.
func (s *Socket) ID() string { return s.id }

// Namespace is the namespace the socket is in.
func (s *Socket) Namespace() *Namespace { return s.nsp }

// Protocol is the version of Engine.IO the client speaks: 4, or 3 for clients
// of Socket.IO 2.
func (s *Socket) Protocol() int { return s.client.session.Protocol() }

// Transport is the connection's transport at the moment, polling or websocket.
func (s *Socket) Transport() string { return s.client.session.Transport() }

// Handshake is what the first request of the connection said.
func (s *Socket) Handshake() *engineio.Handshake { return s.client.session.Handshake() }

// Auth decodes what the client sent to sign in into what dst points to. It
// leaves dst as it is when the client sent nothing, or after Config.ForgetAuth.
func (s *Socket) Auth(dst any) error {
	s.mu.Lock()
	auth := s.auth
	s.mu.Unlock()
	if auth == nil {
		return nil
	}
	return auth.Decode(dst)
}

// Data is what SetData put there; after a recovery what the lost socket had.
func (s *Socket) Data() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

// SetData attaches a value of the application's to the socket.
func (s *Socket) SetData(data any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = data
}

// Recovered reports whether the socket continues one that lost its connection,
// with its id, rooms and data, and has been sent what it missed.
func (s *Socket) Recovered() bool { return s.recovered && !s.freshStart }

// RefuseRecovery makes a socket that would continue another start afresh, with a
// new id and without rooms and data. Only middlewares may call it; they do when
// the client is not allowed what the lost socket was.
func (s *Socket) RefuseRecovery() {
	if !s.Recovered() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entering == nil {
		return
	}
	s.freshStart, s.data, s.foreign = true, nil, foreign{}
	s.entering.kept, s.entering.left = nil, nil
	s.assignID()
}

// HoldConnectTimeout stops Config.ConnectTimeout for the socket's connection, for as
// long as it is not refused. Only middlewares may call it; they do when the client
// has done its part, and what is left may take longer.
func (s *Socket) HoldConnectTimeout() { s.client.holdTimer() }

// Connected reports whether the socket is in its namespace.
func (s *Socket) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.gone
}

// Rooms are the rooms the socket is in, its own id among them; once it has left
// those that it was in.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	ended, left := s.ended, s.left
	s.mu.Unlock()
	if ended {
		return left
	}
	if early := s.roomsEarly(); early != nil {
		return early
	}
	return s.nsp.rooms.of(s)
}

// Join puts the socket into rooms: a middleware into those that it is in from the
// moment at which it is let in. It does nothing once the socket has left.
func (s *Socket) Join(rooms ...string) {
	if !s.joinEarly(rooms) {
		s.nsp.rooms.join(s, rooms)
	}
}

// Leave takes the socket out of rooms. A middleware that has a recovered socket
// leave one does not keep from it what it missed there: RefuseRecovery does.
func (s *Socket) Leave(rooms ...string) {
	if !s.leaveEarly(rooms) {
		s.nsp.rooms.leave(s, rooms)
	}
}

// Emit queues an event for the client and never blocks. After ErrDisconnected it
// was not sent; without an error it may still be lost with the connection. With
// recovery on it may be sent to a socket that has lost its connection, for the
// client that comes back.
//
// A client that reads gets all of it, however fast it comes, up to
// engineio.Config.MaxQueuedBytes at a time: one for which more than that waits is
// closed, and for more there is EmitContext.
func (s *Socket) Emit(event string, args ...any) error {
	return s.itself().Emit(event, args...)
}

// EmitContext is Emit for senders that can wait: it does so while much waits for the
// client already, so that any amount can be sent to one that is slow. It fails with
// ErrDisconnected when the socket leaves meanwhile, as one does that takes nothing
// for engineio.Config.WriteStall, or with ctx's error; then the event was not sent. A
// handler's own ctx ends with its socket.
func (s *Socket) EmitContext(ctx context.Context, event string, args ...any) error {
	if err := s.AwaitRoom(ctx); err != nil {
		return err
	}
	return s.Emit(event, args...)
}

// AwaitRoom is the waiting of EmitContext alone, for those who would not even make
// what they send before there is room for it, or who send it as an acknowledgement.
func (s *Socket) AwaitRoom(ctx context.Context) error {
	err := s.client.session.AwaitRoom(ctx)
	if errors.Is(err, engineio.ErrClosed) {
		return ErrDisconnected
	}
	return err
}

// To selects the sockets in any of the rooms, but for this one.
func (s *Socket) To(rooms ...string) BroadcastOperator { return s.Broadcast().To(rooms...) }

// In is To under its other name.
func (s *Socket) In(rooms ...string) BroadcastOperator { return s.Broadcast().To(rooms...) }

// Except selects the sockets in none of the rooms, but for this one.
func (s *Socket) Except(rooms ...string) BroadcastOperator { return s.Broadcast().Except(rooms...) }

// Broadcast selects all sockets but this one.
func (s *Socket) Broadcast() BroadcastOperator {
	return s.itself().others()
}

// Local selects all sockets of this server but this one.
func (s *Socket) Local() BroadcastOperator { return s.Broadcast().Local() }

// Volatile selects this socket for an event that may be lost. See
// BroadcastOperator for what the steps behind it do.
func (s *Socket) Volatile() BroadcastOperator { return s.itself().Volatile() }

// Compress selects this socket for an event that may be compressed or not.
func (s *Socket) Compress(compress bool) BroadcastOperator { return s.itself().Compress(compress) }

// Timeout selects this socket for an event that it has d to acknowledge.
func (s *Socket) Timeout(d time.Duration) BroadcastOperator { return s.itself().Timeout(d) }

// Transient selects this socket for an event that is not kept for a client that
// loses its connection: what is told anew on each connect takes no room from what
// is not.
func (s *Socket) Transient() BroadcastOperator { return s.itself().Transient() }

func (s *Socket) itself() BroadcastOperator { return BroadcastOperator{nsp: s.nsp, only: s} }

// Disconnect sends the client away; it does not come back by itself. Events of
// its that were received but not handled yet are dropped. With closeConnection
// all namespaces of the connection are left and it is closed. A middleware
// returns an error instead: without closeConnection its call does nothing.
func (s *Socket) Disconnect(closeConnection bool) {
	if closeConnection {
		s.client.disconnect()
		return
	}
	if s.client.remove(s) {
		_ = s.sendDisconnect()
		s.leave(ServerDisconnect, nil)
	}
}

// Drop closes the connection in a way that the client takes for a failure of
// the network: it reconnects.
func (s *Socket) Drop() { s.client.session.Close() }

// Retire closes the connection in a way that its client comes back from, to another server where
// there is one. Nothing more is read of it. What was read is handled first, then last is called
// in the connection's order, which may block and send, and the connection ends behind all that
// was sent to it, with the reason ShuttingDown. Events that were detached (see [Event.Detach]) are
// not waited for. It does not block. On a connection that has ended last is called all the same.
func (s *Socket) Retire(last func()) { s.client.retire(last) }

// Context ends when the socket leaves, for whatever reason. Handlers get it; one
// whose work must not stop halfway uses context.WithoutCancel, also because
// events that came before the client left are handled after.
func (s *Socket) Context() context.Context { return (*socketContext)(s) }

// socketContext makes a channel only for those who wait for it.
type socketContext Socket

func (c *socketContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (c *socketContext) Value(any) any                           { return nil }

func (c *socketContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.ended {
			close(c.done)
		}
	}
	return c.done
}

func (c *socketContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return context.Canceled
	}
	return nil
}

// assignID gives a new socket its id. Clients of Socket.IO 2 know it as the
// connection's.
func (s *Socket) assignID() {
	switch {
	case s.client.session.Protocol() == 4:
		s.id = s.nsp.server.newID()
	case s.nsp.name == "/":
		s.id = s.client.session.ID()
	default:
		s.id = s.nsp.name + "#" + s.client.session.ID()
	}
}

// welcome tells the client that it is connected, and what it missed. The
// namespace's Rooms call it before the first broadcast reaches the socket.
func (s *Socket) welcome(missed []Encoded) {
	p := &Packet{Type: PacketConnect, Namespace: s.nsp.name}
	if s.client.session.Protocol() == 4 {
		data := connected{SID: s.id}
		if s.recoverable {
			data.PID = cmp.Or(s.foreign.pid, s.nsp.pid(s.id))
		}
		p.Data = data
	}
	if err := s.client.send(p); err != nil {
		return // the connection is closing, which it will tell
	}
	for _, encoded := range missed {
		_ = s.client.session.Send(encoded...)
	}
}

// connected is the payload of the server's Connect packet.
type connected struct {
	SID string `json:"sid"`
	PID string `json:"pid,omitempty"`
}

// end is the end of a socket that was never let in.
func (s *Socket) end(reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return
	}
	s.gone, s.ended, s.reason, s.entering = true, true, reason, nil
	if s.done != nil {
		close(s.done)
	}
}

// sentAway reports whether the server has disconnected the socket.
func (s *Socket) sentAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone && s.reason == ServerDisconnect
}

// leave takes the socket out of its namespace. details say more than the reason
// where there is more to say.
func (s *Socket) leave(reason Reason, details error) {
	<-s.open
	s.mu.Lock()
	if s.gone {
		s.mu.Unlock()
		return
	}
	s.gone, s.reason = true, reason
	s.mu.Unlock()
	rooms := s.nsp.rooms.drop(s, s.recoverable && reason.recoverable())
	s.mu.Lock()
	s.ended, s.left = true, rooms
	acks := s.acks
	s.acks = nil
	if s.done != nil {
		close(s.done)
	}
	s.mu.Unlock()
	for _, f := range acks {
		f(nil, ErrDisconnected)
	}
	s.client.post(job{run: func() { s.disconnected(reason, details) }})
	s.nsp.vacate(0)
}

func (s *Socket) sendDisconnect() error {
	return s.client.send(&Packet{Type: PacketDisconnect, Namespace: s.nsp.name})
}

// deliver queues an encoded packet.
func (s *Socket) deliver(encoded Encoded, volatile bool) {
	if volatile && !s.client.session.Writable() {
		return
	}
	_ = s.client.session.Send(encoded...) // a closed one tells its handler
}

func (s *Socket) describe() RemoteSocket {
	return RemoteSocket{ID: s.id, Rooms: s.Rooms(), Data: s.Data(), Handshake: s.Handshake()}
}

func (s *Socket) logger() *slog.Logger { return s.nsp.server.cfg.Logger }

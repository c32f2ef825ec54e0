package socketio

import (
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

	// The adapter's, guarded by its lock.
	rooms []membership
	since uint64 // where the packet log stood when the socket was let in

	mu       sync.Mutex
	auth     Value
	data     any
	acks     map[uint64]func(Value, error)
	handlers map[string][]EventHandler
	any      []EventHandler
	left     []string      // the rooms it was in at the end
	done     chan struct{} // made by Context, closed once left is known
	gone     bool          // leaving
	ended    bool          // left is known
	reason   Reason        // for which it is gone
}

// ID is the socket's id, which other clients may know.
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

// RefuseRecovery makes the socket start afresh, with a new id and without rooms
// and data. Only middlewares may call it; they do when the client is not allowed
// what the lost socket was.
func (s *Socket) RefuseRecovery() {
	s.freshStart = true
	s.SetData(nil)
}

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
	return s.nsp.adapter.Rooms(s)
}

// Join puts the socket into rooms. It does nothing once the socket has left.
func (s *Socket) Join(rooms ...string) { s.nsp.adapter.Join(s, rooms) }

// Leave takes the socket out of rooms.
func (s *Socket) Leave(rooms ...string) { s.nsp.adapter.Leave(s, rooms) }

// Emit queues an event for the client and never blocks. After ErrDisconnected it
// was not sent; without an error it may still be lost with the connection. With
// recovery on it may be sent to a socket that has lost its connection, for the
// client that comes back.
func (s *Socket) Emit(event string, args ...any) error {
	return BroadcastOperator{nsp: s.nsp, only: s}.Emit(event, args...)
}

// EmitWithAck sends an event and waits for the client's acknowledgement, for ctx
// to end, or for the socket to leave (ErrDisconnected). It may be called in a
// handler of the same socket, and then needs a ctx with a deadline: while that
// handler waits nothing else of the connection is handled, and once
// Config.MaxQueuedEvents wait nothing is read either, acknowledgements included.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	if reserved(event) {
		return nil, ErrReservedEvent
	}
	type reply struct {
		body Value
		err  error
	}
	replies := make(chan reply, 1)
	id := s.nsp.ackIDs.Add(1) - 1
	if !s.expect(id, func(body Value, err error) { replies <- reply{body, err} }) {
		return nil, ErrDisconnected
	}
	p := &Packet{Type: PacketEvent, Namespace: s.nsp.name, AckID: &id, Event: event, Args: args}
	s.nsp.sent(p, s)
	if err := s.client.send(p); err != nil {
		s.forget(id)
		return nil, err
	}
	select {
	case r := <-replies:
		if r.err != nil {
			return nil, r.err
		}
		return s.splitAck(r.body)
	case <-ctx.Done():
		s.forget(id)
		return nil, ctx.Err()
	}
}

// To selects the sockets in any of the rooms, but for this one.
func (s *Socket) To(rooms ...string) BroadcastOperator { return s.Broadcast().To(rooms...) }

// In is To under its other name.
func (s *Socket) In(rooms ...string) BroadcastOperator { return s.Broadcast().To(rooms...) }

// Except selects the sockets in none of the rooms, but for this one.
func (s *Socket) Except(rooms ...string) BroadcastOperator { return s.Broadcast().Except(rooms...) }

// Broadcast selects all sockets but this one.
func (s *Socket) Broadcast() BroadcastOperator {
	return BroadcastOperator{nsp: s.nsp, to: Selection{Except: []string{s.id}}}
}

// Volatile selects this socket for an event that may be lost.
func (s *Socket) Volatile() BroadcastOperator {
	return BroadcastOperator{nsp: s.nsp, only: s}.Volatile()
}

// On adds a handler for an event of this socket. Handlers that are the same for
// all sockets are better added to the namespace, where they take no memory for
// each.
func (s *Socket) On(event string, f EventHandler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handlers == nil {
		s.handlers = make(map[string][]EventHandler)
	}
	s.handlers[event] = append(s.handlers[event], f)
}

// OnAny adds a handler for all events of this socket.
func (s *Socket) OnAny(f EventHandler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.any = append(s.any, f)
}

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
		s.leave(ServerDisconnect)
	}
}

// Drop closes the connection in a way that the client takes for a failure of
// the network: it reconnects.
func (s *Socket) Drop() { s.client.session.Close() }

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
		s.id = newID()
	case s.nsp.name == "/":
		s.id = s.client.session.ID()
	default:
		s.id = s.nsp.name + "#" + s.client.session.ID()
	}
}

// welcome tells the client that it is connected, and what it missed. The
// adapter calls it before the first broadcast reaches the socket.
func (s *Socket) welcome(missed []Encoded) {
	p := &Packet{Type: PacketConnect, Namespace: s.nsp.name}
	if s.client.session.Protocol() == 4 {
		data := connected{SID: s.id}
		if s.recoverable {
			data.PID = s.nsp.pid(s.id)
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
	s.gone, s.ended, s.reason = true, true, reason
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

// leave takes the socket out of its namespace.
func (s *Socket) leave(reason Reason) {
	<-s.open
	s.mu.Lock()
	if s.gone {
		s.mu.Unlock()
		return
	}
	s.gone, s.reason = true, reason
	s.mu.Unlock()
	rooms := s.nsp.adapter.Remove(s, s.recoverable && reason.recoverable())
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
	s.client.post(job{run: func() { s.nsp.disconnected(s, reason) }})
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

// expect notes who waits for an acknowledgement; false once the socket has left.
func (s *Socket) expect(id uint64, f func(Value, error)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false
	}
	if s.acks == nil {
		s.acks = make(map[uint64]func(Value, error))
	}
	s.acks[id] = f
	return true
}

func (s *Socket) forget(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.acks, id)
}

// acknowledged passes an acknowledgement on. It runs on the connection loop.
func (s *Socket) acknowledged(id uint64, body Value) {
	s.mu.Lock()
	f := s.acks[id]
	delete(s.acks, id)
	s.mu.Unlock()
	if f != nil {
		f(body, nil)
	}
}

// splitAck reads the body of an acknowledgement; a malformed one ends the
// connection.
func (s *Socket) splitAck(body Value) (Args, error) {
	elements, err := body.Elements()
	if err != nil {
		s.client.malformed(err)
		return nil, err
	}
	return elements, nil
}

// own returns the socket's own handlers.
func (s *Socket) own(event string) (named, catchAll []EventHandler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handlers[event], s.any
}

func (s *Socket) logger() *slog.Logger { return s.nsp.server.cfg.Logger }

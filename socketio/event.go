package socketio

import (
	"errors"
	"sync/atomic"
)

// ErrNoAck is returned by Event.Ack when the client did not ask for an
// acknowledgement or has got one.
var ErrNoAck = errors.New("socketio: no acknowledgement wanted")

// Event is a received event.
type Event struct {
	socket *Socket
	name   string
	args   Args
	ackID  *uint64
	acked  atomic.Bool
	turn   atomic.Uint32
}

// Socket is who sent the event.
func (e *Event) Socket() *Socket { return e.socket }

// Name is the event's name.
func (e *Event) Name() string { return e.name }

// Args are the event's arguments.
func (e *Event) Args() Args { return e.args }

// WantsAck reports whether the client asked for an acknowledgement that it has
// not got yet.
func (e *Event) WantsAck() bool { return e.ackID != nil && !e.acked.Load() }

// Ack acknowledges the event. Only the first call that can encode its arguments
// does. The event may be kept for it: it may come after the handler has returned,
// from any goroutine.
func (e *Event) Ack(args ...any) error {
	if !e.WantsAck() {
		return ErrNoAck
	}
	p := &Packet{Type: PacketAck, Namespace: e.socket.nsp.name, AckID: e.ackID, Args: args}
	encoded, err := e.socket.nsp.server.cfg.Codec.Encode(p)
	if err != nil {
		return err
	}
	if e.acked.Swap(true) {
		return ErrNoAck
	}
	e.socket.client.server.sent.Add(1)
	return e.socket.client.session.Send(encoded...)
}

func (e *Event) call(f EventHandler) error {
	return guard(func() error { return f(e.socket.Context(), e) })
}

package gateway

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/wire"
	"github.com/sockeye-im/sockeye/socketio"
)

// serve adds the gateway's handlers to a namespace.
func (g *Gateway) serve(nsp *socketio.Namespace) {
	nsp.Use(g.signIn)
	nsp.OnConnect(connected)
	nsp.OnDisconnect(disconnected)
	for _, name := range command.Names() {
		nsp.On(name, g.event)
	}
}

// connected is called for each socket that was let in.
func connected(ctx context.Context, s *socketio.Socket) {
	ctx = context.WithoutCancel(ctx)
	signedIn, link := s.Data().(*session), socket{s}
	signedIn.enter(ctx, link, func() { link.Greet(wire.ServerEpoch.Of(signedIn.gateway.greeting(ctx))) })
}

// disconnected is called for each socket that connected was called for. There is
// one namespace: a connection that has left it is of no use to anybody, and no
// limit would count it.
func disconnected(s *socketio.Socket, why socketio.Reason) {
	s.Drop()
	if signedIn, ok := s.Data().(*session); ok {
		signedIn.leave(why)
	}
}

// event carries an event out and answers it: by its acknowledgement if one is
// asked for, else failures by an error event.
func (g *Gateway) event(ctx context.Context, e *socketio.Event) error {
	signedIn, ok := e.Socket().Data().(*session)
	if !ok || !signedIn.here {
		return nil // being turned away
	}
	signedIn.touch()
	signedIn.carryOut(ctx, e.Name(), payloadOf(e), func(answer any, refusal *command.Refusal) {
		_ = answerTo(e, answer, refusal) // it fails for clients that are gone, who ask again
	})
	return nil
}

func answerTo(e *socketio.Event, answer any, refusal *command.Refusal) error {
	switch {
	case refusal == nil && e.WantsAck():
		return e.Ack(answer)
	case refusal == nil:
		return nil
	case e.WantsAck():
		return e.Ack(command.Rejected{Error: refusal})
	default:
		refusal.Event = e.Name()
		return e.Socket().Emit("error", refusal)
	}
}

func payloadOf(e *socketio.Event) command.Decode {
	args := e.Args()
	if len(args) == 0 {
		return nil
	}
	return func(dst any) error {
		if args[0].HasBinary() {
			return command.ErrBinary
		}
		return args[0].Decode(dst)
	}
}

// socket is a Socket.IO link.
type socket struct{ *socketio.Socket }

// Emit sends an event. What cannot be sent any more is not.
func (s socket) Emit(event string, payload any) { _ = s.Socket.Emit(event, payload) }

// Greet sends one that clients which recover their connection are not sent.
func (s socket) Greet(e wire.Event) { _ = s.Transient().Emit(e.Name, e.Payload) }

// End disconnects, or drops a client that shall come back by itself. A socket that
// is gone is left alone: what it is told is for its id, which the one that
// continues it has by now.
func (s socket) End(why ending) {
	switch {
	case !s.Connected():
	case why.retry:
		s.Drop()
	default:
		s.Emit("error", why.refusal)
		s.Disconnect(true)
	}
}

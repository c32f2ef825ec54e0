package gateway

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/socketio"
)

// Serve adds the gateway's handlers to a namespace.
func (g *Gateway) Serve(nsp *socketio.Namespace) {
	nsp.Use(g.signIn)
	nsp.OnConnect(g.connected)
	nsp.OnDisconnect(g.disconnected)
	for _, name := range command.Names() {
		nsp.On(name, g.event)
	}
}

// event carries an event out and answers it: by its acknowledgement if one is
// asked for, else failures by an error event.
func (g *Gateway) event(ctx context.Context, e *socketio.Event) error {
	signedIn, ok := e.Socket().Data().(*session)
	if !ok || !signedIn.counted {
		return nil // being turned away
	}
	answer, refusal := g.Commands.Run(ctx, g.caller(e.Socket(), signedIn), e.Name(), payloadOf(e))
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

// caller is the user behind a socket. What cannot be sent any more is not: a
// client that did not get its answer asks again.
func (g *Gateway) caller(s *socketio.Socket, signedIn *session) *command.Caller {
	return &command.Caller{
		Actor: signedIn.actor,
		Emit:  func(event string, payload any) { _ = s.Emit(event, payload) },
		Refresh: func(ctx context.Context, token string) (time.Time, error) {
			return g.refresh(ctx, signedIn, token)
		},
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

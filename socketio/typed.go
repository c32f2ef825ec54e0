package socketio

import (
	"context"
	"fmt"
)

// Listener is what handlers can be added to: a Namespace, a ParentNamespace or
// a Socket.
type Listener interface {
	On(event string, f EventHandler)
}

// Handle adds a handler for events with one argument of type In. An argument
// that cannot be decoded is an *ArgumentError for OnError; one that is missing
// is the zero In.
func Handle[In any](l Listener, event string, f func(ctx context.Context, e *Event, in In) error) {
	l.On(event, func(ctx context.Context, e *Event) error {
		var in In
		if err := e.args.Decode(&in); err != nil {
			return err
		}
		return f(ctx, e, in)
	})
}

// HandleAck adds a handler whose result acknowledges the event. An error does so
// too, in the way of AckError, unless the handler or an OnError handler has
// acknowledged the event.
func HandleAck[In, Out any](l Listener, event string, f func(ctx context.Context, e *Event, in In) (Out, error)) {
	Handle(l, event, func(ctx context.Context, e *Event, in In) error {
		out, err := f(ctx, e, in)
		if err != nil || !e.WantsAck() {
			return err
		}
		return e.Ack(out)
	})
}

// EmitAck emits an event to one socket, waits for its acknowledgement and
// decodes the first argument of that. See Socket.EmitWithAck.
func EmitAck[Out any](ctx context.Context, s *Socket, event string, args ...any) (Out, error) {
	var out Out
	reply, err := s.EmitWithAck(ctx, event, args...)
	if err != nil {
		return out, err
	}
	if err := reply.Decode(&out); err != nil {
		return out, fmt.Errorf("acknowledgement of %q: %w", event, err)
	}
	return out, nil
}

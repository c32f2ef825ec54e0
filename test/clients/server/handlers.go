package server

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/sockeye-im/sockeye/socketio"
)

var errForbidden = errors.New("this event is forbidden")

// furnish gives a namespace the handlers that the tests need.
func (s *instance) furnish(n listener) {
	s.watch(n)
	n.Filter(func(_ context.Context, e *socketio.Event) error {
		if e.Name() == "forbidden" {
			return errForbidden
		}
		return nil
	})
	talk(n)
	ask(n)
	move(n)
	pour(n)
	n.On("block", func(ctx context.Context, e *socketio.Event) error {
		select {
		case <-s.released:
			return e.Ack(e.Args().Values()...)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// watch writes into the journal.
func (s *instance) watch(n listener) {
	n.OnConnect(func(_ context.Context, socket *socketio.Socket) {
		s.journal.add(entry{Kind: "connect", Namespace: socket.Namespace().Name(), ID: socket.ID(), Recovered: socket.Recovered()})
	})
	n.OnDisconnect(func(socket *socketio.Socket, reason socketio.Reason) {
		s.journal.add(entry{Kind: "disconnect", Namespace: socket.Namespace().Name(), ID: socket.ID(), Reason: string(reason)})
	})
	n.OnAny(func(_ context.Context, e *socketio.Event) error {
		s.journal.add(entry{Kind: "event", Namespace: e.Socket().Namespace().Name(), ID: e.Socket().ID(), Name: e.Name(), Arguments: len(e.Args())})
		return nil
	})
	n.OnError(func(e *socketio.Event, err error) {
		s.journal.add(entry{Kind: "error", ID: e.Socket().ID(), Name: e.Name()})
		reason, _, _ := strings.Cut(err.Error(), "\n") // a panic's stack is not for clients
		_ = e.Socket().Emit("failed", e.Name(), reason)
	})
}

// talk: events and acknowledgements from the client.
func talk(n listener) {
	n.On("echo", func(_ context.Context, e *socketio.Event) error {
		return e.Socket().Emit("echo", e.Args().Values()...)
	})
	n.On("ack", func(_ context.Context, e *socketio.Event) error { return e.Ack(e.Args().Values()...) })
	n.On("ack twice", func(_ context.Context, e *socketio.Event) error {
		_ = e.Ack("first")
		return e.Ack("second")
	})
	n.On("silence", func(context.Context, *socketio.Event) error { return nil })
	n.On("panic", func(context.Context, *socketio.Event) error { panic("on demand") })
	type parcel struct {
		Label string          `json:"label"`
		Count int             `json:"count"`
		Bytes socketio.Binary `json:"bytes"`
	}
	socketio.HandleAck(n, "parcel", func(_ context.Context, _ *socketio.Event, p parcel) (parcel, error) {
		p.Label = strings.ToUpper(p.Label)
		p.Count++
		p.Bytes = append(p.Bytes, 0xff)
		return p, nil
	})
	n.On("who am I", func(_ context.Context, e *socketio.Event) error {
		s := e.Socket()
		auth := map[string]any{}
		if err := s.Auth(&auth); err != nil {
			return err
		}
		return e.Ack(map[string]any{
			"id": s.ID(), "namespace": s.Namespace().Name(), "recovered": s.Recovered(), "data": s.Data(), "rooms": s.Rooms(),
			"auth": auth, "query": s.Handshake().Query(), "header": s.Handshake().Header(), "protocol": s.Protocol(), "transport": s.Transport(),
		})
	})
	socketio.Handle(n, "remember", func(_ context.Context, e *socketio.Event, data any) error {
		e.Socket().SetData(data)
		return e.Ack()
	})
}

// question is an event that the server is to send with a wish for an answer.
type question struct {
	Event   string   `json:"event"`
	Rooms   []string `json:"rooms"`
	Timeout int      `json:"timeout"` // milliseconds
}

// ask: acknowledgements from the clients. The reply is [error, replies…].
func ask(n listener) {
	n.On("ask me", func(ctx context.Context, e *socketio.Event) error {
		var q question
		if err := e.Args().Decode(&q); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, milliseconds(q.Timeout))
		defer cancel()
		reply, err := e.Socket().EmitWithAck(ctx, q.Event, e.Args()[1:].Values()...)
		return e.Ack(append([]any{text(err)}, reply.Values()...)...)
	})
	n.On("ask all", func(ctx context.Context, e *socketio.Event) error {
		var q question
		if err := e.Args().Decode(&q); err != nil {
			return err
		}
		to := e.Socket().Namespace().To(q.Rooms...).Timeout(milliseconds(q.Timeout))
		replies, err := to.EmitWithAck(ctx, q.Event, e.Args()[1:].Values()...)
		missing := 0
		var lacking *socketio.MissingAcksError
		if errors.As(err, &lacking) {
			missing = lacking.Missing
		}
		answer := []any{text(err), missing}
		for _, reply := range replies {
			answer = append(answer, reply[0])
		}
		return e.Ack(answer...)
	})
}

func text(err error) any {
	if err == nil {
		return nil
	}
	return err.Error()
}

// address is to whom a client wants an event to go, itself excepted.
type address struct {
	Rooms    []string `json:"rooms"`
	Except   []string `json:"except"`
	Volatile bool     `json:"volatile"`
}

// move: rooms, and leaving.
func move(n listener) {
	socketio.Handle(n, "join", func(_ context.Context, e *socketio.Event, rooms []string) error {
		e.Socket().Join(rooms...)
		return e.Ack(e.Socket().Rooms())
	})
	socketio.Handle(n, "leave", func(_ context.Context, e *socketio.Event, rooms []string) error {
		e.Socket().Leave(rooms...)
		return e.Ack(e.Socket().Rooms())
	})
	n.On("pass on", func(_ context.Context, e *socketio.Event) error {
		var to address
		if err := e.Args().Decode(&to); err != nil {
			return err
		}
		others := e.Socket().To(to.Rooms...).Except(to.Except...)
		if to.Volatile {
			others = others.Volatile()
		}
		if err := others.Emit("passed on", e.Args()[1:].Values()...); err != nil {
			return err
		}
		return e.Ack()
	})
	n.On("send me away", func(_ context.Context, e *socketio.Event) error {
		e.Socket().Disconnect(false)
		return nil
	})
	n.On("hang up", func(_ context.Context, e *socketio.Event) error {
		e.Socket().Disconnect(true)
		return nil
	})
	n.On("drop", func(_ context.Context, e *socketio.Event) error {
		e.Socket().Drop()
		return nil
	})
}

// shower is how much a client wants to be sent.
type shower struct {
	Count    int  `json:"count"`
	Size     int  `json:"size"` // bytes of each
	Binary   bool `json:"binary"`
	Volatile bool `json:"volatile"`
}

// pour: more than the client may be able to take.
func pour(n listener) {
	socketio.Handle(n, "pour", func(_ context.Context, e *socketio.Event, much shower) error {
		s := e.Socket()
		var drop any = strings.Repeat("x", much.Size)
		if much.Binary {
			drop = bytes.Repeat([]byte{'x'}, much.Size)
		}
		for i := range much.Count {
			var err error
			if much.Volatile {
				err = s.Volatile().Emit("drop", i, drop)
			} else {
				err = s.Emit("drop", i, drop)
			}
			if errors.Is(err, socketio.ErrDisconnected) {
				return nil // it could not
			}
			if err != nil {
				return err
			}
		}
		return s.Emit("poured")
	})
}

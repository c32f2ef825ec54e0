// Package probe is a server that does what node.mjs does on Node, as alike as the two libraries allow. probe.mjs drives both,
// and docs/socketio-and-node.md shows what its clients saw.
package probe

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/socketio"
)

// New makes the server.
func New(log *slog.Logger) (*socketio.Server, error) {
	server, err := socketio.NewServer(socketio.Config{Logger: log})
	if err != nil {
		return nil, err
	}
	server.Of("/plain").Use(func(context.Context, *socketio.Socket) error { return errors.New("closed for today") })
	server.Of("/data").Use(func(context.Context, *socketio.Socket) error {
		return &socketio.ConnectError{Message: "too fast", Data: map[string]int{"wait": 5}}
	})
	joinEarly(server.Of("/early"))
	watch := server.Of("/watch")
	root := server.Of("/")
	root.Filter(func(_ context.Context, e *socketio.Event) error {
		if e.Name() == "filtered" {
			return errors.New("not for you")
		}
		return nil
	})
	root.OnConnect(func(_ context.Context, s *socketio.Socket) { welcome(s, watch) })
	leave(root)
	reach(root)
	answer(root)
	beside(root)
	ask(root)
	carry(root)
	return server, nil
}

func joinEarly(early *socketio.Namespace) {
	early.Use(func(_ context.Context, s *socketio.Socket) error {
		s.SetData(s.ID())
		s.Join("early")
		return nil
	})
	early.OnConnect(func(_ context.Context, s *socketio.Socket) {
		_ = early.To("early").Emit("early", s.Data() == s.ID(), slices.Contains(s.Rooms(), "early"))
	})
}

func welcome(s *socketio.Socket, watch *socketio.Namespace) {
	var auth struct {
		Name  string
		Rooms []string
	}
	_ = s.Auth(&auth)
	s.Join(auth.Rooms...)
	tell := func(event string) func(socketio.Reason, error) {
		return func(reason socketio.Reason, _ error) {
			_ = watch.Emit("left", auth.Name, event, reason, slices.Contains(s.Rooms(), "r1"))
		}
	}
	s.OnDisconnecting(tell("disconnecting"))
	s.OnDisconnect(tell("disconnect"))
}

// do adds a handler that cannot fail.
func do(n *socketio.Namespace, event string, f func(e *socketio.Event)) {
	n.On(event, func(_ context.Context, e *socketio.Event) error { f(e); return nil })
}

func leave(n *socketio.Namespace) {
	do(n, "leave me", func(e *socketio.Event) { e.Socket().Disconnect(false) })
	do(n, "hang up on me", func(e *socketio.Event) { e.Socket().Disconnect(true) })
	n.On("alive", func(_ context.Context, e *socketio.Event) error { return e.Ack() })
}

func reach(n *socketio.Namespace) {
	note := func(event string, to func(s *socketio.Socket) socketio.BroadcastOperator) {
		n.On(event, func(_ context.Context, e *socketio.Event) error { return to(e.Socket()).Emit("note") })
	}
	note("volatile", (*socketio.Socket).Volatile)
	note("volatile to r1", func(s *socketio.Socket) socketio.BroadcastOperator { return s.Volatile().To("r1") })
	note("volatile broadcast", func(s *socketio.Socket) socketio.BroadcastOperator { return s.Volatile().Broadcast() })
	note("to r1 and r2", func(*socketio.Socket) socketio.BroadcastOperator { return n.To("r1").To("r2") })
	note("to r1 but r2", func(*socketio.Socket) socketio.BroadcastOperator { return n.To("r1").Except("r2") })
	note("to oneself by id", func(s *socketio.Socket) socketio.BroadcastOperator { return n.To(s.ID()) })
	do(n, "volatile disconnect", func(e *socketio.Event) { _ = e.Socket().Volatile().DisconnectSockets(false) })
	n.On("volatile ask", func(ctx context.Context, e *socketio.Event) error {
		replies, err := e.Socket().Volatile().Timeout(9*time.Second).EmitWithAck(ctx, "question")
		if err != nil {
			return err
		}
		names := make([]any, len(replies))
		for i, reply := range replies {
			names[i] = reply[0]
		}
		return e.Ack(names)
	})
	n.On("fetch r1", func(ctx context.Context, e *socketio.Event) error {
		found, err := n.In("r1").FetchSockets(ctx)
		return errors.Join(err, e.Ack(len(found)))
	})
}

func answer(n *socketio.Namespace) {
	n.On("emit reserved", func(_ context.Context, e *socketio.Event) error {
		if e.Socket().Emit("disconnect") != nil {
			return e.Ack("refused")
		}
		return e.Ack("sent")
	})
	n.On("fail", func(context.Context, *socketio.Event) error { return errors.New("a secret") })
	n.On("twice", func(_ context.Context, e *socketio.Event) error { return errors.Join(e.Ack("first"), e.Ack("second")) })
	n.On("eleven", func(_ context.Context, e *socketio.Event) error {
		return e.Ack(slices.Repeat([]any{[]byte("x")}, 11)...)
	})
	do(n, "keep", func(e *socketio.Event) { e.Socket().SetData(e) })
	n.On("give", func(_ context.Context, e *socketio.Event) error {
		return e.Socket().Data().(*socketio.Event).Ack("kept")
	})
	n.On("arguments", func(_ context.Context, e *socketio.Event) error { return e.Ack(e.Args().Values()...) })
	n.On("order", func(_ context.Context, e *socketio.Event) error { return e.Ack("first") })
	n.On("order", func(_ context.Context, e *socketio.Event) error { return e.Socket().Emit("second") })
}

// beside handles what is slow.
func beside(n *socketio.Namespace) {
	slow := func(ctx context.Context, e *socketio.Event) error {
		select {
		case <-time.After(300 * time.Millisecond):
			return e.Ack()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	n.On("slow", slow)
	n.On("slow beside", func(ctx context.Context, e *socketio.Event) error {
		e.Detach()
		return slow(ctx, e)
	})
}

// ask has the client asked, by callback.
func ask(n *socketio.Namespace) {
	for event, question := range map[string]struct {
		name    string
		timeout time.Duration
	}{"ask me": {"question", 9 * time.Second}, "ask me in vain": {"silence", 20 * time.Millisecond}} {
		n.On(event, func(_ context.Context, e *socketio.Event) error {
			s := e.Socket()
			return s.EmitAckFunc(question.timeout, func(reply socketio.Args, err error) {
				said := any("no answer")
				if err == nil {
					said = reply[0]
				}
				_ = s.Emit("said", said)
			}, question.name)
		})
	}
}

// carry takes and gives bytes.
func carry(n *socketio.Namespace) {
	type file struct {
		Data []byte `json:"data"`
	}
	type parcel struct {
		Name string  `json:"name"`
		File *file   `json:"file"`
		List []any   `json:"list"`
		None *string `json:"none"`
		Text string  `json:"text"`
	}
	n.On("bytes", func(_ context.Context, e *socketio.Event) error {
		return e.Ack(parcel{Name: "a", File: &file{bytes.Repeat([]byte("x"), 2)}, List: []any{[]byte("cde"), 1}, Text: "aGk="})
	})
	type upload struct {
		File file     `json:"file"`
		List [][]byte `json:"list"`
	}
	socketio.Handle(n, "upload", func(_ context.Context, e *socketio.Event, in upload) error {
		var sizes []int
		for _, data := range in.List {
			sizes = append(sizes, len(data))
		}
		return e.Ack(len(in.File.Data), sizes)
	})
}

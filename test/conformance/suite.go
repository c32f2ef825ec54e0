// Package conformance has the servers that the public protocol suites of Engine.IO and Socket.IO expect, and runs the suites
// against several of them at once. Command server runs one.
package conformance

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// Server is the server of a suite.
type Server interface {
	http.Handler
	Listen(srv *http.Server, l net.Listener) (net.Listener, error)
	ListenAndServe(srv *http.Server) error
	Shutdown(ctx context.Context) error
}

// Suites are all: those of Engine.IO 3 and 4, and of Socket.IO 5.
func Suites() []string { return []string{"eio3", "eio4", "sio5"} }

// Timing is what a suite waits for.
type Timing struct {
	PingInterval, PingTimeout time.Duration
	Connect                   time.Duration // of Socket.IO, from the opening of a session
}

// Published is what the suites expect.
func Published() Timing { return Timing{300 * time.Millisecond, 200 * time.Millisecond, time.Second} }

// New makes the server of a suite, with whatever change changes.
func New(suite string, timing Timing, change func(*engineio.Config)) (server Server, path string, err error) {
	cfg := engineio.Config{
		PingInterval: timing.PingInterval,
		PingTimeout:  timing.PingTimeout,
		MaxPayload:   1_000_000,
		NoEIO3:       suite != "eio3",
		CORS:         &engineio.CORS{Origins: []string{"*"}},
	}
	change(&cfg)
	switch suite {
	case "eio3", "eio4":
		cfg.OnSession = func(*engineio.Session) engineio.Handler { return echo{} }
		server, err = engineio.NewServer(cfg)
		return server, "/engine.io/", err
	case "sio5":
		server, err = newSocketIO(cfg, timing.Connect)
		return server, "/socket.io/", err
	default:
		return nil, "", fmt.Errorf("no suite %q: eio3, eio4 or sio5", suite)
	}
}

// echo sends every message back.
type echo struct{}

func (echo) HandleMessage(s *engineio.Session, binary bool, data []byte) {
	if binary {
		_ = s.Send(engineio.NewBinary(data))
		return
	}
	_ = s.Send(engineio.NewText(data))
}

func (echo) HandleClose(*engineio.Session, engineio.Reason, error) {}

// newSocketIO is the Socket.IO suite's server.
func newSocketIO(engine engineio.Config, connect time.Duration) (*socketio.Server, error) {
	server, err := socketio.NewServer(socketio.Config{Engine: engine, ConnectTimeout: connect})
	if err != nil {
		return nil, err
	}
	emitAuth := func(_ context.Context, s *socketio.Socket) {
		auth := map[string]any{}
		if err := s.Auth(&auth); err == nil {
			_ = s.Emit("auth", auth)
		}
	}
	root := server.Of("/")
	root.OnConnect(emitAuth)
	root.On("message", func(_ context.Context, e *socketio.Event) error {
		return e.Socket().Emit("message-back", e.Args().Values()...)
	})
	root.On("message-with-ack", func(_ context.Context, e *socketio.Event) error {
		return e.Ack(e.Args().Values()...)
	})
	server.Of("/custom").OnConnect(emitAuth)
	return server, nil
}

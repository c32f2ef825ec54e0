// Command server runs the servers that the public Engine.IO and Socket.IO
// protocol suites expect:
//
//	go run ./test/conformance/server --suite eio3|eio4|sio5 --listen 127.0.0.1:3000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

func main() {
	suite := flag.String("suite", "", "eio3, eio4 or sio5")
	listen := flag.String("listen", "127.0.0.1:3000", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *suite, *listen)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance server:", err)
		os.Exit(1)
	}
}

// engineConfig is what all suites share.
func engineConfig() engineio.Config {
	return engineio.Config{
		PingInterval: 300 * time.Millisecond,
		PingTimeout:  200 * time.Millisecond,
		MaxPayload:   1_000_000,
		CORS:         &engineio.CORS{Origins: []string{"*"}},
	}
}

// suiteServer is what every suite's server can do.
type suiteServer interface {
	http.Handler
	ListenAndServe(*http.Server) error
	Shutdown(context.Context) error
}

func run(ctx context.Context, suite, listen string) error {
	server, path, err := newSuite(suite)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(path, server)
	httpServer := &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = httpServer.Close()
	}()
	fmt.Println("listening on", listen)
	if err := server.ListenAndServe(httpServer); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	stopping, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return server.Shutdown(stopping)
}

func newSuite(suite string) (server suiteServer, path string, err error) {
	switch suite {
	case "eio3", "eio4":
		server, err = newEcho(suite == "eio4")
		return server, "/engine.io/", err
	case "sio5":
		server, err = newSocketIO()
		return server, "/socket.io/", err
	default:
		return nil, "", fmt.Errorf("no suite %q: eio3, eio4 or sio5", suite)
	}
}

// newEcho is the Engine.IO suites' server: it sends every message back.
func newEcho(onlyV4 bool) (*engineio.Server, error) {
	cfg := engineConfig()
	cfg.NoEIO3 = onlyV4
	cfg.OnSession = func(*engineio.Session) engineio.Handler { return echo{} }
	return engineio.NewServer(cfg)
}

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
func newSocketIO() (*socketio.Server, error) {
	engine := engineConfig()
	engine.NoEIO3 = true
	server, err := socketio.NewServer(socketio.Config{Engine: engine, ConnectTimeout: time.Second})
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

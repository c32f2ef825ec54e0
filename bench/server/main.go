// Command server is the program under test: a Socket.IO server that uses package socketio and nothing else of this
// module, with the defaults that every user gets.
//
//	go run ./bench/server --listen 127.0.0.1:3001
//
// A client sends join {roomId}, room:message {roomId, content}, which goes to all members of the room, and echo, which is
// acknowledged with its argument. bench/peers/socketio.mjs is the same for Node.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/sockeye-im/sockeye/socketio"
)

const stopTimeout = 10 * time.Second

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "`address` to listen on")
	profile := flag.String("profile", "", "write a CPU profile of the whole run to this `file`")
	flag.Parse()
	if err := run(*listen, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(listen, profile string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	rooms, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		return err
	}
	handle(rooms.Of("/"))
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", rooms)
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- rooms.Serve(server, listener) }()
	fmt.Printf("http://%s\n", listener.Addr())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	// The clients of a benchmark need no farewell, and may have gone already.
	return errors.Join(server.Close(), ignoreTimeout(rooms.Shutdown(ctx)))
}

func ignoreTimeout(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

type membership struct {
	RoomID string `json:"roomId"`
}

type message struct {
	RoomID  string `json:"roomId"`
	Content string `json:"content"`
}

func handle(root *socketio.Namespace) {
	socketio.HandleAck(root, "join", func(_ context.Context, e *socketio.Event, in membership) (membership, error) {
		e.Socket().Join(in.RoomID)
		return in, nil
	})
	socketio.Handle(root, "room:message", func(_ context.Context, _ *socketio.Event, in message) error {
		return root.To(in.RoomID).Emit("room:message", in)
	})
	root.On("echo", func(_ context.Context, e *socketio.Event) error {
		_ = e.Ack(e.Args().Values()...) // fails for clients that are gone, as they are when a measurement ends
		return nil
	})
}

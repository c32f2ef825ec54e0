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
	"github.com/sockeye-im/sockeye/test/conformance"
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

func run(ctx context.Context, suite, listen string) error {
	server, path, err := conformance.New(suite, conformance.Published(), func(*engineio.Config) {})
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

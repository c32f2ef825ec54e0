package socketio_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/socketio"
)

// patience bounds every wait; only a failing test ever waits that long.
const patience = time.Minute

// harness is a server on a loopback address, with the log it writes.
type harness struct {
	*socketio.Server
	t    testing.TB
	http *httptest.Server
	log  *logBuffer
	stop func()
}

// serve starts a server that ends with the test.
func serve(t testing.TB, cfg socketio.Config) *harness {
	t.Helper()
	log := new(logBuffer)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	}
	server, err := socketio.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{Server: server, t: t, http: httptest.NewUnstartedServer(server), log: log}
	if h.http.Listener, err = server.Listen(h.http.Config, h.http.Listener); err != nil {
		t.Fatal(err)
	}
	h.http.Start()
	h.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		h.http.Close()
	})
	t.Cleanup(h.stop)
	return h
}

// logBuffer is a log that tests may read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), s)
}

// receive takes one value from ch.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// eventually waits until ok holds, for what no event tells of.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// sockets notes the sockets that join n.
func sockets(n interface {
	OnConnect(func(context.Context, *socketio.Socket))
}) <-chan *socketio.Socket {
	joined := make(chan *socketio.Socket, 2000)
	n.OnConnect(func(_ context.Context, s *socketio.Socket) { joined <- s })
	return joined
}

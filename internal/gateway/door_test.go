package gateway_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

// behindDoor starts an HTTP server that counts its connections at the gateway's door, and returns how to connect to it.
func behindDoor(t *testing.T, cfg gateway.Config) (dial func() net.Conn) {
	t.Helper()
	node := serve(t, limits(cfg))
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = node.gateway.ConnState
	server.Start()
	t.Cleanup(server.Close)
	return func() net.Conn {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

// served tells whether a connection gets an answer; it is kept open.
func served(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: here\r\n\r\n")
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("neither answered nor closed")
	}
	return err == nil
}

// A client that has not finished a request is nobody whom other limits count, so its connections are.
func TestOpenRequestsPerAddress(t *testing.T) {
	dial := behindDoor(t, gateway.Config{MaxConnectionsPerIP: 1})
	first, second := dial(), dial()
	if !served(t, first) || !served(t, second) {
		t.Fatal("a session that polls could not have two connections")
	}
	if served(t, dial()) {
		t.Error("a third one was served")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for !served(t, dial()) { // the server has not noticed yet
		if time.Now().After(deadline) {
			t.Fatal("who has gone counts for ever")
		}
	}
}

func TestOpenRequestsWithoutLimit(t *testing.T) {
	for name, cfg := range map[string]gateway.Config{
		"no limit":      {},
		"trusted proxy": {MaxConnectionsPerIP: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	} {
		t.Run(name, func(t *testing.T) {
			dial := behindDoor(t, cfg)
			for range 5 {
				if !served(t, dial()) {
					t.Fatal("a connection was not served")
				}
			}
		})
	}
}

package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

// behindDoor starts an HTTP server that counts its connections at the gateway's door, and returns how to connect to it.
func behindDoor(t *testing.T, cfg gateway.Config) (dial func() net.Conn) {
	t.Helper()
	node := serve(t, limits(cfg))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/known" {
			node.door.Vouch(r.RemoteAddr)
		}
		http.NotFound(w, r)
	}))
	server.Config.ConnState = node.door.ConnState
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

// asks sends a request and reports whether it was answered; the connection is kept open.
func asks(t *testing.T, conn net.Conn, path string) bool {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: here\r\n\r\n"); err != nil {
		return false
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("neither answered nor closed")
	}
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.Body.Close() == nil
}

// Where there is no room, those go who have done least; nobody who has signed in does.
func TestRoomForConnections(t *testing.T) {
	dial := behindDoor(t, gateway.Config{Room: 4})
	known := []net.Conn{dial(), dial()}
	for _, conn := range known {
		if !asks(t, conn, "/known") {
			t.Fatal("not served")
		}
	}
	silent, asking := dial(), dial()
	if !asks(t, asking, "/") {
		t.Fatal("not served")
	}
	for range 3 { // the silent one goes first, then those who came before
		if !asks(t, dial(), "/") {
			t.Fatal("a new connection was not served")
		}
	}
	if asks(t, silent, "/") || asks(t, asking, "/") {
		t.Error("who has done least is still there")
	}
	for _, conn := range known {
		if !asks(t, conn, "/") {
			t.Error("who has signed in was sent away")
		}
	}
	for range 2 {
		if !asks(t, dial(), "/known") {
			t.Fatal("not served")
		}
	}
	if asks(t, dial(), "/") {
		t.Error("a stranger was served in place of one who has signed in")
	}
}

// A session that has not signed in goes for one that comes.
func TestRoomForSessions(t *testing.T) {
	n := serve(t, limits(gateway.Config{MaxConnections: 1000, Room: 8}), func(s *setup) { s.Door.StrangersTime = 0 })
	first, err := n.dial(4, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	known := n.device("alice")
	for range 10 { // Room leaves 7
		if _, err := n.dial(4, nil, nil); err != nil {
			t.Fatalf("a new session was not let in: %v", err)
		}
	}
	<-first.done
	if most := n.sockets.Connections(); most > 7 {
		t.Errorf("%d sessions are open", most)
	}
	known.ask("message:send", struct{}{})
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

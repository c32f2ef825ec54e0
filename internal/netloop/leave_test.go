package netloop_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// A listener that another process has too is left to it: who connects from then on is that one's, who has connected before is served
// on, also when the loop stops, and the listener is still there.
func TestStopAccepting(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{}, byWhom)
	other := also(t, h.Listener.Addr().String(), h)
	before := h.dial(t)
	served := h.dial(t) // is accepted behind the one before
	served.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if response, _ := served.answer(); response.StatusCode != http.StatusOK {
		t.Fatalf("answered %s", response.Status)
	}
	h.loop.StopAccepting()
	h.loop.StopAccepting() // once is enough
	after := h.dial(t)
	conn, err := other.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if conn.RemoteAddr().String() != after.LocalAddr().String() {
		t.Errorf("it was left %s, and %s has connected", conn.RemoteAddr(), after.LocalAddr())
	}
	before.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if response, _ := before.answer(); response.StatusCode != http.StatusOK {
		t.Errorf("who was there before is answered %s", response.Status)
	}
	h.loop.Stop()
	last := h.dial(t)
	again, err := other.Accept() // net/http, which goes on when the loop has stopped, has not
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if _, err := io.WriteString(again, "from the other"); err != nil {
		t.Fatal(err)
	}
	hello := make([]byte, 14)
	if _, err := io.ReadFull(last, hello); err != nil || string(hello) != "from the other" {
		t.Errorf("%q, %v", hello, err)
	}
}

// also is the listener of a house, as another process has it.
func also(t *testing.T, addr string, h *house) net.Listener {
	t.Helper()
	file, err := h.held.File()
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = other.Close(), file.Close() })
	if err := other.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil || other.Addr().String() != addr {
		t.Fatal(err, other.Addr())
	}
	return other
}

package blackbox_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestFewDescriptors: strangers who hold as many connections as the server has descriptors keep nobody out. Those go who have
// done least.
func TestFewDescriptors(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	const files, strangers = "300", 400
	s := start(t, setup{args: []string{"--auth-timeout", "5m"}, wrap: []string{"sh", "-c", `ulimit -n ` + files + ` && exec "$@"`, "sh"}})
	ada := s.connect("ada")
	ada.must(t, "room:list", object{})
	var conns []net.Conn
	for range strangers {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{") // one that was sent away may be reset
		conns = append(conns, conn)
	}
	s.connect("bob").must(t, "room:list", object{})
	ada.must(t, "room:list", object{})
	_ = conns[0].SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conns[0]); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the first of them is still there")
	}
}

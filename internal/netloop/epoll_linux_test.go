package netloop_test

import (
	"testing"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// A socket at its end is ready for ever. Until the writer closes it the reader must not hear of it again and again: it
// would take the time that the writer needs.
func TestEndedSocketsAreNotWatched(t *testing.T) {
	s := serve(t, linkKind{}, netloop.Config{}, netloop.UpgradeOptions{})
	s.closed = make(chan error) // holds up each writer in the handler of the first that has ended
	var clients []*client
	var conns []*netloop.Conn
	for range 4 * s.loop.Pollers() {
		c, conn := s.connect(t)
		clients, conns = append(clients, c), append(conns, conn)
	}
	for _, c := range clients {
		_ = plain(c.Conn).SetLinger(0)
		_ = plain(c.Conn).Close()
	}
	defer func() {
		for range conns {
			next(t, s.closed)
		}
	}()
	for _, conn := range conns {
		until(t, "epoll forgets the socket", func() bool { return !netloop.Watched(conn) })
	}
	if s.loop.Live() == 0 {
		t.Error("no writer was held up")
	}
}

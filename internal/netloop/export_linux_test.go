package netloop

import (
	"bytes"
	"net/http"
	"time"

	"golang.org/x/sys/unix"
)

// SetWriteBuffer sets the size of the kernel's buffer of a connection that a
// Listener has accepted.
func SetWriteBuffer(h *Hijacked, size int) error {
	return unix.SetsockoptInt(h.arrived.link.(*epollLink).fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size)
}

// FirstRequest is the request that the loop would have answered of a connection
// that begins with data, which comes in pieces; nil when it is not the loop's.
func FirstRequest(data []byte, piece int) *http.Request {
	scanned := 0
	cfg := ListenerConfig{MaxBody: 100, Serves: func(target []byte) bool { return bytes.Contains(target, []byte("poll")) }}
	for n := min(piece, len(data)); ; n = min(n+piece, len(data)) {
		wanted := judge(data[:n], scanned, &cfg)
		switch {
		case wanted.verdict == upgraded || wanted.verdict == exchanged:
			return readRequest(data[:wanted.end])
		case wanted.verdict == netHTTP, wanted.verdict == smuggling, n == len(data):
			return nil
		}
		scanned = max(0, n-len(endOfHead)+1)
	}
}

// SocketOptions reads TCP_NODELAY and TCP_NOTSENT_LOWAT of a connection that a
// Listener has accepted.
func SocketOptions(h *Hijacked) (noDelay, unsent int, err error) {
	fd := h.arrived.link.(*epollLink).fd
	noDelay, err = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
	if err == nil {
		unsent, err = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
	}
	return noDelay, unsent, err
}

// Untaken is for how long the peer has taken nothing of what the kernel holds, as that tells.
func Untaken(c *Conn) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, idle, _ := c.link.acked()
	return idle
}

// Stalled is for how long the peer has taken nothing, as its connection counts that when it looks; 0 while nothing is queued.
func Stalled(c *Conn) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return 0
	}
	c.noteProgress()
	return time.Since(c.out.watch.progress)
}

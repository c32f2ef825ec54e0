//go:build linux

package attack

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// slowHandshakes opens connections in four ways: the head of a poll or of an upgrade that comes byte by byte, and
// WebSockets of both protocols that are open and say nothing. The server has to close all of them.
func slowHandshakes(ctx context.Context, a *attacker) error {
	var mu sync.Mutex
	note := func(took time.Duration, err error) error {
		mu.Lock()
		defer mu.Unlock()
		a.outcome.Actions++
		a.outcome.Rid = max(a.outcome.Rid, took)
		return err
	}
	conns := make([]net.Conn, a.Count)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	}()
	err := many(a.Count, func(i int) (err error) {
		switch i % 4 {
		case 0, 1:
			conns[i], err = dial(ctx, a.Addr)
		case 2:
			conns[i], err = open(ctx, a.Addr, "", a.Patience)
		default:
			conns[i], err = openPath(ctx, "ws://"+a.Addr+"/socket.io/?EIO=4&transport=websocket", ws.Dialer{Timeout: dialTimeout})
		}
		return err
	})
	if err != nil {
		return err
	}
	heads := []string{
		"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: here\r\nX-Slow: ",
		"GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nX-Slow: ",
	}
	return all(a.Count, func(i int) error {
		conn := conns[i]
		if i%4 < 2 {
			stop := trickle(conn, heads[i%4])
			defer stop()
		}
		return note(untilClosed(conn, conn, a.Within))
	})
}

// trickle sends a byte of a head that never ends every now and then.
func trickle(conn net.Conn, head string) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for i := 0; ; i++ {
			b := []byte{'x'}
			if i < len(head) {
				b[0] = head[i]
			}
			if _, err := conn.Write(b); err != nil {
				return // closed, as it should be
			}
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { close(quit); <-done }
}

//go:build linux

package attack

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// farAway is a deadline that does not come.
func farAway() time.Time { return time.Now().Add(time.Hour) }

// silence has clients of Socket.IO sign in and then not answer any more, as those do whose network is gone: the kernel
// still takes what is sent to them, so only the heartbeat can tell.
func silence(ctx context.Context, a *attacker) error {
	sockets := make([]*socket, a.Count)
	defer func() {
		for _, s := range sockets {
			if s != nil {
				_ = s.Close()
			}
		}
	}()
	err := many(a.Count, func(i int) error {
		s, err := openPath(ctx, "ws://"+a.Addr+"/socket.io/?EIO=4&transport=websocket", ws.Dialer{Timeout: dialTimeout})
		if err != nil {
			return err
		}
		sockets[i] = s
		if err := s.SetDeadline(time.Now().Add(a.Patience)); err != nil {
			return err
		}
		if _, err := s.next(); err != nil {
			return err
		}
		if err := s.say(`40{"token":"` + a.tokens[i] + `"}`); err != nil {
			return err
		}
		if answer, err := s.next(); err != nil || len(answer) < 2 || answer[:2] != "40" {
			return fmt.Errorf("sign-in: %q: %w", answer, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	return all(a.Count, func(i int) error {
		took, err := untilClosed(sockets[i].Conn, sockets[i].in, a.Within)
		mu.Lock()
		defer mu.Unlock()
		a.outcome.Actions++
		a.outcome.Rid = max(a.outcome.Rid, took)
		return err
	})
}

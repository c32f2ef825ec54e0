//go:build linux

package attack

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// sockets opens one for each of n attackers.
func (a *attacker) sockets(ctx context.Context, n int) ([]*socket, func(), error) {
	sockets := make([]*socket, n)
	closeAll := func() {
		for _, s := range sockets {
			if s != nil {
				_ = s.Close()
			}
		}
	}
	err := many(n, func(i int) (err error) {
		sockets[i], err = open(ctx, a.Addr, a.tokens[i], a.Patience)
		return err
	})
	if err != nil {
		closeAll()
	}
	return sockets, closeAll, err
}

// byteByByte sends requests, each byte by a write of its own. They are answered all the same.
func byteByByte(ctx context.Context, a *attacker) error {
	sockets, closeAll, err := a.sockets(ctx, a.Count)
	if err != nil {
		return err
	}
	defer closeAll()
	var sent atomic.Int64
	end := time.Now().Add(a.For)
	err = all(a.Count, func(i int) error {
		s := sockets[i]
		for time.Now().Before(end) {
			var frame bytes.Buffer
			if err := ws.WriteFrame(&frame, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"ping","ref":1}`)))); err != nil {
				return err
			}
			for _, b := range frame.Bytes() {
				if _, err := s.Write([]byte{b}); err != nil {
					return err
				}
				sent.Add(1)
			}
			for answered := false; !answered; {
				text, err := s.next()
				if err != nil {
					return err
				}
				answered = bytes.Contains([]byte(text), []byte(`"pong"`))
			}
		}
		return nil
	})
	a.outcome.Actions = sent.Load()
	return err
}

// pingFlood sends pings, many with each write.
func pingFlood(ctx context.Context, a *attacker) error {
	sockets, closeAll, err := a.sockets(ctx, a.Count)
	if err != nil {
		return err
	}
	defer closeAll()
	const atOnce = 500
	var batch bytes.Buffer
	for range atOnce {
		if err := ws.WriteFrame(&batch, ws.MaskFrameInPlace(ws.NewPingFrame([]byte("are you there?")))); err != nil {
			return err
		}
	}
	var sent atomic.Int64
	end := time.Now().Add(a.For)
	return all(a.Count, func(i int) error {
		s := sockets[i]
		if i%2 == 0 {
			go func() { _, _ = io.Copy(io.Discard, s.Conn) }() // ends when the socket is closed
		}
		_ = s.SetWriteDeadline(end)
		for time.Now().Before(end) {
			if _, err := s.Write(batch.Bytes()); err != nil {
				break // the server takes no more from whoever does not read
			}
			sent.Add(atOnce)
			atomic.StoreInt64(&a.outcome.Actions, sent.Load())
		}
		return nil
	})
}

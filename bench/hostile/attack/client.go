//go:build linux

package attack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

const (
	dialTimeout = 30 * time.Second
	// dialers is how many connections are opened at a time.
	dialers = 64
	// maxAnswer is how many bytes an answer has at most.
	maxAnswer = 1 << 20
)

// dial opens a TCP connection.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

// socket is a WebSocket.
type socket struct {
	net.Conn
	in       io.Reader     // what the server sends, from the first frame on
	patience time.Duration // for an answer
}

// open opens a plain WebSocket, signed in if there is a token, over the protocol with the names of events.
func open(ctx context.Context, addr, token string, patience time.Duration) (*socket, error) {
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	s, err := openPath(ctx, "ws://"+addr+"/ws", ws.Dialer{
		Timeout: max(dialTimeout, patience), Header: ws.HandshakeHeaderHTTP(header), Protocols: []string{"sockeye.v1"},
	})
	if err == nil {
		s.patience = patience
	}
	return s, err
}

func openPath(ctx context.Context, url string, dialer ws.Dialer) (*socket, error) {
	conn, early, _, err := dialer.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	s := &socket{Conn: conn, in: conn}
	if early != nil {
		s.in = io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn)
	}
	s.in = bufio.NewReaderSize(s.in, 1024)
	return s, nil
}

// say sends a text frame.
func (s *socket) say(text string) error {
	return ws.WriteFrame(s.Conn, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text))))
}

// next reads a text frame, and answers pings before it.
func (s *socket) next() (string, error) {
	for {
		header, err := ws.ReadHeader(s.in)
		if err != nil {
			return "", err
		}
		if header.Length > maxAnswer {
			return "", fmt.Errorf("an answer of %d bytes", header.Length)
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(s.in, payload); err != nil {
			return "", err
		}
		switch header.OpCode {
		case ws.OpText:
			return string(payload), nil
		case ws.OpPing:
			if err := ws.WriteFrame(s.Conn, ws.MaskFrameInPlace(ws.NewPongFrame(payload))); err != nil {
				return "", err
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return "", fmt.Errorf("closed with %d %s", code, reason)
		}
	}
}

// ask sends a request and waits for its answer, which has to be good.
func (s *socket) ask(request string) error {
	if err := s.SetDeadline(time.Now().Add(s.patience)); err != nil {
		return err
	}
	if err := s.say(request); err != nil {
		return err
	}
	for {
		answer, err := s.next()
		switch {
		case err != nil:
			return err
		case !strings.Contains(answer, `"ref":`):
		case strings.Contains(answer, `"ok":true`):
			return nil
		default:
			return errors.New("refused: " + answer)
		}
	}
}

// many does something for each of n numbers, some at a time.
func many(n int, do func(i int) error) error { return some(n, dialers, do) }

// all does something for each of n numbers, all at a time.
func all(n int, do func(i int) error) error { return some(n, n, do) }

// some returns the first error; what has not begun then is left out.
func some(n, atOnce int, do func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range min(n, atOnce) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// untilClosed reads until the server closes a connection, and tells how long that took. It fails when it takes longer
// than it may.
func untilClosed(conn net.Conn, in io.Reader, within time.Duration) (time.Duration, error) {
	began := time.Now()
	if err := conn.SetReadDeadline(began.Add(within)); err != nil {
		return 0, err
	}
	_, err := io.Copy(io.Discard, in)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return 0, fmt.Errorf("the server still keeps a connection after %s", within)
	}
	return time.Since(began), nil // closed or reset
}

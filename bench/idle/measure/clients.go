//go:build linux

package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

const (
	dialers     = 32               // connections that are being opened at a time
	dialTimeout = 30 * time.Second // for each, sign-in included
	// portsPerAddress is how many connections come from one loopback address: it stays below the range of ports that
	// the kernel hands out.
	portsPerAddress = 20_000
)

// clients holds open connections. Each has a goroutine that answers pings.
type clients struct {
	conns   []net.Conn
	readers sync.WaitGroup
	closing atomic.Bool
	lost    chan error // holds the first loss of a connection
}

// connect opens and signs in n connections, each as a user of its own.
func connect(ctx context.Context, s server, n int) (*clients, error) {
	c := &clients{conns: make([]net.Conn, n), lost: make(chan error, 1)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var dialing sync.WaitGroup
	for range min(dialers, n) {
		dialing.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := c.open(ctx, s, i); err != nil {
					cancel(fmt.Errorf("connection %d: %w", i, err))
				}
			}
		})
	}
	dialing.Wait()
	if err := context.Cause(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *clients) open(ctx context.Context, s server, i int) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	connect := "40"
	if s.tokens != nil {
		connect += `{"token":"` + s.tokens[i] + `"}`
	}
	source := net.IPv4(127, 0, 0, byte(1+i/portsPerAddress))
	socket := net.Dialer{LocalAddr: &net.TCPAddr{IP: source}}
	dialer := ws.Dialer{NetDial: socket.DialContext}
	conn, early, _, err := dialer.Dial(ctx, "ws://"+s.addr+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		return err
	}
	c.conns[i] = conn
	in := io.Reader(conn)
	if early != nil { // the server's first message came along with the answer to the upgrade
		in = io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn)
	}
	return c.signIn(conn, in, connect)
}

func (c *clients) signIn(conn net.Conn, in io.Reader, connect string) error {
	if err := conn.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	buf := make([]byte, 256)
	if err := expect(in, buf, "0"); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if err := writeMessage(conn, connect); err != nil {
		return err
	}
	if err := expect(in, buf, "40"); err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	c.readers.Go(func() {
		err := answerPings(conn, buf)
		if !c.closing.Load() {
			select {
			case c.lost <- fmt.Errorf("a connection was lost: %w", err):
			default:
			}
		}
	})
	return nil
}

// expect reads a message that has to begin so.
func expect(in io.Reader, buf []byte, prefix string) error {
	m, err := readMessage(in, buf)
	if err == nil && !strings.HasPrefix(string(m), prefix) {
		err = fmt.Errorf("unexpected message %q", m)
	}
	return err
}

func answerPings(conn net.Conn, buf []byte) error {
	for {
		m, err := readMessage(conn, buf)
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(m), `42["presence",`) || strings.HasPrefix(string(m), `42["server:epoch",`) {
			continue // what every user is told
		}
		if string(m) != "2" {
			return fmt.Errorf("unexpected message %q", m)
		}
		if err := writeMessage(conn, "3"); err != nil {
			return err
		}
	}
}

// readMessage reads one text frame, which must fit into buf.
func readMessage(in io.Reader, buf []byte) ([]byte, error) {
	header, err := ws.ReadHeader(in)
	if err != nil {
		return nil, err
	}
	if header.OpCode != ws.OpText || !header.Fin || header.Length < 1 || header.Length > int64(len(buf)) {
		return nil, fmt.Errorf("unexpected frame %+v", header)
	}
	_, err = io.ReadFull(in, buf[:header.Length])
	return buf[:header.Length], err
}

func writeMessage(conn net.Conn, text string) error {
	return ws.WriteFrame(conn, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text))))
}

// hold waits; it fails as soon as a connection is lost.
func (c *clients) hold(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case err := <-c.lost:
		return err
	case <-ctx.Done():
		return errors.New("interrupted")
	}
}

// close closes all connections and waits for their goroutines.
func (c *clients) close() {
	c.closing.Store(true)
	for _, conn := range c.conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
	c.readers.Wait()
}

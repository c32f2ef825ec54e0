//go:build linux

package drive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

const patience = 30 * time.Second

// member is a signed-in user with a connection of Socket.IO over WebSocket. One goroutine reads; requests come one after
// another.
type member struct {
	conn  net.Conn
	in    *bufio.Reader
	heard *atomic.Int64 // messages of others and one's own

	acks chan []byte // beginnings of acknowledgements
	mu   sync.Mutex  // held while a frame is written
}

func join(ctx context.Context, addr, token string, secure bool, heard *atomic.Int64) (*member, error) {
	scheme := "ws"
	if secure {
		scheme = "wss"
	}
	dialer := ws.Dialer{TLSConfig: &tls.Config{InsecureSkipVerify: true}, Timeout: patience} //nolint:gosec // its certificate was made here
	conn, early, _, err := dialer.Dial(ctx, scheme+"://"+addr+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		return nil, err
	}
	from := io.Reader(conn)
	if early != nil {
		from = io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn)
	}
	m := &member{conn: conn, in: bufio.NewReaderSize(from, 1<<10), heard: heard, acks: make(chan []byte, 1)}
	err = errors.Join(conn.SetDeadline(time.Now().Add(patience)), m.write(`40{"token":"`+token+`"}`))
	for err == nil {
		var start []byte
		if start, err = m.next(); bytes.HasPrefix(start, []byte("40{")) {
			return m, conn.SetDeadline(time.Time{})
		} else if bytes.HasPrefix(start, []byte("44")) {
			err = fmt.Errorf("not signed in: %s", start)
		}
	}
	return nil, errors.Join(err, conn.Close())
}

// next reads one frame and returns its first bytes.
func (m *member) next() ([]byte, error) {
	header, err := ws.ReadHeader(m.in)
	if err != nil {
		return nil, err
	}
	start := make([]byte, min(header.Length, 64))
	if _, err = io.ReadFull(m.in, start); err != nil {
		return nil, err
	}
	_, err = m.in.Discard(int(header.Length) - len(start))
	return start, err
}

// listen reads until the connection ends.
func (m *member) listen() {
	defer close(m.acks)
	for {
		start, err := m.next()
		switch {
		case err != nil:
			return
		case string(start) == "2":
			_ = m.write("3") // the next read has the error
		case bytes.HasPrefix(start, []byte(`42["room:message"`)), bytes.HasPrefix(start, []byte(`42["message:received"`)):
			m.heard.Add(1)
		case bytes.HasPrefix(start, []byte("43")):
			m.acks <- start
		}
	}
}

// ask sends a command and waits until it is acknowledged.
func (m *member) ask(event, payload string) error {
	if err := m.write(`420["` + event + `",` + payload + `]`); err != nil {
		return err
	}
	select {
	case ack, ok := <-m.acks:
		if !ok {
			return errors.New("the connection has ended")
		}
		if !bytes.HasPrefix(ack, []byte(`430[{"ok":true`)) {
			return fmt.Errorf("%s was answered with %s", event, ack)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s was not answered", event)
	}
}

func (m *member) write(text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	frame, err := ws.CompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text))))
	if err != nil {
		return err
	}
	_, err = m.conn.Write(frame) // one call: over TLS one record
	return err
}

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
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

const patience = 30 * time.Second

// protocol is what a member speaks.
type protocol struct {
	path, subprotocol       string
	hello                   func(token string) string
	signedIn, refused       string // what answers it begins with
	request                 func(event, payload string) string
	ping, pong              string   // "" where WebSocket's own do
	message, ack, succeeded []string // what such frames begin with
}

var socketIO = protocol{
	path: "/socket.io/?EIO=4&transport=websocket", hello: func(token string) string { return `40{"token":"` + token + `"}` },
	signedIn: "40{", refused: "44", ping: "2", pong: "3",
	request: func(event, payload string) string { return `420["` + event + `",` + payload + `]` },
	message: []string{`42["room:message"`, `42["message:received"`}, ack: []string{"43"}, succeeded: []string{`430[{"ok":true`},
}

var native = protocol{
	path: "/ws", subprotocol: "sockeye.v1", hello: func(token string) string { return `{"type":"auth","token":"` + token + `"}` },
	signedIn: "{", refused: `{"code":`,
	request: func(event, payload string) string { return `{"type":"` + event + `","ref":0,` + payload[1:] },
	message: []string{`{"type":"room:message"`, `{"type":"message:received"`}, ack: []string{`{"type":"ack"`}, succeeded: []string{`{"type":"ack","ok":true`},
}

// begins reports whether a frame begins with one of them.
func begins(frame []byte, with []string) bool {
	return slices.ContainsFunc(with, func(part string) bool { return bytes.HasPrefix(frame, []byte(part)) })
}

// member is a signed-in user with a connection over WebSocket. One goroutine reads; requests come one after another.
type member struct {
	speaks *protocol
	conn   net.Conn
	in     *bufio.Reader
	heard  *atomic.Int64 // messages of others and one's own

	acks chan []byte // beginnings of acknowledgements
	mu   sync.Mutex  // held while a frame is written
}

func join(ctx context.Context, speaks *protocol, addr, token string, secure bool, heard *atomic.Int64) (*member, error) {
	scheme := "ws"
	if secure {
		scheme = "wss"
	}
	dialer := ws.Dialer{TLSConfig: &tls.Config{InsecureSkipVerify: true}, Timeout: patience} //nolint:gosec // its certificate was made here
	if speaks.subprotocol != "" {
		dialer.Protocols = []string{speaks.subprotocol}
	}
	conn, early, _, err := dialer.Dial(ctx, scheme+"://"+addr+speaks.path)
	if err != nil {
		return nil, err
	}
	from := io.Reader(conn)
	if early != nil {
		from = io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn)
	}
	m := &member{speaks: speaks, conn: conn, in: bufio.NewReaderSize(from, 1<<10), heard: heard, acks: make(chan []byte, 1)}
	err = errors.Join(conn.SetDeadline(time.Now().Add(patience)), m.write(speaks.hello(token)))
	for err == nil {
		var start []byte
		switch start, err = m.next(); {
		case bytes.HasPrefix(start, []byte(speaks.refused)):
			err = fmt.Errorf("not signed in: %s", start)
		case bytes.HasPrefix(start, []byte(speaks.signedIn)):
			return m, conn.SetDeadline(time.Time{})
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
		case m.speaks.ping != "" && string(start) == m.speaks.ping:
			_ = m.write(m.speaks.pong) // the next read has the error
		case begins(start, m.speaks.message):
			m.heard.Add(1)
		case begins(start, m.speaks.ack):
			m.acks <- start
		}
	}
}

// ask sends a command and waits until it is acknowledged.
func (m *member) ask(event, payload string) error {
	if err := m.write(m.speaks.request(event, payload)); err != nil {
		return err
	}
	select {
	case ack, ok := <-m.acks:
		if !ok {
			return errors.New("the connection has ended")
		}
		if !begins(ack, m.speaks.succeeded) {
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

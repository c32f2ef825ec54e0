//go:build linux

package cluster_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// polls is a connection of Socket.IO by polling, each request of which goes to any node. It may move to a WebSocket at any node
// too. What fails ends it: nothing is sent twice.
type polls struct {
	ctx    context.Context // ends with it
	cancel context.CancelFunc
	client *http.Client
	query  string
	node   func() string // the address of the one to go to next
	stays  int           // with how many polls it stays before it moves; 0: it stays

	come []string // packets that have come
	part sync.RWMutex
	ends *webSocket // where it has moved to, guarded by part; posts hold it for reading
}

const (
	// pollWithin is longer than a server has a poll wait, which ends it with a heartbeat.
	pollWithin = 45 * time.Second
	separator  = "\x1e"
)

// dialPolls opens a session at first and signs in, by requests to any node.
func dialPolls(ctx context.Context, first string, node func() string, token string, stays int) (w *wire, err error) {
	p := &polls{query: "EIO=4&transport=polling", node: node, stays: stays}
	// No connection is used twice: net/http would send a poll again that was sent on an old one and not answered.
	p.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	ended := context.AfterFunc(ctx, p.close)
	defer ended()
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	opened, err := p.ask(http.MethodGet, first, "", signInTimeout)
	if err != nil {
		return nil, err
	}
	var session struct{ SID string }
	packet, _, _ := strings.Cut(opened, separator)
	if err := json.Unmarshal([]byte(strings.TrimPrefix(packet, "0")), &session); err != nil || session.SID == "" {
		return nil, broken("a session was opened with %q", opened)
	}
	p.query += "&sid=" + session.SID
	w = &wire{transport: p}
	return w, w.signInWithin(ctx, token)
}

// ask sends a request, which is to be answered within some time.
func (p *polls) ask(method, addr, packets string, within time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/socket.io/?"+p.query, strings.NewReader(packets))
	if err != nil {
		return "", err
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, addr, answer.Status, text)
	}
	return string(text), err
}

func (p *polls) read() (string, error) {
	for len(p.come) == 0 {
		if moved, err := p.move(); err != nil {
			return "", err
		} else if moved != nil {
			return moved.read()
		}
		packets, err := p.ask(http.MethodGet, p.node(), "", pollWithin)
		if err != nil {
			return "", err
		}
		p.come = strings.Split(packets, separator)
	}
	next := p.come[0]
	p.come = p.come[1:]
	switch next {
	case "1":
		return "", errors.New("closed")
	case "6": // says nothing, to end a poll
		return p.read()
	}
	return next, nil
}

// move moves to a WebSocket once it is time; nil, and it goes on, if no node has one. No poll is under way then, and no post.
func (p *polls) move() (*webSocket, error) {
	p.part.Lock()
	defer p.part.Unlock()
	if p.ends != nil || p.stays == 0 {
		return p.ends, nil
	}
	if p.stays--; p.stays > 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(p.ctx, signInTimeout)
	defer cancel()
	to, err := dialWebSocket(ctx, p.node(), "/socket.io/?"+strings.Replace(p.query, "polling", "websocket", 1), ws.Dialer{})
	if err != nil {
		return nil, nil //nolint:nilerr // as stock clients do
	}
	if err := to.probe(ctx); err != nil {
		to.close()
		return nil, err
	}
	context.AfterFunc(p.ctx, to.close)
	p.ends = to
	return to, nil
}

// probe has the server move the session to the WebSocket.
func (s *webSocket) probe(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.close)()
	if err := s.write("2probe"); err != nil {
		return err
	}
	if said, err := s.read(); err != nil || said != "3probe" {
		return fmt.Errorf("probe: %q, %w", said, err)
	}
	return s.write("5")
}

func (p *polls) write(text string) error {
	p.part.RLock()
	defer p.part.RUnlock()
	if p.ends != nil {
		return p.ends.write(text)
	}
	said, err := p.ask(http.MethodPost, p.node(), text, signInTimeout)
	if err == nil && said != "ok" {
		err = broken("a post was answered with %q", said)
	}
	return err
}

func (p *polls) close() {
	p.cancel()
	p.client.CloseIdleConnections()
}

// webSocket is a connection by WebSocket alone. One goroutine may read while another one writes.
type webSocket struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialWebSocket(ctx context.Context, addr, path string, dialer ws.Dialer) (*webSocket, error) {
	conn, early, _, err := dialer.Dial(ctx, "ws://"+addr+path)
	if err != nil {
		return nil, err
	}
	if early == nil {
		early = bufio.NewReader(conn)
	}
	return &webSocket{conn, early}, nil
}

func (s *webSocket) read() (string, error) {
	for {
		frame, err := ws.ReadFrame(s.in)
		if err != nil {
			return "", err
		}
		switch text := string(frame.Payload); frame.Header.OpCode {
		case ws.OpPing:
			if err := s.frame(ws.NewPongFrame(frame.Payload)); err != nil {
				return "", err
			}
		case ws.OpClose:
			return "", fmt.Errorf("closed: %q", text)
		case ws.OpText:
			return text, nil
		}
	}
}

func (s *webSocket) write(text string) error { return s.frame(ws.NewTextFrame([]byte(text))) }

// frame sends a frame as clients have to: masked. It is one call, so that a heartbeat's answer may come between.
func (s *webSocket) frame(f ws.Frame) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	encoded, err := ws.CompileFrame(ws.MaskFrameInPlace(f))
	if err == nil {
		_, err = s.conn.Write(encoded)
	}
	return err
}

func (s *webSocket) close() { _ = s.conn.Close() }

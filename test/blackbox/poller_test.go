package blackbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/gobwas/ws"
)

// poller is a wire of Engine.IO over long-polling.
type poller struct {
	url    string // of the session
	ctx    context.Context
	cancel context.CancelFunc
	http   http.Client
	unread []string // owned by who reads

	posting sync.Mutex // one request to send at a time, so that packets stay in order
}

// signInPolling connects over Socket.IO on long-polling with a token.
func signInPolling(ctx context.Context, addr, token string) (*client, error) {
	p := &poller{url: "http://" + addr + "/socket.io/?EIO=4&transport=polling", http: http.Client{Transport: new(http.Transport)}}
	p.ctx, p.cancel = context.WithCancel(ctx)
	if err := p.open(); err != nil {
		p.close()
		return nil, err
	}
	return join(p, object{"token": token})
}

func (p *poller) open() error {
	_, packet, err := p.read()
	if err != nil {
		return err
	}
	var session struct {
		SID string `json:"sid"`
	}
	if packet[0] != '0' {
		return fmt.Errorf("unexpected %q for a handshake", packet)
	}
	if err := json.Unmarshal(packet[1:], &session); err != nil {
		return err
	}
	p.url += "&sid=" + session.SID
	return nil
}

// read returns the next packet, for which it polls.
func (p *poller) read() (ws.OpCode, []byte, error) {
	for len(p.unread) == 0 {
		body, err := p.do(http.MethodGet, "")
		if err != nil {
			return 0, nil, err
		}
		p.unread = strings.Split(body, "\x1e")
	}
	next := p.unread[0]
	p.unread = p.unread[1:]
	if next == "" {
		return 0, nil, errors.New("an empty packet")
	}
	return ws.OpText, []byte(next), nil
}

func (p *poller) text(message string) error {
	p.posting.Lock()
	defer p.posting.Unlock()
	_, err := p.do(http.MethodPost, message)
	return err
}

func (p *poller) do(method, body string) (string, error) {
	request, err := http.NewRequestWithContext(p.ctx, method, p.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	answer, err := p.http.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, raw)
	}
	return string(raw), err
}

// close ends what is under way; what is read or sent later fails.
func (p *poller) close() {
	p.cancel()
	p.http.CloseIdleConnections()
}

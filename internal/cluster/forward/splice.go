package forward

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
)

const (
	// closing is how long one end of a WebSocket may stay when the other has gone.
	closing = 5 * time.Second
	// buffer is how many bytes of each direction of a WebSocket are here at a time.
	buffer = 4 << 10
	// refusalMost is how long an answer is that is no upgrade.
	refusalMost = 64 << 10
)

// splice joins the WebSocket of a client with the node, if that agrees.
func (p *peer) splice(life context.Context, w http.ResponseWriter, r *http.Request) {
	f := p.forwarder
	if !f.webSockets.enter() {
		f.refuse(w, r, Busy)
		return
	}
	joined := false
	defer func() {
		if !joined {
			f.webSockets.leave()
		}
	}()
	ctx, cancel := context.WithTimeout(r.Context(), f.cfg.ConnectTimeout)
	defer cancel()
	defer context.AfterFunc(life, cancel)()

	p.acquaint(ctx)
	opened, err := patiently(ctx, f.cfg.ConnectTimeout, func() bool { return true }, func() (opening, error) { return p.openInTurn(ctx, r) })
	switch {
	case err == nil:
	case life.Err() == nil && r.Context().Err() != nil:
		engineio.ErrUnknownSession.ServeHTTP(w, r) // as in poll
		return
	default:
		f.refuse(w, r, causeOf(ctx, life, err))
		return
	}
	if opened.answer.StatusCode != http.StatusSwitchingProtocols {
		defer func() { _ = opened.conn.Close() }()
		body, _ := io.ReadAll(io.LimitReader(opened.answer.Body, refusalMost)) // as much as has come
		f.answer(w, r, opened.answer.StatusCode, opened.answer.Header, body)
		return
	}
	client, err := accept(w, opened.answer)
	if err != nil {
		_ = opened.conn.Close()
		return // the client has gone
	}
	f.figures.webSockets.Add(1)
	p.webSockets.Add(1)
	life, end := context.WithCancel(life)
	joined = f.run(func() {
		p.now.Add(1)
		defer p.now.Add(-1)
		defer f.webSockets.leave()
		defer f.spliced.add(end)()
		join(life, client, opened, f.cfg.WriteStall)
	})
	if !joined {
		end()
		_ = errors.Join(client.Close(), opened.conn.Close())
	}
}

// opening is a connection on which a node has answered an opening handshake.
type opening struct {
	conn   net.Conn
	reader *bufio.Reader // of conn
	answer *http.Response
}

// openInTurn is open for as many at a time as a node is to shake hands with.
func (p *peer) openInTurn(ctx context.Context, r *http.Request) (opening, error) {
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
		return p.open(ctx, r)
	case <-ctx.Done():
		return opening{}, ctx.Err()
	}
}

// open asks the node for a WebSocket.
func (p *peer) open(ctx context.Context, r *http.Request) (opening, error) {
	dialer := &tls.Dialer{NetDialer: &net.Dialer{}, Config: p.forwarder.keys.to(p.pin)}
	conn, err := dialer.DialContext(ctx, "tcp", p.at.Address)
	if err != nil {
		return opening{}, err
	}
	_ = conn.SetDeadline(time.Now().Add(p.forwarder.cfg.ConnectTimeout))
	hangUp := context.AfterFunc(ctx, func() { _ = conn.Close() })
	out := p.outgoing(ctx, r)
	out.Header.Set("Connection", "Upgrade")
	out.Header.Set("Upgrade", "websocket")
	reader := bufio.NewReader(conn)
	answer, err := exchange(conn, reader, out) //nolint:bodyclose // its body is the rest of the connection
	if err == nil && !hangUp() {
		err = ctx.Err()
	}
	if err != nil {
		hangUp()
		return opening{}, errors.Join(err, conn.Close())
	}
	return opening{conn, reader, answer}, nil
}

// exchange sends a request, and reads the head of its answer.
func exchange(conn net.Conn, reader *bufio.Reader, r *http.Request) (*http.Response, error) {
	if err := r.Write(conn); err != nil {
		return nil, err
	}
	return http.ReadResponse(reader, r)
}

// accept takes the client's connection and tells it what the node has said.
func accept(w http.ResponseWriter, answer *http.Response) (net.Conn, error) {
	upgrade := answer.Header.Get("Upgrade")
	header := w.Header()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	take(header, answer.Header)
	header.Set("Connection", "Upgrade")
	header.Set("Upgrade", upgrade)
	_, _ = io.WriteString(buffered, "HTTP/1.1 101 Switching Protocols\r\n")
	_ = header.Write(buffered)
	_, _ = io.WriteString(buffered, "\r\n")
	if err := buffered.Flush(); err != nil { // which all before it would have told too
		return nil, errors.Join(err, conn.Close())
	}
	if buffered.Reader.Buffered() > 0 {
		return &early{conn, buffered.Reader}, nil
	}
	return conn, nil
}

// early is a connection of which some was read already.
type early struct {
	net.Conn
	reader *bufio.Reader
}

// Read implements io.Reader.
func (e *early) Read(b []byte) (int, error) {
	if e.reader == nil {
		return e.Conn.Read(b)
	}
	n, err := e.reader.Read(b)
	if e.reader.Buffered() == 0 {
		e.reader = nil
	}
	return n, err
}

// CloseWrite ends what is sent.
func (e *early) CloseWrite() error {
	if half, ok := e.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// join carries bytes both ways until both ends have gone, or the node's life ends.
func join(life context.Context, client net.Conn, node opening, stall time.Duration) {
	shut := func() { _ = errors.Join(client.Close(), node.conn.Close()) }
	defer shut()
	_ = node.conn.SetDeadline(time.Time{})
	defer context.AfterFunc(life, shut)()
	up := make(chan struct{})
	go func() {
		defer close(up)
		carry(node.conn, client, 0) // a node that does not read is one that wants the client to wait
		farewell(node.conn)
	}()
	from := node.conn
	if node.reader.Buffered() > 0 {
		from = &early{node.conn, node.reader}
	}
	carry(client, from, stall)
	farewell(client)
	<-up
}

// carry copies until one end is gone, or has taken nothing for as long as it may stall; 0 is for ever.
func carry(to, from net.Conn, stall time.Duration) {
	b := make([]byte, buffer)
	for {
		n, err := from.Read(b)
		if !write(to, b[:n], stall) || err != nil {
			return
		}
	}
}

func write(to net.Conn, b []byte, stall time.Duration) bool {
	for len(b) > 0 {
		if stall > 0 {
			_ = to.SetWriteDeadline(time.Now().Add(stall))
		}
		n, err := to.Write(b)
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return false
		}
		b = b[n:]
	}
	return true
}

// farewell tells one end that no more comes from the other, and gives it time to end too.
func farewell(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(closing))
}

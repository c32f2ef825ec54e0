package model_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

// link is a connection of a device, in the dialect of docs/protocol.md. It reads when it is asked to.
type link struct {
	conn net.Conn
	from *bufio.Reader
	refs int
}

// frame is what was received.
type frame struct {
	Type string `json:"type"`
	Ref  int    `json:"ref"`
	text []byte
}

func dial(url, token string) (*link, error) {
	d := ws.Dialer{
		Timeout: patience, Protocols: []string{"sockeye.v1"},
		Header: ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + token}}),
	}
	conn, rest, _, err := d.Dial(context.Background(), url)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if rest == nil {
		rest = bufio.NewReader(conn)
	}
	return &link{conn: conn, from: rest}, nil
}

// send writes a request and returns its ref. What a payload calls type travels as typeField.
func (l *link) send(kind string, payload map[string]any, typeField string) (int, error) {
	l.refs++
	fields := map[string]any{"type": kind, "ref": l.refs}
	for name, value := range payload {
		if name == "type" {
			name = typeField
		}
		fields[name] = value
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return 0, err
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return l.refs, ws.WriteFrame(l.conn, ws.MaskFrame(ws.NewTextFrame(text)))
}

// read waits for the next frame.
func (l *link) read() (frame, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return frame{}, err
	}
	for {
		header, err := ws.ReadHeader(l.from)
		if err != nil {
			return frame{}, fmt.Errorf("read: %w", err)
		}
		text := make([]byte, header.Length)
		if _, err := io.ReadFull(l.from, text); err != nil {
			return frame{}, fmt.Errorf("read: %w", err)
		}
		switch header.OpCode {
		case ws.OpText:
			f := frame{text: text}
			return f, json.Unmarshal(text, &f)
		case ws.OpPing:
			if err := ws.WriteFrame(l.conn, ws.MaskFrame(ws.NewPongFrame(text))); err != nil {
				return frame{}, err
			}
		default:
			return frame{}, fmt.Errorf("unexpected frame %v: %q", header.OpCode, text)
		}
	}
}

// close ends the connection: with a good-bye, or as a device does that loses its network.
func (l *link) close(politely bool) {
	if politely {
		_ = ws.WriteFrame(l.conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))))
	} else if tcp, ok := l.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = l.conn.Close()
}

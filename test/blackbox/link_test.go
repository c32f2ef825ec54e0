package blackbox_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gobwas/ws"
)

// link is a bare WebSocket on which anything can be sent. Engine.IO pings are answered by what is above it.
type link struct {
	conn net.Conn
	in   *bufio.Reader
}

// closed is the error of reading when the server has sent a close frame.
type closed struct {
	code   ws.StatusCode
	reason string
}

func (c *closed) Error() string { return fmt.Sprintf("closed with %d %q", c.code, c.reason) }

// dialing says how to connect beyond the address.
type dialing struct {
	path     string      // with its query; empty: that of Socket.IO
	query    string      // more of it, beginning with &
	protocol string      // the sub-protocol that has to be agreed on, if any
	header   http.Header // further fields
	from     string      // source address
}

// dial opens a WebSocket. All that is done on it must be over after patience.
func dial(ctx context.Context, addr string, d dialing) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var socket net.Dialer
	if d.from != "" {
		socket.LocalAddr = &net.TCPAddr{IP: net.ParseIP(d.from)}
	}
	dialer := ws.Dialer{NetDial: socket.DialContext, Header: ws.HandshakeHeaderHTTP(d.header)}
	if d.path == "" {
		d.path = "/socket.io/?EIO=4&transport=websocket"
	}
	if d.protocol != "" {
		dialer.Protocols = []string{d.protocol}
	}
	conn, early, agreed, err := dialer.Dial(ctx, "ws://"+addr+d.path+d.query)
	if err == nil && agreed.Protocol != d.protocol {
		err = fmt.Errorf("the server speaks %q, not %q", agreed.Protocol, d.protocol)
	}
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		return nil, err
	}
	if early == nil {
		early = bufio.NewReader(conn)
	}
	return &link{conn: conn, in: early}, nil
}

// greetings begin what connections are told unasked at sign-in, which is passed over here.
var greetings = [][]byte{[]byte(`42["conversation:heads",`), []byte(`42["server:epoch",`), []byte(`42["presence",`)}

// read returns the next message; a control frame that has to be answered is. A close frame comes as *closed.
func (l *link) read() (op ws.OpCode, payload []byte, err error) {
	for {
		header, err := ws.ReadHeader(l.in)
		if err != nil {
			return 0, nil, err
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(l.in, payload); err != nil {
			return 0, nil, err
		}
		switch header.OpCode {
		case ws.OpText, ws.OpBinary:
			if slices.ContainsFunc(greetings, func(g []byte) bool { return bytes.HasPrefix(payload, g) }) {
				continue
			}
			return header.OpCode, payload, nil
		case ws.OpPing:
			if err := l.frame(ws.NewPongFrame(payload)); err != nil {
				return 0, nil, err
			}
		case ws.OpClose:
			if len(payload) < 2 {
				return 0, nil, &closed{code: ws.StatusNoStatusRcvd}
			}
			return 0, nil, &closed{ws.StatusCode(binary.BigEndian.Uint16(payload)), string(payload[2:])}
		}
	}
}

// text sends a message.
func (l *link) text(message string) error { return l.frame(ws.NewTextFrame([]byte(message))) }

// frame sends a frame as clients have to: masked.
func (l *link) frame(f ws.Frame) error { return l.raw(ws.MustCompileFrame(ws.MaskFrame(f))) }

// raw sends bytes.
func (l *link) raw(b []byte) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := l.conn.Write(b)
	return err
}

func (l *link) close() { _ = l.conn.Close() }

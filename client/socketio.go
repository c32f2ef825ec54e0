package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// socketIO is Socket.IO protocol 5 over Engine.IO 4, namespace "/", WebSocket only.
type socketIO struct{}

// The first bytes of packets: an Engine.IO type, and for messages a Socket.IO one.
const (
	engineOpen    = '0'
	engineClose   = '1'
	enginePing    = '2'
	engineMessage = '4'

	socketConnect    = '0'
	socketDisconnect = '1'
	socketEvent      = '2'
	socketAck        = '3'
	socketRefusal    = '4'
)

var errMalformed = errors.New("the server sent something that is not its protocol")

func (socketIO) address(base string) string {
	return base + "/socket.io/?EIO=4&transport=websocket"
}

func (socketIO) options(string) websocket.DialOptions { return websocket.DialOptions{} }

func (socketIO) hello(token string) []byte {
	auth, _ := json.Marshal(map[string]string{"token": token}) // a string always encodes
	return append([]byte{engineMessage, socketConnect}, auth...)
}

func (socketIO) request(number uint64, command string, payload any) ([]byte, error) {
	body, err := json.Marshal([2]any{command, payload})
	if err != nil {
		return nil, err
	}
	return append(strconv.AppendUint([]byte{engineMessage, socketEvent}, number, 10), body...), nil
}

func (socketIO) probe() []byte { return nil } // the server does it

func (s socketIO) parse(frame []byte) (incoming, error) {
	if len(frame) == 0 {
		return incoming{}, errMalformed
	}
	switch body := frame[1:]; frame[0] {
	case engineOpen:
		return s.opened(body)
	case engineClose:
		return incoming{kind: farewell}, nil
	case enginePing:
		return incoming{reply: []byte{'3'}}, nil
	case engineMessage:
		if len(body) > 0 {
			return s.packet(body[0], body[1:])
		}
	}
	return incoming{}, nil
}

func (socketIO) opened(body []byte) (incoming, error) {
	var open struct {
		PingInterval int64 `json:"pingInterval"` // milliseconds
		PingTimeout  int64 `json:"pingTimeout"`
	}
	if err := json.Unmarshal(body, &open); err != nil {
		return incoming{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	const hour = int64(time.Hour / time.Millisecond)
	patience := min(max(open.PingInterval, 0), hour) + min(max(open.PingTimeout, 0), hour)
	return incoming{kind: opening, patience: time.Duration(patience) * time.Millisecond}, nil
}

func (s socketIO) packet(kind byte, body []byte) (incoming, error) {
	switch kind {
	case socketConnect:
		var open struct {
			ID string `json:"sid"`
		}
		_ = json.Unmarshal(body, &open) // a server of version 2 says nothing
		return incoming{kind: welcome, id: open.ID}, nil
	case socketDisconnect:
		return incoming{kind: farewell}, nil
	case socketRefusal:
		return s.refusal(body)
	case socketEvent:
		_, args, err := arguments(body)
		var name string
		if err != nil || len(args) == 0 || json.Unmarshal(args[0], &name) != nil {
			return incoming{}, errMalformed
		}
		in := incoming{kind: event, name: name}
		if len(args) > 1 { // more is an offset for recovery, which the client does without
			in.payload = args[1]
		}
		return in, nil
	case socketAck:
		number, args, err := arguments(body)
		if err != nil {
			return incoming{}, err
		}
		in := incoming{kind: answer, number: number}
		if len(args) > 0 {
			in.payload = args[0]
		}
		return in, nil
	}
	return incoming{}, nil // binary packets, other namespaces' types: not for this client
}

// refusal is a Connect Error packet: what the server says is beside the message
// that stock clients show.
func (socketIO) refusal(body []byte) (incoming, error) {
	var refusal struct {
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &refusal); err != nil {
		return incoming{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if len(refusal.Data) == 0 {
		refusal.Data, _ = json.Marshal(Error{Message: refusal.Message}) // strings always encode
	}
	return incoming{kind: refused, payload: refusal.Data}, nil
}

// arguments reads the number, if there is one, and the arguments of an event or an
// acknowledgement.
func arguments(body []byte) (number uint64, args []json.RawMessage, err error) {
	start := bytes.IndexByte(body, '[')
	if start < 0 {
		return 0, nil, errMalformed
	}
	if start > 0 {
		if number, err = strconv.ParseUint(string(body[:start]), 10, 64); err != nil || number == math.MaxUint64 {
			return 0, nil, errMalformed
		}
	}
	if err := json.Unmarshal(body[start:], &args); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return number, args, nil
}

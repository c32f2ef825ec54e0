package server

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sockeye-im/sockeye/socketio"
)

// command says what a Socket.IO server is to do, and to whom.
type command struct {
	Namespace string            `json:"namespace"` // "" for /
	Socket    string            `json:"socket"`    // one socket by its id, instead of rooms
	Rooms     []string          `json:"rooms"`     // none: everybody
	Except    []string          `json:"except"`
	Volatile  bool              `json:"volatile"`
	Event     string            `json:"event"`
	Args      []json.RawMessage `json:"args"`
	Close     bool              `json:"close"`   // disconnect: the connection too
	Token     string            `json:"token"`   // revoke
	Session   string            `json:"session"` // polling: the Engine.IO session
}

func (s *instance) act(ctx context.Context, action string, c command) (result any, err error) {
	if action == "polling" {
		return struct{}{}, s.polls.await(ctx, c.Session)
	}
	if s.socket == nil {
		return nil, fmt.Errorf("an Engine.IO server knows no action %q", action)
	}
	n := s.socket.Of(c.Namespace)
	to := n.To(c.Rooms...).Except(c.Except...)
	result = struct{}{}
	switch action {
	case "emit":
		err = c.emit(n, to)
	case "disconnect":
		err = to.DisconnectSockets(c.Close)
	case "drop":
		socket := n.Socket(c.Socket)
		if socket == nil {
			return nil, fmt.Errorf("no socket %q", c.Socket)
		}
		socket.Drop()
	case "retire":
		socket := n.Socket(c.Socket)
		if socket == nil {
			return nil, fmt.Errorf("no socket %q", c.Socket)
		}
		s.socket.StopOpening()
		socket.Retire(func() { _ = socket.Emit("farewell") })
	case "revoke":
		s.mu.Lock()
		s.revoked[c.Token] = true
		s.mu.Unlock()
	case "release":
		close(s.released) // once a server
	case "sockets":
		return to.FetchSockets(ctx)
	default:
		err = fmt.Errorf("no action %q", action)
	}
	return result, err
}

func (c command) emit(n *socketio.Namespace, to socketio.BroadcastOperator) error {
	args := make([]any, len(c.Args))
	for i, arg := range c.Args {
		args[i] = arg
	}
	if c.Volatile {
		to = to.Volatile()
	}
	if c.Socket == "" {
		return to.Emit(c.Event, args...)
	}
	socket := n.Socket(c.Socket)
	if socket == nil {
		return fmt.Errorf("no socket %q", c.Socket)
	}
	return socket.Emit(c.Event, args...)
}

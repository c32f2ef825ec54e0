package server

import (
	"context"
	"errors"
	"regexp"

	"github.com/sockeye-im/sockeye/socketio"
)

// listener is a namespace, or the parent of many.
type listener interface {
	socketio.Listener
	OnConnect(func(context.Context, *socketio.Socket))
	OnDisconnect(func(*socketio.Socket, socketio.Reason))
	OnAny(socketio.EventHandler)
	OnError(func(*socketio.Event, error))
	Filter(socketio.EventHandler)
}

// namespaces sets up who may come in where. Inside they are all alike.
func (s *instance) namespaces() {
	s.furnish(s.socket.Of("/"))
	s.furnish(s.socket.Of("/static"))
	s.furnish(s.socket.OfPattern(regexp.MustCompile(`/dynamic-\d+`)))

	guarded := s.socket.Of("/guarded")
	guarded.Use(requireToken)
	s.furnish(guarded)

	curt := s.socket.Of("/curt")
	curt.Use(func(context.Context, *socketio.Socket) error {
		return &socketio.ConnectError{Message: "no reason given"}
	})
	broken := s.socket.Of("/broken")
	broken.Use(func(context.Context, *socketio.Socket) error { return errors.New("closed for today") })
	panicking := s.socket.Of("/panicking")
	panicking.Use(func(context.Context, *socketio.Socket) error { panic("the password is swordfish") })

	members := s.socket.Of("/members")
	members.Use(s.requireMember)
	s.furnish(members)
}

// credentials are what the tests' clients sign in with.
type credentials struct {
	Token string `json:"token"`
	Fresh bool   `json:"fresh"` // does not want its old session
}

// readCredentials takes them from the handshake's query where clients of
// version 2 have no auth.
func readCredentials(s *socketio.Socket) (credentials, error) {
	var c credentials
	err := s.Auth(&c)
	if c.Token == "" {
		c.Token = s.Handshake().Query().Get("token")
	}
	return c, err
}

func requireToken(_ context.Context, s *socketio.Socket) error {
	c, err := readCredentials(s)
	if err != nil || c.Token != "good" {
		return &socketio.ConnectError{
			Message: "not authorized",
			Data:    map[string]any{"code": "E_TOKEN", "retryAfter": 30, "grüße": "🐟"},
		}
	}
	s.SetData(map[string]any{"token": c.Token})
	return nil
}

// requireMember notes that it was asked, and who comes back.
func (s *instance) requireMember(_ context.Context, socket *socketio.Socket) error {
	s.journal.add(entry{Kind: "middleware", Namespace: "/members", Recovered: socket.Recovered()})
	c, err := readCredentials(socket)
	if err != nil {
		return err
	}
	s.mu.Lock()
	revoked := s.revoked[c.Token]
	s.mu.Unlock()
	if revoked {
		return &socketio.ConnectError{Message: "token revoked"}
	}
	if c.Fresh {
		socket.RefuseRecovery()
	}
	return nil
}

package socketio_test

import (
	"context"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// The clients of Socket.IO 2 are connected to "/" without asking, get no
// payload with it, and send a query with other namespaces.
func TestVersion2Client(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	chat := h.Of("/chat")
	chat.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ Token string }
		if err := s.Auth(&auth); err != nil {
			return err
		}
		switch auth.Token {
		case "t":
			return nil
		case "data":
			return &socketio.ConnectError{Message: "no", Data: map[string]string{"why": "data"}}
		default:
			return &socketio.ConnectError{Message: "no"}
		}
	})
	joined, roots := sockets(chat), sockets(h.Of("/"))
	chat.On("echo", func(_ context.Context, e *socketio.Event) error {
		if e.WantsAck() {
			return e.Ack(e.Args().Values()...)
		}
		return e.Socket().Emit("echo", e.Args().Values()...)
	})

	c := h.dial(3)
	if p := c.packet('0', "/"); p.data != "" {
		t.Errorf("got %s", p)
	}
	if s := receive(t, roots, "the socket in /"); s.ID() != c.open || s.Protocol() != 3 {
		t.Errorf("id %q of session %q, protocol %d", s.ID(), c.open, s.Protocol())
	}
	c.send("0/chat,")
	if p := c.packet('4', "/chat"); p.data != `"no"` {
		t.Errorf("got %s", p)
	}
	c.send("0/chat?token=data,")
	if p := c.packet('4', "/chat"); p.data != `{"why":"data"}` {
		t.Errorf("got %s", p)
	}
	c.send("0/chat?token=t&token=u,")
	if p := c.packet('0', "/chat"); p.data != "" {
		t.Errorf("got %s", p)
	}
	s := receive(t, joined, "the socket in /chat")
	if s.ID() != "/chat#"+c.open || s.Recovered() {
		t.Errorf("id %q", s.ID())
	}

	c.send(`2/chat,["echo",1.0]`)
	c.expect(`["echo",1.0]`) // no offset, although recovery is on
	c.send(`51-/chat,3["echo",{"_placeholder":true,"num":0}]`, "\x00\x01")
	if p := c.packet('6', "/chat"); p.id != "3" || p.attachments[0] != "\x00\x01" {
		t.Errorf("got %s", p)
	}
	if err := chat.Emit("all", socketio.Binary("x")); err != nil {
		t.Fatal(err)
	}
	if p := c.event("all"); p.data != `["all",{"_placeholder":true,"num":0}]` || p.attachments[0] != "x" {
		t.Errorf("got %s", p)
	}
	c.send("1/chat,")
	eventually(t, "the socket leaves", func() bool { return !s.Connected() })
	if h.Of("/").Socket(c.open) == nil {
		t.Error("leaving a namespace ended the connection")
	}
}

package socketio_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// oneMessage is a second codec, of the shape of npm's
// socket.io-msgpack-parser: a packet is one binary message, whatever binary
// data it holds. It writes what JSON{} makes of a packet as a gob.
type oneMessage struct{ inner socketio.JSON }

func (o oneMessage) Encode(p *socketio.Packet) (socketio.Encoded, error) {
	encoded, err := o.inner.Encode(p)
	if err != nil {
		return nil, err
	}
	return socketio.Encoded{engineio.NewBinary(pack(wire(encoded)...))}, nil
}

func (o oneMessage) NewDecoder() socketio.Decoder { return oneMessageDecoder{} }

type oneMessageDecoder struct{}

func (oneMessageDecoder) Add(binary bool, data []byte) (p socketio.Received, ok bool, err error) {
	if !binary {
		return p, false, errors.New("text")
	}
	parts, err := unpack(data)
	if err != nil {
		return p, false, err
	}
	return feed(socketio.JSON{}.NewDecoder(), parts...)
}

func pack(parts ...string) []byte {
	var buf bytes.Buffer
	_ = gob.NewEncoder(&buf).Encode(parts) // strings always encode
	return buf.Bytes()
}

func unpack(data []byte) (parts []string, err error) {
	err = gob.NewDecoder(bytes.NewReader(data)).Decode(&parts)
	return parts, err
}

// oneMessageClient speaks that codec.
type oneMessageClient struct{ *testClient }

func (c oneMessageClient) send(packet string, attachments ...string) {
	for i := range attachments {
		attachments[i] = "binary:" + attachments[i]
	}
	c.write(ws.OpBinary, string(pack(append([]string{packet}, attachments...)...)))
}

// expect waits for a packet that begins with text and returns its parts.
func (c oneMessageClient) expect(text string) []string {
	c.t.Helper()
	var found []string
	c.await(text, func() bool {
		for i, raw := range c.raw {
			parts, err := unpack(raw)
			if err == nil && strings.HasPrefix(parts[0], text) {
				found = parts
				c.raw = append(c.raw[:i:i], c.raw[i+1:]...)
				return true
			}
		}
		return false
	})
	return found
}

func TestAnotherCodec(t *testing.T) {
	h := serve(t, socketio.Config{Codec: oneMessage{}})
	chat := h.Of("/chat")
	chat.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ Token string }
		if err := s.Auth(&auth); err != nil || auth.Token != "t" {
			return &socketio.ConnectError{Message: "who are you"}
		}
		return nil
	})
	joined := sockets(chat)
	socketio.HandleAck(chat, "size", func(_ context.Context, _ *socketio.Event, in socketio.Binary) (int, error) {
		return len(in), nil
	})
	chat.On("all", func(_ context.Context, e *socketio.Event) error {
		return e.Socket().Namespace().Emit("all", e.Args().Values()...)
	})

	dial := func() oneMessageClient {
		c := oneMessageClient{h.dial(4)}
		c.keepRaw()
		return c
	}
	a, b := dial(), dial()
	a.send(`0/chat,`)
	a.expect(`4/chat,{"message":"who are you"}`)
	a.send(`0/chat,{"token":"t"}`)
	a.expect(`0/chat,{"sid":`)
	first := receive(t, joined, "the socket of a")
	b.send(`0/chat,{"token":"t"}`)
	b.expect(`0/chat,{"sid":`)
	a.send(`51-/chat,7["size",{"_placeholder":true,"num":0}]`, "12345")
	a.expect(`3/chat,7[5]`)
	a.send(`51-/chat,["all",{"n":1.0,"f":{"_placeholder":true,"num":0}},2]`, "\x00\x01")
	for _, c := range []oneMessageClient{a, b} {
		parts := c.expect(`51-/chat,["all",`)
		if parts[0] != `51-/chat,["all",{"f":{"_placeholder":true,"num":0},"n":1.0},2]` || parts[1] != "binary:\x00\x01" {
			t.Errorf("got %q", parts)
		}
	}
	replied := make(chan string, 1)
	go func() {
		text, err := socketio.EmitAck[string](context.Background(), first, "ask", json.RawMessage(`{"a":1}`))
		if err != nil {
			text = err.Error()
		}
		replied <- text
	}()
	a.expect(`2/chat,0["ask",{"a":1}]`)
	a.send(`3/chat,0["yes"]`)
	if got := receive(t, replied, "the reply"); got != "yes" {
		t.Errorf("got %q", got)
	}
	a.write(ws.OpText, `42/chat,["size"]`)
	a.closed()
}

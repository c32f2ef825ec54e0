package chat_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/cmd/sockeye/chat"
)

// leaver is an output at which a user leaves, when it shows something.
type leaver struct {
	at    string
	leave func()
}

func (l leaver) Write(text []byte) (int, error) {
	if strings.Contains(string(text), l.at) {
		l.leave()
	}
	return len(text), nil
}

// TestLeaveAtAnEvent: who leaves while something is shown is told all the same that a
// message was not sent.
func TestLeaveAtAnEvent(t *testing.T) {
	w := start(t)
	w.createRoom("ada")
	c, err := client.Dial(t.Context(), client.Config{URL: w.url, Token: client.StaticToken(w.token("ada"))})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, typing := io.Pipe()
	defer func() { _ = in.Close() }()
	go func() { _, _ = typing.Write([]byte(`{"content":"` + strings.Repeat("x", 20_000) + "\"}\n")) }()
	s := chat.New(c, chat.Streams{In: in, Out: leaver{"client:undelivered", cancel}}, chat.Options{JSON: true})
	if err := s.Talk(ctx, chat.Place{RoomID: "hall"}); err == nil || !strings.Contains(err.Error(), "not sent") {
		t.Errorf("left with %v", err)
	}
}

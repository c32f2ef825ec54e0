package socketio_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

func nested(levels int) string {
	return strings.Repeat(`{"a":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
}

// What a client sends to join may be so large and so deep.
func TestAuthIsBounded(t *testing.T) {
	h := serve(t, socketio.Config{MaxAuthBytes: 2000})
	joined := sockets(h.Of("/"))
	for _, auth := range []string{"", "{}", nested(100), `{"a":"` + strings.Repeat("x", 1992) + `"}`} {
		h.join("/", auth)
		receive(t, joined, "a socket")
	}
	for _, auth := range []string{nested(101), `{"a":"` + strings.Repeat("x", 1993) + `"}`, `{`, `{}{}`, `{"a":}`} {
		c := h.dial(4)
		c.send("0" + auth)
		c.closed()
	}
	if len(joined) != 0 {
		t.Error("one of them has joined")
	}
}

// An auth that would be a hundred times as large as values is only read.
func TestAuthCostsItsText(t *testing.T) {
	h := serve(t, socketio.Config{})
	h.Of("/").Use(func(_ context.Context, s *socketio.Socket) error {
		return s.Auth(new(struct{ Token string }))
	})
	auth := `{"token":"t","a":[` + strings.Repeat("[],", 300_000) + `[]]}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	h.join("/", auth)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(25*len(auth)) {
		t.Errorf("%d bytes for an auth of %d", took, len(auth))
	}
}

// Attachments are kept for those only who have joined.
func TestStrangersHaveNoAttachments(t *testing.T) {
	h := serve(t, socketio.Config{})
	c := h.dial(4)
	c.send(`51-["e",{"_placeholder":true,"num":0}]`)
	c.closed()
}

// A client that a namespace has let in may send more.
func TestJoiningIsTrusted(t *testing.T) {
	h := serve(t, socketio.Config{Engine: engineio.Config{MaxStrangerPayload: 100}})
	got := make(chan string, 1)
	h.Of("/").On("e", func(_ context.Context, e *socketio.Event) error {
		var text string
		err := e.Args().Decode(&text)
		got <- text
		return err
	})
	long := strings.Repeat("x", 200)
	c := h.join("/", "")
	c.emit("e", `"`+long+`"`)
	if text := receive(t, got, "the event"); text != long {
		t.Errorf("got %q", text)
	}
	c = h.dial(4)
	c.send(`0{"a":"` + long + `"}`)
	c.closed()
}

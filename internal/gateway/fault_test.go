package gateway_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// broken is a store that takes no command any more.
type broken struct{ chat.Store }

var errDisk = errors.New("disk /dev/sdz is on fire")

func (broken) AppendMessage(context.Context, chat.Append) (chat.Message, error) {
	return chat.Message{}, errDisk
}
func (broken) CreateRoom(context.Context, chat.NewRoom) error                  { return errDisk }
func (broken) Join(context.Context, chat.Join) (bool, error)                   { return false, errDisk }
func (broken) Leave(context.Context, chat.Leave) (bool, error)                 { return false, errDisk }
func (broken) MarkRead(context.Context, chat.MarkRead) ([]chat.Receipt, error) { return nil, errDisk }
func (broken) Access(context.Context, chat.ConversationRef, chat.UserID) (chat.Access, bool, error) {
	return chat.Access{}, false, errDisk
}

// A fault of the server is told in general words; what it was is for the log.
func TestFaults(t *testing.T) {
	n := serve(t, func(s *setup) { s.store = func(inner chat.Store) chat.Store { return broken{inner} } })
	ada, bob := n.device("ada"), n.device("bob")
	for event, c := range map[string]struct{ payload, message string }{
		"message:send": {`{"recipientId":"bob","content":"x"}`, "Failed to send message"},
		"message:read": {`{"messageIds":["m"]}`, "Failed to mark messages as read"},
		"room:create":  {`{"name":"x"}`, "Failed to create room"},
		"room:join":    {`{"roomId":"hall"}`, "Failed to join room"},
		"room:leave":   {`{"roomId":"hall"}`, "Failed to leave room"},
		"room:message": {`{"roomId":"hall","content":"x"}`, "Failed to send room message"},
		"history":      {`{"roomId":"hall"}`, "Failed to load history"},
	} {
		if f := ada.mustFail(event, c.payload, "internal", c.message); f != (failure{Code: "internal", Message: c.message}) {
			t.Errorf("%s: got %+v", event, f)
		}
		if !strings.Contains(n.log.String(), `"event":"`+event+`"`) {
			t.Errorf("%s is not in the log", event)
		}
	}
	if !strings.Contains(n.log.String(), errDisk.Error()) {
		t.Error("the cause is not in the log")
	}
	bob.settle()
	for _, d := range []*device{ada, bob} {
		if got := d.unread(); len(got) > 0 {
			t.Errorf("told %s", got)
		}
	}
}

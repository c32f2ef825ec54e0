package gateway_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// slowUnread holds up who asks for what is unread.
type slowUnread struct {
	chat.Store
	asked barrier
}

func (u *slowUnread) Unread(ctx context.Context, q chat.UnreadQuery) (chat.Unread, error) {
	u.asked.pass()
	return u.Store.Unread(ctx, q)
}

// A device for which much waits already is shown what is unread once it has read some of that, instead of being closed as a
// slow consumer for something that it has not asked for.
func TestUnreadWaitsForItsReader(t *testing.T) {
	const each, messages, most = 10_000, 50, 800_000
	store := new(slowUnread)
	s := new(situation)
	s.node = serve(t, func(o *setup) {
		o.Native.QueueBytes = most
		o.Chats = func(inner chat.Store) chat.Store { store.Store = inner; return store }
	})
	t.Cleanup(store.asked.release) // before the node stops
	bob := s.device("bob")
	for range messages { // together more than there is room for behind what waits
		bob.must("message:send", map[string]string{"recipientId": "ada", "content": strings.Repeat("x", each)})
	}
	store.asked.close()
	s.dial(s.token("ada"))
	<-store.asked.reached
	s.handle.Crowd()
	store.asked.release()
	eventually(t, "the server to wait, or not to", func() bool {
		return waits("select", "(*native).AwaitRoom") || s.presence.Devices("ada") > 0 || s.native.Open() == 0
	})
	if shown, _ := s.frame("messages:unread")["items"].([]any); len(shown) != messages {
		t.Errorf("%d messages are shown", len(shown))
	}
	lives(s)
}

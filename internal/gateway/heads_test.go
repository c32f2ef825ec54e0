package gateway_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/feed"
)

type head struct {
	ConversationID string
	Seq            int64
}

// A device that connects learns how far each log goes, and so whether it has
// missed something.
func TestHeadsAtSignIn(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	room := ada.must("room:message", `{"roomId":"hall","content":"one"}`)
	direct := ada.must("message:send", `{"recipientId":"bob","content":"two"}`)
	var heads []head
	n.device("bob").event("conversation:heads", &heads)
	got := map[string]int64{}
	for _, h := range heads {
		got[h.ConversationID] = h.Seq
	}
	if len(got) != 2 || got[room.ConversationID] != room.Seq || got[direct.ConversationID] != direct.Seq {
		t.Errorf("got %v, want %s at %d and %s at %d", got, room.ConversationID, room.Seq, direct.ConversationID, direct.Seq)
	}
	n.device("stranger").quiet(n, "somebody without conversations")
}

// What is announced reaches the members only.
func TestHeadsAreAnnounced(t *testing.T) {
	n := serve(t)
	ada, bob, eve := n.device("ada"), n.device("bob"), n.device("eve")
	n.hall(ada, bob)
	said := ada.must("room:message", `{"roomId":"hall","content":"one"}`)
	heads, err := n.chat.Changed(t.Context(), time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	n.feed.Publish(feed.Facts{Heads: heads})
	for _, d := range []*device{ada, bob} {
		var h head
		d.event("conversation:head", &h)
		if h.ConversationID != said.ConversationID || h.Seq != said.Seq {
			t.Errorf("got %+v, want %s at %d", h, said.ConversationID, said.Seq)
		}
	}
	eve.quiet(n, "a conversation of others")
	if slices.ContainsFunc(eve.unread(), func(p packet) bool { return p.name == "conversation:head" }) {
		t.Errorf("a conversation of others: got %s", eve.unread())
	}
}

// What has not changed since the user was here is not told: it would be the more, the longer the list of rooms.
func TestQuietConversationsHaveNoHeads(t *testing.T) {
	var ago atomic.Int64
	ago.Store(int64(48 * time.Hour))
	n := serve(t, func(s *setup) { s.Said = func() time.Time { return time.Now().Add(-time.Duration(ago.Load())) } })
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	ada.must("room:message", `{"roomId":"hall","content":"long ago"}`)
	ada.must("room:create", `{"id":"den","name":"Den"}`)
	bob.must("room:join", `{"roomId":"den"}`)
	var heads []head
	second := n.device("bob") // nobody knows since when the first time: all of them
	if second.event("conversation:heads", &heads); len(heads) != 2 {
		t.Errorf("at first: %v", heads)
	}
	n.lose(bob)
	n.lose(second)
	eventually(t, "bob was seen going", func() bool {
		u, err := n.accounts.User(t.Context(), "bob")
		return err == nil && !u.LastSeen.IsZero()
	})
	ago.Store(0)
	said := ada.must("room:message", `{"roomId":"den","content":"just now"}`)
	n.device("bob").event("conversation:heads", &heads)
	if len(heads) != 1 || heads[0].ConversationID != said.ConversationID || heads[0].Seq != said.Seq {
		t.Errorf("got %v, want %s at %d alone", heads, said.ConversationID, said.Seq)
	}
}

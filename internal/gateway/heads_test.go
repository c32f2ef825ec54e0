package gateway_test

import (
	"testing"
	"time"
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
	n.hub.Announce(heads)
	for _, d := range []*device{ada, bob} {
		var h head
		d.event("conversation:head", &h)
		if h.ConversationID != said.ConversationID || h.Seq != said.Seq {
			t.Errorf("got %+v, want %s at %d", h, said.ConversationID, said.Seq)
		}
	}
	eve.quiet(n, "a conversation of others")
}

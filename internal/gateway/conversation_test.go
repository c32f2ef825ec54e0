package gateway_test

import (
	"fmt"
	"testing"
)

type conversationList struct {
	OK            bool
	Conversations []conversation
	Next          string
}

func (d *device) conversations() map[string]conversation {
	d.t.Helper()
	var list conversationList
	d.askInto("conversation:list", `{}`, &list)
	if !list.OK {
		d.t.Fatal("the list was refused")
	}
	byID := make(map[string]conversation)
	for _, c := range list.Conversations {
		byID[c.ConversationID] = c
	}
	return byID
}

func TestConversationsAreListedWithWhatIsUnread(t *testing.T) {
	n := serve(t)
	ada, bob, bobs := n.device("ada"), n.device("bob"), n.device("bob")
	n.hall(ada, bob)
	bobs.message("room:user_joined")
	room := ada.must("room:message", `{"roomId":"hall","content":"welcome @bob"}`)
	gone := ada.must("room:message", `{"roomId":"hall","content":"a mistake, @bob"}`)
	ada.must("message:delete", about(gone.ID))
	bob.must("room:message", `{"roomId":"hall","content":"his own"}`)
	ada.must("message:send", `{"recipientId":"bob","content":"one"}`)
	direct := ada.must("message:send", `{"recipientId":"bob","content":"two"}`)
	empty := bob.must("room:create", `{"id":"empty","name":"Empty"}`).conversation(t)

	all := bob.conversations()
	if len(all) != 3 {
		t.Fatalf("%d conversations: %+v", len(all), all)
	}
	if c := all[room.ConversationID]; c.Unread != 1 || c.Mentions != 1 || c.Room == nil || c.Room.ID != "hall" || c.Peer != nil ||
		c.FirstSeq != 1 || c.Seq != 6 || c.ReadSeq >= room.Seq || c.LastMessage == nil || c.LastMessage.Content != "his own" || !instant.MatchString(c.LastAt) {
		t.Errorf("room: %+v", c)
	}
	if c := all[direct.ConversationID]; c.Unread != 2 || c.Mentions != 0 || c.Peer == nil || c.Peer.UserID != "ada" || c.Peer.Username != "Ada" ||
		c.Room != nil || c.Seq != 2 || c.LastMessage == nil || c.LastMessage.ID != direct.ID {
		t.Errorf("direct: %+v", c)
	}
	if c := all[empty]; c.Unread != 0 || c.LastMessage != nil || c.Seq != 1 {
		t.Errorf("empty: %+v", c)
	}
	if c := ada.conversations()[direct.ConversationID]; c.Unread != 0 || c.Peer == nil || c.Peer.UserID != "bob" {
		t.Errorf("of the sender: %+v", c)
	}

	mark := func(seq int64) map[string]any {
		return map[string]any{"conversationId": direct.ConversationID, "seq": seq}
	}
	for _, seq := range []int64{1, 2, 2, 1} { // the last two change nothing
		bob.must("conversation:read", mark(seq))
	}
	for _, want := range []int64{1, 2} {
		if m := bobs.message("conversation:read"); m.ConversationID != direct.ConversationID || m.Seq != want {
			t.Errorf("told of the mark %+v, want %d", m, want)
		}
	}
	if c := bob.conversations()[direct.ConversationID]; c.Unread != 0 || c.ReadSeq != 2 {
		t.Errorf("read: %+v", c)
	}
	bob.mustFail("conversation:read", mark(3), "invalid_field", "seq must not be beyond the last of the conversation")
	bob.mustFail("conversation:read", mark(0), "invalid_field", "seq must be at least 1")
	n.device("eve").mustFail("conversation:read", mark(1), "conversation_not_found", "Conversation not found")
	n.told()
	for _, d := range []*device{ada, bob, bobs} {
		d.settle()
		for _, p := range d.unread() {
			if p.name == "conversation:read" {
				t.Errorf("told again, or whom it does not concern: %s", p)
			}
		}
	}
}

func TestConversationsArePaged(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	for i := range 3 {
		ada.must("room:create", fmt.Sprintf(`{"id":"r%d","name":"R"}`, i))
	}
	seen := make(map[string]bool)
	pages := 0
	for after := ""; ; {
		var list conversationList
		ada.askInto("conversation:list", map[string]any{"limit": 2, "after": after}, &list)
		for _, c := range list.Conversations {
			seen[c.Room.ID] = true
		}
		pages++
		if after = list.Next; after == "" || pages > 3 {
			break
		}
	}
	if len(seen) != 3 || pages != 2 {
		t.Errorf("saw %v on %d pages", seen, pages)
	}
	ada.mustFail("conversation:list", `{"limit":101}`, "limit_exceeded", "limit must be from 1 to 100")
}

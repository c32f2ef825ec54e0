package gateway_test

import (
	"testing"
)

// findUntil asks again until a search has found something: what is sent can be found a
// little later.
func (d *device) findUntil(query any) ack {
	d.t.Helper()
	var found ack
	eventually(d.t, "the search of "+text(query), func() bool {
		found = d.must("message:search", query)
		return len(found.Messages) > 0
	})
	return found
}

func TestMessagesAreFound(t *testing.T) {
	n := serve(t)
	ada, bob, eve := n.device("ada"), n.device("bob"), n.device("eve")
	ada.must("room:create", `{"id":"hidden","name":"Hidden"}`)
	n.hall(ada, bob)
	ada.must("room:message", `{"roomId":"hidden","content":"会议 without bob"}`)
	said := ada.must("room:message", `{"roomId":"hall","content":"明天的会议改到三点"}`)
	later := bob.must("message:send", `{"recipientId":"ada","content":"which 会议?"}`)

	// What was sent last is indexed last.
	ada.findUntil(map[string]string{"query": "会议", "conversationId": later.ConversationID})
	found := bob.must("message:search", `{"query":"会议"}`)
	if len(found.Messages) != 2 || found.Messages[0].ID != later.ID || found.Messages[1].ID != said.ID || found.More {
		t.Errorf("bob found %+v", found)
	}
	if found := ada.must("message:search", `{"query":"会议","limit":2}`); len(found.Messages) != 2 || !found.More {
		t.Errorf("ada found %+v", found)
	}
	page := bob.must("message:search", map[string]any{"query": "会议", "before": later.ID})
	if len(page.Messages) != 1 || page.Messages[0].ID != said.ID {
		t.Errorf("before the newest: %+v", page)
	}
	if found := eve.must("message:search", `{"query":"会议"}`); len(found.Messages) != 0 || found.More {
		t.Errorf("a stranger found %+v", found)
	}
	eve.mustFail("message:search", map[string]string{"query": "会议", "conversationId": said.ConversationID},
		"conversation_not_found", "Conversation not found")
	bob.mustFail("message:search", `{"query":"…"}`, "invalid_field", "query must have a letter or a digit")
	bob.mustFail("message:search", `{}`, "missing_fields", "Missing required fields")

	// Neither deleted messages are found, nor those of rooms that one has left.
	ada.must("message:delete", about(said.ID))
	if found := bob.must("message:search", map[string]string{"query": "会议", "conversationId": said.ConversationID}); len(found.Messages) != 0 {
		t.Errorf("found what was deleted: %+v", found)
	}
	again := ada.must("room:message", `{"roomId":"hall","content":"会议 again"}`)
	bob.findUntil(map[string]string{"query": "again 会议"})
	bob.must("room:leave", `{"roomId":"hall"}`)
	if found := bob.must("message:search", `{"query":"again 会议"}`); len(found.Messages) != 0 {
		t.Errorf("found %s in a room that he has left", again.ID)
	}
}

func TestThreads(t *testing.T) {
	n := serve(t)
	ada, bob, eve := n.device("ada"), n.device("bob"), n.device("eve")
	n.hall(ada, bob)
	reply := func(d *device, to, content string) ack {
		t.Helper()
		return d.must("room:message", map[string]string{"roomId": "hall", "content": content, "replyTo": to})
	}
	root := ada.must("room:message", `{"roomId":"hall","content":"root"}`)
	first := reply(bob, root.ID, "one")
	ada.must("room:message", `{"roomId":"hall","content":"beside"}`)
	second := reply(ada, first.ID, "two")
	for _, id := range []string{root.ID, first.ID, second.ID} {
		var thread struct {
			ack
			Root struct{ ID, Content string }
		}
		bob.askInto("thread", about(id), &thread)
		if thread.Root.ID != root.ID || thread.Root.Content != "root" || len(thread.Messages) != 2 ||
			thread.Messages[0].ID != first.ID || thread.Messages[1].ID != second.ID || thread.More {
			t.Errorf("thread of %s: %+v", id, thread)
		}
	}
	page := bob.must("thread", map[string]any{"messageId": root.ID, "after": first.ID, "limit": 1})
	if len(page.Messages) != 1 || page.Messages[0].ID != second.ID {
		t.Errorf("after the first: %+v", page)
	}
	eve.mustFail("thread", about(root.ID), "message_not_found", "Message not found")
	bob.mustFail("thread", `{}`, "missing_fields", "Missing required fields")
}

package gateway_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
)

var instant = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

func TestDirectMessageReachesAllButTheSendingDevice(t *testing.T) {
	n := serve(t)
	sending, beside := n.device("ada"), n.device("ada")
	phone, desk := n.device("bob"), n.device("bob")
	stranger := n.device("eve")

	sent := sending.must("message:send", `{"recipientId":"bob","content":"hi <b>","clientMsgId":"c1","extra":{"ignored":[1]}}`)
	var answer message
	sending.event("message:sent", &answer)
	if sent.ID == "" || sent.RecipientID != "bob" || sent.Seq != 1 || sent.ClientMsgID != "c1" ||
		!strings.HasPrefix(sent.ConversationID, "dm:") || !instant.MatchString(sent.Timestamp) {
		t.Errorf("acknowledged with %+v", sent)
	}
	if answer.ID != sent.ID || answer.Seq != 1 || answer.RecipientID != "bob" || answer.ConversationID != sent.ConversationID ||
		answer.Timestamp != sent.Timestamp || answer.ClientMsgID != "c1" {
		t.Errorf("message:sent is %+v", answer)
	}
	for _, d := range []*device{phone, desk, beside} {
		m := d.message("message:received")
		if m.ID != sent.ID || m.SenderID != "ada" || m.SenderUsername != "Ada" || m.RecipientID != "bob" || m.Content != "hi <b>" ||
			m.Type != "text" || m.Timestamp != sent.Timestamp || m.ConversationID != sent.ConversationID || m.Seq != 1 {
			t.Errorf("received %+v", m)
		}
	}
	sending.quiet(n, "the sending device")
	stranger.quiet(n, "a stranger")

	// Without an acknowledgement the answer is the event alone.
	sending.emit("message:send", `{"recipientId":"bob","content":"again","type":"voice"}`)
	sending.event("message:sent", &answer)
	if m := phone.message("message:received"); m.ID != answer.ID || m.Seq != 2 || m.Type != "voice" {
		t.Errorf("received %+v, sent %+v", m, answer)
	}
	sending.quiet(n, "the sending device")
}

func TestMessagesCarryAllTheirFields(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	first := ada.must("message:send", `{"recipientId":"bob","content":"first"}`)
	var m map[string]any
	bob.event("message:received", &m)
	for field, want := range map[string]string{
		"edited": "false", "reactions": "map[]", "replyTo": "<nil>", "attachments": "[]", "type": "text",
	} {
		if got, there := m[field]; !there || fmt.Sprint(got) != want {
			t.Errorf("%s is %v, want %s", field, got, want)
		}
	}
	if _, there := m["roomId"]; there {
		t.Error("a direct message has a roomId")
	}
	ada.must("message:send", map[string]any{"recipientId": "bob", "content": "second", "replyTo": first.ID})
	bob.event("message:received", &m)
	if m["replyTo"] != first.ID {
		t.Errorf("got %v", m)
	}
}

func TestUnreadMessagesAreShownAtSignIn(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	const all = chat.MaxUnread + 5
	var ids []string
	for i := range all {
		ids = append(ids, ada.must("message:send", fmt.Sprintf(`{"recipientId":"bob","content":"%d"}`, i)).ID)
	}
	bob := n.device("bob")
	var unread []message
	bob.event("messages:unread", &unread)
	if len(unread) != chat.MaxUnread {
		t.Fatalf("%d unread messages", len(unread))
	}
	for i, m := range unread {
		if want := ids[all-chat.MaxUnread+i]; m.ID != want || m.Seq != int64(all-chat.MaxUnread+i+1) {
			t.Fatalf("unread message %d is %+v", i, m)
		}
	}
	// What is read is not shown again, on any device.
	bob.must("message:read", map[string]any{"messageIds": []string{ids[all-1]}})
	n.told()
	later := n.device("bob")
	later.quiet(n, "nothing is unread")
}

func TestRepeatedClientMsgIDs(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	bob.must("room:create", `{"id":"hall","name":"Hall"}`)
	ada.must("room:join", `{"roomId":"hall"}`)
	bob.message("room:user_joined")
	var history []message
	ada.event("room:messages", &history)

	for _, c := range []struct{ event, payload, received, other string }{
		{"message:send", `{"recipientId":"bob","content":"once","clientMsgId":"d"}`, "message:received", `{"recipientId":"bob","content":"twice","clientMsgId":"d"}`},
		{"room:message", `{"roomId":"hall","content":"once","clientMsgId":"r"}`, "room:message", `{"roomId":"hall","content":"once","clientMsgId":"d"}`},
	} {
		first := ada.must(c.event, c.payload)
		bob.message(c.received)
		for range 2 {
			if again := ada.must(c.event, c.payload); again.ID != first.ID || again.Seq != first.Seq || again.Timestamp != first.Timestamp {
				t.Errorf("%s: first %+v, again %+v", c.event, first, again)
			}
		}
		bob.quiet(n, "repeated "+c.event)
		f := ada.mustFail(c.event, c.other, "client_msg_id_reused", "clientMsgId was used for another message")
		if f.Field != "clientMsgId" {
			t.Errorf("field %q", f.Field)
		}
		bob.quiet(n, "reused in "+c.event)
	}
	// Somebody else's id is no concern of ada's.
	bob.must("message:send", `{"recipientId":"ada","content":"mine","clientMsgId":"d"}`)
	// A refusal takes no seq: bob's was the second message.
	if next := ada.must("message:send", `{"recipientId":"bob","content":"three"}`); next.Seq != 3 {
		t.Errorf("seq %d", next.Seq)
	}
}

func TestDirectMessagesBetweenFriendsOnly(t *testing.T) {
	n := serve(t)
	ada, eve := n.device("ada"), n.device("eve")
	eve.mustFail("message:send", `{"recipientId":"ada","content":"hi"}`, "not_friends", "Can only send messages to friends")
	ada.quiet(n, "a refused message")
	open := serve(t, func(s *setup) { s.Rules.DirectPolicy = chat.DirectAnyone })
	ada, eve = open.device("ada"), open.device("eve")
	eve.must("message:send", `{"recipientId":"ada","content":"hi"}`)
	ada.message("message:received")
	ada.must("user:block", `{"userId":"eve"}`)
	eve.mustFail("message:send", `{"recipientId":"ada","content":"hi"}`, "not_friends", "Can only send messages to friends")
	ada.mustFail("message:send", `{"recipientId":"eve","content":"hi"}`, "not_friends", "Can only send messages to friends")
	ada.quiet(open, "a refused message")
}

func TestMarkingAsReadTellsSenderAndOwnDevices(t *testing.T) {
	n := serve(t)
	ada, bob, bobs := n.device("ada"), n.device("bob"), n.device("bob")
	sent := ada.must("message:send", `{"recipientId":"bob","content":"hi"}`)
	bob.message("message:received")
	bobs.message("message:received")
	ada.message("message:sent")
	bob.must("message:read", map[string]any{"messageIds": []string{sent.ID}})
	var receipt struct{ MessageID, ConversationID, ReadBy, ReadAt string }
	ada.event("message:read", &receipt)
	if receipt.MessageID != sent.ID || receipt.ReadBy != "bob" || receipt.ConversationID != sent.ConversationID || !instant.MatchString(receipt.ReadAt) {
		t.Errorf("receipt %+v", receipt)
	}
	if mark := bobs.message("conversation:read"); mark.ConversationID != sent.ConversationID || mark.Seq != 1 {
		t.Errorf("mark %+v", mark)
	}
	bob.must("message:read", map[string]any{"messageIds": []string{sent.ID}})
	ada.quiet(n, "read again")
	bobs.quiet(n, "read again")
	bob.mustFail("message:read", `{"messageIds":["none-of-yours"]}`, "message_not_found", "Message not found")
}

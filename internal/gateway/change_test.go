package gateway_test

import (
	"testing"
)

// about is the payload of a command about a message.
func about(id string, more ...string) map[string]string {
	payload := map[string]string{"messageId": id}
	for i := 0; i < len(more); i += 2 {
		payload[more[i]] = more[i+1]
	}
	return payload
}

// What happens to a message is told to all devices of both sides or of the
// members, the one that did it too, and what is so already to nobody.
func TestChangesOfMessages(t *testing.T) {
	n := serve(t)
	ada, bob, eve := n.device("ada"), n.device("bob"), n.device("eve")
	bobs := n.device("bob")
	hall := n.watched(t, ada, bob)
	bobs.message("room:user_joined")
	hall.devices = append(hall.devices, bobs)
	said := ada.must("room:message", `{"roomId":"hall","content":"frist"}`)
	hall.next("room:message")
	t.Run("room", func(t *testing.T) { changeMessage(t, n, hall, ada, bob, eve, said) })

	direct := &watch{t: t, devices: hall.devices}
	said = ada.must("message:send", `{"recipientId":"bob","content":"frist"}`)
	direct.conversation = said.ConversationID
	ada.message("message:sent")
	for _, d := range direct.devices[1:] {
		d.message("message:received")
	}
	direct.seq = 1
	t.Run("direct", func(t *testing.T) { changeMessage(t, n, direct, ada, bob, eve, said) })
}

// changeMessage edits, pins, reacts to and deletes a message of ada's.
func changeMessage(t *testing.T, n *node, log *watch, ada, bob, eve *device, said ack) {
	t.Helper()
	room := said.RoomID != ""
	log.t = t
	edit := about(said.ID, "content", "first")
	for range 2 {
		ada.must("message:edit", edit)
	}
	if e := log.next("message:edited"); e.Message.ID != said.ID || e.Message.Content != "first" || !e.Message.Edited || e.Message.Seq != said.Seq || e.By != "ada" {
		t.Errorf("edited: %+v", e)
	}
	bob.mustFail("message:edit", edit, "not_own_message", "Can only edit own messages")
	eve.mustFail("message:edit", edit, "message_not_found", "Message not found")

	for range 2 {
		bob.must("reaction:add", about(said.ID, "emoji", "👍"))
	}
	if e := log.next("reaction:added"); e.MessageID != said.ID || e.UserID != "bob" || e.Username != "Bob" || e.Emoji != "👍" || e.RoomID != said.RoomID {
		t.Errorf("reacted: %+v", e)
	}
	ada.must("reaction:add", about(said.ID, "emoji", "🇨🇭"))
	log.next("reaction:added")
	for range 2 {
		ada.must("reaction:remove", about(said.ID, "emoji", "🇨🇭"))
	}
	if e := log.next("reaction:removed"); e.UserID != "ada" || e.Emoji != "🇨🇭" {
		t.Errorf("reaction taken back: %+v", e)
	}
	bob.mustFail("reaction:add", about(said.ID, "emoji", "ok"), "invalid_field", "emoji must be one emoji")
	eve.mustFail("reaction:add", about(said.ID, "emoji", "👍"), "message_not_found", "Message not found")

	for range 2 {
		ada.must("message:pin", about(said.ID))
	}
	if e := log.next("message:pinned"); e.Message.ID != said.ID || e.Message.PinnedBy != "ada" || e.By != "ada" {
		t.Errorf("pinned: %+v", e)
	}
	if pins := bob.must("message:pins", map[string]string{"conversationId": said.ConversationID}); len(pins.Messages) != 1 || pins.Messages[0].ID != said.ID {
		t.Errorf("pins %+v", pins.Messages)
	}
	if room {
		bob.mustFail("message:unpin", about(said.ID), "pin_not_permitted", "No permission to pin message")
	}
	for range 2 {
		ada.must("message:unpin", about(said.ID))
	}
	if e := log.next("message:unpinned"); e.Message.PinnedBy != "" {
		t.Errorf("unpinned: %+v", e)
	}

	bob.mustFail("message:delete", about(said.ID), "delete_not_permitted", "No permission to delete message")
	for range 2 {
		ada.must("message:delete", about(said.ID))
	}
	if e := log.next("message:deleted"); e.MessageID != said.ID || e.DeletedBy != "ada" || e.RoomID != said.RoomID {
		t.Errorf("deleted: %+v", e)
	}
	ada.mustFail("message:edit", edit, "message_not_found", "Message not found")
	ada.mustFail("message:pin", about(said.ID), "message_not_found", "Message not found")
	bob.mustFail("reaction:add", about(said.ID, "emoji", "👍"), "message_not_found", "Message not found")
	var page struct {
		Messages []struct {
			ID, Content string
			Deleted     bool
			Reactions   map[string][]string
		}
	}
	bob.askInto("history", map[string]string{"conversationId": said.ConversationID}, &page)
	if len(page.Messages) != 1 || !page.Messages[0].Deleted || page.Messages[0].Content != "" || len(page.Messages[0].Reactions) != 0 {
		t.Errorf("history after the deletion: %+v", page)
	}
	log.quiet(n, "repetitions and refusals")
	eve.quiet(n, "who is not in the conversation")
}

// An admin of the room can delete what others have said.
func TestAdminsDelete(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	hall := n.watched(t, ada, bob)
	said := bob.must("room:message", `{"roomId":"hall","content":"spam"}`)
	hall.next("room:message")
	ada.must("message:delete", about(said.ID))
	if e := hall.next("message:deleted"); e.DeletedBy != "ada" || e.MessageID != said.ID {
		t.Errorf("deleted: %+v", e)
	}
}

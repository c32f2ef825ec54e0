package gateway_test

import (
	"testing"
)

// member is the payload of a command about a user of the hall.
func member(user string) map[string]string {
	return map[string]string{"roomId": "hall", "userId": user}
}

func TestInvitations(t *testing.T) {
	n := serve(t)
	ada, bob, bobs, eve := n.device("ada"), n.device("bob"), n.device("bob"), n.device("eve")
	ada.must("room:create", `{"id":"hall","name":"Hall","type":"private"}`)
	bob.mustFail("room:join", `{"roomId":"hall"}`, "private_room", "No permission to join private room")
	for range 2 {
		ada.must("room:invite", member("bob"))
	}
	for _, d := range []*device{bob, bobs} {
		var e change
		d.event("room:invited", &e)
		if e.RoomID != "hall" || e.UserID != "bob" || e.Username != "Bob" || e.By != "ada" || e.Seq != 0 || !instant.MatchString(e.Timestamp) {
			t.Errorf("invited: %+v", e)
		}
		d.quiet(n, "invited again")
	}
	ada.quiet(n, "who has invited")
	var list struct{ Rooms []struct{ ID string } }
	bob.askInto("room:list", `{"invited":true}`, &list)
	if len(list.Rooms) != 1 || list.Rooms[0].ID != "hall" {
		t.Errorf("invited to %+v", list)
	}
	bob.must("room:join", `{"roomId":"hall"}`)
	ada.message("room:user_joined")
	ada.must("room:invite", member("bob")) // who is in
	ada.mustFail("room:invite", member("ada"), "invalid_field", "userId must be another user")
	bob.mustFail("room:invite", member("eve"), "not_admin", "Only room admins can do that")
	eve.mustFail("room:join", `{"roomId":"hall"}`, "private_room", "No permission to join private room")
	eve.quiet(n, "who was not invited")
}

// Who is made to go is told so on all devices, and nothing after that. The device
// of the admin gets the event too: its seq is nowhere else.
func TestKicksAndBans(t *testing.T) {
	for _, c := range []struct{ command, reason string }{{"room:kick", "kicked"}, {"room:ban", "banned"}} {
		t.Run(c.reason, func(t *testing.T) {
			n := serve(t)
			ada, bob, bobs, cyd := n.device("ada"), n.device("bob"), n.device("bob"), n.device("cyd")
			hall := n.watched(t, ada, bob, cyd)
			bobs.message("room:user_joined")
			bobs.message("room:user_joined")
			remaining := hall.devices
			hall.devices = append(hall.devices[:len(hall.devices):len(hall.devices)], bobs)
			cyd.mustFail(c.command, member("bob"), "not_admin", "Only room admins can do that")
			ada.mustFail(c.command, member("ada"), "invalid_field", "userId must be another user")
			for range 2 {
				ada.must(c.command, member("bob"))
			}
			e := hall.next("room:user_left")
			if e.RoomID != "hall" || e.UserID != "bob" || e.Username != "Bob" || e.Reason != c.reason || e.By != "ada" {
				t.Errorf("told %+v", e)
			}
			hall.devices = []*device{remaining[0], remaining[1], cyd}
			ada.must("room:message", `{"roomId":"hall","content":"between us"}`)
			hall.next("room:message")
			bob.quiet(n, "after the end of the membership")
			bobs.quiet(n, "after the end of the membership")
			bob.mustFail("room:message", `{"roomId":"hall","content":"x"}`, "not_in_room", "Not in room")
			if c.reason == "kicked" {
				bob.must("room:join", `{"roomId":"hall"}`)
				hall.next("room:user_joined")
				ada.mustFail("room:kick", member("nobody"), "user_not_in_room", "User not in room")
			} else {
				bob.mustFail("room:join", `{"roomId":"hall"}`, "banned", "User is banned from this room")
				ada.mustFail("room:invite", member("bob"), "banned", "User is banned from this room")
			}
			hall.quiet(n, "repetitions and refusals")
		})
	}
}

// A ban of who is not in, and its end, are told to the room and to the user.
func TestBansOfStrangers(t *testing.T) {
	n := serve(t)
	ada, eve := n.device("ada"), n.device("eve")
	hall := n.watched(t, ada)
	hall.devices = append(hall.devices, eve)
	for range 2 {
		ada.must("room:ban", member("eve"))
	}
	if e := hall.next("room:user_banned"); e.UserID != "eve" || e.By != "ada" || e.RoomID != "hall" {
		t.Errorf("banned: %+v", e)
	}
	eve.mustFail("room:join", `{"roomId":"hall"}`, "banned", "User is banned from this room")
	for range 2 {
		ada.must("room:unban", member("eve"))
	}
	if e := hall.next("room:user_unbanned"); e.UserID != "eve" || e.By != "ada" {
		t.Errorf("unbanned: %+v", e)
	}
	eve.must("room:join", `{"roomId":"hall"}`)
	hall.devices = hall.devices[:2]
	hall.next("room:user_joined")
	hall.quiet(n, "repetitions")
}

func TestRoles(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	hall := n.watched(t, ada, bob)
	ada.mustFail("room:demote", member("ada"), "last_admin", "The last admin cannot be demoted")
	bob.mustFail("room:promote", member("bob"), "not_admin", "Only room admins can do that")
	ada.mustFail("room:promote", member("eve"), "user_not_in_room", "User not in room")
	for _, c := range []struct {
		by            *device
		command, user string
		role          string
	}{{ada, "room:promote", "bob", "admin"}, {bob, "room:demote", "ada", "member"}} {
		for range 2 {
			c.by.must(c.command, member(c.user))
		}
		if e := hall.next("room:role"); e.UserID != c.user || e.Role != c.role || e.RoomID != "hall" {
			t.Errorf("%s: %+v", c.command, e)
		}
	}
	ada.mustFail("room:kick", member("bob"), "not_admin", "Only room admins can do that")
	hall.quiet(n, "repetitions and refusals")
}

// The end of a room is told to its members and is the last they hear of it, even
// if another gets its id.
func TestRoomsAreDeleted(t *testing.T) {
	n := serve(t)
	ada, bob, eve := n.device("ada"), n.device("bob"), n.device("eve")
	hall := n.watched(t, ada, bob)
	said := ada.must("room:message", `{"roomId":"hall","content":"soon over"}`)
	hall.next("room:message")
	bob.mustFail("room:delete", `{"roomId":"hall"}`, "not_admin", "Only room admins can do that")
	ada.must("room:delete", `{"roomId":"hall"}`)
	if e := hall.next("room:deleted"); e.RoomID != "hall" || e.DeletedBy != "ada" {
		t.Errorf("told %+v", e)
	}
	ada.mustFail("room:delete", `{"roomId":"hall"}`, "room_not_found", "Room not found")
	bob.mustFail("room:message", `{"roomId":"hall","content":"x"}`, "room_not_found", "Room not found")
	ada.mustFail("message:edit", about(said.ID, "content", "x"), "message_not_found", "Message not found")
	bob.mustFail("history", map[string]string{"conversationId": said.ConversationID}, "conversation_not_found", "Conversation not found")

	eve.must("room:create", `{"id":"hall","name":"Another"}`)
	eve.must("room:message", `{"roomId":"hall","content":"secret"}`)
	hall.quiet(n, "another room of that id")
}

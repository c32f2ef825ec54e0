package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// hall makes a room with ada as its admin and lets others join. Nobody has
// unread events afterwards.
func (n *node) hall(ada *device, others ...*device) {
	n.t.Helper()
	ada.must("room:create", `{"id":"hall","name":"Hall"}`)
	for i, d := range others {
		d.must("room:join", `{"roomId":"hall"}`)
		d.find("room:messages", func(p *packet) bool { return p.name == "room:messages" })
		for _, earlier := range append([]*device{ada}, others[:i]...) {
			earlier.message("room:user_joined")
		}
	}
}

func TestRoomsAreCreatedWithDefaults(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	created := ada.must("room:create", `{"id":"hall","name":"The hall"}`)
	var got map[string]any
	if err := json.Unmarshal(created.Room, &got); err != nil {
		t.Fatal(err)
	}
	if at := fmt.Sprint(got["createdAt"]); !instant.MatchString(at) {
		t.Errorf("createdAt %s", at)
	}
	if id := fmt.Sprint(got["conversationId"]); !strings.HasPrefix(id, "room:") {
		t.Errorf("conversationId %s", id)
	}
	delete(got, "createdAt")
	delete(got, "conversationId")
	const want = `{"admins":["ada"],"banned":[],"createdBy":"ada","description":"","id":"hall","maxMembers":100,"memberCount":1,` +
		`"members":["ada"],"name":"The hall","names":{"ada":{"username":"Ada"}},"settings":{"allowFileUpload":true,"allowVoiceMessage":true,"messageRetention":0},"type":"public"}`
	if text(got) != want {
		t.Errorf("got  %s\nwant %s", text(got), want)
	}
	var room struct{ ID string }
	if err := json.Unmarshal(ada.must("room:create", `{"name":"x","type":"private","description":"d","maxMembers":2}`).Room, &room); err != nil || room.ID == "" {
		t.Errorf("made id %q, %v", room.ID, err)
	}
}

func TestRoomsListMembersUpToAHundred(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	ada.must("room:create", `{"id":"big","name":"Big","maxMembers":200}`)
	join := func(i int) map[string]any {
		t.Helper()
		a := chat.Actor{ID: chat.UserID(fmt.Sprintf("user-%d", i)), Name: "U"}
		n.known(a.ID)
		if _, err := n.chat.JoinRoom(t.Context(), a, "big"); err != nil {
			t.Fatal(err)
		}
		var room map[string]any
		if err := json.Unmarshal(ada.must("room:join", `{"roomId":"big"}`).Room, &room); err != nil {
			t.Fatal(err)
		}
		return room
	}
	for i := 2; i < chat.ListedMembers; i++ {
		a := chat.Actor{ID: chat.UserID(fmt.Sprintf("user-%d", i)), Name: "U"}
		if _, err := n.chat.JoinRoom(t.Context(), a, "big"); err != nil {
			t.Fatal(err)
		}
	}
	room := join(chat.ListedMembers)
	if got := len(room["members"].([]any)); got != 100 || text(room["banned"]) != "[]" || text(room["admins"]) != `["ada"]` || room["memberCount"] != 100.0 {
		t.Errorf("%d members, banned %s, admins %s, count %v", got, text(room["banned"]), text(room["admins"]), room["memberCount"])
	}
	room = join(chat.ListedMembers + 1)
	for _, list := range []string{"members", "admins", "banned"} {
		if _, there := room[list]; there {
			t.Errorf("101 members, and %s", list)
		}
	}
	if room["memberCount"] != 101.0 {
		t.Errorf("count %v", room["memberCount"])
	}
}

func TestJoiningAndLeavingIsToldToOthers(t *testing.T) {
	n := serve(t)
	ada, bob, bobs := n.device("ada"), n.device("bob"), n.device("bob")
	var room struct{ ConversationID string }
	if err := json.Unmarshal(ada.must("room:create", `{"id":"hall","name":"Hall"}`).Room, &room); err != nil {
		t.Fatal(err)
	}
	first := ada.must("room:message", `{"roomId":"hall","content":"anybody here?"}`)
	ada.message("room:message")

	joined := bob.must("room:join", `{"roomId":"hall"}`)
	var shown []message
	bob.event("room:messages", &shown)
	if len(shown) != 1 || shown[0].ID != first.ID || len(joined.Messages) != 1 || joined.Messages[0].ID != first.ID {
		t.Errorf("shown %+v, acknowledged %+v", shown, joined.Messages)
	}
	for _, d := range []*device{ada, bobs} { // his other device is another device
		m := d.message("room:user_joined")
		if m.RoomID != "hall" || m.UserID != "bob" || m.Username != "Bob" || m.Seq != 3 || m.ConversationID != room.ConversationID || !instant.MatchString(m.Timestamp) {
			t.Errorf("told %+v", m)
		}
	}
	bob.quiet(n, "the joining device")

	again := bob.must("room:join", `{"roomId":"hall"}`)
	if len(again.Messages) != 1 {
		t.Errorf("joined again: %+v", again.Messages)
	}
	bob.event("room:messages", &shown)
	ada.quiet(n, "joined again")
	bobs.quiet(n, "joined again")

	bob.must("room:leave", `{"roomId":"hall"}`)
	for _, d := range []*device{ada, bobs} {
		m := d.message("room:user_left")
		if m.RoomID != "hall" || m.UserID != "bob" || m.Username != "Bob" || m.Seq != 4 || m.ConversationID != room.ConversationID {
			t.Errorf("told %+v", m)
		}
	}
	bob.must("room:leave", `{"roomId":"hall"}`)
	ada.must("room:message", `{"roomId":"hall","content":"alone"}`)
	if m := ada.logged(); m.Seq != 5 || m.Content != "alone" {
		t.Errorf("left again took a seq: %+v", m)
	}
	bob.quiet(n, "who has left")
	bobs.quiet(n, "the other device of who has left")
}

func TestJoinersAreShownTheLastFifty(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada)
	const all = chat.JoinMessages + 7
	for i := range all {
		ada.must("room:message", fmt.Sprintf(`{"roomId":"hall","content":"%d"}`, i))
	}
	bob.emit("room:join", `{"roomId":"hall"}`) // without an acknowledgement
	var shown []message
	bob.event("room:messages", &shown)
	if len(shown) != chat.JoinMessages {
		t.Fatalf("%d messages", len(shown))
	}
	for i, m := range shown {
		if m.Content != fmt.Sprint(all-chat.JoinMessages+i) {
			t.Fatalf("message %d is %q", i, m.Content)
		}
	}
	page := bob.must("history", map[string]any{"roomId": "hall", "before": shown[0].ID})
	if len(page.Messages) != 7 || page.More || page.Messages[0].Content != "0" {
		t.Errorf("history before them: %d, more %v", len(page.Messages), page.More)
	}
	if page := bob.must("history", `{"roomId":"hall","limit":10}`); len(page.Messages) != 10 || !page.More {
		t.Errorf("a page of ten: %d, more %v", len(page.Messages), page.More)
	}
	bob.mustFail("history", `{"roomId":"hall","limit":101}`, "limit_exceeded", "limit must be from 1 to 100")
}

func TestRoomErrors(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	ada.must("room:create", `{"id":"small","name":"Small","maxMembers":1}`)
	ada.must("room:create", `{"id":"closed","name":"Closed","type":"private"}`)
	ada.must("room:create", `{"id":"two","name":"Two","type":"direct"}`)
	for _, c := range []struct{ event, payload, code, message, field string }{
		{"room:join", `{"roomId":"nowhere"}`, "room_not_found", "Room not found", ""},
		{"room:join", `{"roomId":"small"}`, "room_full", "Room is full", ""},
		{"room:join", `{"roomId":"closed"}`, "private_room", "No permission to join private room", ""},
		{"room:join", `{"roomId":"two"}`, "join_not_permitted", "No permission to join room", ""},
		{"room:join", `{}`, "missing_fields", "Missing required fields", "roomId"},
		{"room:join", `{"roomId":"no spaces"}`, "invalid_field", "roomId may have letters, digits, '_', '.' and '-' only", "roomId"},
		{"room:leave", `{"roomId":"nowhere"}`, "room_not_found", "Room not found", ""},
		{"room:leave", `{}`, "missing_fields", "Missing required fields", "roomId"},
		{"room:message", `{"roomId":"nowhere","content":"x"}`, "room_not_found", "Room not found", ""},
		{"room:message", `{"roomId":"small","content":"x"}`, "not_in_room", "Not in room", ""},
		{"room:message", `{"roomId":"small"}`, "missing_fields", "Missing required fields", "content"},
		{"room:message", `{"content":"x"}`, "missing_fields", "Missing required fields", "roomId"},
		{"room:create", `{"id":"small","name":"x"}`, "room_exists", "Room already exists", "id"},
		{"room:create", `{"id":"a/b","name":"x"}`, "invalid_field", "id may have letters, digits, '_', '.' and '-' only", "id"},
		{"room:create", `{"id":"` + strings.Repeat("x", 65) + `","name":"x"}`, "limit_exceeded", "id must have at most 64 characters", "id"},
		{"room:create", `{"id":"x"}`, "missing_fields", "Missing required fields", "name"},
		{"history", `{"roomId":"small"}`, "not_in_room", "Not in room", ""},
		{"history", `{"roomId":"nowhere"}`, "room_not_found", "Room not found", ""},
		{"history", `{"conversationId":"dm:nobody"}`, "conversation_not_found", "Conversation not found", ""},
	} {
		if f := bob.mustFail(c.event, c.payload, c.code, c.message); f.Field != c.field {
			t.Errorf("%s %s: field %q, want %q", c.event, c.payload, f.Field, c.field)
		}
	}
	for _, payload := range []string{`{"name":"x","type":"secret"}`, `{"name":"x","maxMembers":-1}`, `{"name":"x","maxMembers":100001}`} {
		a := bob.ask("room:create", payload)
		if a.OK || a.Error.Field == "" || !strings.Contains(a.Error.Message, a.Error.Field) {
			t.Errorf("%s: %+v", payload, a)
		}
	}
	// Who is in may join a full room again.
	ada.must("room:join", `{"roomId":"small"}`)
	ada.find("room:messages", func(p *packet) bool { return p.name == "room:messages" })
	ada.quiet(n, "refusals")
}

// Membership is the user's, whatever is connected.
func TestMembershipIsTheUsers(t *testing.T) {
	n := serve(t)
	ada, bob, bobs := n.device("ada"), n.device("bob"), n.device("bob")
	ada.must("room:create", `{"id":"hall","name":"Hall"}`)
	bob.must("room:join", `{"roomId":"hall"}`)
	ada.message("room:user_joined")
	later := n.device("bob")

	sent := ada.must("room:message", `{"roomId":"hall","content":"all of you"}`)
	for _, d := range []*device{ada, bob, bobs, later} {
		m := d.message("room:message")
		if m.ID != sent.ID || m.RoomID != "hall" || m.SenderID != "ada" || m.SenderUsername != "Ada" || m.Seq != sent.Seq || m.ConversationID != sent.ConversationID {
			t.Errorf("got %+v", m)
		}
	}
	// A disconnect is no leaving, not even the last device's.
	for _, d := range []*device{bob, bobs, later} {
		d.drop()
	}
	eventually(t, "bob to be gone", func() bool { return n.gateway.Connections() == 2 || n.probe == nil && n.gateway.Connections() == 1 })
	ada.quiet(n, "a disconnect")
	missed := ada.must("room:message", `{"roomId":"hall","content":"gone?"}`)
	ada.message("room:message")
	back := n.device("bob")
	var unread []message
	back.event("messages:unread", &unread)
	if len(unread) != 2 || unread[1].ID != missed.ID {
		t.Errorf("unread %+v", unread)
	}
	back.must("room:message", `{"roomId":"hall","content":"still here"}`)
	if m := ada.message("room:message"); m.Content != "still here" {
		t.Errorf("got %+v", m)
	}
}

func TestLeavingEndsAllDevices(t *testing.T) {
	n := serve(t)
	ada, bob, bobs := n.device("ada"), n.device("bob"), n.device("bob")
	n.hall(ada, bob)
	bobs.message("room:user_joined")
	bobs.must("room:leave", `{"roomId":"hall"}`)
	bob.message("room:user_left")
	ada.must("room:message", `{"roomId":"hall","content":"secret"}`)
	bob.quiet(n, "after leaving")
	bobs.quiet(n, "after leaving")
	bob.mustFail("room:message", `{"roomId":"hall","content":"x"}`, "not_in_room", "Not in room")
}

// The last admin's leaving makes an admin of the oldest member, which the others
// can tell from the log.
func TestAnHeirIsTold(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	ada.must("room:leave", `{"roomId":"hall"}`)
	left, role := bob.logged(), bob.logged()
	if left.UserID != "ada" || role.UserID != "bob" || role.Role != "admin" || role.Seq != left.Seq+1 {
		t.Errorf("left %+v, role %+v", left, role)
	}
}

// Every socket is alone in a Socket.IO room of its own id, and clients choose
// the ids of rooms: the two must have nothing to do with each other.
func TestRoomNamedLikeASocket(t *testing.T) {
	n := serve(t)
	eve, ada, bob := n.device("eve"), n.device("ada"), n.device("bob")
	for _, name := range []string{eve.sid, ada.sid} {
		room := map[string]any{"id": name, "roomId": name, "name": "Trap", "content": "secret"}
		eve.must("room:create", room)
		bob.must("room:join", room)
		eve.message("room:user_joined")
		eve.must("room:leave", room)
		bob.find("room:messages", func(p *packet) bool { return p.name == "room:messages" })
		bob.message("room:user_left")
		bob.message("room:role")
		bob.must("room:message", room)
		bob.message("room:message")
		eve.quiet(n, "who has left a room named "+name)
		ada.quiet(n, "who never was in a room named "+name)

		// Nor does it keep members from what the socket of that name sends.
		ada.must("message:send", `{"recipientId":"bob","content":"hi"}`)
		bob.message("message:received")
		ada.message("message:sent")
	}
}

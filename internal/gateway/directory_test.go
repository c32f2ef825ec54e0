package gateway_test

import (
	"fmt"
	"slices"
	"testing"
)

// TestRoomsAreMadeWithSettings: what is named when a room is made holds, the rest is the default.
func TestRoomsAreMadeWithSettings(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	for payload, want := range map[string]string{
		`{"name":"a"}`: "map[allowFileUpload:true allowVoiceMessage:true messageRetention:0]",
		`{"name":"b","settings":{"messageRetention":7,"allowFileUpload":false}}`: "map[allowFileUpload:false allowVoiceMessage:true messageRetention:7]",
	} {
		var got struct {
			Room struct{ Settings map[string]any }
		}
		ada.askInto("room:create", payload, &got)
		if fmt.Sprint(got.Room.Settings) != want {
			t.Errorf("%s makes a room with %v, want %s", payload, got.Room.Settings, want)
		}
	}
	ada.mustFail("room:create", `{"name":"c","settings":{"messageRetention":-1}}`, "invalid_field",
		"messageRetention must be 0 or from 1 to 36500 days")
}

func TestRoomsAreUpdated(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	hall := n.watched(t, ada, bob)
	update := `{"roomId":"hall","description":"for all","settings":{"allowVoiceMessage":false,"allowFileUpload":false,"messageRetention":7}}`
	bob.mustFail("room:update", update, "not_admin", "Only room admins can do that")
	for range 2 {
		ada.must("room:update", update)
	}
	if e := hall.next("room:updated"); e.Room.ID != "hall" || e.Room.Name != "Hall" || e.Room.Description != "for all" || e.Room.MaxMembers != 100 || e.By != "ada" {
		t.Errorf("updated: %+v", e)
	}
	bob.mustFail("room:message", `{"roomId":"hall","content":"x","type":"voice"}`, "voice_not_allowed", "Voice messages are not allowed in this room")
	bob.mustFail("room:message", `{"roomId":"hall","content":"x","type":"image"}`, "uploads_not_allowed", "File uploads are not allowed in this room")
	var got struct {
		Room struct {
			Settings map[string]any
			Members  []string
		}
	}
	bob.askInto("room:get", `{"roomId":"hall"}`, &got)
	if fmt.Sprint(got.Room.Settings) != "map[allowFileUpload:false allowVoiceMessage:false messageRetention:7]" || len(got.Room.Members) != 2 {
		t.Errorf("got %+v", got)
	}
	for payload, want := range map[string]failure{
		`{"roomId":"hall","maxMembers":1}`: {Code: "limit_exceeded", Field: "maxMembers", Limit: 2,
			Message: "maxMembers must not be below the 2 members there are"},
		`{"roomId":"hall","name":""}`: {Code: "missing_fields", Field: "name", Message: "Missing required fields"},
		`{"roomId":"hall","name":7}`:  {Code: "invalid_field", Field: "name", Message: "name must be a string, not number"},
		`{"roomId":"hall","type":"x"}`: {Code: "invalid_field", Field: "type",
			Message: "type must be one of public, private, direct"},
		`{"roomId":"hall","settings":{"messageRetention":-1}}`: {Code: "invalid_field", Field: "messageRetention",
			Message: "messageRetention must be 0 or from 1 to 36500 days"},
		`{"roomId":"hall","settings":{"messageRetention":9000000000000}}`: {Code: "invalid_field", Field: "messageRetention",
			Message: "messageRetention must be 0 or from 1 to 36500 days"},
		`{"roomId":"hall","settings":{"messageRetention":"x"}}`: {Code: "invalid_field", Field: "messageRetention",
			Message: "messageRetention must be an integer, not string"},
		`{"roomId":"hall","settings":{"allowFileUpload":1}}`: {Code: "invalid_field", Field: "allowFileUpload",
			Message: "allowFileUpload must be true or false, not number"},
		`{"roomId":"hall","settings":[]}`: {Code: "invalid_field", Field: "settings",
			Message: "settings must be an object, not array"},
	} {
		if f := ada.mustFail("room:update", payload, want.Code, want.Message); f != want {
			t.Errorf("%s: got %+v, want %+v", payload, f, want)
		}
	}
	hall.quiet(n, "repetitions and refusals")
}

type roomList struct {
	OK    bool
	Next  string
	Rooms []struct {
		ID          string
		MemberCount int
		Members     []string
	}
}

func (l roomList) ids() string {
	var ids []string
	for _, r := range l.Rooms {
		ids = append(ids, r.ID)
	}
	return fmt.Sprint(ids)
}

func TestRoomsAreListedAndFound(t *testing.T) {
	n := serve(t)
	ada, bob, eve := n.device("ada"), n.device("bob"), n.device("eve")
	ada.must("room:create", `{"id":"a","name":"Gardening"}`)
	ada.must("room:create", `{"id":"b","name":"Cooking","description":"and GARDENS"}`)
	ada.must("room:create", `{"id":"c","name":"Secret gardens","type":"private"}`)
	bob.must("room:join", `{"roomId":"b"}`)
	ask := func(d *device, command, payload string) roomList {
		t.Helper()
		var list roomList
		d.askInto(command, payload, &list)
		if !list.OK {
			t.Errorf("%s %s was refused", command, payload)
		}
		return list
	}
	for _, c := range []struct {
		d                      *device
		command, payload, want string
	}{
		{eve, "room:list", `{}`, "[a b]"},
		{ada, "room:list", `{"mine":true}`, "[a b c]"},
		{bob, "room:list", `{"mine":true}`, "[b]"},
		{eve, "room:list", `{"mine":true}`, "[]"},
		{eve, "room:list", `{"invited":true}`, "[]"},
		{ada, "room:search", `{"query":"gARDEN"}`, "[a b]"},
		{eve, "room:search", `{"query":"gARDEN","limit":1}`, "[a]"},
		{eve, "room:search", `{"query":"nothing"}`, "[]"},
	} {
		if got := ask(c.d, c.command, c.payload).ids(); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.command, c.payload, got, c.want)
		}
	}
	first := ask(ada, "room:list", `{"mine":true,"limit":2}`)
	rest := ask(ada, "room:list", fmt.Sprintf(`{"mine":true,"limit":2,"after":%q}`, first.Next))
	if first.ids() != "[a b]" || rest.ids() != "[c]" || rest.Next != "" {
		t.Errorf("pages %s, next %q, and %s, next %q", first.ids(), first.Next, rest.ids(), rest.Next)
	}
	eve.mustFail("room:list", `{"limit":101}`, "limit_exceeded", "limit must be from 1 to 100")
	eve.mustFail("room:search", `{}`, "missing_fields", "Missing required fields")

	var seen struct {
		Room struct {
			Name        string
			MemberCount int
			Members     []string
		}
	}
	eve.askInto("room:get", `{"roomId":"b"}`, &seen)
	if seen.Room.Name != "Cooking" || seen.Room.MemberCount != 2 || seen.Room.Members != nil {
		t.Errorf("a stranger sees %+v", seen)
	}
	eve.mustFail("room:get", `{"roomId":"c"}`, "not_in_room", "Not in room")
	eve.mustFail("room:get", `{"roomId":"none"}`, "room_not_found", "Room not found")
}

func TestMembersAreListed(t *testing.T) {
	n := serve(t)
	ada, cyd, bob := n.device("ada"), n.device("cyd"), n.device("bob")
	n.hall(ada, cyd, bob)
	var got []string
	for after := ""; ; {
		var page struct {
			Members []struct{ UserID, Username, Role, JoinedAt string }
			Next    string
		}
		bob.askInto("room:members", map[string]any{"roomId": "hall", "limit": 2, "after": after}, &page)
		for _, m := range page.Members {
			got = append(got, m.UserID+" "+m.Username+" "+m.Role)
			if !instant.MatchString(m.JoinedAt) {
				t.Errorf("joined at %s", m.JoinedAt)
			}
		}
		if after = page.Next; after == "" || len(got) > 3 {
			break
		}
	}
	if !slices.Equal(got, []string{"ada Ada admin", "bob Bob member", "cyd Cyd member"}) {
		t.Errorf("got %q", got)
	}
}

func TestBansAreListed(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	n.device("cyd")
	for _, user := range []string{"eve", "cyd"} {
		ada.must("room:ban", member(user))
	}
	type bans struct {
		Users []struct{ UserID, Username, BannedBy, BannedAt string }
		Next  string
	}
	var first, last bans
	ada.askInto("room:bans", `{"roomId":"hall","limit":1}`, &first)
	ada.askInto("room:bans", map[string]any{"roomId": "hall", "after": first.Next}, &last)
	if len(first.Users) != 1 || len(last.Users) != 1 || first.Next != "cyd" || last.Next != "" {
		t.Fatalf("pages %+v and %+v", first, last)
	}
	for i, got := range append(first.Users, last.Users...) {
		if want := [2][3]string{{"cyd", "Cyd", "ada"}, {"eve", "eve", "ada"}}[i]; [3]string{got.UserID, got.Username, got.BannedBy} != want {
			t.Errorf("got %+v, want %v", got, want)
		}
		if !instant.MatchString(got.BannedAt) {
			t.Errorf("banned at %s", got.BannedAt)
		}
	}
	bob.mustFail("room:bans", `{"roomId":"hall"}`, "not_admin", "Only room admins can do that")
	ada.mustFail("room:bans", `{"roomId":"hall","limit":101}`, "limit_exceeded", "limit must be from 1 to 100")
	ada.mustFail("room:bans", `{}`, "missing_fields", "Missing required fields")
}

package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
)

type values = map[string]string

// TestEveryOperation calls everything that the document describes, by its own words.
func TestEveryOperation(t *testing.T) {
	n := serve(t)
	d := readDocument(n)
	d.apiKey = n.key(account.ScopeAll)
	d.tried["getDocument"] = true // readDocument has read it

	tryAccounts(d)
	tryServerUsers(d)
	room := tryRooms(d)
	message := tryMessages(d, room)
	trySchedule(d, room)
	tryConversations(d, room, message)
	tryMembers(d, room)
	tryServerRooms(d)
	tryPeople(d)
	tryAdmin(d, room)
	tryJobs(d)
	tryFiles(d)
	tryWebhooks(d)
	tryBots(d, room)
	tryPush(d, room)
	d.call("deleteRoom", values{"roomId": room}, "")
	d.call("logout", nil, "")
	if r := d.try("getMe", nil, ""); r.status != http.StatusUnauthorized {
		t.Errorf("after logging out: %d", r.status)
	}
	d.finish()
}

// tryAccounts leaves ada signed in.
func tryAccounts(d *described) {
	t := d.n.t
	registered := d.call("register", nil, "")
	d.userToken = registered.text(t, "token")
	if name := d.call("getMe", nil, "").text(t, "user", "username"); name != "Ada Lovelace" {
		t.Errorf("registered as %q", name)
	}
	d.userToken = d.call("refreshToken", nil, "").text(t, "token")
	d.userToken = d.call("changePassword", nil, "").text(t, "token")
	if r := d.try("login", nil, ""); r.status != http.StatusUnauthorized {
		t.Errorf("with the old password: %d", r.status)
	}
	d.userToken = d.call("login", nil, `{"login": "ADA", "password": "staple battery horse"}`).text(t, "token")
	if name := d.call("updateMe", nil, "").text(t, "user", "username"); name != "Ada King" {
		t.Errorf("renamed to %q", name)
	}
}

func tryServerUsers(d *described) {
	t := d.n.t
	for _, user := range []string{"ada", "grace", "edsger"} {
		if r := d.call("putUser", values{"userId": user}, `{"username": "`+user+`"}`); r.status != http.StatusCreated {
			t.Errorf("a new user: %d", r.status)
		}
	}
	if r := d.call("putUser", values{"userId": "grace"}, `{"username": "Grace Hopper"}`); r.status != http.StatusOK {
		t.Errorf("a known user: %d", r.status)
	}
	if name := d.call("getServerUser", values{"userId": "grace"}, "").text(t, "user", "username"); name != "Grace Hopper" {
		t.Errorf("renamed to %q", name)
	}
	before := d.n.token("edsger")
	d.call("disconnectUser", values{"userId": "edsger"}, "")
	d.call("revokeUser", values{"userId": "edsger"}, "")
	d.n.refused(http.StatusUnauthorized, "authentication_failed", http.MethodGet, "/api/v1/me", before, "")
	d.n.presence.Connect(account.Person{ID: "grace"}, "a phone")
	if r := d.call("getServerPresence", values{"userId": "grace"}, ""); r.json(t, "online") != true || r.json(t, "devices") != 1.0 {
		t.Errorf("presence of who is here: %s", r.body)
	}
	if r := d.call("listOnline", nil, ""); r.text(t, "online", 0) != "grace" || r.json(t, "count") != 1.0 {
		t.Errorf("online are %s", r.body)
	}
	tryBroadcasts(d)
}

// tryBroadcasts has a notification told, and broadcasts cancelled before their time.
func tryBroadcasts(d *described) {
	t := d.n.t
	of := values{"notificationId": d.call("notify", nil, "").text(t, "id")}
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
		r := d.call("getNotification", of, "")
		if r.text(t, "broadcast", "state") == "done" {
			if r.json(t, "broadcast", "sent") != 2.0 || r.json(t, "broadcast", "failed") != 0.0 {
				t.Errorf("told: %s", r.body)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not told: %s", r.body)
		}
	}
	if r := d.try("cancelNotification", of, ""); r.status != http.StatusConflict {
		t.Errorf("cancel what is told: %d %s", r.status, r.body)
	}
	of["notificationId"] = d.call("notify", nil, `{"all": true, "notification": {"title": "Soon"}, "delay": 3600, "priority": "low"}`).text(t, "id")
	d.call("cancelNotification", of, "")

	broadcast := values{"broadcastId": d.call("createBroadcast", nil, `{"roomIds": ["team"], "content": "Soon", "delay": 3600, "key": "soon"}`).text(t, "id")}
	if again := d.call("createBroadcast", nil, `{"roomIds": ["team"], "content": "Soon", "key": "soon"}`).text(t, "id"); again != broadcast["broadcastId"] {
		t.Errorf("the same key is %s, before %s", again, broadcast["broadcastId"])
	}
	if r := d.try("createBroadcast", nil, `{"roomIds": ["team"], "content": "Later", "key": "soon"}`); r.status != http.StatusConflict {
		t.Errorf("the key for something else: %d %s", r.status, r.body)
	}
	for range 2 {
		if state := d.call("cancelBroadcast", broadcast, "").text(t, "broadcast", "state"); state != "cancelled" {
			t.Errorf("cancelled it is %s", state)
		}
	}
	if r := d.call("getBroadcast", broadcast, ""); r.text(t, "broadcast", "key") != "soon" || r.text(t, "broadcast", "priority") != "normal" {
		t.Errorf("it is %s", r.body)
	}
	if r := d.try("getNotification", values{"notificationId": broadcast["broadcastId"]}, ""); r.status != http.StatusNotFound {
		t.Errorf("a broadcast is no notification: %d %s", r.status, r.body)
	}
}

// tryPush subscribes a browser twice, and unsubscribes it.
func tryPush(d *described, room string) {
	t := d.n.t
	if key := d.call("getPushKey", nil, "").text(t, "publicKey"); len(key) != 87 {
		t.Errorf("the key is %q", key)
	}
	if r := d.n.ask(http.MethodGet, "/api/push/key", "", ""); r.status != http.StatusOK {
		t.Errorf("by its other path: %d %s", r.status, r.body)
	}
	first := d.call("subscribePush", nil, "")
	if again := d.call("subscribePush", nil, ""); again.text(t, "id") != first.text(t, "id") {
		t.Errorf("subscribed again: %s, at first %s", again.body, first.body)
	}
	if r := d.call("getPushFigures", nil, ""); r.json(t, "total") != 1.0 || r.json(t, "webPush") != 1.0 {
		t.Errorf("there are %s", r.body)
	}
	for _, want := range []float64{1, 0} {
		if r := d.call("unsubscribePush", nil, ""); r.json(t, "removed") != want {
			t.Errorf("unsubscribed: %s, want %v", r.body, want)
		}
	}
	for body, field := range map[string]string{
		`{"type":"pigeon"}`: "type", `{"type":"apns"}`: "token", `{"type":"fcm","token":"t"}`: "type", // for which there are no credentials
		`{}`: "endpoint", `{"endpoint":"https://push.example/1"}`: "keys",
	} {
		if r := d.try("subscribePush", nil, body); r.status != http.StatusBadRequest || r.text(t, "field") != field {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	if r := d.try("unsubscribePush", nil, `{"endpoint":"https://push.example/1","token":"t"}`); r.status != http.StatusBadRequest || r.text(t, "field") != "token" {
		t.Errorf("both: %d %s", r.status, r.body)
	}
	d.call("subscribePush", nil, "")
	history := d.call("getRoomHistory", values{"roomId": room}, "")
	of := values{"conversationId": history.text(t, "messages", 0, "conversationId")}
	d.call("setPushSettings", nil, "")
	d.call("setConversationPush", of, `{"level": "all", "mutedUntil": "2999-01-01T00:00:00Z"}`)
	d.call("readNotifications", nil, `{}`)
	if r := d.call("readNotifications", nil, `{}`); r.json(t, "read") != 0.0 {
		t.Errorf("read again: %s", r.body)
	}
	if r := d.call("getUserNotifications", values{"userId": "ada"}, ""); len(r.json(t, "notifications").([]any)) == 0 {
		t.Errorf("ada had %s", r.body)
	}
	for _, n := range d.call("getNotifications", nil, "").json(t, "notifications").([]any) {
		if n := n.(map[string]any); n["readAt"] == nil || n["id"] == "" || n["notification"] == nil {
			t.Errorf("a notification is %v", n)
		}
	}
	r := d.call("getPushSettings", nil, "")
	if r.text(t, "settings", "level") != "mentions" || r.json(t, "settings", "content") != false || r.text(t, "settings", "quiet", "from") != "22:00" ||
		r.text(t, "conversations", 0, "level") != "all" || r.text(t, "conversations", 0, "conversationId") != of["conversationId"] {
		t.Errorf("settings are %s", r.body)
	}
	d.call("setPushSettings", nil, "{}")
	d.call("setConversationPush", of, "{}")
	if r := d.call("getPushSettings", nil, ""); r.text(t, "settings", "level") != "all" || r.json(t, "settings", "content") != true || len(r.json(t, "conversations").([]any)) != 0 {
		t.Errorf("without any they are %s", r.body)
	}
	for body, field := range map[string]string{
		`{"level":"some"}`: "level", `{"mutedUntil":"tomorrow"}`: "mutedUntil", `{"quiet":{"from":"22:00","to":"22:00","timeZone":"UTC"}}`: "quiet",
		`{"quiet":{"from":"7","to":"22:00","timeZone":"UTC"}}`: "quiet", `{"quiet":{"from":"07:00","to":"24:00","timeZone":"UTC"}}`: "quiet",
		`{"quiet":{"from":"07:00","to":"22:00","timeZone":"Here"}}`: "quiet", `{"quiet":{"from":"07:00","to":"22:00","timeZone":"../x"}}`: "quiet",
	} {
		if r := d.try("setPushSettings", nil, body); r.status != http.StatusBadRequest || r.text(t, "field") != field {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	if r := d.try("setConversationPush", values{"conversationId": "none"}, `{"level":"all"}`); r.status != http.StatusNotFound {
		t.Errorf("of no conversation: %d %s", r.status, r.body)
	}
	if r := d.n.ask(http.MethodPost, "/api/push/unsubscribe", d.userToken, ""); r.status != http.StatusOK || r.json(t, "removed") != 1.0 {
		t.Errorf("without a body: %d %s", r.status, r.body)
	}
}

func tryRooms(d *described) (room string) {
	t := d.n.t
	created := d.call("createRoom", nil, "")
	room = created.text(t, "room", "id")
	if place := created.header.Get("Location"); place != "/api/v1/rooms/"+room {
		t.Errorf("the room is at %q", place)
	}
	d.call("updateRoom", values{"roomId": room}, "")
	if about := d.call("getRoom", values{"roomId": room}, "").text(t, "room", "description"); about != "Where, when and what" {
		t.Errorf("the room is about %q", about)
	}
	for id, v := range map[string]values{
		"listRooms": {"mine": "true", "limit": "10"}, "searchRooms": {"query": "LUNCH"},
	} {
		if r := d.call(id, v, ""); r.text(t, "rooms", 0, "id") != room {
			t.Errorf("%s: %s", id, r.body)
		}
	}
	return room
}

func tryMessages(d *described, room string) (message string) {
	t := d.n.t
	sent := d.call("sendToRoom", values{"roomId": room}, "")
	if again := d.call("sendToRoom", values{"roomId": room}, ""); string(again.body) != string(sent.body) {
		t.Errorf("sent again: %s, at first %s", again.body, sent.body)
	}
	message = sent.text(t, "id")
	of := values{"messageId": message}
	reply := d.call("sendToRoom", values{"roomId": room}, `{"content": "Yes", "replyTo": "`+message+`"}`).text(t, "id")
	d.call("sendToUser", values{"userId": "grace"}, `{"content": "hello"}`)
	if text := d.call("editMessage", of, "").text(t, "message", "content"); text != "Noodles at one?" {
		t.Errorf("edited to %q", text)
	}
	d.call("addReaction", values{"messageId": message, "emoji": "👍🏽"}, "")
	if r := d.call("getThread", values{"messageId": message, "limit": "5"}, ""); r.text(t, "messages", 0, "id") != reply ||
		r.text(t, "root", "reactions", "👍🏽", 0) == "" {
		t.Errorf("thread: %s", r.body)
	}
	d.call("removeReaction", values{"messageId": message, "emoji": "👍🏽"}, "")
	d.call("pinMessage", of, "")
	if r := d.call("getRoomPins", values{"roomId": room}, ""); r.text(t, "messages", 0, "id") != message {
		t.Errorf("pinned: %s", r.body)
	}
	d.call("unpinMessage", of, "")
	d.call("searchMessages", values{"query": "noodles"}, "")
	if r := d.call("deleteMessage", values{"messageId": reply}, ""); r.json(t, "message", "deleted") != true {
		t.Errorf("deleted: %s", r.body)
	}
	return message
}

func trySchedule(d *described, room string) {
	t := d.n.t
	soon := time.Now().Add(time.Hour).Format(time.RFC3339)
	of := values{"scheduledId": d.call("scheduleMessage", nil, `{"roomId": "`+room+`", "content": "later", "sendAt": "`+soon+`"}`).text(t, "scheduled", "id")}
	if text := d.call("rescheduleMessage", of, "").text(t, "scheduled", "content"); text != "A happy new year!" {
		t.Errorf("changed to %q", text)
	}
	if r := d.call("listScheduled", nil, ""); r.text(t, "scheduled", 0, "id") != of["scheduledId"] || r.text(t, "scheduled", 0, "state") != "waiting" {
		t.Errorf("scheduled: %s", r.body)
	}
	d.call("unscheduleMessage", of, "")
	if r := d.try("unscheduleMessage", of, ""); r.status != http.StatusNotFound {
		t.Errorf("cancelled twice: %d", r.status)
	}
}

func tryConversations(d *described, room, message string) {
	t := d.n.t
	list := d.call("listConversations", values{"limit": "1"}, "")
	if list.text(t, "next") == "" || list.header.Get("Link") == "" {
		t.Errorf("the first of two conversations: %s, Link %q", list.body, list.header.Get("Link"))
	}
	conversation := d.call("getRoom", values{"roomId": room}, "").text(t, "room", "conversationId")
	for id, v := range map[string]values{
		"getHistory": {"conversationId": conversation}, "getRoomHistory": {"roomId": room},
	} {
		if r := d.call(id, v, ""); r.text(t, "messages", 0, "id") != message {
			t.Errorf("%s: %s", id, r.body)
		}
	}
	if r := d.call("getDirectHistory", values{"userId": "grace"}, ""); r.text(t, "messages", 0, "content") != "hello" {
		t.Errorf("history with grace: %s", r.body)
	}
	d.call("getPins", values{"conversationId": conversation}, "")
	d.call("getDirectPins", values{"userId": "grace"}, "")
	d.call("markMessagesRead", nil, `{"messageIds": ["`+message+`"]}`)
	d.call("markConversationRead", values{"conversationId": conversation}, "")
	if r := d.call("sync", nil, ""); len(r.json(t, "new").([]any)) != 2 {
		t.Errorf("new conversations: %s", r.body)
	}
	if r := d.call("sync", nil, `{"conversations": {"`+conversation+`": 0}}`); r.text(t, "conversations", conversation, "events", 0, "event") != "room:user_joined" {
		t.Errorf("events: %s", r.body)
	}
}

func tryFiles(d *described) {
	t := d.n.t
	f := d.n.upload("ada", "a.png", dot)
	asAda := *d
	asAda.userToken = d.n.token("ada")
	if name := asAda.call("getFile", values{"fileId": f.ID}, "").text(t, "file", "originalName"); name != "a.png" {
		t.Errorf("the file is called %q", name)
	}
	asAda.call("getFileAccess", nil, "")
	asAda.call("deleteFile", values{"fileId": f.ID}, "")
	if r := asAda.try("getFile", values{"fileId": f.ID}, ""); r.status != http.StatusNotFound {
		t.Errorf("a deleted file: %d", r.status)
	}
}

func tryMembers(d *described, room string) {
	t := d.n.t
	grace := *d
	grace.userToken = d.n.token("grace")
	in, of := values{"roomId": room}, values{"roomId": room, "userId": "grace"}
	d.call("inviteUser", of, "")
	grace.call("joinRoom", in, "")
	d.call("promoteMember", of, "")
	if r := d.call("listMembers", in, ""); r.text(t, "members", 0, "role") != "admin" || r.text(t, "members", 0, "userId") != "grace" {
		t.Errorf("members: %s", r.body)
	}
	d.call("demoteMember", of, "")
	d.call("kickMember", of, "")
	d.call("banUser", of, "")
	if r := grace.try("joinRoom", in, ""); r.status != http.StatusForbidden {
		t.Errorf("joins though banned: %d", r.status)
	}
	if r := d.call("listBans", in, ""); r.text(t, "users", 0, "userId") != "grace" {
		t.Errorf("bans: %s", r.body)
	}
	d.call("unbanUser", of, "")
	grace.call("joinRoom", in, "")
	grace.call("leaveRoom", in, "")
}

func tryServerRooms(d *described) {
	t := d.n.t
	team := values{"roomId": d.call("createServerRoom", nil, "").text(t, "room", "id")}
	if r := d.call("addMembers", team, ""); len(r.json(t, "added").([]any)) != 2 {
		t.Errorf("added: %s", r.body)
	}
	if r := d.call("addMembers", team, ""); len(r.json(t, "added").([]any)) != 0 {
		t.Errorf("added again: %s", r.body)
	}
	system := d.call("postToRoom", team, "")
	if again := d.call("postToRoom", team, ""); system.text(t, "message", "type") != "system" || string(again.body) != string(system.body) {
		t.Errorf("system message: %s, again: %s", system.body, again.body)
	}
	if r := d.call("postToRoom", team, `{"senderId": "grace", "content": "hi"}`); r.text(t, "message", "senderUsername") != "Grace Hopper" {
		t.Errorf("as a user: %s", r.body)
	}
	d.call("postToUser", values{"userId": "edsger"}, "")
	d.call("removeMember", values{"roomId": "team", "userId": "grace"}, "")
	if r := d.try("postToRoom", team, `{"senderId": "grace", "content": "hi"}`); r.text(t, "code") != "not_in_room" {
		t.Errorf("as who was removed: %s", r.body)
	}
}

// tryPeople tries what there is of it.
func tryPeople(d *described) {
	t := d.n.t
	if !d.has("requestFriend") {
		return
	}
	me := d.call("getMe", nil, "").text(t, "user", "userId")
	grace, edsger := *d, *d
	grace.userToken, edsger.userToken = d.n.token("grace"), d.n.token("edsger")
	d.call("requestFriend", values{"userId": "grace"}, "")
	grace.call("acceptFriend", values{"userId": me}, "")
	edsger.call("requestFriend", values{"userId": me}, "")
	d.call("declineFriend", values{"userId": "edsger"}, "")
	d.call("blockUser", values{"userId": "edsger"}, "")
	if r := d.call("listFriends", nil, ""); r.text(t, "friends", 0, "userId") != "grace" || r.text(t, "blocked", 0, "userId") != "edsger" {
		t.Errorf("friends: %s", r.body)
	}
	d.call("unblockUser", values{"userId": "edsger"}, "")
	if r := d.call("getPresence", values{"userIds": "grace"}, ""); r.json(t, "presence", 0, "online") != true {
		t.Errorf("presence: %s", r.body)
	}
	d.call("removeFriend", values{"userId": "grace"}, "")
	if r := d.call("getUser", values{"userId": "grace"}, ""); r.text(t, "user", "username") != "Grace Hopper" {
		t.Errorf("user: %s", r.body)
	}
	if r := d.call("searchUsers", values{"query": "hopp"}, ""); r.text(t, "users", 0, "userId") != "grace" {
		t.Errorf("found: %s", r.body)
	}
}

package client_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/client"
)

func TestNoticeOf(t *testing.T) {
	c, err := client.New(client.Config{URL: "http://127.0.0.1:1", Token: client.StaticToken("x")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.SetUserID("ada")
	said := func(sender, room, content string, mentions ...string) client.Message {
		return client.Message{ConversationID: "c", SenderID: sender, SenderUsername: strings.ToUpper(sender), RoomID: room, Content: content, Type: "text", Mentions: mentions}
	}
	deleted := said("bob", "", "")
	deleted.Deleted = true
	nameless := said("bob", "", "hi")
	nameless.SenderUsername = ""
	long := strings.Repeat("é", 200)
	tests := []struct {
		name  string
		event client.Event
		want  client.Notice // without a title: nothing is told
	}{
		{"a direct message", &client.MessageReceived{Message: said("bob", "", "hi")}, client.Notice{Title: "BOB", Body: "hi", Tag: "c", SenderID: "bob"}},
		{"of somebody without a name", &client.MessageReceived{Message: nameless}, client.Notice{Title: "bob", Body: "hi", Tag: "c", SenderID: "bob"}},
		{"a long one", &client.MessageReceived{Message: said("bob", "", long)}, client.Notice{Title: "BOB", Body: long[:99*2] + "…", Tag: "c", SenderID: "bob"}},
		{"one's own, of another device", &client.MessageReceived{Message: said("ada", "", "hi")}, client.Notice{}},
		{"one that is deleted", &client.MessageReceived{Message: deleted}, client.Notice{}},
		{"a room's", &client.RoomMessage{Message: said("bob", "hall", "hi")}, client.Notice{}},
		{"a mention", &client.RoomMessage{Message: said("bob", "hall", "hi", "eve", "ada")}, client.Notice{Title: "hall", Body: "BOB: hi", Tag: "c", RoomID: "hall", SenderID: "bob"}},
		{"a mention of oneself", &client.RoomMessage{Message: said("ada", "hall", "hi", "ada")}, client.Notice{}},
		{"an invitation", &client.RoomInvited{RoomID: "hall", UserID: "ada", By: "bob", ConversationID: "c"}, client.Notice{Title: "bob", Body: "invites you to the room hall", Tag: "c", RoomID: "hall", SenderID: "bob"}},
		{"somebody else's", &client.RoomInvited{RoomID: "hall", UserID: "eve", By: "bob"}, client.Notice{}},
		{"a request", &client.FriendRequested{RelationChange: client.RelationChange{UserID: "bob", Username: "Bob", By: "bob"}}, client.Notice{Title: "Bob", Body: "wants to be friends", SenderID: "bob"}},
		{"one's own", &client.FriendRequested{RelationChange: client.RelationChange{UserID: "bob", Username: "Bob", By: "ada"}}, client.Notice{}},
		{"the application's", &client.Notification{Payload: json.RawMessage(`{"title":"Order 7","body":"is here","tag":"order"}`)}, client.Notice{Title: "Order 7", Body: "is here", Tag: "order"}},
		{"one of a topic", &client.Notification{Payload: json.RawMessage(`{"score":[1,2]}`)}, client.Notice{}},
		{"one that is none", &client.Notification{Payload: json.RawMessage(`{"title":7}`)}, client.Notice{}},
		{"typing", &client.TypingStarted{}, client.Notice{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, is := c.NoticeOf(test.event)
			if is != (test.want.Title != "") || is && got != test.want {
				t.Errorf("%v %+v, want %+v", is, got, test.want)
			}
		})
	}
}

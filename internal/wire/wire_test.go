package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/wire"
)

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTimesTravelInUTCWithMilliseconds(t *testing.T) {
	east := time.FixedZone("east", 2*60*60)
	for at, want := range map[time.Time]string{
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC):        `"2026-01-02T03:04:05.000Z"`,
		time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, east):  `"2026-01-02T01:04:05.678Z"`,
		time.Date(2026, 12, 31, 23, 59, 59, 5e6, time.UTC): `"2026-12-31T23:59:59.005Z"`,
		time.Date(2026, 1, 1, 1, 0, 0, 999_999_999, east):  `"2025-12-31T23:00:00.999Z"`,
	} {
		if got := encode(t, wire.Time(at)); got != want {
			t.Errorf("%s travels as %s, want %s", at, got, want)
		}
	}
}

func TestMessagesTravel(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		message chat.Message
		want    string
	}{
		{
			chat.Message{ID: "m", ConversationID: "c", RecipientID: "bob", SenderID: "ada", SenderName: "Ada", Content: "x", Type: chat.TypeText, Seq: 7, Timestamp: at},
			`{"id":"m","conversationId":"c","recipientId":"bob","senderId":"ada","senderUsername":"Ada","content":"x","type":"text",` +
				`"timestamp":"2026-01-02T03:04:05.000Z","seq":7,"edited":false,"reactions":{},"replyTo":null,"attachments":[]}`,
		},
		{
			chat.Message{
				ID: "m", ConversationID: "c", RoomID: "hall", SenderID: "ada", SenderName: "Ada", Type: chat.TypeFile, Seq: 7, Timestamp: at,
				ReplyTo: "r", Attachments: []string{"f"}, ClientMsgID: "k",
				Files:    []chat.File{{ID: "f", Owner: "ada", Name: "a.png", Type: "image/png", Size: 9, At: at, Processed: true, Details: chat.FileDetails{Width: 3}, Variants: []string{"preview"}}},
				EditedAt: at, DeletedAt: at,
			},
			`{"id":"m","conversationId":"c","roomId":"hall","senderId":"ada","senderUsername":"Ada","content":"","type":"file",` +
				`"timestamp":"2026-01-02T03:04:05.000Z","seq":7,"edited":true,"editedAt":"2026-01-02T03:04:05.000Z","deleted":true,` +
				`"reactions":{},"replyTo":"r","attachments":[{"id":"f","originalName":"a.png","filename":"f.png","mimetype":"image/png","size":9,"uploadedBy":"ada",` +
				`"uploadedAt":"2026-01-02T03:04:05.000Z","processed":true,"metadata":{"width":3},"url":"/files/f/original","preview":"/files/f/preview"}],"clientMsgId":"k"}`,
		},
		{
			chat.Message{
				ID: "m", ConversationID: "c", RoomID: "hall", SenderID: "ada", SenderName: "Ada", Type: chat.TypeText, Seq: 7, Timestamp: at,
				Mentions: []chat.UserID{"u_1"}, PinnedBy: "bob", PinnedAt: at,
				Names: chat.Names{"u_1": {Name: "Grace", Login: "grace"}, "bob": {Name: "Bob"}},
			},
			`{"id":"m","conversationId":"c","roomId":"hall","senderId":"ada","senderUsername":"Ada","content":"","type":"text",` +
				`"timestamp":"2026-01-02T03:04:05.000Z","seq":7,"edited":false,"reactions":{},"replyTo":null,"attachments":[],"mentions":["u_1"],` +
				`"pinnedAt":"2026-01-02T03:04:05.000Z","pinnedBy":"bob","names":{"bob":{"username":"Bob"},"u_1":{"username":"Grace","login":"grace"}}}`,
		},
	} {
		if got := encode(t, wire.MessageOf(&c.message)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if got := encode(t, wire.MessagesOf(nil)); got != "[]" {
		t.Errorf("no messages travel as %s", got)
	}
}

// Lists that are empty travel, lists that are left out do not.
func TestRoomsTravel(t *testing.T) {
	room := chat.Room{
		ID: "hall", ConversationID: "c", Name: "Hall", Type: chat.RoomPublic, MaxMembers: 100, CreatedBy: "ada", MemberCount: 1,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Members: []chat.UserID{"ada"}, Admins: []chat.UserID{"ada"},
		Banned: []chat.UserID{}, Settings: chat.DefaultRoomSettings(),
	}
	const head = `{"id":"hall","conversationId":"c","name":"Hall","description":"","type":"public","maxMembers":100,"createdBy":"ada",` +
		`"createdAt":"2026-01-02T03:04:05.000Z","memberCount":1,`
	const settings = `"settings":{"allowFileUpload":true,"allowVoiceMessage":true,"messageRetention":0}}`
	if got, want := encode(t, wire.RoomOf(&room)), head+`"members":["ada"],"admins":["ada"],"banned":[],`+settings; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	room.Members, room.Admins, room.Banned = nil, nil, nil
	if got, want := encode(t, wire.RoomOf(&room)), head+settings; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

package chat_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestSendDirect(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	m := w.direct(anna, bert, "hi")
	want := chat.Message{
		ID: "id-1", ConversationID: chat.DirectID("bert", "anna"), RecipientID: "bert", SenderID: "anna", SenderName: "Anna",
		Content: "hi", Type: chat.TypeText, Seq: 1, Timestamp: today.Add(1000 * time.Millisecond),
	}
	equal(t, "message", m, want)
	equal(t, "events", w.events, []chat.Event{{
		Kind: chat.MessageCreated, ConversationID: m.ConversationID, Seq: 1, At: m.Timestamp, By: "anna", Origin: "a1",
		Audience: chat.Audience{Users: []chat.UserID{"anna", "bert"}}, Message: &want,
	}})
	equal(t, "seq of the answer", w.direct(bert, anna, "ho").Seq, 2)
}

func TestDirectID(t *testing.T) {
	if !strings.HasPrefix(chat.DirectID("a", "b"), "dm:") || chat.DirectID("a", "b") != chat.DirectID("b", "a") {
		t.Errorf("%q and %q", chat.DirectID("a", "b"), chat.DirectID("b", "a"))
	}
	seen := make(map[string]string)
	for _, pair := range [][2]chat.UserID{{"a", "b"}, {"a", "bc"}, {"ab", "c"}, {"a", "c"}, {"a\x01b", "c"}} {
		id := chat.DirectID(pair[0], pair[1])
		if other, taken := seen[id]; taken {
			t.Errorf("%q has the id of %s", pair, other)
		}
		seen[id] = fmt.Sprintf("%q", pair)
	}
}

func TestRefusedMessages(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	w.toRoom(anna, "room", "first")
	ids := func(n int) []string { return strings.Split(strings.Repeat("f,", n-1)+"f", ",") }
	type send = chat.SendDirect
	both := []struct {
		name string
		cmd  send
		want refusal.Error
	}{
		{"no content", send{}, refusal.Error{Code: refusal.MissingFields, Message: "Missing required fields", Field: "content"}},
		{"broken text", send{Content: "a\xffb"}, refusal.Error{Code: refusal.InvalidField, Field: "content"}},
		{"NUL", send{Content: "a\x00b"}, refusal.Error{Code: refusal.InvalidField, Field: "content"}},
		{"long", send{Content: strings.Repeat("ä", 10_001)}, refusal.Error{Code: refusal.LimitExceeded, Field: "content", Limit: 10_000, Message: "content must have at most 10000 characters"}},
		{"unknown type", send{Content: "x", Type: "hologram"}, refusal.Error{Code: refusal.InvalidField, Field: "type"}},
		{"the server's type", send{Content: "x", Type: chat.TypeSystem}, refusal.Error{Code: refusal.InvalidField, Field: "type"}},
		{"long client id", send{Content: "x", ClientMsgID: strings.Repeat("c", 129)}, refusal.Error{Code: refusal.LimitExceeded, Field: "clientMsgId", Limit: 128}},
		{"unprintable client id", send{Content: "x", ClientMsgID: "\t"}, refusal.Error{Code: refusal.InvalidField, Field: "clientMsgId"}},
		{"long reply", send{Content: "x", ReplyTo: strings.Repeat("r", 65)}, refusal.Error{Code: refusal.LimitExceeded, Field: "replyTo", Limit: 64}},
		{"reply to nothing", send{Content: "x", ReplyTo: "nothing"}, refusal.Error{Code: chat.CodeMessageNotFound, Message: "Message not found", Field: "replyTo"}},
		{"many files", send{Content: "x", Attachments: ids(11)}, refusal.Error{Code: refusal.LimitExceeded, Field: "attachments", Limit: 10}},
		{"empty file", send{Content: "x", Attachments: []string{"f", ""}}, refusal.Error{Code: refusal.InvalidField, Field: "attachments[1]"}},
		{"long file", send{Content: "x", Attachments: []string{strings.Repeat("f", 129)}}, refusal.Error{Code: refusal.LimitExceeded, Field: "attachments[0]", Limit: 128}},
	}
	w.quiet(func() {
		for _, test := range both {
			t.Log(test.name)
			c := test.cmd
			c.RecipientID = "bert"
			_, err := w.SendDirect(t.Context(), anna, c)
			refused(t, err, test.want)
			_, err = w.SendToRoom(t.Context(), anna, chat.SendToRoom{
				RoomID: "room", Content: c.Content, Type: c.Type, ClientMsgID: c.ClientMsgID, ReplyTo: c.ReplyTo, Attachments: c.Attachments,
			})
			refused(t, err, test.want)
		}
		for _, test := range []struct {
			to   chat.UserID
			want refusal.Error
		}{
			{"", refusal.Error{Code: refusal.MissingFields, Message: "Missing required fields", Field: "recipientId"}},
			{"anna", refusal.Error{Code: refusal.InvalidField, Field: "recipientId"}},
			{"be\nrt", refusal.Error{Code: refusal.InvalidField, Field: "recipientId"}},
			{chat.UserID(strings.Repeat("b", 129)), refusal.Error{Code: refusal.LimitExceeded, Field: "recipientId", Limit: 128}},
		} {
			_, err := w.SendDirect(t.Context(), anna, send{RecipientID: test.to, Content: "x"})
			refused(t, err, test.want)
		}
		for _, test := range []struct {
			actor chat.Actor
			room  string
			want  refusal.Error
		}{
			{anna, "", refusal.Error{Code: refusal.MissingFields, Message: "Missing required fields", Field: "roomId"}},
			{anna, "ro om", refusal.Error{Code: refusal.InvalidField, Field: "roomId"}},
			{anna, strings.Repeat("r", 65), refusal.Error{Code: refusal.LimitExceeded, Field: "roomId", Limit: 64}},
			{anna, "no-such-room", refusal.Error{Code: chat.CodeRoomNotFound, Message: "Room not found"}},
			{bert, "room", refusal.Error{Code: chat.CodeNotInRoom, Message: "Not in room"}},
		} {
			_, err := w.SendToRoom(t.Context(), test.actor, chat.SendToRoom{RoomID: test.room, Content: "x"})
			refused(t, err, test.want)
		}
	})
	equal(t, "next seq in the room", w.toRoom(anna, "room", "second").Seq, 3)
	equal(t, "first seq of the two", w.direct(anna, bert, "x").Seq, 1)
}

func TestMessagesAtTheLimits(t *testing.T) {
	w := newWorld(t, chat.Config{DirectPolicy: chat.DirectAnyone, MaxText: 5}, nil)
	files := strings.Split("a,b,c,d,e,f,g,h,i,j", ",")
	m, err := w.SendDirect(t.Context(), anna, chat.SendDirect{
		RecipientID: chat.UserID(strings.Repeat("ü", 64)), Content: "äöüß🎣", Type: chat.TypeVoice,
		ClientMsgID: strings.Repeat("c", 128), Attachments: files,
	})
	w.must(err)
	equal(t, "type", m.Type, chat.TypeVoice)
	equal(t, "attachments", m.Attachments, files)
	_, err = w.SendDirect(t.Context(), anna, chat.SendDirect{RecipientID: "bert", Content: "äöüß🎣!"})
	refused(t, err, refusal.Error{Code: refusal.LimitExceeded, Field: "content", Limit: 5})
	reply, err := w.SendDirect(t.Context(), anna, chat.SendDirect{RecipientID: m.RecipientID, Content: "re", ReplyTo: m.ID})
	w.must(err)
	equal(t, "reply", reply.ReplyTo, m.ID)
}

func TestFriendsOnly(t *testing.T) {
	w := newWorld(t, chat.Config{DirectPolicy: chat.DirectFriends, MaxText: 100}, nil)
	w.direct(bert, anna, "friends")
	_, err := w.SendDirect(t.Context(), anna, chat.SendDirect{RecipientID: "dora", Content: "x"})
	refused(t, err, refusal.Error{Code: chat.CodeNotFriends, Message: "Can only send messages to friends"})
	w.room(anna, chat.CreateRoom{ID: "room"})
	w.toRoom(anna, "room", "rooms need no friends")
}

func TestClientMsgID(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	w.room(anna, chat.CreateRoom{ID: "other"})
	w.join(bert, "room")
	w.join(bert, "other")
	cmd := chat.SendToRoom{RoomID: "room", Content: "x", ClientMsgID: "c1", Attachments: []string{"f1"}}
	first, err := w.SendToRoom(t.Context(), bert, cmd)
	w.must(err)
	_, err = w.LeaveRoom(t.Context(), bert, "room")
	w.must(err)

	w.quiet(func() {
		explicit := cmd
		explicit.Type = chat.TypeText
		for _, again := range []chat.SendToRoom{cmd, explicit} {
			m, err := w.SendToRoom(t.Context(), bert, again)
			w.must(err)
			equal(t, "the same again, after leaving", m, first)
		}
		for name, change := range map[string]func(*chat.SendToRoom){
			"content": func(c *chat.SendToRoom) { c.Content = "y" },
			"type":    func(c *chat.SendToRoom) { c.Type = chat.TypeFile },
			"reply":   func(c *chat.SendToRoom) { c.ReplyTo = first.ID },
			"files":   func(c *chat.SendToRoom) { c.Attachments = []string{"f2"} },
			"room":    func(c *chat.SendToRoom) { c.RoomID = "other" },
			"no room": func(c *chat.SendToRoom) { c.RoomID = "no-such-room" },
		} {
			t.Log(name)
			other := cmd
			change(&other)
			_, err := w.SendToRoom(t.Context(), bert, other)
			refused(t, err, refusal.Error{Code: chat.CodeClientMsgIDReused, Field: "clientMsgId"})
		}
		_, err := w.SendDirect(t.Context(), bert, chat.SendDirect{RecipientID: "anna", Content: "x", ClientMsgID: "c1", Attachments: []string{"f1"}})
		refused(t, err, refusal.Error{Code: chat.CodeClientMsgIDReused, Field: "clientMsgId"})
	})
	others, err := w.SendToRoom(t.Context(), anna, cmd)
	w.must(err)
	equal(t, "seq of another sender's", others.Seq, first.Seq+2)
}

func TestFilter(t *testing.T) {
	asked := 0
	fault := errors.New("the filter is out of order")
	w := newWorld(t, chat.Config{DirectPolicy: chat.DirectAnyone, MaxText: 10}, func(_ context.Context, d *chat.Draft) error {
		asked++
		switch d.Content {
		case "rude":
			return &refusal.Error{Code: "rude", Message: "Mind your words", Field: "content"}
		case "fault":
			return fault
		case "grow":
			d.Content = strings.Repeat("x", 11)
		case "shrink":
			d.Content = ""
		}
		d.Content = strings.ReplaceAll(d.Content, "darn", "****")
		return nil
	})
	send := func(content, clientMsgID string) (chat.Message, error) {
		return w.SendDirect(t.Context(), anna, chat.SendDirect{RecipientID: "bert", Content: content, ClientMsgID: clientMsgID})
	}
	w.quiet(func() {
		_, err := send("rude", "")
		refused(t, err, refusal.Error{Code: "rude", Message: "Mind your words", Field: "content"})
		_, err = send("grow", "")
		refused(t, err, refusal.Error{Code: refusal.LimitExceeded, Field: "content", Limit: 10})
		_, err = send("shrink", "")
		refused(t, err, refusal.Error{Code: refusal.MissingFields, Field: "content"})
		if _, err := send("fault", ""); !errors.Is(err, fault) {
			t.Errorf("a fault of the filter: error %v", err)
		}
	})
	m, err := send("darn it", "c1")
	w.must(err)
	equal(t, "content", m.Content, "**** it")
	before := asked
	again, err := send("darn it", "c1")
	w.must(err)
	equal(t, "repeated", again, m)
	_, err = send("rude", "c1")
	refused(t, err, refusal.Error{Code: chat.CodeClientMsgIDReused, Field: "clientMsgId"})
	equal(t, "times the filter was asked about a known clientMsgId", asked-before, 0)
}

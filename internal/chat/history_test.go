package chat_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestHistory(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	room := w.room(anna, chat.CreateRoom{ID: "room"})
	var inRoom, direct []chat.Message
	for i := range 120 {
		inRoom = append(inRoom, w.toRoom(anna, "room", fmt.Sprint(i)))
	}
	for i := range 3 {
		direct = append(direct, w.direct(anna, bert, fmt.Sprint(i)))
	}
	for _, test := range []struct {
		actor chat.Actor
		query chat.HistoryQuery
		want  []chat.Message
		more  bool
	}{
		{anna, chat.HistoryQuery{RoomID: "room"}, inRoom[70:], true},
		{anna, chat.HistoryQuery{ConversationID: room.ConversationID, Limit: 100}, inRoom[20:], true},
		{anna, chat.HistoryQuery{RoomID: "room", Before: inRoom[20].ID, Limit: 100}, inRoom[:20], false},
		{anna, chat.HistoryQuery{RoomID: "room", After: inRoom[110].ID, Limit: 5}, inRoom[111:116], true},
		{anna, chat.HistoryQuery{UserID: "bert"}, direct, false},
		{bert, chat.HistoryQuery{UserID: "anna", Limit: 1}, direct[2:], true},
		{bert, chat.HistoryQuery{ConversationID: direct[0].ConversationID}, direct, false},
		{carl, chat.HistoryQuery{UserID: "anna"}, []chat.Message{}, false},
	} {
		page, err := w.History(t.Context(), test.actor, test.query)
		w.must(err)
		equal(t, fmt.Sprintf("%s asks %+v", test.actor.ID, test.query), contents(page.Messages), contents(test.want))
		equal(t, "more", page.More, test.more)
		equal(t, "ids", slices.EqualFunc(page.Messages, test.want, func(a, b chat.Message) bool { return a.ID == b.ID }), true)
	}
	for _, test := range []struct {
		actor chat.Actor
		query chat.HistoryQuery
		want  refusal.Error
	}{
		{anna, chat.HistoryQuery{}, refusal.Error{Code: refusal.MissingFields, Message: "Missing required fields", Field: "conversationId"}},
		{anna, chat.HistoryQuery{RoomID: "room", UserID: "bert"}, refusal.Error{Code: refusal.InvalidField, Field: "conversationId"}},
		{anna, chat.HistoryQuery{RoomID: "a b"}, refusal.Error{Code: refusal.InvalidField, Field: "roomId"}},
		{anna, chat.HistoryQuery{UserID: "\n"}, refusal.Error{Code: refusal.InvalidField, Field: "userId"}},
		{anna, chat.HistoryQuery{UserID: "anna"}, refusal.Error{Code: refusal.InvalidField, Field: "userId"}},
		{anna, chat.HistoryQuery{RoomID: "room", Before: "a", After: "b"}, refusal.Error{Code: refusal.InvalidField, Field: "after"}},
		{anna, chat.HistoryQuery{RoomID: "room", Limit: 101}, refusal.Error{Code: refusal.LimitExceeded, Field: "limit", Limit: 100}},
		{anna, chat.HistoryQuery{RoomID: "room", Limit: -1}, refusal.Error{Code: refusal.LimitExceeded, Field: "limit", Limit: 100}},
		{anna, chat.HistoryQuery{RoomID: "room", Before: direct[0].ID}, refusal.Error{Code: chat.CodeMessageNotFound, Message: "Message not found", Field: "before"}},
		{anna, chat.HistoryQuery{RoomID: "room", After: "none"}, refusal.Error{Code: chat.CodeMessageNotFound, Message: "Message not found", Field: "after"}},
		{anna, chat.HistoryQuery{RoomID: "no-such-room"}, refusal.Error{Code: chat.CodeRoomNotFound, Message: "Room not found"}},
		{bert, chat.HistoryQuery{RoomID: "room"}, refusal.Error{Code: chat.CodeNotInRoom, Message: "Not in room"}},
		{bert, chat.HistoryQuery{ConversationID: room.ConversationID}, refusal.Error{Code: chat.CodeConversationNotFound, Message: "Conversation not found"}},
		{carl, chat.HistoryQuery{ConversationID: direct[0].ConversationID}, refusal.Error{Code: chat.CodeConversationNotFound, Message: "Conversation not found"}},
	} {
		_, err := w.History(t.Context(), test.actor, test.query)
		refused(t, err, test.want)
	}
}

func TestRoomMessages(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	for i := range 51 {
		w.toRoom(anna, "room", fmt.Sprint(i))
	}
	messages, err := w.RoomMessages(t.Context(), anna, "room")
	w.must(err)
	equal(t, "number of messages", len(messages), 50)
	equal(t, "the oldest of them", messages[0].Content, "1")
	for room, want := range map[string]refusal.Error{
		"":             {Code: refusal.MissingFields, Field: "roomId"},
		"no-such-room": {Code: chat.CodeRoomNotFound, Message: "Room not found"},
		"room":         {Code: chat.CodeNotInRoom, Message: "Not in room"},
	} {
		_, err := w.RoomMessages(t.Context(), bert, room)
		refused(t, err, want)
	}
}

func TestUnreadAndMarkRead(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	var sent []chat.Message
	for i := range 105 {
		sent = append(sent, w.direct(anna, bert, fmt.Sprint(i)))
	}
	unread, err := w.Unread(t.Context(), "bert", 0)
	w.must(err)
	equal(t, "newest 100 unread", contents(unread), contents(sent[5:]))
	_, err = w.Unread(t.Context(), "bert", 101)
	refused(t, err, refusal.Error{Code: refusal.LimitExceeded, Field: "limit", Limit: 100})

	receipts, err := w.MarkRead(t.Context(), bert, []string{sent[101].ID, sent[99].ID})
	w.must(err)
	equal(t, "number of receipts", len(receipts), 2)
	equal(t, "receipt", receipts[1], chat.Receipt{
		MessageID: sent[101].ID, ConversationID: sent[101].ConversationID, SenderID: "anna", ReadBy: "bert", ReaderName: "Bert", ReadAt: receipts[0].ReadAt,
	})
	events := w.events[len(w.events)-2:]
	equal(t, "who learns of the mark", events[0].Audience.Users, []chat.UserID{"bert"})
	equal(t, "who learns of the receipts", events[1].Audience.Users, []chat.UserID{"anna"})
	unread, err = w.Unread(t.Context(), "bert", 0)
	w.must(err)
	equal(t, "unread", contents(unread), []string{"102", "103", "104"})
	w.quiet(func() {
		receipts, err := w.MarkRead(t.Context(), bert, []string{sent[0].ID})
		w.must(err)
		equal(t, "receipts for what is read", receipts, nil)
	})

	for _, test := range []struct {
		ids  []string
		want refusal.Error
	}{
		{nil, refusal.Error{Code: refusal.MissingFields, Message: "Missing required fields", Field: "messageIds"}},
		{make([]string, 1001), refusal.Error{Code: refusal.LimitExceeded, Field: "messageIds", Limit: 1000}},
		{[]string{"x", ""}, refusal.Error{Code: refusal.InvalidField, Field: "messageIds[1]"}},
		{[]string{"none"}, refusal.Error{Code: chat.CodeMessageNotFound, Message: "Message not found"}},
	} {
		_, err := w.MarkRead(t.Context(), bert, test.ids)
		refused(t, err, test.want)
	}
	_, err = w.MarkRead(t.Context(), carl, []string{sent[104].ID})
	refused(t, err, refusal.Error{Code: chat.CodeMessageNotFound, Message: "Message not found"})
}

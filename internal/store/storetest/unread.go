package storetest

import (
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// unread asks about all of a user's conversations.
func (f *fixture) unread(user chat.UserID, limit int) ([]chat.Message, error) {
	found, err := f.store.Unread(f.Context(), chat.UnreadQuery{User: user, Limit: limit})
	return found.Messages, err
}

// testUnreadSince: what has something unread is named, and with a time only what is
// listed and what has changed is looked at.
func testUnreadSince(f *fixture) {
	at := func(cmd chat.Append, hour int) chat.Message {
		cmd.Message.Timestamp = start.Add(time.Duration(hour) * time.Hour)
		return f.append(cmd)
	}
	hall, den := f.room(chat.RoomPublic, 10, "anna"), f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", hall.ID)
	f.join("bert", den.ID)
	at(f.toRoom("anna", hall.ID, "hall 1"), 1)
	direct := at(f.direct("carl", "bert", "direct 2"), 2).ConversationID
	den3 := at(f.toRoom("anna", den.ID, "den 3"), 3)
	at(f.toRoom("bert", hall.ID, "own 4"), 4)
	own := at(f.direct("bert", "dora", "own 5"), 5).ConversationID
	foreign := at(f.direct("anna", "carl", "not bert's"), 5).ConversationID

	ask := func(what string, since time.Time, among []string, messages []string, conversations ...string) {
		f.Helper()
		got, err := f.store.Unread(f.Context(), chat.UnreadQuery{User: "bert", Limit: 100, Since: since, Among: among})
		f.Must(err)
		equal(f, what, contents(got.Messages), messages)
		slices.Sort(conversations)
		equal(f, what+": conversations", slices.Sorted(slices.Values(got.Conversations)), conversations)
	}
	hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
	look := func(others string) {
		f.Helper()
		ask("all"+others, time.Time{}, nil, []string{"hall 1", "direct 2", "den 3"}, hall.ConversationID, direct, den.ConversationID)
		ask("all since"+others, start, nil, []string{"hall 1", "direct 2", "den 3"}, hall.ConversationID, direct, den.ConversationID)
		ask("changed since"+others, hour(3), nil, []string{"hall 1", "den 3"}, hall.ConversationID, den.ConversationID)
		ask("changed by then"+others, hour(4), nil, []string{"hall 1"}, hall.ConversationID)
		ask("listed"+others, hour(9), []string{direct, own, foreign, "dm:none"}, []string{"direct 2"}, direct)
		ask("listed and changed"+others, hour(4), []string{direct, hall.ConversationID}, []string{"hall 1", "direct 2"}, hall.ConversationID, direct)
		ask("neither"+others, hour(9), nil, []string{})
	}
	look("")
	f.createMany(60, "bert", start.Add(-time.Hour)) // more than are worth looking at
	look(", with many quiet ones")
	f.createMany(640, "carl", hour(24))
	look(", with many others")
	f.markRead("bert", den3)
	f.leave("bert", hall.ID)
	ask("after reading and leaving", time.Time{}, nil, []string{"direct 2"}, direct)
	ask("those that were unread", hour(9), []string{hall.ConversationID, direct, den.ConversationID}, []string{"direct 2"}, direct)
}

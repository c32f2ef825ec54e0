package storetest

import (
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

var readTime = start.Add(time.Hour)

func (f *fixture) markRead(user chat.UserID, messages ...chat.Message) []chat.Receipt {
	f.Helper()
	cmd := chat.MarkRead{Reader: actor(user), At: readTime, MaxReceiptMembers: 3}
	for _, m := range messages {
		cmd.MessageIDs = append(cmd.MessageIDs, m.ID)
	}
	receipts, err := f.store.MarkRead(f.Context(), cmd)
	f.Must(err)
	return receipts
}

func receipt(reader chat.UserID, m chat.Message) chat.Receipt {
	return chat.Receipt{
		MessageID: m.ID, ConversationID: m.ConversationID, SenderID: m.SenderID, ReadBy: reader, ReaderName: actor(reader).Name, ReadAt: readTime,
	}
}

func markEvent(reader chat.UserID, m chat.Message) chat.Event {
	return chat.NewMarkEvent(chat.Mark{
		ConversationID: m.ConversationID, UserID: reader, Seq: m.Seq, ReadAt: readTime,
	}, actor(reader).Origin)
}

func testMarkRead(f *fixture) {
	var m []chat.Message
	for i := range 5 {
		m = append(m, f.append(f.direct("anna", "bert", fmt.Sprint(i))))
	}
	own := f.append(f.direct("bert", "anna", "own"))
	f.Events.Take()

	// The mark moves to 3; of what it passes only the listed ones are receipted.
	want := []chat.Receipt{receipt("bert", m[1]), receipt("bert", m[3])}
	equal(f, "receipts", f.markRead("bert", m[3], m[1], m[3]), want)
	equal(f, "events", f.Events.Take(), []chat.Event{
		markEvent("bert", m[3]), chat.NewReceiptEvent(want, actor("bert").Origin),
	})
	unread, err := f.unread("bert", 100)
	f.Must(err)
	equal(f, "unread", contents(unread), []string{"4"})

	equal(f, "receipts for what is read", f.markRead("bert", m[0], m[2], m[3]), nil)
	f.Quiet()

	equal(f, "receipts for an own message", f.markRead("bert", own), nil)
	equal(f, "events", f.Events.Take(), []chat.Event{markEvent("bert", own)})
	unread, err = f.unread("bert", 100)
	f.Must(err)
	equal(f, "unread", unread, []chat.Message{})
}

func testMarkReadSeveral(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.join("carl", room.ID)
	inRoom := []chat.Message{
		f.append(f.toRoom("anna", room.ID, "a")),
		f.append(f.toRoom("bert", room.ID, "b")),
		f.append(f.toRoom("anna", room.ID, "c")),
	}
	direct := f.append(f.direct("anna", "carl", "d"))
	foreign := f.append(f.direct("anna", "bert", "not carl's"))
	f.Events.Take()

	// Conversations come by their ids, "dm:" before "room".
	got := f.markRead("carl", append(inRoom, direct, foreign, chat.Message{ID: "no-such-message"})...)
	equal(f, "receipts", got, []chat.Receipt{
		receipt("carl", direct), receipt("carl", inRoom[0]), receipt("carl", inRoom[1]), receipt("carl", inRoom[2]),
	})
	origin := actor("carl").Origin
	equal(f, "events", f.Events.Take(), []chat.Event{
		markEvent("carl", direct),
		chat.NewReceiptEvent([]chat.Receipt{receipt("carl", direct)}, origin),
		markEvent("carl", inRoom[2]),
		chat.NewReceiptEvent([]chat.Receipt{receipt("carl", inRoom[0]), receipt("carl", inRoom[2])}, origin),
		chat.NewReceiptEvent([]chat.Receipt{receipt("carl", inRoom[1])}, origin),
	})
	_, err := f.store.MarkRead(f.Context(), chat.MarkRead{
		Reader: actor("carl"), MessageIDs: []string{foreign.ID, "no-such-message"}, At: readTime, MaxReceiptMembers: 3,
	})
	f.Refused(err, chat.ErrMessageNotFound)
	f.Quiet()
}

func testMarkReadOfLeaver(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.join("carl", room.ID)
	left := f.append(f.toRoom("bert", room.ID, "from who leaves"))
	there := f.append(f.toRoom("anna", room.ID, "from who stays"))
	f.leave("bert", room.ID)
	f.Events.Take()
	want := []chat.Receipt{receipt("carl", there)}
	equal(f, "receipts", f.markRead("carl", left, there), want)
	equal(f, "events", f.Events.Take(), []chat.Event{
		markEvent("carl", there), chat.NewReceiptEvent(want, actor("carl").Origin),
	})
}

func testMarkReadLarge(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	for _, user := range []chat.UserID{"bert", "carl", "dora"} {
		f.join(user, room.ID)
	}
	m := f.append(f.toRoom("anna", room.ID, "to many"))
	f.Events.Take()
	equal(f, "receipts", f.markRead("bert", m), nil)
	equal(f, "events", f.Events.Take(), []chat.Event{markEvent("bert", m)})
}

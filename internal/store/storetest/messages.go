package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func testFriends(f *fixture) {
	f.known("anna", "bert")
	f.befriend("anna", "bert")
	for _, test := range []struct {
		from, to chat.UserID
		want     error
	}{
		{"anna", "bert", nil}, {"bert", "anna", nil}, {"anna", "carl", chat.ErrNotFriends}, {"Anna", "bert", chat.ErrNotFriends},
	} {
		cmd := f.direct(test.from, test.to, "among friends")
		cmd.RequireFriends = true
		if test.want == nil {
			f.append(cmd)
			continue
		}
		_, err := f.store.AppendMessage(f.Context(), cmd)
		f.Refused(err, test.want)
	}
}

func testBlocks(f *fixture) {
	f.known("anna", "bert")
	f.block("anna", "bert")
	for _, test := range []struct {
		a, b chat.UserID
		want bool
	}{
		{"anna", "bert", true}, {"bert", "anna", true}, {"anna", "carl", false}, {"Anna", "bert", false},
	} {
		got, err := f.store.Blocked(f.Context(), test.a, test.b)
		f.Must(err)
		equal(f, fmt.Sprintf("a block between %s and %s", test.a, test.b), got, test.want)
		if cmd := f.direct(test.a, test.b, "x"); test.want {
			_, err := f.store.AppendMessage(f.Context(), cmd)
			f.Refused(err, chat.ErrNotFriends)
		} else {
			f.append(cmd)
		}
	}
}

// Messages that are started one after the other are stored, told and answered in that
// order, the refused ones among them, each once its event is known.
func testStartAppend(f *fixture) {
	const all = 300 // more than fit into one transaction
	room := f.room(chat.RoomPublic, 10, "anna")
	f.Events.Take()
	type outcome struct {
		message chat.Message
		err     error
	}
	outcomes := make(chan outcome, all)
	for i := range all {
		cmd := f.toRoom("anna", room.ID, fmt.Sprint(i))
		if i%7 == 3 {
			cmd = f.toRoom("bert", room.ID, fmt.Sprint(i))
		}
		f.store.StartAppend(f.Context(), cmd, func(m chat.Message, err error) { outcomes <- outcome{m, err} })
	}
	var stored []chat.Message
	for i := range all {
		got := <-outcomes
		if i%7 == 3 {
			f.Refused(got.err, chat.ErrNotInRoom)
			equal(f, "refused message", got.message, chat.Message{})
			continue
		}
		f.Must(got.err)
		equal(f, "message", got.message.Content, fmt.Sprint(i))
		stored = append(stored, got.message)
	}
	events := f.Events.Take()
	equal(f, "number of events", len(events), len(stored))
	for i, m := range stored {
		equal(f, "event", *events[i].Message, m)
		equal(f, "seq", m.Seq, int64(2+i)) // the creation of the room is 1
	}
	equal(f, "stored messages", f.all(room.ConversationID), stored)
}

// testStartReplies: each message replies to the one before it, whose outcome is not known yet, in a conversation that is
// made by the first.
func testStartReplies(f *fixture) {
	const all = 50
	outcomes := make(chan error, all)
	var stored [all]chat.Message
	for i := range all {
		cmd := f.direct("anna", "bert", fmt.Sprint(i))
		cmd.Message.ID = fmt.Sprint("chained", i)
		if i > 0 {
			cmd.Message.ReplyTo = fmt.Sprint("chained", i-1)
		}
		f.store.StartAppend(f.Context(), cmd, func(m chat.Message, err error) {
			stored[i] = m
			outcomes <- err
		})
	}
	for range all {
		f.Must(<-outcomes)
	}
	for i, m := range stored[1:] {
		equal(f, "thread", m.ThreadID, "chained0")
		equal(f, "seq", m.Seq, int64(i+2))
	}
	equal(f, "stored messages", f.all(stored[0].ConversationID), stored[:])
}

func testDirectMessage(f *fixture) {
	first := f.append(f.direct("anna", "bert", "one"))
	second := f.append(f.direct("bert", "anna", "two"))
	other := f.append(f.direct("anna", "carl", "elsewhere"))
	equal(f, "seqs", []int64{first.Seq, second.Seq, other.Seq}, []int64{1, 2, 1})
	equal(f, "conversation of the two", second.ConversationID, first.ConversationID)

	events := f.Events.Take()
	equal(f, "number of events", len(events), 3)
	equal(f, "event", events[1], chat.Event{
		Kind: chat.MessageCreated, ConversationID: first.ConversationID, Seq: 2, At: start, By: "bert",
		Audience: chat.Audience{Users: []chat.UserID{"bert", "anna"}},
		Origin:   actor("bert").Origin,
		Message:  &second,
	})
	equal(f, "history", f.all(first.ConversationID), []chat.Message{first, second})
}

func testRoomMessage(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.Events.Take()
	m := f.append(f.toRoom("anna", room.ID, "hello"))
	equal(f, "conversation", m.ConversationID, room.ConversationID)
	equal(f, "seq after the creator's joining", m.Seq, int64(2))
	equal(f, "events", f.Events.Take(), []chat.Event{{
		Kind: chat.MessageCreated, ConversationID: room.ConversationID, Seq: 2, At: start, By: "anna",
		Audience: chat.Audience{RoomID: room.ID},
		Origin:   actor("anna").Origin,
		Message:  &m,
	}})
}

func testMessageKeepsAllFields(f *fixture) {
	question := f.append(f.direct("anna", "bert", "?"))
	cmd := f.direct("bert", "anna", "多くの 🎣\n'\"\\ %s ; DROP TABLE messages")
	cmd.Message.Type = chat.TypeImage
	cmd.Message.ClientMsgID = "client's 'own' id"
	cmd.Message.ReplyTo = question.ID
	cmd.Message.Attachments = []string{"file-1", "f,i\"le"}
	want := cmd.Message
	want.Seq, want.ThreadID = 2, question.ID
	equal(f, "answer", f.append(cmd), want)
	equal(f, "history", f.all(want.ConversationID)[1], want)
	sent, found, err := f.store.Sent(f.Context(), "bert", want.ClientMsgID)
	f.Must(err)
	equal(f, "found by client id", found, true)
	equal(f, "sent", sent, chat.Sent{Message: want, Fingerprint: cmd.Fingerprint})

	_, found, err = f.store.Sent(f.Context(), "anna", want.ClientMsgID)
	f.Must(err)
	equal(f, "found for another sender", found, false)
}

func testTimestamps(f *fixture) {
	send := func(offset time.Duration) time.Duration {
		cmd := f.direct("anna", "bert", "x")
		cmd.Message.Timestamp = start.Add(offset)
		return f.append(cmd).Timestamp.Sub(start)
	}
	got := []time.Duration{send(0), send(5 * time.Millisecond), send(-time.Hour), send(6 * time.Millisecond)}
	ms := time.Millisecond
	equal(f, "times", got, []time.Duration{0, 5 * ms, 5 * ms, 6 * ms})
	for i, m := range f.all(chat.DirectID("anna", "bert")) {
		equal(f, "stored time", m.Timestamp, start.Add(got[i]))
	}
}

func testClientMsgID(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "owner")
	f.join("anna", room.ID)
	cmd := f.toRoom("anna", room.ID, "once")
	cmd.Message.ClientMsgID = "c1"
	stored := f.append(cmd)
	f.leave("anna", room.ID)
	f.Events.Take()

	again := cmd
	again.Message.ID = f.id("m")
	again.Message.Timestamp = start.Add(time.Minute)
	equal(f, "the same again, though no longer permitted", f.append(again), stored)

	for name, other := range map[string]chat.Append{
		"other content":      f.toRoom("anna", room.ID, "twice"),
		"other room":         f.toRoom("anna", "no-such-room", "once"),
		"other conversation": f.direct("anna", "bert", "once"),
	} {
		other.Message.ClientMsgID = "c1"
		_, err := f.store.AppendMessage(f.Context(), other)
		if !errors.Is(err, chat.ErrClientMsgIDReused) {
			f.Errorf("%s: got error %v, want %v", name, err, chat.ErrClientMsgIDReused)
		}
	}
	f.Quiet()

	others := f.toRoom("owner", room.ID, "once")
	others.Message.ClientMsgID = "c1"
	equal(f, "seq of another sender's message, after the leaving", f.append(others).Seq, stored.Seq+2)
}

// A room that was deleted is another conversation than one that has its id now.
func testClientMsgIDInReplacedRoom(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	cmd := f.toRoom("anna", room.ID, "once")
	cmd.Message.ClientMsgID = "c1"
	stored := f.append(cmd)
	f.Must(f.store.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: room.ID, Actor: actor("anna"), At: start}))
	f.Events.Take()
	equal(f, "the same again, though the room is gone", f.append(cmd), stored)
	f.Quiet()

	second := room
	second.ConversationID = f.id("room:second")
	f.Must(f.store.CreateRoom(f.Context(), chat.NewRoom{Room: second, Creator: actor("anna")}))
	f.Events.Take()
	_, err := f.store.AppendMessage(f.Context(), cmd)
	f.Refused(err, chat.ErrClientMsgIDReused)
	f.Quiet()
}

func testClientMsgIDOfDeleted(f *fixture) {
	cmd := f.direct("anna", "bert", "secret")
	cmd.Message.ClientMsgID = "c1"
	stored := f.append(cmd)
	f.remove("anna", stored)
	f.Events.Take()

	tombstone := stored
	tombstone.Content, tombstone.DeletedAt = "", start.Add(time.Minute)
	equal(f, "tombstone", f.append(cmd), tombstone)
	other := f.direct("anna", "carl", "secret")
	other.Message.ClientMsgID = "c1"
	_, err := f.store.AppendMessage(f.Context(), other)
	f.Refused(err, chat.ErrClientMsgIDReused)
	f.Quiet()
}

func testRefusedMessages(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	inRoom := f.append(f.toRoom("anna", room.ID, "first"))
	f.Events.Take()

	strangers := f.direct("anna", "bert", "hi")
	strangers.RequireFriends = true
	lost := f.toRoom("anna", room.ID, "re")
	lost.Message.ReplyTo = "no-such-message"
	crossed := f.direct("anna", "bert", "re")
	crossed.Message.ReplyTo = inRoom.ID
	for _, test := range []struct {
		cmd  chat.Append
		want error
	}{
		{f.toRoom("anna", "no-such-room", "x"), chat.ErrRoomNotFound},
		{f.toRoom("bert", room.ID, "x"), chat.ErrNotInRoom},
		{strangers, chat.ErrNotFriends},
		{lost, chat.ErrMessageNotFound},
		{crossed, chat.ErrMessageNotFound},
	} {
		test.cmd.Message.ClientMsgID = f.id("client")
		_, err := f.store.AppendMessage(f.Context(), test.cmd)
		f.Refused(err, test.want)
		_, found, err := f.store.Sent(f.Context(), test.cmd.Message.SenderID, test.cmd.Message.ClientMsgID)
		f.Must(err)
		equal(f, "client id is taken", found, false)
	}
	_, err := f.store.AppendMessage(f.Context(), lost)
	if refused := refusal.Of(err); refused == nil || refused.Field != "replyTo" {
		f.Errorf("refused reply: got %v, want the field replyTo", err)
	}
	f.Quiet()
	equal(f, "next seq in the room", f.append(f.toRoom("anna", room.ID, "second")).Seq, inRoom.Seq+1)
	equal(f, "first seq of the two", f.append(f.direct("anna", "bert", "hi")).Seq, int64(1))
}

func testPages(f *fixture) {
	var ids []string
	for i := range 7 {
		ids = append(ids, f.append(f.direct("anna", "bert", fmt.Sprint(i))).ID)
	}
	elsewhere := f.append(f.direct("anna", "carl", "x"))
	conversation := chat.DirectID("anna", "bert")
	for _, test := range []struct {
		before, after string
		limit         int
		want          []string
		more          bool
	}{
		{"", "", 3, []string{"4", "5", "6"}, true},
		{"", "", 7, []string{"0", "1", "2", "3", "4", "5", "6"}, false},
		{ids[4], "", 3, []string{"1", "2", "3"}, true},
		{ids[3], "", 3, []string{"0", "1", "2"}, false},
		{ids[0], "", 3, []string{}, false},
		{"", ids[2], 3, []string{"3", "4", "5"}, true},
		{"", ids[3], 3, []string{"4", "5", "6"}, false},
		{"", ids[6], 3, []string{}, false},
	} {
		q := chat.MessageQuery{ConversationID: conversation, Before: test.before, After: test.after, Limit: test.limit}
		page, err := f.store.Messages(f.Context(), q)
		f.Must(err)
		equal(f, fmt.Sprintf("messages of %+v", q), contents(page.Messages), test.want)
		equal(f, fmt.Sprintf("more of %+v", q), page.More, test.more)
	}
	for _, cursor := range []string{elsewhere.ID, "no-such-message"} {
		_, err := f.store.Messages(f.Context(), chat.MessageQuery{ConversationID: conversation, Before: cursor, Limit: 3})
		f.Refused(err, chat.ErrMessageNotFound)
	}
}

func testUnread(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	send := func(cmd chat.Append, second int) chat.Message {
		cmd.Message.Timestamp = start.Add(time.Duration(second) * time.Second)
		return f.append(cmd)
	}
	send(f.toRoom("anna", room.ID, "before bert came"), 0)
	f.join("bert", room.ID)
	send(f.direct("anna", "bert", "direct 1"), 1)
	send(f.toRoom("anna", room.ID, "room 2"), 2)
	deleted := send(f.toRoom("anna", room.ID, "deleted 3"), 3)
	read := send(f.direct("carl", "bert", "carl 4"), 4)
	send(f.direct("carl", "bert", "carl 5"), 5)
	send(f.toRoom("bert", room.ID, "own 6"), 6)
	send(f.toRoom("anna", room.ID, "room 7"), 7)
	send(f.direct("anna", "carl", "not bert's"), 8)
	f.remove("anna", deleted)
	_, err := f.store.MarkRead(f.Context(), chat.MarkRead{Reader: actor("bert"), MessageIDs: []string{read.ID}, At: start})
	f.Must(err)

	for limit, want := range map[int][]string{
		100: {"direct 1", "room 2", "carl 5", "room 7"},
		4:   {"direct 1", "room 2", "carl 5", "room 7"},
		2:   {"carl 5", "room 7"},
	} {
		got, err := f.unread("bert", limit)
		f.Must(err)
		equal(f, fmt.Sprintf("newest %d", limit), contents(got), want)
	}
	f.leave("bert", room.ID)
	got, err := f.unread("bert", 100)
	f.Must(err)
	equal(f, "after leaving the room", contents(got), []string{"direct 1", "carl 5"})
	got, err = f.unread("stranger", 100)
	f.Must(err)
	equal(f, "of a stranger", got, []chat.Message{})
}

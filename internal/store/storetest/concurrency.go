package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func testEndedContext(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.Events.Take()
	ctx := suite.Ended(f.Context())
	_, err := f.store.AppendMessage(ctx, f.direct("anna", "bert", "too late"))
	f.Refused(err, context.Canceled)
	_, err = f.store.Join(ctx, chat.Join{RoomID: room.ID, Actor: actor("bert"), At: start})
	f.Refused(err, context.Canceled)
	equal(f, "history", f.all(chat.DirectID("anna", "bert")), []chat.Message{})
	f.Quiet()
}

// testManySenders: a conversation's seqs have no holes and the sink sees them in
// their order.
func testManySenders(f *fixture) {
	const senders, each = 20, 25
	room := f.room(chat.RoomPublic, 100, "owner")
	for i := range senders {
		f.join(chat.UserID(fmt.Sprint("user-", i)), room.ID)
	}
	suite.AtOnce(senders, func(i int) {
		sender := chat.UserID(fmt.Sprint("user-", i))
		last := int64(0)
		for n := range each {
			m, err := f.store.AppendMessage(f.Context(), f.toRoom(sender, room.ID, fmt.Sprint(n)))
			if err != nil {
				f.Error(err)
				return
			}
			if m.Seq <= last {
				f.Errorf("%s: seq %d came after %d", sender, m.Seq, last)
			}
			last = m.Seq
		}
	})
	want := 1 + senders + senders*each
	events := f.Events.Take()
	equal(f, "number of events", len(events), want)
	for i, e := range events {
		equal(f, "seq at the sink", e.Seq, int64(i+1))
	}
	for i, m := range f.all(room.ConversationID) {
		equal(f, "seq in the history", m.Seq, int64(i+2+senders))
	}
}

// testManyConversations: neighbours in a batch do not disturb each other's logs.
func testManyConversations(f *fixture) {
	const pairs, each = 16, 20
	suite.AtOnce(pairs, func(i int) {
		a, b := chat.UserID(fmt.Sprint("a", i)), chat.UserID(fmt.Sprint("b", i))
		for n := range each {
			m, err := f.store.AppendMessage(f.Context(), f.direct(a, b, fmt.Sprint(n)))
			if err != nil || m.Seq != int64(n+1) {
				f.Errorf("pair %d: message %d has seq %d, error %v", i, n, m.Seq, err)
				return
			}
		}
	})
	equal(f, "number of events", len(f.Events.Take()), pairs*each)
}

func testSameClientMsgID(f *fixture) {
	const callers = 32
	got := make([]chat.Message, callers)
	suite.AtOnce(callers, func(i int) {
		cmd := f.direct("anna", "bert", "once")
		cmd.Message.ClientMsgID = "c1"
		var err error
		if got[i], err = f.store.AppendMessage(f.Context(), cmd); err != nil {
			f.Error(err)
		}
	})
	stored := f.all(chat.DirectID("anna", "bert"))
	equal(f, "number of messages", len(stored), 1)
	for i := range got {
		equal(f, "answer", got[i], stored[0])
	}
	equal(f, "number of events", len(f.Events.Take()), 1)
}

func testCapacity(f *fixture) {
	const capacity, callers = 10, 40
	room := f.room(chat.RoomPublic, capacity, "owner")
	var joined atomic.Int64
	suite.AtOnce(callers, func(i int) {
		isNew, err := f.tryJoin(chat.UserID(fmt.Sprint("user-", i)), room.ID)
		switch {
		case err == nil && isNew:
			joined.Add(1)
		case !errors.Is(err, chat.ErrRoomFull):
			f.Errorf("caller %d: new %v, error %v", i, isNew, err)
		}
	})
	equal(f, "joined", joined.Load(), capacity-1)
	got, err := f.store.Room(f.Context(), room.ID)
	f.Must(err)
	equal(f, "members", len(got.Members), capacity)
	equal(f, "events", len(f.Events.Take()), capacity)
}

// testRefusedAmongAccepted: refusals in the same batch take no seq.
func testRefusedAmongAccepted(f *fixture) {
	const callers, each = 12, 15
	room := f.room(chat.RoomPublic, 100, "member")
	f.Events.Take()
	suite.AtOnce(callers, func(i int) {
		for range each {
			sender, want := chat.UserID("member"), error(nil)
			if i%2 == 1 {
				sender, want = "stranger", chat.ErrNotInRoom
			}
			_, err := f.store.AppendMessage(f.Context(), f.toRoom(sender, room.ID, "x"))
			if !errors.Is(err, want) {
				f.Errorf("%s: got error %v, want %v", sender, err, want)
			}
		}
	})
	messages := f.all(room.ConversationID)
	equal(f, "number of messages", len(messages), callers*each/2)
	for i, m := range messages {
		equal(f, "seq", m.Seq, int64(i+2))
	}
	equal(f, "number of events", len(f.Events.Take()), callers*each/2)
}

// testReopen: what was acknowledged is there for a process that opens the
// database after the death of the first, and the logs go on where they were.
func testReopen(f *fixture) {
	room := f.room(chat.RoomPrivate, 10, "anna")
	f.invite("anna", room, "bert")
	f.join("bert", room.ID)
	cmd := f.toRoom("bert", room.ID, "hi")
	cmd.Message.ClientMsgID = "c1"
	said := f.append(cmd)
	direct := f.append(f.direct("anna", "bert", "psst"))
	f.markRead("anna", said)

	f.Events = &suite.Recorder[chat.Event]{}
	f.open()
	f.Quiet()
	equal(f, "room messages", f.all(room.ConversationID), []chat.Message{said})
	equal(f, "direct messages", f.all(direct.ConversationID), []chat.Message{direct})
	equal(f, "repeated", f.append(cmd), said)
	equal(f, "joined again", f.join("bert", room.ID), false)
	equal(f, "receipts given again", f.markRead("anna", said), nil)
	unread, err := f.unread("bert", 100)
	f.Must(err)
	equal(f, "unread", contents(unread), []string{"psst"})
	f.Quiet()
	equal(f, "next seq", f.append(f.toRoom("anna", room.ID, "again")).Seq, said.Seq+1)
}

// testMarkReadAtOnce: each message is receipted once, though many devices report
// it, and the mark ends at the newest.
func testMarkReadAtOnce(f *fixture) {
	const messages, devices = 20, 5
	var ids []string
	for i := range messages {
		ids = append(ids, f.append(f.direct("anna", "bert", fmt.Sprint(i))).ID)
	}
	f.Events.Take()
	var answered atomic.Int64
	suite.AtOnce(messages*devices, func(i int) {
		receipts, err := f.store.MarkRead(f.Context(), chat.MarkRead{
			Reader: actor("bert"), MessageIDs: ids[i/devices : i/devices+1], At: readTime, MaxReceiptMembers: 3,
		})
		if err != nil {
			f.Error(err)
		}
		answered.Add(int64(len(receipts)))
	})
	receipted, mark := make(map[string]bool), int64(0)
	for _, e := range f.Events.Take() {
		if e.Kind == chat.ConversationRead {
			if e.Mark.Seq <= mark {
				f.Errorf("the mark went from %d to %d", mark, e.Mark.Seq)
			}
			mark = e.Mark.Seq
			continue
		}
		for _, r := range e.Receipts {
			if receipted[r.MessageID] {
				f.Errorf("%s was receipted twice", r.MessageID)
			}
			receipted[r.MessageID] = true
		}
	}
	equal(f, "mark", mark, messages)
	equal(f, "receipts answered and published", int(answered.Load()), len(receipted))
	unread, err := f.unread("bert", 100)
	f.Must(err)
	equal(f, "unread", unread, []chat.Message{})
}

package storetest

import (
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

func (f *fixture) retain(now time.Time) int {
	f.Helper()
	removed, err := f.store.Retain(f.Context(), chat.Retain{Now: now, Portion: 3})
	f.Must(err)
	return removed
}

func testRetain(f *fixture) {
	const day = 24 * time.Hour
	room := f.room(chat.RoomPublic, 10, "anna") // keeps for 30 days
	f.join("bert", room.ID)
	send := func(age time.Duration, content string) chat.Message {
		cmd := f.toRoom("anna", room.ID, content)
		cmd.Message.Timestamp = start.Add(age)
		return f.append(cmd)
	}
	for range 10 {
		cmd := f.toRoom("anna", room.ID, "old trout")
		cmd.Message.Mentions = []chat.UserID{"bert"}
		f.append(cmd)
	}
	old := f.all(room.ConversationID)[0]
	f.react("bert", old, "👍", true)
	recent := send(10*day, "recent trout")
	direct := f.append(f.direct("anna", "bert", "old, direct"))
	forever := f.room(chat.RoomPublic, 10, "anna")
	never := time.Duration(0)
	f.Must(f.store.UpdateRoom(f.Context(), chat.UpdateRoom{RoomID: forever.ID, Actor: actor("anna"), MessageRetention: &never, At: start}))
	kept := f.append(f.toRoom("anna", forever.ID, "old, for ever"))
	f.indexed()
	f.Events.Take()

	equal(f, "removed too early", f.retain(start.Add(29*day)), 0)
	equal(f, "removed", f.retain(start.Add(35*day)), 13)
	equal(f, "removed again", f.retain(start.Add(35*day)), 0)
	f.Quiet()
	equal(f, "history", f.all(room.ConversationID), []chat.Message{recent})
	equal(f, "direct", f.all(direct.ConversationID), []chat.Message{direct})
	equal(f, "for ever", f.all(forever.ConversationID), []chat.Message{kept})
	equal(f, "found", f.search("bert", "trout"), []string{"recent trout"})
	c := f.conversations("bert")
	for _, one := range c {
		if one.Room != nil {
			equal(f, "of the room", []any{one.FirstSeq, one.Seq, one.Unread, one.Mentions}, []any{int64(14), int64(14), 1, 0})
		}
	}
	equal(f, "who is in it", f.read(room).Members, []chat.UserID{"anna", "bert"})
	for since, reset := range map[int64]bool{12: true, 13: false, 14: false} {
		equal(f, "reset", f.sync("bert", map[string]int64{room.ConversationID: since}).Conversations[0].Reset, reset)
	}
	equal(f, "removed when all is old", f.retain(start.Add(100*day)), 1)
	equal(f, "next seq", send(100*day, "new").Seq, int64(15))

	n, err := f.store.Retain(f.Context(), chat.Retain{Now: start.Add(20 * day), DirectRetention: 10 * day, Portion: 3})
	f.Must(err)
	equal(f, "removed of direct conversations", n, 2) // the indexer's as well
	equal(f, "direct", f.all(direct.ConversationID), []chat.Message{})
}

// testRetainedReference: an event of what retention has removed still has its place.
func testRetainedReference(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	m := f.append(f.toRoom("anna", room.ID, "x"))
	late := pin("anna", m, true)
	late.At = start.Add(20 * 24 * time.Hour)
	_, err := f.store.PinMessage(f.Context(), late)
	f.Must(err)
	equal(f, "removed", f.retain(start.Add(40*24*time.Hour)), 2)
	c := f.sync("anna", map[string]int64{room.ConversationID: 2}).Conversations[0]
	equal(f, "event", *c.Events[0].Message, chat.Message{
		ID: m.ID, ConversationID: room.ConversationID, RoomID: room.ID, DeletedAt: late.At,
	})
}

// testSearchAfterRetention: nothing that is stored after all else was removed is taken
// for indexed.
func testSearchAfterRetention(f *fixture) {
	f.append(f.direct("anna", "bert", "old trout"))
	f.indexed()
	_, err := f.store.Retain(f.Context(), chat.Retain{Now: start.Add(time.Hour), DirectRetention: time.Minute, Portion: 10})
	f.Must(err)
	f.append(f.direct("anna", "bert", "new trout"))
	f.indexed()
	equal(f, "found", f.search("bert", "trout"), []string{"new trout"})
}

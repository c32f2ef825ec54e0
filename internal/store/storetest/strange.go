package storetest

import (
	"github.com/sockeye-im/sockeye/internal/chat"
)

// testStrangeIDs: clients ask for what they like. An id that nothing can have is one that nothing has, and beside it the
// others are found.
func testStrangeIDs(f *fixture) {
	f.known("anna", "bert")
	room := f.room(chat.RoomPublic, 10, "anna")
	m := f.append(f.toRoom("anna", room.ID, "hi"))
	ctx := f.Context()
	for _, id := range []string{"a\x00b", "\x00", room.ID + "\xff", "\xc3(", "\xed\xa0\x80"} {
		user := chat.UserID(id)
		nothing := func(what string, found bool, err error) {
			f.Helper()
			f.Must(err)
			if found {
				f.Errorf("%s %q was found", what, id)
			}
		}
		_, err := f.store.Room(ctx, id)
		f.Refused(err, chat.ErrRoomNotFound)
		_, err = f.store.Members(ctx, "anna", chat.MemberQuery{RoomID: id, Limit: 10})
		f.Refused(err, chat.ErrRoomNotFound)
		_, err = f.store.Bans(ctx, "anna", chat.BanQuery{RoomID: id, Limit: 10})
		f.Refused(err, chat.ErrRoomNotFound)
		_, err = f.store.Join(ctx, chat.Join{RoomID: id, Actor: actor("bert"), At: start, Quota: chat.Quota{}})
		f.Refused(err, chat.ErrRoomNotFound)
		_, _, err = f.store.Message(ctx, id, "anna")
		f.Refused(err, chat.ErrMessageNotFound)
		_, err = f.store.Thread(ctx, "anna", chat.ThreadQuery{MessageID: id, Limit: 10})
		f.Refused(err, chat.ErrMessageNotFound)
		_, err = f.store.Messages(ctx, chat.MessageQuery{ConversationID: m.ConversationID, Before: id, Limit: 10})
		f.Refused(err, chat.ErrMessageNotFound)
		_, err = f.store.MarkRead(ctx, chat.MarkRead{Reader: actor("anna"), MessageIDs: []string{id}, At: start, MaxReceiptMembers: 100})
		f.Refused(err, chat.ErrMessageNotFound)
		_, err = f.store.MarkRead(ctx, chat.MarkRead{Reader: actor("anna"), MessageIDs: []string{id, m.ID}, At: start, MaxReceiptMembers: 100})
		f.Must(err)
		_, found, err := f.store.Sent(ctx, "anna", id)
		nothing("client id", found, err)
		_, found, err = f.store.Access(ctx, chat.ConversationRef{RoomID: id}, "anna")
		nothing("room", found, err)
		_, found, err = f.store.Access(ctx, chat.ConversationRef{ConversationID: id}, "anna")
		nothing("conversation", found, err)
		page, err := f.store.Messages(ctx, chat.MessageQuery{ConversationID: id, Limit: 10})
		nothing("message", len(page.Messages) > 0, err)
		pinned, err := f.store.Pinned(ctx, id, 10)
		nothing("pin", len(pinned) > 0, err)
		blocked, err := f.store.Blocked(ctx, "anna", user)
		nothing("block", blocked, err)
		rooms, err := f.store.Memberships(ctx, user)
		nothing("membership", len(rooms) > 0, err)

		stays, err := f.store.MembershipsAmong(ctx, "anna", []string{id, room.ID})
		f.Must(err)
		equal(f, "memberships", stays, []chat.Stay{{RoomID: room.ID, ConversationID: room.ConversationID, Since: 1}})
		names, err := f.store.Names(ctx, []chat.UserID{user, "anna"})
		f.Must(err)
		equal(f, "names", names, chat.Names{"anna": {Name: actor("anna").Name}})
		synced := f.sync("anna", map[string]int64{id: 0, m.ConversationID: 0})
		equal(f, "synced", len(synced.Conversations), 2)
		for _, c := range synced.Conversations {
			equal(f, "gone is the strange one", c.Gone, c.ConversationID == id)
		}
	}
}

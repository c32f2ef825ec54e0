package storetest

import (
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// testQuotas: what a user has made and is in is counted where it is added, and nothing else.
func testQuotas(f *fixture) {
	create := func(quota chat.Quota) error {
		f.Helper()
		room := chat.Room{ID: f.id("room"), ConversationID: f.id("room:c"), Name: "N", Type: chat.RoomPublic, MaxMembers: 9, CreatedBy: "anna", CreatedAt: start}
		return f.store.CreateRoom(f.Context(), chat.NewRoom{Room: room, Creator: actor("anna"), Quota: quota})
	}
	join := func(room string, quota chat.Quota) (bool, error) {
		f.Helper()
		return f.store.Join(f.Context(), chat.Join{RoomID: room, Actor: actor("anna"), At: start, Quota: quota})
	}
	other, another := f.room(chat.RoomPublic, 9, "bert"), f.room(chat.RoomPublic, 9, "bert")
	f.append(f.direct("anna", "bert", "no room"))
	f.Must(create(chat.Quota{Rooms: 2, Memberships: 3}))
	mine := f.room(chat.RoomPublic, 9, "anna")
	f.Events.Take()
	f.Refused(create(chat.Quota{Rooms: 2}), chat.ErrTooManyRooms)
	f.Refused(create(chat.Quota{Rooms: 3, Memberships: 2}), chat.ErrTooManyMemberships)
	_, err := join(other.ID, chat.Quota{Memberships: 2})
	f.Refused(err, chat.ErrTooManyMemberships)
	_, err = f.store.Room(f.Context(), other.ID)
	f.Must(err)
	f.Quiet()

	joined, err := join(other.ID, chat.Quota{Rooms: 2, Memberships: 3})
	f.Must(err)
	equal(f, "joined", joined, true)
	joined, err = join(other.ID, chat.Quota{Memberships: 3})
	f.Must(err)
	equal(f, "a member enters again", joined, false)
	_, err = join(another.ID, chat.Quota{Memberships: 3})
	f.Refused(err, chat.ErrTooManyMemberships)
	f.Must(f.store.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: mine.ID, Actor: actor("anna"), At: start}))
	f.Must(create(chat.Quota{Rooms: 2, Memberships: 3}))
	f.leave("anna", other.ID)
	joined, err = join(another.ID, chat.Quota{Memberships: 3})
	f.Must(err)
	equal(f, "after leaving one", joined, true)

	var made atomic.Int32
	suite.AtOnce(16, func(int) {
		if create(chat.Quota{Rooms: 5}) == nil {
			made.Add(1)
		}
	})
	equal(f, "made at once", made.Load(), 3)
}

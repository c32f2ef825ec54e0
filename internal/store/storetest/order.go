package storetest

import (
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// inOrder are users by the bytes of their ids, which no language puts in this order.
var inOrder = []chat.UserID{"A-2", "B", "a", "a-1", "a1", "b", "Ä", "ä", "中"}

// testOrderOfIDs: ids have one order everywhere, that of their bytes. Friends are stored by it, pages follow it.
func testOrderOfIDs(f *fixture) {
	f.known(inOrder...)
	for _, a := range inOrder {
		for _, b := range inOrder {
			if a >= b {
				continue
			}
			f.befriend(b, a)
			for _, cmd := range []chat.Append{f.direct(a, b, "hi"), f.direct(b, a, "ho")} {
				cmd.RequireFriends = true
				f.append(cmd)
			}
		}
	}
	room := f.room(chat.RoomPublic, 100, "a")
	for _, user := range inOrder {
		if user != "a" {
			f.join(user, room.ID)
		}
	}
	var members []chat.UserID
	for q := (chat.MemberQuery{RoomID: room.ID, Limit: 2}); ; {
		page, err := f.store.Members(f.Context(), "a", q)
		f.Must(err)
		for _, m := range page.Members {
			members = append(members, m.UserID)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	equal(f, "members", members, inOrder)

	rooms := []string{"A", "B-", "B2", "_", "a", "b.c"}
	for _, id := range rooms {
		made := chat.Room{ID: id, ConversationID: "room:" + id, Name: "N", Type: chat.RoomPublic, MaxMembers: 2, CreatedBy: "B", CreatedAt: start}
		f.Must(f.store.CreateRoom(f.Context(), chat.NewRoom{Room: made, Creator: actor("B")}))
	}
	for _, filter := range []chat.RoomFilter{chat.RoomsPublic, chat.RoomsMine} {
		var found []string
		for q := (chat.RoomQuery{Filter: filter, Limit: 2}); ; {
			page, err := f.store.Rooms(f.Context(), "B", q)
			f.Must(err)
			for _, r := range page.Rooms {
				found = append(found, r.ID)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		equal(f, "rooms", found, slices.Sorted(slices.Values(append([]string{room.ID}, rooms...))))
	}
	memberships, err := f.store.Memberships(f.Context(), "B")
	f.Must(err)
	equal(f, "memberships", memberships, slices.Sorted(slices.Values(append([]string{room.ID}, rooms...))))
}

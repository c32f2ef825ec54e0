package storetest

import (
	"fmt"
	"math"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// membershipEvent is of a user's own doing.
func membershipEvent(kind chat.EventKind, room chat.Room, seq int64, user chat.UserID, role chat.Role) chat.Event {
	at := chat.Place{ConversationID: room.ConversationID, Seq: seq, At: start, By: user, Origin: actor(user).Origin}
	return chat.NewMembershipEvent(kind, at, member(room, user, role))
}

func member(room chat.Room, user chat.UserID, role chat.Role) chat.Membership {
	return chat.Membership{RoomID: room.ID, UserID: user, UserName: actor(user).Name, Role: role}
}

func testCreateRoom(f *fixture) {
	room := f.room(chat.RoomPrivate, 7, "anna")
	equal(f, "events", f.Events.Take(), []chat.Event{
		membershipEvent(chat.MemberJoined, room, 1, "anna", chat.RoleAdmin),
	})
	got, err := f.store.Room(f.Context(), room.ID)
	f.Must(err)
	equal(f, "stored room", got, room)

	taken := room
	taken.ConversationID, taken.Name = "room:other", "Another"
	f.Refused(f.store.CreateRoom(f.Context(), chat.NewRoom{Room: taken, Creator: actor("bert")}), chat.ErrRoomExists)
	f.Quiet()
	got, err = f.store.Room(f.Context(), room.ID)
	f.Must(err)
	equal(f, "room after a second of its name", got, room)
	_, err = f.store.Room(f.Context(), "no-such-room")
	f.Refused(err, chat.ErrRoomNotFound)
}

func testJoin(f *fixture) {
	room := f.room(chat.RoomPublic, 2, "anna")
	f.Events.Take()
	equal(f, "joined", f.join("bert", room.ID), true)
	equal(f, "events", f.Events.Take(), []chat.Event{
		membershipEvent(chat.MemberJoined, room, 2, "bert", chat.RoleMember),
	})
	equal(f, "joined the full room again", f.join("bert", room.ID), false)
	f.Quiet()
	equal(f, "next seq", f.append(f.toRoom("bert", room.ID, "hi")).Seq, int64(3))

	second := f.room(chat.RoomPublic, 10, "bert")
	f.append(f.direct("bert", "anna", "not a room"))
	rooms, err := f.store.Memberships(f.Context(), "bert")
	f.Must(err)
	equal(f, "bert's rooms", rooms, slices.Sorted(slices.Values([]string{room.ID, second.ID})))
	rooms, err = f.store.Memberships(f.Context(), "stranger")
	f.Must(err)
	equal(f, "a stranger's rooms", rooms, []string{})
}

func testJoinRefusals(f *fixture) {
	public := f.room(chat.RoomPublic, 2, "anna")
	private := f.room(chat.RoomPrivate, 2, "anna")
	direct := f.room(chat.RoomDirect, 2, "anna")
	f.invite("anna", private, "banned")
	f.ban("anna", public, "banned")
	f.ban("anna", private, "banned")
	f.Events.Take()
	for _, test := range []struct {
		user chat.UserID
		room string
		want error
	}{
		{"bert", "no-such-room", chat.ErrRoomNotFound},
		{"banned", public.ID, chat.ErrBanned},
		{"banned", private.ID, chat.ErrBanned},
		{"bert", private.ID, chat.ErrPrivateRoom},
		{"bert", direct.ID, chat.ErrJoinNotPermitted},
	} {
		_, err := f.tryJoin(test.user, test.room)
		f.Refused(err, test.want)
	}
	f.Quiet()

	for _, room := range []chat.Room{public, private, direct} {
		f.invite("anna", room, "bert")
		f.invite("anna", room, "late")
		equal(f, "joined by invitation", f.join("bert", room.ID), true)
		_, err := f.tryJoin("late", room.ID)
		f.Refused(err, chat.ErrRoomFull)
	}
	f.leave("bert", private.ID)
	_, err := f.tryJoin("bert", private.ID)
	f.Refused(err, chat.ErrPrivateRoom) // the invitation is used up
	equal(f, "the late one's is not", f.join("late", private.ID), true)
}

func testLeave(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.Events.Take()
	equal(f, "left", f.leave("bert", room.ID), true)
	equal(f, "events", f.Events.Take(), []chat.Event{
		membershipEvent(chat.MemberLeft, room, 3, "bert", chat.RoleMember),
	})
	equal(f, "left again", f.leave("bert", room.ID), false)
	f.Quiet()
	_, err := f.store.Leave(f.Context(), chat.Leave{RoomID: "no-such-room", Actor: actor("anna"), At: start})
	f.Refused(err, chat.ErrRoomNotFound)
	_, err = f.store.AppendMessage(f.Context(), f.toRoom("bert", room.ID, "still here?"))
	f.Refused(err, chat.ErrNotInRoom)
	got, err := f.store.Room(f.Context(), room.ID)
	f.Must(err)
	equal(f, "room", got, room)
}

func testAdminFollows(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.known("zoe")
	for _, user := range []chat.UserID{"zoe", "bert", "carl"} {
		f.join(user, room.ID)
	}
	f.Events.Take()
	f.leave("anna", room.ID)
	equal(f, "events", f.Events.Take(), []chat.Event{
		membershipEvent(chat.MemberLeft, room, 5, "anna", chat.RoleAdmin),
		chat.NewMembershipEvent(chat.MemberRole, chat.Place{
			ConversationID: room.ConversationID, Seq: 6, At: start, By: "anna",
		}, member(room, "zoe", chat.RoleAdmin)),
	})
	f.leave("bert", room.ID)
	equal(f, "number of events when another leaves", len(f.Events.Take()), 1)
	got, err := f.store.Room(f.Context(), room.ID)
	f.Must(err)
	equal(f, "members", got.Members, []chat.UserID{"zoe", "carl"})
	equal(f, "admins", got.Admins, []chat.UserID{"zoe"})
}

func testEmptyRooms(f *fixture) {
	for kind, stays := range map[chat.RoomType]bool{chat.RoomPublic: true, chat.RoomPrivate: true, chat.RoomDirect: false} {
		room := f.room(kind, 10, "anna")
		said := f.append(f.toRoom("anna", room.ID, "anybody?"))
		f.invite("anna", room, "bert")
		f.leave("anna", room.ID)
		if !stays {
			_, err := f.store.Room(f.Context(), room.ID)
			f.Refused(err, chat.ErrRoomNotFound)
			renewed := room
			renewed.ConversationID = f.id("room:c")
			f.Must(f.store.CreateRoom(f.Context(), chat.NewRoom{Room: renewed, Creator: actor("bert")}))
			equal(f, "messages in a new room of the old id", f.all(renewed.ConversationID), []chat.Message{})
			continue
		}
		f.join("bert", room.ID)
		got, err := f.store.Room(f.Context(), room.ID)
		f.Must(err)
		equal(f, "admins after the room stood empty", got.Admins, []chat.UserID{"bert"})
		equal(f, "messages", f.all(room.ConversationID), []chat.Message{said})
	}
}

func testRoomLists(f *fixture) {
	room := f.room(chat.RoomPublic, 1000, "anna")
	f.ban("anna", room, "banned")
	want := []chat.UserID{"anna"}
	for i := range chat.ListedMembers - 1 {
		// Not in the order of the alphabet, to tell it from that of joining.
		user := chat.UserID(fmt.Sprintf("user-%d", 1000-i))
		want = append(want, user)
		f.join(user, room.ID)
	}
	got, err := f.store.Room(f.Context(), room.ID)
	f.Must(err)
	equal(f, "count", got.MemberCount, chat.ListedMembers)
	equal(f, "members", got.Members, want)
	equal(f, "banned", got.Banned, []chat.UserID{"banned"})

	f.join("one-more", room.ID)
	got, err = f.store.Room(f.Context(), room.ID)
	f.Must(err)
	equal(f, "count of the larger room", got.MemberCount, chat.ListedMembers+1)
	equal(f, "lists of the larger room", [][]chat.UserID{got.Members, got.Admins, got.Banned}, [][]chat.UserID{nil, nil, nil})
}

func testAccess(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	dm := f.append(f.direct("anna", "bert", "hi")).ConversationID
	for _, test := range []struct {
		ref   chat.ConversationRef
		user  chat.UserID
		want  chat.Access
		found bool
	}{
		{chat.ConversationRef{RoomID: room.ID}, "anna", chat.Access{ConversationID: room.ConversationID, RoomID: room.ID, FirstSeq: 1, Seq: 1, Member: true}, true},
		{chat.ConversationRef{ConversationID: room.ConversationID}, "anna", chat.Access{ConversationID: room.ConversationID, RoomID: room.ID, FirstSeq: 1, Seq: 1, Member: true}, true},
		{chat.ConversationRef{RoomID: room.ID}, "bert", chat.Access{ConversationID: room.ConversationID, RoomID: room.ID, FirstSeq: 1, Seq: 1}, true},
		{chat.ConversationRef{RoomID: "no-such-room"}, "anna", chat.Access{}, false},
		{chat.ConversationRef{ConversationID: dm}, "bert", chat.Access{ConversationID: dm, FirstSeq: 1, Seq: 1, Member: true}, true},
		{chat.ConversationRef{ConversationID: dm}, "carl", chat.Access{ConversationID: dm, FirstSeq: 1, Seq: 1}, true},
		{chat.ConversationRef{ConversationID: "dm:none"}, "anna", chat.Access{}, false},
	} {
		got, found, err := f.store.Access(f.Context(), test.ref, test.user)
		f.Must(err)
		equal(f, fmt.Sprintf("found %+v", test), found, test.found)
		equal(f, fmt.Sprintf("access %+v", test), got, test.want)
	}
}

func testMembershipsAmong(f *fixture) {
	one, two, three := f.room(chat.RoomPublic, 10, "anna"), f.room(chat.RoomPublic, 10, "bert"), f.room(chat.RoomPublic, 10, "carl")
	f.join("anna", three.ID)
	among := func(user chat.UserID, rooms ...string) []chat.Stay {
		f.Helper()
		found, err := f.store.MembershipsAmong(f.Context(), user, rooms)
		f.Must(err)
		return found
	}
	since := func(seq int64, room *chat.Room) chat.Stay {
		return chat.Stay{RoomID: room.ID, ConversationID: room.ConversationID, Since: seq}
	}
	none := []chat.Stay{}
	equal(f, "of some", among("anna", three.ID, two.ID, "none", one.ID), []chat.Stay{since(2, &three), since(1, &one)})
	equal(f, "of one", among("anna", one.ID), []chat.Stay{since(1, &one)})
	equal(f, "of others'", among("anna", two.ID), none)
	equal(f, "of none", among("anna"), none)
	f.createMany(60, "anna", start)
	equal(f, "of some of many", among("anna", three.ID, two.ID, "none", one.ID), []chat.Stay{since(2, &three), since(1, &one)})
	equal(f, "of others' though there are many", among("anna", two.ID), none)
	f.leave("anna", three.ID)
	equal(f, "after leaving", among("anna", three.ID), none)
	f.append(f.toRoom("carl", three.ID, "4"))
	f.join("anna", three.ID)
	equal(f, "after coming back", among("anna", three.ID), []chat.Stay{since(5, &three)})
	f.Must(f.store.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: one.ID, Actor: actor("anna"), At: start}))
	equal(f, "after its end", among("anna", one.ID), none)
}

// testMembersBy: who has come later than an event did not get it.
func testMembersBy(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna") // 1
	f.join("bert", room.ID)                     // 2
	f.append(f.toRoom("bert", room.ID, "3"))
	f.join("carl", room.ID) // 4
	f.leave("bert", room.ID)
	f.join("bert", room.ID) // 6
	for _, ref := range []chat.ConversationRef{{ConversationID: room.ConversationID}, {RoomID: room.ID}} {
		for seq, want := range map[int64][]chat.UserID{
			0: {}, 1: {"anna"}, 2: {"anna"}, 4: {"anna", "carl"}, 5: {"anna", "carl"}, 6: {"anna", "bert", "carl"}, math.MaxInt64: {"anna", "bert", "carl"},
		} {
			members, head, err := f.store.MembersBy(f.Context(), ref, seq)
			f.Must(err)
			slices.Sort(members)
			equal(f, fmt.Sprint("members by ", seq), members, want)
			equal(f, "head", head, 6)
		}
	}
	f.Must(f.store.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: room.ID, Actor: actor("anna"), At: start}))
	again := room
	again.ConversationID = f.id("room:c")
	f.Must(f.store.CreateRoom(f.Context(), chat.NewRoom{Room: again, Creator: actor("dora")}))
	members, _, err := f.store.MembersBy(f.Context(), chat.ConversationRef{ConversationID: room.ConversationID}, 6)
	f.Must(err)
	equal(f, "of the log that has ended", members, []chat.UserID{})
	members, _, err = f.store.MembersBy(f.Context(), chat.ConversationRef{RoomID: room.ID}, 6)
	f.Must(err)
	equal(f, "of the room that has its id", members, []chat.UserID{"dora"})
	members, head, err := f.store.MembersBy(f.Context(), chat.ConversationRef{RoomID: "none"}, 6)
	f.Must(err)
	equal(f, "of none", []any{members, head}, []any{[]chat.UserID{}, int64(0)})
}

// testMembersOf: each once, whatever rooms they are in, page by page.
func testMembersOf(f *fixture) {
	f.known("anna", "bert", "carl", "dora", "eve")
	one, two, empty := f.room(chat.RoomPublic, 10, "bert"), f.room(chat.RoomPrivate, 10, "anna"), f.room(chat.RoomPublic, 10, "eve")
	other := f.room(chat.RoomPublic, 10, "eve")
	for _, user := range []chat.UserID{"carl", "dora", "\u6797"} {
		f.join(user, one.ID)
	}
	f.Must(f.store.Invite(f.Context(), about("anna", two, "carl")))
	f.join("carl", two.ID)
	rooms := []string{one.ID, "no-such-room", two.ID, one.ID}
	pages := func(rooms []string, limit int) (all []chat.UserID) {
		f.Helper()
		for after := chat.UserID(""); ; {
			page, err := f.store.MembersOf(f.Context(), rooms, after, limit)
			f.Must(err)
			if len(page) > limit {
				f.Fatalf("%d of at most %d", len(page), limit)
			}
			if all = append(all, page...); len(page) == 0 {
				return all
			}
			after = page[len(page)-1]
		}
	}
	want := []chat.UserID{"anna", "bert", "carl", "dora", "\u6797"}
	for limit := 1; limit <= len(want)+1; limit++ {
		equal(f, fmt.Sprint("by ", limit), pages(rooms, limit), want)
	}
	equal(f, "of one", pages([]string{empty.ID}, 2), []chat.UserID{"eve"})
	equal(f, "of none", pages([]string{"no-such-room"}, 2), nil)
	equal(f, "without rooms", pages(nil, 2), nil)
	there, err := f.store.RoomsAmong(f.Context(), []string{two.ID, "no-such-room", other.ID, "\x00", ""})
	f.Must(err)
	slices.Sort(there)
	want2 := []string{two.ID, other.ID}
	slices.Sort(want2)
	equal(f, "rooms", there, want2)
}

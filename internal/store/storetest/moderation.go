package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func about(by chat.UserID, room chat.Room, user chat.UserID) chat.Moderate {
	return chat.Moderate{RoomID: room.ID, Actor: actor(by), UserID: user, At: start}
}

func roleOf(by chat.UserID, room chat.Room, user chat.UserID, role chat.Role) chat.SetRole {
	return chat.SetRole{Moderate: about(by, room, user), Role: role}
}

func (f *fixture) read(room chat.Room) chat.Room {
	f.Helper()
	got, err := f.store.Room(f.Context(), room.ID)
	f.Must(err)
	return got
}

// testOnlyAdmins: every command of admins asks inside its transaction who gives it.
func testOnlyAdmins(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.join("carl", room.ID)
	f.Events.Take()
	before := f.read(room)
	name := "Bert's"
	for what, run := range map[string]func(by chat.UserID, room chat.Room) error{
		"invite": func(by chat.UserID, r chat.Room) error { return f.store.Invite(f.Context(), about(by, r, "dora")) },
		"kick":   func(by chat.UserID, r chat.Room) error { return f.store.Kick(f.Context(), about(by, r, "carl")) },
		"ban":    func(by chat.UserID, r chat.Room) error { return f.store.Ban(f.Context(), about(by, r, "carl")) },
		"unban":  func(by chat.UserID, r chat.Room) error { return f.store.Unban(f.Context(), about(by, r, "carl")) },
		"promote": func(by chat.UserID, r chat.Room) error {
			return f.store.SetRole(f.Context(), roleOf(by, r, by, chat.RoleAdmin))
		},
		"demote": func(by chat.UserID, r chat.Room) error {
			return f.store.SetRole(f.Context(), roleOf(by, r, "anna", chat.RoleMember))
		},
		"update": func(by chat.UserID, r chat.Room) error {
			return f.store.UpdateRoom(f.Context(), chat.UpdateRoom{RoomID: r.ID, Actor: actor(by), Name: &name, At: start})
		},
		"delete": func(by chat.UserID, r chat.Room) error {
			return f.store.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: r.ID, Actor: actor(by), At: start})
		},
	} {
		for by, want := range map[chat.UserID]error{"bert": chat.ErrNotAdmin, "stranger": chat.ErrNotInRoom} {
			if err := run(by, room); !errors.Is(err, want) {
				f.Errorf("%s by %s: got error %v, want %v", what, by, err, want)
			}
		}
		if err := run("anna", chat.Room{ID: "no-such-room"}); !errors.Is(err, chat.ErrRoomNotFound) {
			f.Errorf("%s in no room: got error %v", what, err)
		}
	}
	f.Quiet()
	equal(f, "room", f.read(room), before)
}

func testInvite(f *fixture) {
	room := f.room(chat.RoomPrivate, 10, "anna")
	f.known("bert")
	f.Events.Take()
	for range 2 {
		f.Must(f.store.Invite(f.Context(), about("anna", room, "bert")))
	}
	equal(f, "event", f.one(), chat.NewMembershipEvent(chat.MemberInvited, chat.Place{
		ConversationID: room.ConversationID, At: start, By: "anna", Origin: actor("anna").Origin,
	}, member(room, "bert", "")))
	page, err := f.store.Rooms(f.Context(), "bert", chat.RoomQuery{Filter: chat.RoomsInvited, Limit: 5})
	f.Must(err)
	equal(f, "rooms open to bert", len(page.Rooms), 1)
	access, _, err := f.store.Access(f.Context(), chat.ConversationRef{RoomID: room.ID}, "bert")
	f.Must(err)
	equal(f, "access", access, chat.Access{ConversationID: room.ConversationID, RoomID: room.ID, FirstSeq: 1, Seq: 1, Invited: true})
	equal(f, "joined", f.join("bert", room.ID), true)
	equal(f, "seq of the joining, which the invitation took none of", f.one().Seq, int64(2))
	f.Must(f.store.Invite(f.Context(), about("anna", room, "bert")))
	f.Must(f.store.Ban(f.Context(), about("anna", room, "carl")))
	f.Events.Take()
	f.Refused(f.store.Invite(f.Context(), about("anna", room, "carl")), chat.ErrBanned)
	f.Quiet()
}

func testKick(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.known("bert")
	f.join("bert", room.ID)
	f.Events.Take()
	f.Refused(f.store.Kick(f.Context(), about("anna", room, "carl")), chat.ErrUserNotInRoom)
	for range 2 {
		f.Must(f.store.Kick(f.Context(), about("anna", room, "bert")))
	}
	left := member(room, "bert", chat.RoleMember)
	left.Reason = chat.LeftKicked
	equal(f, "event", f.one(), chat.NewMembershipEvent(chat.MemberLeft, chat.Place{
		ConversationID: room.ConversationID, Seq: 3, At: start, By: "anna", Origin: actor("anna").Origin,
	}, left))
	_, err := f.store.AppendMessage(f.Context(), f.toRoom("bert", room.ID, "?"))
	f.Refused(err, chat.ErrNotInRoom)
	equal(f, "joined again", f.join("bert", room.ID), true)
	equal(f, "left", f.leave("bert", room.ID), true)
	f.Refused(f.store.Kick(f.Context(), about("anna", room, "bert")), chat.ErrUserNotInRoom)
}

func testBan(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.Must(f.store.Invite(f.Context(), about("anna", room, "carl")))
	f.Events.Take()
	for range 2 {
		f.Must(f.store.Ban(f.Context(), about("anna", room, "bert")))
		f.Must(f.store.Ban(f.Context(), about("anna", room, "carl")))
	}
	events := f.Events.Take()
	equal(f, "number of events", len(events), 2)
	equal(f, "kinds", []chat.EventKind{events[0].Kind, events[1].Kind}, []chat.EventKind{chat.MemberLeft, chat.MemberBanned})
	equal(f, "reason", events[0].Membership.Reason, chat.LeftBanned)
	equal(f, "seqs", []int64{events[0].Seq, events[1].Seq}, []int64{3, 4})
	equal(f, "who is told", events[1].Audience, chat.Audience{RoomID: room.ID, Users: []chat.UserID{"carl"}})
	equal(f, "banned", f.read(room).Banned, []chat.UserID{"bert", "carl"})
	for _, user := range []chat.UserID{"bert", "carl"} {
		_, err := f.tryJoin(user, room.ID)
		f.Refused(err, chat.ErrBanned)
	}
	for range 2 {
		f.Must(f.store.Unban(f.Context(), about("anna", room, "bert")))
	}
	equal(f, "kind", f.one().Kind, chat.MemberUnbanned)
	equal(f, "joined", f.join("bert", room.ID), true)
}

func testBans(f *fixture) {
	room := f.room(chat.RoomPublic, 200, "anna")
	for i := range chat.ListedMembers {
		f.join(chat.UserID(fmt.Sprintf("m%d", i)), room.ID)
	}
	f.known("bert")
	for _, user := range []chat.UserID{"dora", "bert", "carl"} {
		f.Must(f.store.Ban(f.Context(), about("anna", room, user)))
	}
	equal(f, "banned, of a large room", f.read(room).Banned, nil)
	ban := func(user chat.UserID, name string) chat.Ban {
		return chat.Ban{UserID: user, Name: name, By: "anna", At: start}
	}
	page, err := f.store.Bans(f.Context(), "anna", chat.BanQuery{RoomID: room.ID, Limit: 2})
	f.Must(err)
	equal(f, "first page", page, chat.BanPage{Next: "carl", Bans: []chat.Ban{ban("bert", "Name of bert"), ban("carl", "carl")}})
	page, err = f.store.Bans(f.Context(), "anna", chat.BanQuery{RoomID: room.ID, After: page.Next, Limit: 1})
	f.Must(err)
	equal(f, "last page", page, chat.BanPage{Bans: []chat.Ban{ban("dora", "dora")}})
	for _, user := range []chat.UserID{"bert", "carl", "dora"} {
		f.Must(f.store.Unban(f.Context(), about("anna", room, user)))
	}
	page, err = f.store.Bans(f.Context(), "anna", chat.BanQuery{RoomID: room.ID, Limit: 2})
	f.Must(err)
	equal(f, "afterwards", page, chat.BanPage{Bans: []chat.Ban{}})

	for _, refused := range []struct {
		user, room string
		want       error
	}{{"m1", room.ID, chat.ErrNotAdmin}, {"dora", room.ID, chat.ErrNotInRoom}, {"anna", "no-such-room", chat.ErrRoomNotFound}} {
		_, err := f.store.Bans(f.Context(), chat.UserID(refused.user), chat.BanQuery{RoomID: refused.room, Limit: 2})
		f.Refused(err, refused.want)
	}
}

func testRoles(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.Events.Take()
	f.Refused(f.store.SetRole(f.Context(), roleOf("anna", room, "carl", chat.RoleAdmin)), chat.ErrUserNotInRoom)
	f.Refused(f.store.SetRole(f.Context(), roleOf("anna", room, "anna", chat.RoleMember)), chat.ErrLastAdmin)
	f.Quiet()
	for range 2 {
		f.Must(f.store.SetRole(f.Context(), roleOf("anna", room, "bert", chat.RoleAdmin)))
	}
	e := f.one()
	equal(f, "role", e.Membership.Role, chat.RoleAdmin)
	equal(f, "who is told", e.Audience, chat.Audience{RoomID: room.ID, Users: []chat.UserID{"bert"}})
	for range 2 {
		f.Must(f.store.SetRole(f.Context(), roleOf("bert", room, "anna", chat.RoleMember)))
	}
	equal(f, "role", f.one().Membership.Role, chat.RoleMember)
	equal(f, "admins", f.read(room).Admins, []chat.UserID{"bert"})
}

func testAddMembers(f *fixture) {
	room := f.room(chat.RoomPrivate, 5, "anna")
	f.Must(f.store.Ban(f.Context(), about("anna", room, "banned")))
	f.append(f.toRoom("anna", room.ID, "before"))
	f.Events.Take()
	add := func(users ...chat.UserID) ([]chat.UserID, error) {
		return f.store.AddMembers(f.Context(), chat.AddMembers{RoomID: room.ID, Actor: actor("backend"), Users: users, At: start})
	}
	_, err := add("1", "2", "3", "4", "5")
	f.Refused(err, chat.ErrRoomFull)
	f.Quiet()
	added, err := add("dora", "bert", "anna", "banned", "bert")
	f.Must(err)
	equal(f, "added", added, []chat.UserID{"bert", "dora"})
	equal(f, "event", f.one(), chat.NewAddedEvent(chat.Place{
		ConversationID: room.ConversationID, Seq: 4, At: start, By: "backend", Origin: actor("backend").Origin,
	}, chat.Added{RoomID: room.ID, Count: 2, Users: []chat.UserID{"bert", "dora"}}))
	added, err = add("bert", "dora")
	f.Must(err)
	equal(f, "added again", added, []chat.UserID{})
	f.Quiet()
	equal(f, "members", f.read(room).Members, []chat.UserID{"anna", "bert", "dora"})
	unread, err := f.unread("bert", 100)
	f.Must(err)
	equal(f, "unread", contents(unread), []string{})

	for _, user := range []chat.UserID{"anna", "bert", "dora"} {
		f.leave(user, room.ID)
	}
	_, err = add("zoe", "carl")
	f.Must(err)
	equal(f, "admins of the room that stood empty", f.read(room).Admins, []chat.UserID{"carl"})
}

func testUpdateRoom(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.Events.Take()
	name, kind, most, retention := "Neu", chat.RoomPrivate, 2, chat.MinRetention
	cmd := chat.UpdateRoom{
		RoomID: room.ID, Actor: actor("anna"), Name: &name, Type: &kind, MaxMembers: &most, MessageRetention: &retention, At: start,
	}
	for range 2 {
		f.Must(f.store.UpdateRoom(f.Context(), cmd))
	}
	want := f.read(room)
	equal(f, "room", []any{want.Name, want.Description, want.Type, want.MaxMembers, want.Settings.MessageRetention},
		[]any{"Neu", room.Description, chat.RoomPrivate, 2, retention})
	equal(f, "event", f.one(), chat.NewRoomEvent(chat.RoomUpdated, chat.Place{
		ConversationID: room.ConversationID, Seq: 3, At: start, By: "anna", Origin: actor("anna").Origin,
	}, want))
	most = 1
	err := f.store.UpdateRoom(f.Context(), cmd)
	if refused := refusal.Of(err); refused == nil || refused.Code != refusal.LimitExceeded || refused.Field != "maxMembers" || refused.Limit != 2 {
		f.Errorf("fewer than there are: %v", err)
	}
	f.Quiet()
}

func testDeleteRoom(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	m := f.append(f.toRoom("bert", room.ID, "sockeye"))
	f.Events.Take()
	f.Must(f.store.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: room.ID, Actor: actor("anna"), At: start}))
	e := f.one()
	equal(f, "event", []any{e.Kind, e.Seq, e.By, e.Audience, e.Room.ID},
		[]any{chat.RoomDeleted, int64(4), chat.UserID("anna"), chat.Audience{RoomID: room.ID, Users: []chat.UserID{"anna", "bert"}}, room.ID})
	f.Refused(f.store.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: room.ID, Actor: actor("anna"), At: start}), chat.ErrRoomNotFound)
	_, err := f.store.AppendMessage(f.Context(), f.toRoom("bert", room.ID, "?"))
	f.Refused(err, chat.ErrRoomNotFound)
	_, err = f.store.EditMessage(f.Context(), edit("bert", m, "?"))
	f.Refused(err, chat.ErrMessageNotFound)
	equal(f, "sync", f.sync("bert", map[string]int64{room.ConversationID: 3}).Conversations, []chat.SyncedConversation{
		{ConversationID: room.ConversationID, Gone: true},
	})
	equal(f, "conversations", f.conversations("bert"), []chat.Summary{})
	f.retain(start)
	equal(f, "what is left", f.all(room.ConversationID), []chat.Message{})
	_, found, err := f.store.Access(f.Context(), chat.ConversationRef{ConversationID: room.ConversationID}, "bert")
	f.Must(err)
	equal(f, "found", found, false)

	again := room
	again.ConversationID = f.id("room:c")
	f.Must(f.store.CreateRoom(f.Context(), chat.NewRoom{Room: again, Creator: actor("carl")}))
	equal(f, "messages under the id of old", f.all(again.ConversationID), []chat.Message{})
}

func testDirectory(f *fixture) {
	var public []string
	for range 5 {
		public = append(public, f.room(chat.RoomPublic, 10, "anna").ID)
	}
	private := f.room(chat.RoomPrivate, 10, "anna")
	slices.Sort(public)
	list := func(user chat.UserID, q chat.RoomQuery) ([]string, string) {
		page, err := f.store.Rooms(f.Context(), user, q)
		f.Must(err)
		ids := []string{}
		for _, r := range page.Rooms {
			ids = append(ids, r.ID)
		}
		return ids, page.Next
	}
	ids, next := list("bert", chat.RoomQuery{Filter: chat.RoomsPublic, Limit: 3})
	equal(f, "first page", ids, public[:3])
	equal(f, "next", next, public[2])
	ids, next = list("bert", chat.RoomQuery{Filter: chat.RoomsPublic, After: next, Limit: 3})
	equal(f, "second page", ids, public[3:])
	equal(f, "next", next, "")
	ids, _ = list("anna", chat.RoomQuery{Filter: chat.RoomsMine, Limit: 10})
	equal(f, "anna's", ids, slices.Sorted(slices.Values(append([]string{private.ID}, public...))))
	ids, _ = list("bert", chat.RoomQuery{Filter: chat.RoomsMine, Limit: 10})
	equal(f, "bert's", ids, []string{})

	f.known("carl")
	f.join("carl", public[0])
	f.join("bert", public[0])
	page, err := f.store.Members(f.Context(), "carl", chat.MemberQuery{RoomID: public[0], After: "anna", Limit: 1})
	f.Must(err)
	equal(f, "members", page, chat.MemberPage{Next: "bert", Members: []chat.Member{
		{UserID: "bert", Name: "bert", Role: chat.RoleMember, JoinedAt: start},
	}})
	_, err = f.store.Members(f.Context(), "dora", chat.MemberQuery{RoomID: public[0], Limit: 1})
	f.Refused(err, chat.ErrNotInRoom)
	_, err = f.store.Members(f.Context(), "dora", chat.MemberQuery{RoomID: "no-such-room", Limit: 1})
	f.Refused(err, chat.ErrRoomNotFound)
}

func testSearchRooms(f *fixture) {
	for name, kind := range map[string]chat.RoomType{
		"ÉCLAIR Bäckerei": chat.RoomPublic, "100% Рыба": chat.RoomPublic, "Secret bäckerei": chat.RoomPrivate, "东京会议": chat.RoomPublic,
	} {
		f.Must(f.store.CreateRoom(f.Context(), chat.NewRoom{Creator: actor("anna"), Room: chat.Room{
			ID: f.id("room"), ConversationID: f.id("room:c"), Name: name, Description: "About " + name, Type: kind, MaxMembers: 5, CreatedAt: start,
		}}))
	}
	for query, want := range map[string]int{"eclair": 1, "backerei": 1, "рыба": 1, "%": 1, "_": 0, "会议": 1, "about": 3, "рыбаabout": 0} {
		rooms, err := f.store.SearchRooms(f.Context(), query, 20)
		f.Must(err)
		equal(f, fmt.Sprintf("found for %q", query), len(rooms), want)
	}
	rooms, err := f.store.SearchRooms(f.Context(), "about", 2)
	f.Must(err)
	equal(f, "limited", len(rooms), 2)

	for query, want := range map[string]int{"": 4, "backerei": 2, "会议": 1, "%": 1, "_": 0, f.id("room")[:4]: 4} {
		page, err := f.store.AllRooms(f.Context(), chat.AllRoomsQuery{Text: query, Limit: 20})
		f.Must(err)
		equal(f, fmt.Sprintf("of all, found for %q", query), len(page.Rooms), want)
		equal(f, "next", page.Next, "")
	}
	first, err := f.store.AllRooms(f.Context(), chat.AllRoomsQuery{Limit: 3})
	f.Must(err)
	rest, err := f.store.AllRooms(f.Context(), chat.AllRoomsQuery{Limit: 3, After: first.Next})
	f.Must(err)
	equal(f, "pages", []int{len(first.Rooms), len(rest.Rooms)}, []int{3, 1})
	equal(f, "first page", first.Next, first.Rooms[2].ID)
	if rest.Rooms[0].ID <= first.Next {
		f.Errorf("%s comes after %s", rest.Rooms[0].ID, first.Next)
	}
}

// testDemotedAtOnce: of two admins who demote each other one stays.
func testDemotedAtOnce(f *fixture) {
	for range 20 {
		room := f.room(chat.RoomPublic, 10, "anna")
		f.join("bert", room.ID)
		f.Must(f.store.SetRole(f.Context(), roleOf("anna", room, "bert", chat.RoleAdmin)))
		sides := []chat.UserID{"anna", "bert"}
		var done atomic.Int64
		suite.AtOnce(2, func(i int) {
			err := f.store.SetRole(context.Background(), roleOf(sides[i], room, sides[1-i], chat.RoleMember))
			switch {
			case err == nil:
				done.Add(1)
			case !errors.Is(err, chat.ErrNotAdmin):
				f.Error(err)
			}
		})
		equal(f, "carried out", done.Load(), 1)
		equal(f, "admins", len(f.read(room).Admins), 1)
	}
}

// testKickedWhileSending: nothing of a member's comes after the end of membership.
func testKickedWhileSending(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.Events.Take()
	suite.AtOnce(9, func(i int) {
		if i == 8 {
			if err := f.store.Kick(f.Context(), about("anna", room, "bert")); err != nil {
				f.Error(err)
			}
			return
		}
		for range 10 {
			if _, err := f.store.AppendMessage(f.Context(), f.toRoom("bert", room.ID, "x")); err != nil && !errors.Is(err, chat.ErrNotInRoom) {
				f.Error(err)
			}
		}
	})
	events := f.Events.Take()
	for i, e := range events {
		equal(f, "seq", e.Seq, int64(i+3))
	}
	equal(f, "last event", events[len(events)-1].Kind, chat.MemberLeft)
}

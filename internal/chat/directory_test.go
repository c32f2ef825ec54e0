package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestRoomIsSeenByWhom(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "public"})
	w.room(anna, chat.CreateRoom{ID: "private", Type: chat.RoomPrivate})
	w.must(w.Invite(t.Context(), anna, "private", "carl"))
	for _, test := range []struct {
		by      chat.Actor
		room    string
		members int
		want    refusal.Code
	}{
		{anna, "public", 1, ""}, {bert, "public", 0, ""}, {anna, "private", 1, ""}, {carl, "private", 0, ""},
		{bert, "private", 0, chat.CodeNotInRoom}, {bert, "none", 0, chat.CodeRoomNotFound},
	} {
		got, err := w.Room(t.Context(), test.by, test.room)
		if test.want != "" {
			refused(t, err, refusal.Error{Code: test.want})
			continue
		}
		w.must(err)
		equal(t, fmt.Sprintf("%s of %s", test.room, test.by.ID), []int{len(got.Members), got.MemberCount}, []int{test.members, 1})
	}
	invited, err := w.Rooms(t.Context(), carl, chat.RoomQuery{Filter: chat.RoomsInvited})
	w.must(err)
	equal(t, "invited to", len(invited.Rooms), 1)
	_, err = w.Rooms(t.Context(), carl, chat.RoomQuery{Filter: "all"})
	refused(t, err, refusal.Error{Code: refusal.InvalidField, Field: "filter"})
	_, err = w.Members(t.Context(), carl, chat.MemberQuery{RoomID: "public", Limit: 101})
	refused(t, err, refusal.Error{Code: refusal.LimitExceeded, Field: "limit", Limit: 100})
}

func TestBansAreForAdmins(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	w.join(bert, "room")
	w.must(w.Ban(t.Context(), anna, "room", "carl"))
	page, err := w.Bans(t.Context(), anna, chat.BanQuery{RoomID: "room"})
	w.must(err)
	equal(t, "bans", len(page.Bans), 1)
	for _, test := range []struct {
		by   chat.Actor
		q    chat.BanQuery
		want refusal.Error
	}{
		{bert, chat.BanQuery{RoomID: "room"}, refusal.Error{Code: chat.CodeNotAdmin}},
		{carl, chat.BanQuery{RoomID: "room"}, refusal.Error{Code: chat.CodeNotInRoom}},
		{anna, chat.BanQuery{RoomID: "none"}, refusal.Error{Code: chat.CodeRoomNotFound}},
		{anna, chat.BanQuery{}, refusal.Error{Code: refusal.MissingFields, Field: "roomId"}},
		{anna, chat.BanQuery{RoomID: "room", Limit: 101}, refusal.Error{Code: refusal.LimitExceeded, Field: "limit", Limit: 100}},
	} {
		_, err := w.Bans(t.Context(), test.by, test.q)
		refused(t, err, test.want)
	}
}

func TestModerationRefusals(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	w.join(bert, "room")
	w.quiet(func() {
		refused(t, w.Kick(t.Context(), anna, "room", "anna"), refusal.Error{Code: refusal.InvalidField, Field: "userId"})
		refused(t, w.Kick(t.Context(), anna, "room", ""), refusal.Error{Code: refusal.MissingFields, Field: "userId"})
		refused(t, w.Ban(t.Context(), anna, "", "bert"), refusal.Error{Code: refusal.MissingFields, Field: "roomId"})
		refused(t, w.Kick(t.Context(), anna, "room", "carl"),
			refusal.Error{Code: chat.CodeUserNotInRoom, Message: "User not in room", Field: "userId"})
		refused(t, w.Promote(t.Context(), bert, "room", "bert"), refusal.Error{Code: chat.CodeNotAdmin})
		refused(t, w.Demote(t.Context(), anna, "room", "anna"), refusal.Error{Code: chat.CodeLastAdmin, Field: "userId"})
		_, err := w.AddMembers(t.Context(), anna, "room", make([]chat.UserID, 1001))
		refused(t, err, refusal.Error{Code: refusal.LimitExceeded, Field: "userIds", Limit: 1000})
	})
	w.must(w.Promote(t.Context(), anna, "room", "bert"))
	w.must(w.Demote(t.Context(), anna, "room", "anna"))
	equal(t, "admins", w.join(anna, "room").Room.Admins, []chat.UserID{"bert"})
}

func TestUpdateRoom(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	text := func(s string) *string { return &s }
	room, err := w.UpdateRoom(t.Context(), anna, chat.UpdateRoom{RoomID: "room", Name: text("N"), Description: text("")})
	w.must(err)
	equal(t, "name", room.Name, "N")
	zero, hour, secret := 0, time.Hour, chat.RoomType("secret")
	for _, test := range []struct {
		cmd  chat.UpdateRoom
		want refusal.Error
	}{
		{chat.UpdateRoom{}, refusal.Error{Code: refusal.MissingFields, Field: "roomId"}},
		{chat.UpdateRoom{RoomID: "room", Name: text("")}, refusal.Error{Code: refusal.MissingFields, Field: "name"}},
		{chat.UpdateRoom{RoomID: "room", MaxMembers: &zero}, refusal.Error{Code: refusal.LimitExceeded, Field: "maxMembers", Limit: 100_000}},
		{chat.UpdateRoom{RoomID: "room", Type: &secret}, refusal.Error{Code: refusal.InvalidField, Field: "type"}},
		{chat.UpdateRoom{RoomID: "room", MessageRetention: &hour}, refusal.Error{Code: refusal.InvalidField, Field: "messageRetention"}},
	} {
		w.quiet(func() {
			_, err := w.UpdateRoom(t.Context(), anna, test.cmd)
			refused(t, err, test.want)
		})
	}
	w.must(w.DeleteRoom(t.Context(), anna, "room"))
	refused(t, w.DeleteRoom(t.Context(), anna, "room"), refusal.Error{Code: chat.CodeRoomNotFound})
	removed, err := w.Retain(t.Context(), today)
	w.must(err)
	equal(t, "removed of the deleted room", removed, 3)
}

func TestSearch(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room", Name: "ÉCLAIR"})
	rooms, err := w.SearchRooms(t.Context(), "Éclair", 0)
	w.must(err)
	equal(t, "rooms", len(rooms), 1)
	said := w.toRoom(anna, "room", "明天的会议改到三点")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		found, more, err := w.SearchMessages(t.Context(), anna, chat.SearchMessages{Query: "会议"})
		w.must(err)
		if len(found) == 1 {
			equal(t, "found", []any{found[0], more}, []any{said, false})
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is found")
		}
	}
	found, _, err := w.SearchMessages(t.Context(), bert, chat.SearchMessages{Query: "会议"})
	w.must(err)
	equal(t, "a stranger's", contents(found), []string{})
	for _, test := range []struct {
		q    chat.SearchMessages
		want refusal.Error
	}{
		{chat.SearchMessages{}, refusal.Error{Code: refusal.MissingFields, Field: "query"}},
		{chat.SearchMessages{Query: "…"}, refusal.Error{Code: refusal.InvalidField, Field: "query"}},
		{chat.SearchMessages{Query: strings.Repeat("x", 201)}, refusal.Error{Code: refusal.LimitExceeded, Field: "query", Limit: 200}},
		{chat.SearchMessages{Query: "x", Limit: 101}, refusal.Error{Code: refusal.LimitExceeded, Field: "limit", Limit: 100}},
		{chat.SearchMessages{Query: "x", Before: "none"}, refusal.Error{Code: chat.CodeMessageNotFound, Field: "before"}},
		{chat.SearchMessages{Query: "x", ConversationID: said.ConversationID}, refusal.Error{Code: chat.CodeConversationNotFound}},
	} {
		_, _, err := w.SearchMessages(t.Context(), bert, test.q)
		refused(t, err, test.want)
	}
}

func TestConversationsByPages(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	for i := range 5 {
		peer := chat.Actor{ID: chat.UserID(fmt.Sprint("user-", i))}
		w.exec(`INSERT INTO friends (user_a, user_b, created_at) VALUES ('anna', ?, 0)`, peer.ID)
		w.direct(anna, peer, "hi")
	}
	var peers []chat.UserID
	for cursor := ""; ; {
		page, err := w.Conversations(t.Context(), anna, cursor, 2)
		w.must(err)
		for _, c := range page.Conversations {
			peers = append(peers, c.Peer.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	equal(t, "newest first", peers, []chat.UserID{"user-4", "user-3", "user-2", "user-1", "user-0"})
	for _, cursor := range []string{"?", "eA", "MTIz"} {
		_, err := w.Conversations(t.Context(), anna, cursor, 2)
		refused(t, err, refusal.Error{Code: refusal.InvalidField, Field: "after"})
	}
}

func TestSync(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	m := w.direct(anna, bert, "hi")
	got, err := w.Sync(t.Context(), bert, map[string]int64{m.ConversationID: 0}, "")
	w.must(err)
	equal(t, "event", got.Conversations[0].Events[0].Message, &m)
	w.must(w.MarkConversation(t.Context(), bert, m.ConversationID, 1))
	got, err = w.Sync(t.Context(), bert, map[string]int64{}, "")
	w.must(err)
	equal(t, "new", []any{got.New[0].Peer.ID, got.New[0].Mark, got.New[0].Unread}, []any{anna.ID, int64(1), 0})
	_, err = w.Sync(t.Context(), bert, nil, "")
	refused(t, err, refusal.Error{Code: refusal.MissingFields, Field: "conversations"})
	_, err = w.Sync(t.Context(), bert, map[string]int64{"x": -1}, "")
	refused(t, err, refusal.Error{Code: refusal.InvalidField, Field: `conversations["x"]`})
	_, err = w.Sync(t.Context(), bert, map[string]int64{}, strings.Repeat("e", 65))
	refused(t, err, refusal.Error{Code: refusal.LimitExceeded, Field: "epoch", Limit: 64})
	many := make(map[string]int64)
	for i := range 1001 {
		many[fmt.Sprint(i)] = 0
	}
	_, err = w.Sync(t.Context(), bert, many, "")
	refused(t, err, refusal.Error{Code: refusal.LimitExceeded, Field: "conversations", Limit: 1000})
	refused(t, w.MarkConversation(t.Context(), bert, m.ConversationID, 2), refusal.Error{Code: refusal.InvalidField, Field: "seq"})
	heads, err := w.Changed(t.Context(), today)
	w.must(err)
	equal(t, "changed", heads, []chat.Head{{ConversationID: m.ConversationID, Seq: 1, Audience: chat.Audience{Users: []chat.UserID{"anna", "bert"}}}})
}

package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

func TestCreateRoom(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	full := chat.CreateRoom{ID: "A-z_0.9", Name: "Ångström", Description: "D", Type: chat.RoomPrivate, MaxMembers: 100_000}
	room := w.room(anna, full)
	want := chat.Room{
		ID: "A-z_0.9", ConversationID: "room:id-1", Name: "Ångström", Description: "D", Type: chat.RoomPrivate, MaxMembers: 100_000,
		CreatedBy: "anna", CreatedAt: today.Add(time.Second), MemberCount: 1,
		Members: []chat.UserID{"anna"}, Admins: []chat.UserID{"anna"}, Banned: []chat.UserID{},
		Settings: chat.RoomSettings{AllowFileUpload: true, AllowVoiceMessage: true, MessageRetention: 720 * time.Hour},
	}
	equal(t, "room", room, want)
	equal(t, "room as its member sees it", w.join(anna, room.ID).Room, want)

	plain := w.room(bert, chat.CreateRoom{Name: "Plain"})
	equal(t, "defaults", []any{plain.ID, plain.Type, plain.MaxMembers}, []any{"id-2", chat.RoomPublic, 100})

	for _, test := range []struct {
		cmd  chat.CreateRoom
		want chat.Error
	}{
		{chat.CreateRoom{ID: "x"}, chat.Error{Code: chat.CodeMissingFields, Message: "Missing required fields", Field: "name"}},
		{chat.CreateRoom{ID: "ä", Name: "N"}, chat.Error{Code: chat.CodeInvalidField, Field: "id"}},
		{chat.CreateRoom{ID: "a/b", Name: "N"}, chat.Error{Code: chat.CodeInvalidField, Field: "id"}},
		{chat.CreateRoom{ID: strings.Repeat("x", 65), Name: "N"}, chat.Error{Code: chat.CodeLimitExceeded, Field: "id", Limit: 64}},
		{chat.CreateRoom{ID: room.ID, Name: "N"}, chat.Error{Code: chat.CodeRoomExists, Message: "Room already exists", Field: "id"}},
		{chat.CreateRoom{Name: strings.Repeat("x", 10_001)}, chat.Error{Code: chat.CodeLimitExceeded, Field: "name", Limit: 10_000}},
		{chat.CreateRoom{Name: "N", Description: "\xff"}, chat.Error{Code: chat.CodeInvalidField, Field: "description"}},
		{chat.CreateRoom{Name: "N", Type: "secret"}, chat.Error{Code: chat.CodeInvalidField, Field: "type"}},
		{chat.CreateRoom{Name: "N", MaxMembers: -1}, chat.Error{Code: chat.CodeLimitExceeded, Field: "maxMembers", Limit: 100_000}},
		{chat.CreateRoom{Name: "N", MaxMembers: 100_001}, chat.Error{Code: chat.CodeLimitExceeded, Field: "maxMembers", Limit: 100_000}},
	} {
		w.quiet(func() {
			_, err := w.CreateRoom(t.Context(), bert, test.cmd)
			refusal(t, err, test.want)
		})
	}
}

func TestJoinRoom(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room", MaxMembers: 2})
	want := []string{}
	for i := range 60 {
		if text := fmt.Sprint(i); i >= 10 {
			want = append(want, text)
		}
		w.toRoom(anna, "room", fmt.Sprint(i))
	}
	first := w.join(bert, "room")
	equal(t, "new", first.New, true)
	equal(t, "last 50 messages", contents(first.Messages), want)
	equal(t, "members", first.Room.Members, []chat.UserID{"anna", "bert"})
	joined := w.events[len(w.events)-1]
	equal(t, "event", joined, chat.Event{
		Kind: chat.MemberJoined, ConversationID: first.Room.ConversationID, Seq: 62, At: joined.At, By: "bert", Origin: "b1",
		Audience:   chat.Audience{RoomID: "room", Users: []chat.UserID{"bert"}},
		Membership: &chat.Membership{RoomID: "room", UserID: "bert", UserName: "Bert", Role: chat.RoleMember},
	})
	w.quiet(func() {
		again := w.join(bert, "room")
		first.New = false
		equal(t, "joined again, though it is full", again, first)
	})
	unread, err := w.Unread(t.Context(), "bert", 0)
	w.must(err)
	equal(t, "unread after joining", contents(unread), []string{})
	rooms, err := w.Memberships(t.Context(), "bert")
	w.must(err)
	equal(t, "memberships", rooms, []string{"room"})
}

func TestJoinRefusals(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "public", MaxMembers: 1})
	w.room(anna, chat.CreateRoom{ID: "private", Type: chat.RoomPrivate})
	w.room(anna, chat.CreateRoom{ID: "direct", Type: chat.RoomDirect})
	w.exec(`INSERT INTO bans SELECT conversation_id, 'carl', 'anna', 0 FROM rooms`)
	w.exec(`INSERT INTO invites SELECT conversation_id, 'dora', 'anna', 0 FROM rooms`)
	dora := chat.Actor{ID: "dora", Name: "Dora"}
	for _, test := range []struct {
		actor chat.Actor
		room  string
		want  chat.Error
	}{
		{bert, "", chat.Error{Code: chat.CodeMissingFields, Message: "Missing required fields", Field: "roomId"}},
		{bert, "a b", chat.Error{Code: chat.CodeInvalidField, Field: "roomId"}},
		{bert, "no-such-room", chat.Error{Code: chat.CodeRoomNotFound, Message: "Room not found"}},
		{carl, "public", chat.Error{Code: chat.CodeBanned, Message: "User is banned from this room"}},
		{carl, "private", chat.Error{Code: chat.CodeBanned, Message: "User is banned from this room"}},
		{bert, "private", chat.Error{Code: chat.CodePrivateRoom, Message: "No permission to join private room"}},
		{bert, "direct", chat.Error{Code: chat.CodeJoinNotPermitted, Message: "No permission to join room"}},
		{dora, "public", chat.Error{Code: chat.CodeRoomFull, Message: "Room is full"}},
	} {
		w.quiet(func() {
			_, err := w.JoinRoom(t.Context(), test.actor, test.room)
			refusal(t, err, test.want)
		})
	}
	for _, room := range []string{"private", "direct"} {
		equal(t, "joined by invitation", w.join(dora, room).New, true)
	}
}

func TestLeaveRoom(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	w.join(carl, "room")
	w.join(bert, "room")
	leave := func(a chat.Actor, room string) bool {
		left, err := w.LeaveRoom(t.Context(), a, room)
		w.must(err)
		return left
	}
	before := len(w.events)
	equal(t, "left", leave(anna, "room"), true)
	events := w.events[before:]
	equal(t, "number of events", len(events), 2)
	equal(t, "who left", *events[0].Membership, chat.Membership{RoomID: "room", UserID: "anna", UserName: "Anna", Role: chat.RoleAdmin})
	equal(t, "who is told", events[0].Audience, chat.Audience{RoomID: "room", Users: []chat.UserID{"anna"}})
	equal(t, "who follows", events[1].Membership.UserID, "carl")
	w.quiet(func() { equal(t, "left again", leave(anna, "room"), false) })
	equal(t, "admins", w.join(bert, "room").Room.Admins, []chat.UserID{"carl"})

	for room, want := range map[string]chat.Error{
		"":             {Code: chat.CodeMissingFields, Field: "roomId"},
		"a b":          {Code: chat.CodeInvalidField, Field: "roomId"},
		"no-such-room": {Code: chat.CodeRoomNotFound, Message: "Room not found"},
	} {
		_, err := w.LeaveRoom(t.Context(), anna, room)
		refusal(t, err, want)
	}
}

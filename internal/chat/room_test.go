package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestCreateRoom(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	full := chat.CreateRoom{ID: "A-z_0.9", Name: "Ångström", Description: "D", Type: chat.RoomPrivate, MaxMembers: 100_000}
	room := w.room(anna, full)
	want := chat.Room{
		ID: "A-z_0.9", ConversationID: "room:id-1", Name: "Ångström", Description: "D", Type: chat.RoomPrivate, MaxMembers: 100_000,
		CreatedBy: "anna", CreatedAt: today.Add(time.Second), MemberCount: 1,
		Members: []chat.UserID{"anna"}, Admins: []chat.UserID{"anna"}, Banned: []chat.UserID{},
		Settings: chat.RoomSettings{AllowFileUpload: true, AllowVoiceMessage: true, MessageRetention: 0},
		Names:    chat.Names{"anna": {Name: "Anna"}},
	}
	equal(t, "room", room, want)
	want.Names = nil // of users who are not known to the database
	equal(t, "room as its member sees it", w.join(anna, room.ID).Room, want)

	plain := w.room(bert, chat.CreateRoom{Name: "Plain"})
	equal(t, "defaults", []any{plain.ID, plain.Type, plain.MaxMembers}, []any{"id-2", chat.RoomPublic, 100})

	for _, test := range []struct {
		cmd  chat.CreateRoom
		want refusal.Error
	}{
		{chat.CreateRoom{ID: "x"}, refusal.Error{Code: refusal.MissingFields, Message: "Missing required fields", Field: "name"}},
		{chat.CreateRoom{ID: "ä", Name: "N"}, refusal.Error{Code: refusal.InvalidField, Field: "id"}},
		{chat.CreateRoom{ID: "a/b", Name: "N"}, refusal.Error{Code: refusal.InvalidField, Field: "id"}},
		{chat.CreateRoom{ID: ".", Name: "N"}, refusal.Error{Code: refusal.InvalidField, Field: "id"}},
		{chat.CreateRoom{ID: "..", Name: "N"}, refusal.Error{Code: refusal.InvalidField, Field: "id"}},
		{chat.CreateRoom{ID: strings.Repeat("x", 65), Name: "N"}, refusal.Error{Code: refusal.LimitExceeded, Field: "id", Limit: 64}},
		{chat.CreateRoom{ID: room.ID, Name: "N"}, refusal.Error{Code: chat.CodeRoomExists, Message: "Room already exists", Field: "id"}},
		{chat.CreateRoom{Name: strings.Repeat("x", 10_001)}, refusal.Error{Code: refusal.LimitExceeded, Field: "name", Limit: 10_000}},
		{chat.CreateRoom{Name: "N", Description: "\xff"}, refusal.Error{Code: refusal.InvalidField, Field: "description"}},
		{chat.CreateRoom{Name: "N", Type: "secret"}, refusal.Error{Code: refusal.InvalidField, Field: "type"}},
		{chat.CreateRoom{Name: "N", MessageRetention: ptr(time.Hour)}, refusal.Error{Code: refusal.InvalidField, Field: "messageRetention"}},
		{chat.CreateRoom{Name: "N", MaxMembers: -1}, refusal.Error{Code: refusal.LimitExceeded, Field: "maxMembers", Limit: 100_000}},
		{chat.CreateRoom{Name: "N", MaxMembers: 100_001}, refusal.Error{Code: refusal.LimitExceeded, Field: "maxMembers", Limit: 100_000}},
	} {
		w.quiet(func() {
			_, err := w.CreateRoom(t.Context(), bert, test.cmd)
			refused(t, err, test.want)
		})
	}
}

// TestNewRoomsForgetNothing: messages stay for ever, unless the operator has another default or who makes the room
// says so.
func TestNewRoomsForgetNothing(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		byDefault time.Duration
		chosen    *time.Duration
		want      time.Duration
	}{
		{0, nil, 0},
		{0, ptr(7 * day), 7 * day},
		{30 * day, nil, 30 * day},
		{30 * day, ptr(time.Duration(0)), 0},
	} {
		t.Run(fmt.Sprint(test.byDefault, test.want), func(t *testing.T) {
			cfg := chat.DefaultConfig()
			cfg.RoomRetention = test.byDefault
			w := newWorld(t, cfg, nil)
			room := w.room(anna, chat.CreateRoom{ID: "room", MessageRetention: test.chosen, AllowVoiceMessage: ptr(false)})
			equal(t, "settings", room.Settings, chat.RoomSettings{AllowFileUpload: true, MessageRetention: test.want})
			equal(t, "settings that are stored", w.join(anna, "room").Room.Settings, room.Settings)
		})
	}
	for _, wrong := range []time.Duration{-day, time.Hour, 36 * time.Hour, 36_501 * day} {
		cfg := chat.DefaultConfig()
		cfg.RoomRetention = wrong
		if err := cfg.Validate(); err == nil {
			t.Errorf("%v is taken for the default", wrong)
		}
	}
}

func ptr[T any](value T) *T { return &value }

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
		want  refusal.Error
	}{
		{bert, "", refusal.Error{Code: refusal.MissingFields, Message: "Missing required fields", Field: "roomId"}},
		{bert, "a b", refusal.Error{Code: refusal.InvalidField, Field: "roomId"}},
		{bert, "no-such-room", refusal.Error{Code: chat.CodeRoomNotFound, Message: "Room not found"}},
		{carl, "public", refusal.Error{Code: chat.CodeBanned, Message: "User is banned from this room"}},
		{carl, "private", refusal.Error{Code: chat.CodeBanned, Message: "User is banned from this room"}},
		{bert, "private", refusal.Error{Code: chat.CodePrivateRoom, Message: "No permission to join private room"}},
		{bert, "direct", refusal.Error{Code: chat.CodeJoinNotPermitted, Message: "No permission to join room"}},
		{dora, "public", refusal.Error{Code: chat.CodeRoomFull, Message: "Room is full"}},
	} {
		w.quiet(func() {
			_, err := w.JoinRoom(t.Context(), test.actor, test.room)
			refused(t, err, test.want)
		})
	}
	for _, room := range []string{"private", "direct"} {
		equal(t, "joined by invitation", w.join(dora, room).New, true)
	}
}

func TestQuota(t *testing.T) {
	cfg := chat.DefaultConfig()
	cfg.Quota = chat.Quota{Rooms: 2, Memberships: 3}
	w := newWorld(t, cfg, nil)
	for _, id := range []string{"b1", "b2"} {
		w.room(bert, chat.CreateRoom{ID: id})
	}
	w.room(anna, chat.CreateRoom{ID: "a1"})
	w.room(anna, chat.CreateRoom{ID: "a2"})
	w.join(anna, "b1")
	w.quiet(func() {
		_, err := w.CreateRoom(t.Context(), anna, chat.CreateRoom{Name: "N"})
		refused(t, err, refusal.Error{Code: chat.CodeTooManyRooms, Message: "You can make at most 2 rooms", Limit: 2})
		_, err = w.JoinRoom(t.Context(), anna, "b2")
		refused(t, err, refusal.Error{Code: chat.CodeTooManyMemberships, Message: "You can be in at most 3 rooms", Limit: 3})
	})
	equal(t, "joined again", w.join(anna, "b1").New, false)
	w.room(anna, chat.CreateRoom{ID: "by-the-backend", ByBackend: true})
	added, err := w.AddMembers(t.Context(), bert, "b2", []chat.UserID{"anna"})
	w.must(err)
	equal(t, "added by the backend", added, []chat.UserID{"anna"})
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

	for room, want := range map[string]refusal.Error{
		"":             {Code: refusal.MissingFields, Field: "roomId"},
		"a b":          {Code: refusal.InvalidField, Field: "roomId"},
		"no-such-room": {Code: chat.CodeRoomNotFound, Message: "Room not found"},
	} {
		_, err := w.LeaveRoom(t.Context(), anna, room)
		refused(t, err, want)
	}
}

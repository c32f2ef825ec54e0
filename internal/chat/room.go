package chat

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The limits of rooms.
const (
	// DefaultMaxMembers and LimitMaxMembers bound the capacity of a room.
	DefaultMaxMembers = 100
	LimitMaxMembers   = 100_000
	// ListedMembers is the largest room that carries the lists of its members,
	// and in which receipts are sent. Larger ones show their count only.
	ListedMembers = 100
	// JoinMessages is how many messages a joiner is shown.
	JoinMessages = 50
)

// RoomType says who can find and join a room.
type RoomType string

const (
	// RoomPublic is open to all who are not banned.
	RoomPublic RoomType = "public"
	// RoomPrivate takes an invitation.
	RoomPrivate RoomType = "private"
	// RoomDirect takes an invitation, is never listed, and goes with its last
	// member. It is not a direct conversation, which has no room.
	RoomDirect RoomType = "direct"
)

// Role is what a member may do in a room. A room that has members has an admin.
type Role string

// The roles.
const (
	RoleAdmin  Role = "admin"
	RoleMember Role = "member"
)

// Room is a room as its members see it. Members, Admins and Banned are filled up
// to [ListedMembers] members, in the order of joining (of banning, for Banned).
type Room struct {
	ID             string
	ConversationID string
	Name           string
	Description    string
	Type           RoomType
	MaxMembers     int
	CreatedBy      UserID
	CreatedAt      time.Time
	MemberCount    int
	Members        []UserID
	Admins         []UserID
	Banned         []UserID
	Settings       RoomSettings
	// Names are those of CreatedBy and of who is in the lists; nil where those are
	// left out.
	Names Names
}

// RoomSettings is what a room's admins may choose.
type RoomSettings struct {
	AllowFileUpload   bool
	AllowVoiceMessage bool
	MessageRetention  time.Duration
}

// DefaultRoomSettings are those of a new room, unless its creator or
// [Config.RoomRetention] says otherwise: nobody expects a chat to forget by itself.
func DefaultRoomSettings() RoomSettings {
	return RoomSettings{AllowFileUpload: true, AllowVoiceMessage: true}
}

// CreateRoom describes a new room. An empty ID gets one from the server, an
// empty Type is public, MaxMembers 0 is [DefaultMaxMembers]; settings that are nil
// are the default ones.
type CreateRoom struct {
	ID                string
	Name              string
	Description       string
	Type              RoomType
	MaxMembers        int
	AllowFileUpload   *bool
	AllowVoiceMessage *bool
	MessageRetention  *time.Duration
	// ByBackend: the application's backend makes the room for the user, whom no quota
	// binds then.
	ByBackend bool
}

// Joined is what a joiner gets to see.
type Joined struct {
	Room Room
	// Messages are the last [JoinMessages], oldest first.
	Messages []Message
	// New is false if the user was a member already.
	New bool
}

// CreateRoom makes a room whose first member and admin is the caller.
func (s *Service) CreateRoom(ctx context.Context, a Actor, cmd CreateRoom) (Room, error) {
	if cmd.ID == "" {
		cmd.ID = s.newID()
	}
	cmd.Type = cmp.Or(cmd.Type, RoomPublic)
	cmd.MaxMembers = cmp.Or(cmd.MaxMembers, DefaultMaxMembers)
	if err := s.checkRoom(&cmd); err != nil {
		return Room{}, err
	}
	room := Room{
		ID:             cmd.ID,
		ConversationID: "room:" + s.newID(),
		Name:           cmd.Name,
		Description:    cmd.Description,
		Type:           cmd.Type,
		MaxMembers:     cmd.MaxMembers,
		CreatedBy:      a.ID,
		CreatedAt:      s.timestamp(),
		MemberCount:    1,
		Members:        []UserID{a.ID},
		Admins:         []UserID{a.ID},
		Banned:         []UserID{},
		Settings:       s.settingsOf(&cmd),
		Names:          Names{a.ID: {Name: a.Name}},
	}
	quota := s.cfg.Quota
	if cmd.ByBackend {
		quota = Quota{}
	}
	if err := s.store.CreateRoom(ctx, NewRoom{Room: room, Creator: a, Quota: quota}); err != nil {
		return Room{}, fmt.Errorf("create room: %w", err)
	}
	return room, nil
}

func (s *Service) settingsOf(cmd *CreateRoom) RoomSettings {
	settings := DefaultRoomSettings()
	settings.MessageRetention = s.cfg.RoomRetention
	set(&settings.AllowFileUpload, cmd.AllowFileUpload)
	set(&settings.AllowVoiceMessage, cmd.AllowVoiceMessage)
	set(&settings.MessageRetention, cmd.MessageRetention)
	return settings
}

func (s *Service) checkRoom(cmd *CreateRoom) error {
	if cmd.Name == "" {
		return refusal.Missing("name")
	}
	if err := checkNewRoomID(cmd.ID); err != nil {
		return err
	}
	if err := checkText("name", cmd.Name, s.cfg.MaxText); err != nil {
		return err
	}
	if err := checkText("description", cmd.Description, s.cfg.MaxText); err != nil {
		return err
	}
	switch cmd.Type {
	case RoomPublic, RoomPrivate, RoomDirect:
	default:
		return refusal.Invalid("type", "must be one of public, private, direct")
	}
	if r := cmd.MessageRetention; r != nil && *r != 0 && (*r < MinRetention || *r > MaxRetention) {
		return refusal.Invalid("messageRetention", "must be 0 or from 1 to 36500 days")
	}
	if cmd.MaxMembers < 1 || cmd.MaxMembers > LimitMaxMembers {
		return refusal.Beyond("maxMembers", LimitMaxMembers, fmt.Sprintf("must be from 1 to %d", LimitMaxMembers))
	}
	return nil
}

// JoinRoom makes the caller a member. Who is one already gets the same answer,
// even if the room is full, and nobody is told. The messages are read after the
// membership is in force: together with the room's events from then on nothing
// is missed, and something may be seen twice (by its seq).
func (s *Service) JoinRoom(ctx context.Context, a Actor, roomID string) (Joined, error) {
	if err := requireRoomID(roomID); err != nil {
		return Joined{}, err
	}
	isNew, err := s.store.Join(ctx, Join{RoomID: roomID, Actor: a, At: s.timestamp(), Quota: s.cfg.Quota})
	if err != nil {
		return Joined{}, fmt.Errorf("join room: %w", err)
	}
	room, err := s.store.Room(ctx, roomID)
	if err != nil {
		return Joined{}, fmt.Errorf("read joined room: %w", err)
	}
	page, err := s.store.Messages(ctx, MessageQuery{ConversationID: room.ConversationID, Limit: JoinMessages})
	if err != nil {
		return Joined{}, fmt.Errorf("read messages of joined room: %w", err)
	}
	return Joined{Room: room, Messages: page.Messages, New: isNew}, nil
}

// LeaveRoom ends the caller's membership and tells whether there was one: to
// leave again is no error. If no admin remains, the oldest member becomes one.
func (s *Service) LeaveRoom(ctx context.Context, a Actor, roomID string) (left bool, err error) {
	if err := requireRoomID(roomID); err != nil {
		return false, err
	}
	left, err = s.store.Leave(ctx, Leave{RoomID: roomID, Actor: a, At: s.timestamp()})
	if err != nil {
		return false, fmt.Errorf("leave room: %w", err)
	}
	return left, nil
}

// Memberships returns the ids of the rooms that the user is a member of, so that
// a gateway can subscribe the user's devices.
func (s *Service) Memberships(ctx context.Context, user UserID) ([]string, error) {
	rooms, err := s.store.Memberships(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return rooms, nil
}

// Stay is a user's membership of a room: what was told there is for the user behind the event of having come.
type Stay struct {
	RoomID, ConversationID string
	Since                  int64 // the seq of that event
}

// MembershipsAmong returns the user's memberships of those of the rooms that the user is a member of.
func (s *Service) MembershipsAmong(ctx context.Context, user UserID, rooms []string) ([]Stay, error) {
	if len(rooms) == 0 {
		return nil, nil
	}
	among, err := s.store.MembershipsAmong(ctx, user, rooms)
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return among, nil
}

func requireRoomID(id string) error {
	if id == "" {
		return refusal.Missing("roomId")
	}
	return checkRoomID("roomId", id)
}

// Entry is what a driver knows of a room and of a user at its door.
type Entry struct {
	Type       RoomType
	Members    int
	MaxMembers int
	Banned     bool
	Invited    bool
}

// MayJoin is the rule for who may become a member of a room. A driver calls it
// inside the transaction that would add the member; members do not come here.
func (e Entry) MayJoin() error {
	switch {
	case e.Banned:
		return ErrBanned
	case e.Type == RoomPrivate && !e.Invited:
		return ErrPrivateRoom
	case e.Type == RoomDirect && !e.Invited:
		return ErrJoinNotPermitted
	case e.Members >= e.MaxMembers:
		return ErrRoomFull
	default:
		return nil
	}
}

// Role is what the entrant becomes: the admin of a room that stood empty.
func (e Entry) Role() Role {
	if e.Members == 0 {
		return RoleAdmin
	}
	return RoleMember
}

package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The bounds of a room's retention; 0 keeps messages for ever. A clientMsgId must
// be known for a day.
const (
	MinRetention = 24 * time.Hour
	MaxRetention = 36_500 * 24 * time.Hour
)

// UpdateRoom is the command to change a room. What is nil stays as it is.
type UpdateRoom struct {
	RoomID            string
	Actor             Actor
	Name              *string
	Description       *string
	Type              *RoomType
	MaxMembers        *int
	AllowFileUpload   *bool
	AllowVoiceMessage *bool
	MessageRetention  *time.Duration
	At                time.Time
}

// Apply changes r, as a driver has it inside the transaction, with its present
// number of members. It tells whether anything is different then.
func (c *UpdateRoom) Apply(r *Room) (change bool, err error) {
	if c.MaxMembers != nil && *c.MaxMembers < r.MemberCount {
		return false, refusal.Beyond("maxMembers", r.MemberCount, fmt.Sprintf("must not be below the %d members there are", r.MemberCount))
	}
	change = set(&r.Name, c.Name)
	change = set(&r.Description, c.Description) || change
	change = set(&r.Type, c.Type) || change
	change = set(&r.MaxMembers, c.MaxMembers) || change
	change = set(&r.Settings.AllowFileUpload, c.AllowFileUpload) || change
	change = set(&r.Settings.AllowVoiceMessage, c.AllowVoiceMessage) || change
	change = set(&r.Settings.MessageRetention, c.MessageRetention) || change
	return change, nil
}

func set[T comparable](field *T, value *T) bool {
	if value == nil || *field == *value {
		return false
	}
	*field = *value
	return true
}

// UpdateRoom changes a room whose admin the caller is, and returns it. A change to
// what already is is ok and emits nothing.
func (s *Service) UpdateRoom(ctx context.Context, a Actor, cmd UpdateRoom) (Room, error) {
	if err := requireRoomID(cmd.RoomID); err != nil {
		return Room{}, err
	}
	if err := s.checkUpdate(&cmd); err != nil {
		return Room{}, err
	}
	cmd.Actor, cmd.At = a, s.timestamp()
	if err := s.store.UpdateRoom(ctx, cmd); err != nil {
		return Room{}, fmt.Errorf("update room: %w", err)
	}
	room, err := s.store.Room(ctx, cmd.RoomID)
	if err != nil {
		return Room{}, fmt.Errorf("read updated room: %w", err)
	}
	return room, nil
}

// checkUpdate checks what a new room's fields are checked for.
func (s *Service) checkUpdate(cmd *UpdateRoom) error {
	as := CreateRoom{ID: cmd.RoomID, Name: "-", Type: RoomPublic, MaxMembers: 1, MessageRetention: cmd.MessageRetention}
	if cmd.Name != nil {
		as.Name = *cmd.Name
	}
	if cmd.Description != nil {
		as.Description = *cmd.Description
	}
	if cmd.Type != nil {
		as.Type = *cmd.Type
	}
	if cmd.MaxMembers != nil {
		as.MaxMembers = *cmd.MaxMembers
	}
	return s.checkRoom(&as)
}

// DeleteRoom is the command to end a room.
type DeleteRoom struct {
	RoomID string
	Actor  Actor
	At     time.Time
}

// DeleteRoom ends a room whose admin the caller is: all members are told and are
// members no longer, nobody sees again what was said, and [Service.Retain] removes
// it. The id may be used for another room. A room that is gone is ErrRoomNotFound.
func (s *Service) DeleteRoom(ctx context.Context, a Actor, roomID string) error {
	if err := requireRoomID(roomID); err != nil {
		return err
	}
	if err := s.store.DeleteRoom(ctx, DeleteRoom{RoomID: roomID, Actor: a, At: s.timestamp()}); err != nil {
		return fmt.Errorf("delete room: %w", err)
	}
	return nil
}

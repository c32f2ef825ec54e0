package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Moderate is a command of a room's admin about another user.
type Moderate struct {
	RoomID string
	Actor  Actor
	UserID UserID
	At     time.Time
}

// SetRole is the command to change what a member may do.
type SetRole struct {
	Moderate
	Role Role
}

// Invite lets a user into a room that takes an invitation, once; the user is told.
// To invite a member, or again, is ok and emits nothing. Who is banned cannot be
// invited.
func (s *Service) Invite(ctx context.Context, a Actor, roomID string, user UserID) error {
	return s.moderate(ctx, a, roomID, user, "invite", s.store.Invite)
}

// Kick ends a membership. ErrUserNotInRoom if there is none, except that who was
// kicked and did not come back can be kicked again, to no effect.
func (s *Service) Kick(ctx context.Context, a Actor, roomID string, user UserID) error {
	return s.moderate(ctx, a, roomID, user, "kick", s.store.Kick)
}

// Ban ends a membership, if there is one, takes an invitation back and keeps the
// user out. To ban again is ok and emits nothing.
func (s *Service) Ban(ctx context.Context, a Actor, roomID string, user UserID) error {
	return s.moderate(ctx, a, roomID, user, "ban", s.store.Ban)
}

// Unban lets a user join again. It is ok and emits nothing if the user is not
// banned.
func (s *Service) Unban(ctx context.Context, a Actor, roomID string, user UserID) error {
	return s.moderate(ctx, a, roomID, user, "unban", s.store.Unban)
}

// Promote makes a member an admin. ErrUserNotInRoom; for an admin it is ok and
// emits nothing.
func (s *Service) Promote(ctx context.Context, a Actor, roomID string, user UserID) error {
	return s.setRole(ctx, a, roomID, user, RoleAdmin)
}

// Demote makes an admin a plain member, oneself too. ErrUserNotInRoom,
// ErrLastAdmin; for a plain member it is ok and emits nothing.
func (s *Service) Demote(ctx context.Context, a Actor, roomID string, user UserID) error {
	return s.setRole(ctx, a, roomID, user, RoleMember)
}

func (s *Service) setRole(ctx context.Context, a Actor, roomID string, user UserID, role Role) error {
	if err := checkTarget(roomID, user); err != nil {
		return err
	}
	cmd := SetRole{Moderate: Moderate{RoomID: roomID, Actor: a, UserID: user, At: s.timestamp()}, Role: role}
	if err := s.store.SetRole(ctx, cmd); err != nil {
		return fmt.Errorf("set role: %w", err)
	}
	return nil
}

// moderate carries out a command that nobody gives about themselves.
func (s *Service) moderate(
	ctx context.Context, a Actor, roomID string, user UserID, what string, run func(context.Context, Moderate) error,
) error {
	if err := checkTarget(roomID, user); err != nil {
		return err
	}
	if user == a.ID {
		return refusal.Invalid("userId", "must be another user")
	}
	if err := run(ctx, Moderate{RoomID: roomID, Actor: a, UserID: user, At: s.timestamp()}); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func checkTarget(roomID string, user UserID) error {
	if err := requireRoomID(roomID); err != nil {
		return err
	}
	if user == "" {
		return refusal.Missing("userId")
	}
	return checkUserID("userId", user)
}

// MaxAdded is how many users one call may add to a room.
const MaxAdded = 1000

// AddMembers is the command to make many users members at once.
type AddMembers struct {
	RoomID string
	Actor  Actor
	Users  []UserID
	At     time.Time
}

// AddMembers makes users members of a room, all by one event, without invitation.
// Who is a member or banned is passed over; if the others do not all fit, it is
// ErrRoomFull and nobody is added. It returns who was added. It asks for no
// permission: gateways must not offer it to users.
func (s *Service) AddMembers(ctx context.Context, by Actor, roomID string, users []UserID) ([]UserID, error) {
	if err := requireRoomID(roomID); err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, refusal.Missing("userIds")
	}
	if len(users) > MaxAdded {
		return nil, refusal.TooMuch("userIds", MaxAdded, "ids")
	}
	for i, user := range users {
		if err := checkUserID(fmt.Sprintf("userIds[%d]", i), user); err != nil {
			return nil, err
		}
	}
	added, err := s.store.AddMembers(ctx, AddMembers{RoomID: roomID, Actor: by, Users: users, At: s.timestamp()})
	if err != nil {
		return nil, fmt.Errorf("add members: %w", err)
	}
	return added, nil
}

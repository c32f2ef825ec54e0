package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// target is a room and a user as an admin's command finds them.
type target struct {
	conversation string
	role         chat.Role // of the user, empty for no member
	name         string
	banned       bool
	invited      bool
	kicked       bool
}

// moderate runs change for an actor who may administer the room.
func (s *Store) moderate(ctx context.Context, cmd *chat.Moderate, change func(*tx, *target) error) error {
	return s.writer.DoAhead(ctx, concern{room: cmd.RoomID}, func(tx *tx) error {
		conversation, err := tx.administered(cmd.RoomID, cmd.Actor.ID)
		if err != nil {
			return err
		}
		found, err := tx.target(conversation, cmd.UserID)
		if err != nil {
			return err
		}
		return change(tx, &found)
	})
}

const roleQuery = `
	SELECT r.conversation_id, coalesce(m.role, '')
	FROM rooms r LEFT JOIN members m ON m.conversation_id = r.conversation_id AND m.user_id = $1
	WHERE r.id = $2`

// administered returns the conversation of a room, if the user may administer it.
func (t *tx) administered(room string, user chat.UserID) (string, error) {
	var conversation string
	var standing chat.Standing
	found, err := rows.Found(t.row(roleQuery, user, room).Scan(&conversation, &standing.Role))
	if err != nil {
		return "", fmt.Errorf("look up room: %w", err)
	}
	if !found {
		return "", chat.ErrRoomNotFound
	}
	return conversation, standing.MayAdminister()
}

func (t *tx) target(conversation string, user chat.UserID) (target, error) {
	found := target{conversation: conversation}
	err := t.row(`
		SELECT
			coalesce((SELECT role FROM members WHERE conversation_id = $1 AND user_id = $2), ''),
			coalesce((SELECT name FROM users WHERE id = $2), $2),
			EXISTS (SELECT 1 FROM bans WHERE conversation_id = $1 AND user_id = $2),
			EXISTS (SELECT 1 FROM invites WHERE conversation_id = $1 AND user_id = $2),
			EXISTS (SELECT 1 FROM kicks WHERE conversation_id = $1 AND user_id = $2)`, conversation, user).
		Scan(&found.role, &found.name, &found.banned, &found.invited, &found.kicked)
	if err != nil {
		return found, fmt.Errorf("look up user: %w", err)
	}
	return found, nil
}

// Invite implements [chat.Moderation].
func (s *Store) Invite(ctx context.Context, cmd chat.Moderate) error {
	return s.moderate(ctx, &cmd, func(t *tx, to *target) error {
		switch {
		case to.role != "" || to.invited:
			return nil
		case to.banned:
			return chat.ErrBanned
		}
		if _, err := t.exec(`INSERT INTO invites (conversation_id, user_id, invited_by, invited_at) VALUES ($1, $2, $3, $4)`,
			to.conversation, cmd.UserID, cmd.Actor.ID, cmd.At.UnixMilli()); err != nil {
			return fmt.Errorf("insert invitation: %w", err)
		}
		at := chat.Place{ConversationID: to.conversation, At: cmd.At, By: cmd.Actor.ID, Origin: cmd.Actor.Origin}
		return t.emitNamed(chat.NewMembershipEvent(chat.MemberInvited, at, to.membership(&cmd)))
	})
}

// Kick implements [chat.Moderation].
func (s *Store) Kick(ctx context.Context, cmd chat.Moderate) error {
	return s.moderate(ctx, &cmd, func(t *tx, to *target) error {
		switch {
		case to.role == "" && to.kicked:
			return nil
		case to.role == "":
			return chat.ErrUserNotInRoom
		}
		if _, err := t.exec(`INSERT INTO kicks (conversation_id, user_id, kicked_at) VALUES ($1, $2, $3)`,
			to.conversation, cmd.UserID, cmd.At.UnixMilli()); err != nil {
			return fmt.Errorf("insert kick: %w", err)
		}
		return t.expel(&cmd, to, chat.LeftKicked)
	})
}

// Ban implements [chat.Moderation].
func (s *Store) Ban(ctx context.Context, cmd chat.Moderate) error {
	return s.moderate(ctx, &cmd, func(t *tx, to *target) error {
		if to.banned {
			return nil
		}
		if err := t.forget(to.conversation, cmd.UserID); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO bans (conversation_id, user_id, banned_by, banned_at) VALUES ($1, $2, $3, $4)`,
			to.conversation, cmd.UserID, cmd.Actor.ID, cmd.At.UnixMilli()); err != nil {
			return fmt.Errorf("insert ban: %w", err)
		}
		if to.role != "" {
			return t.expel(&cmd, to, chat.LeftBanned)
		}
		return t.logMembership(chat.MemberBanned, &cmd, to)
	})
}

// Unban implements [chat.Moderation].
func (s *Store) Unban(ctx context.Context, cmd chat.Moderate) error {
	return s.moderate(ctx, &cmd, func(t *tx, to *target) error {
		if !to.banned {
			return nil
		}
		if _, err := t.exec(`DELETE FROM bans WHERE conversation_id = $1 AND user_id = $2`, to.conversation, cmd.UserID); err != nil {
			return fmt.Errorf("delete ban: %w", err)
		}
		return t.logMembership(chat.MemberUnbanned, &cmd, to)
	})
}

// SetRole implements [chat.Moderation].
func (s *Store) SetRole(ctx context.Context, cmd chat.SetRole) error {
	return s.moderate(ctx, &cmd.Moderate, func(t *tx, to *target) error {
		switch to.role {
		case "":
			return chat.ErrUserNotInRoom
		case cmd.Role:
			return nil
		}
		if to.role == chat.RoleAdmin {
			var admins int
			if err := t.row(`SELECT count(*) FROM members WHERE conversation_id = $1 AND role = 'admin'`,
				to.conversation).Scan(&admins); err != nil {
				return fmt.Errorf("count admins: %w", err)
			}
			if admins == 1 {
				return chat.ErrLastAdmin
			}
		}
		return t.changeRole(to.conversation, &cmd)
	})
}

// changeRole gives a member another role.
func (t *tx) changeRole(conversation string, cmd *chat.SetRole) error {
	if _, err := t.exec(`UPDATE members SET role = $1 WHERE conversation_id = $2 AND user_id = $3`,
		cmd.Role, conversation, cmd.UserID); err != nil {
		return fmt.Errorf("set role: %w", err)
	}
	found, err := t.target(conversation, cmd.UserID)
	if err != nil {
		return err
	}
	return t.logMembership(chat.MemberRole, &cmd.Moderate, &found)
}

// expel ends the membership of another user. The actor, an admin, remains.
func (t *tx) expel(cmd *chat.Moderate, to *target, reason chat.LeaveReason) error {
	_, _, err := t.removeMember(departure{
		conversation: to.conversation, room: cmd.RoomID, user: cmd.UserID, name: to.name, reason: reason, by: cmd.Actor, at: cmd.At,
	})
	return err
}

// logMembership logs and tells what became of a user.
func (t *tx) logMembership(kind chat.EventKind, cmd *chat.Moderate, to *target) error {
	at, err := t.place(entry{
		conversation: to.conversation, kind: kind, user: cmd.UserID, actor: cmd.Actor.ID, detail: string(to.role), at: cmd.At,
	}, cmd.Actor.Origin)
	if err != nil {
		return err
	}
	return t.emitNamed(chat.NewMembershipEvent(kind, at, to.membership(cmd)))
}

func (to *target) membership(cmd *chat.Moderate) chat.Membership {
	return chat.Membership{RoomID: cmd.RoomID, UserID: cmd.UserID, UserName: to.name, Role: to.role}
}

package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// CreateRoom implements [chat.Rooms].
func (s *Store) CreateRoom(ctx context.Context, cmd chat.NewRoom) error {
	return s.writer.Do(ctx, func(tx *tx) error { return tx.createRoom(&cmd) })
}

func (t *tx) createRoom(cmd *chat.NewRoom) error {
	r := &cmd.Room
	var one int
	taken, err := rows.Found(t.row(`SELECT 1 FROM rooms WHERE id = ?`, r.ID).Scan(&one))
	if err != nil {
		return fmt.Errorf("look up room: %w", err)
	}
	if taken {
		return chat.ErrRoomExists
	}
	has, err := t.holdings(cmd.Creator.ID, cmd.Quota)
	if err != nil {
		return err
	}
	if err := cmd.Quota.MayMake(has); err != nil {
		return err
	}
	at := r.CreatedAt.UnixMilli()
	if _, err := t.exec(`
		INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at)
		VALUES (?, 'room', 0, 0, ?, ?)`, r.ConversationID, at, at); err != nil {
		return fmt.Errorf("insert conversation: %w", err)
	}
	if _, err := t.exec(`
		INSERT INTO rooms (id, conversation_id, name, description, type, max_members,
			allow_file_upload, allow_voice_message, retention_ms, created_by, created_at, folded)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.ConversationID, r.Name, r.Description, r.Type, r.MaxMembers,
		r.Settings.AllowFileUpload, r.Settings.AllowVoiceMessage, r.Settings.MessageRetention.Milliseconds(),
		r.CreatedBy, at, foldRoom(r.Name, r.Description)); err != nil {
		return fmt.Errorf("insert room: %w", err)
	}
	return t.addMember(r.ConversationID, r.ID, cmd.Creator, chat.RoleAdmin, r.CreatedAt)
}

// holdings counts what a quota limits, and nothing where it does not.
func (t *tx) holdings(user chat.UserID, quota chat.Quota) (has chat.Holdings, err error) {
	if quota.Rooms > 0 {
		if err := t.row(`SELECT count(*) FROM rooms WHERE created_by = ?`, user).Scan(&has.Rooms); err != nil {
			return has, fmt.Errorf("count rooms: %w", err)
		}
	}
	if quota.Memberships > 0 {
		if err := t.row(`SELECT count(*) FROM members WHERE user_id = ? AND joined_seq > 0`, user).Scan(&has.Memberships); err != nil {
			return has, fmt.Errorf("count memberships: %w", err)
		}
	}
	return has, nil
}

// foldRoom keeps the two apart by a character that nobody looks for.
func foldRoom(name, description string) string {
	return lexeme.Fold(name) + "\x1f" + lexeme.Fold(description)
}

// Join implements [chat.Rooms].
func (s *Store) Join(ctx context.Context, cmd chat.Join) (joined bool, err error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (bool, error) { return tx.join(&cmd) })
}

func (t *tx) join(cmd *chat.Join) (bool, error) {
	var conversation string
	var member bool
	var at chat.Entry
	found, err := rows.Found(t.row(`
		SELECT r.conversation_id, r.type, r.max_members, c.member_count,
			EXISTS (SELECT 1 FROM members x WHERE x.conversation_id = r.conversation_id AND x.user_id = ?1),
			EXISTS (SELECT 1 FROM bans x WHERE x.conversation_id = r.conversation_id AND x.user_id = ?1),
			EXISTS (SELECT 1 FROM invites x WHERE x.conversation_id = r.conversation_id AND x.user_id = ?1)
		FROM rooms r JOIN conversations c ON c.id = r.conversation_id
		WHERE r.id = ?2`, cmd.Actor.ID, cmd.RoomID).
		Scan(&conversation, &at.Type, &at.MaxMembers, &at.Members, &member, &at.Banned, &at.Invited))
	switch {
	case err != nil:
		return false, fmt.Errorf("look up room: %w", err)
	case !found:
		return false, chat.ErrRoomNotFound
	case member:
		return false, nil
	}
	if err := at.MayJoin(); err != nil {
		return false, err
	}
	has, err := t.holdings(cmd.Actor.ID, cmd.Quota)
	if err != nil {
		return false, err
	}
	if err := cmd.Quota.MayEnter(has); err != nil {
		return false, err
	}
	if err := t.forget(conversation, cmd.Actor.ID); err != nil {
		return false, err
	}
	return true, t.addMember(conversation, cmd.RoomID, cmd.Actor, at.Role(), cmd.At)
}

// forget uses up what is kept of a user who is about to become a member.
func (t *tx) forget(conversation string, user chat.UserID) error {
	for _, statement := range []string{
		`DELETE FROM invites WHERE conversation_id = ? AND user_id = ?`,
		`DELETE FROM kicks WHERE conversation_id = ? AND user_id = ?`,
	} {
		if _, err := t.exec(statement, conversation, user); err != nil {
			return fmt.Errorf("use up invitation: %w", err)
		}
	}
	return nil
}

// addMember logs that the actor became a member, with nothing unread.
func (t *tx) addMember(conversation, room string, a chat.Actor, role chat.Role, at time.Time) error {
	place, err := t.place(entry{
		conversation: conversation, kind: chat.MemberJoined, user: a.ID, actor: a.ID, detail: string(role), at: at,
	}, a.Origin)
	if err != nil {
		return err
	}
	if err := t.insertMember(place, a.ID, role); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE conversations SET member_count = member_count + 1 WHERE id = ?`, conversation); err != nil {
		return fmt.Errorf("count member: %w", err)
	}
	change := chat.Membership{RoomID: room, UserID: a.ID, UserName: a.Name, Role: role}
	t.emit(chat.NewMembershipEvent(chat.MemberJoined, place, change))
	return nil
}

// insertMember adds the row, and the mark: what was said before is not unread.
func (t *tx) insertMember(at chat.Place, user chat.UserID, role chat.Role) error {
	if _, err := t.exec(`
		INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at) VALUES (?, ?, ?, ?, ?)`,
		at.ConversationID, user, role, at.Seq, at.At.UnixMilli()); err != nil {
		return fmt.Errorf("insert member: %w", err)
	}
	return t.setMark(at.ConversationID, user, at.Seq, at.At)
}

// Leave implements [chat.Rooms].
func (s *Store) Leave(ctx context.Context, cmd chat.Leave) (left bool, err error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (bool, error) { return tx.leave(&cmd) })
}

func (t *tx) leave(cmd *chat.Leave) (bool, error) {
	var conversation string
	var kind chat.RoomType
	found, err := rows.Found(t.row(`SELECT conversation_id, type FROM rooms WHERE id = ?`, cmd.RoomID).Scan(&conversation, &kind))
	if err != nil {
		return false, fmt.Errorf("look up room: %w", err)
	}
	if !found {
		return false, chat.ErrRoomNotFound
	}
	role, remaining, err := t.removeMember(departure{
		conversation: conversation, room: cmd.RoomID, user: cmd.Actor.ID, name: cmd.Actor.Name, by: cmd.Actor, at: cmd.At,
	})
	if err != nil || role == "" {
		return false, err
	}
	switch {
	case remaining == 0 && kind == chat.RoomDirect:
		// What was said stays out of everybody's sight until retention removes it:
		// a delete of any length would stop all other writing.
		_, err = t.exec(`DELETE FROM rooms WHERE id = ?`, cmd.RoomID)
	case remaining > 0 && role == chat.RoleAdmin:
		err = t.ensureAdmin(conversation, cmd)
	}
	if err != nil {
		return false, fmt.Errorf("settle the room after a leave: %w", err)
	}
	return true, nil
}

// departure is the end of a membership.
type departure struct {
	conversation string
	room         string
	user         chat.UserID
	name         string
	reason       chat.LeaveReason
	by           chat.Actor
	at           time.Time
}

// removeMember logs that a user is a member no longer. It returns the role that
// the user had, empty for no member, and how many members remain.
func (t *tx) removeMember(d departure) (chat.Role, int, error) {
	var role chat.Role
	found, err := rows.Found(t.row(`DELETE FROM members WHERE conversation_id = ? AND user_id = ? RETURNING role`,
		d.conversation, d.user).Scan(&role))
	if err != nil || !found {
		return "", 0, err
	}
	var remaining int
	if err := t.row(`UPDATE conversations SET member_count = member_count - 1 WHERE id = ? RETURNING member_count`,
		d.conversation).Scan(&remaining); err != nil {
		return "", 0, fmt.Errorf("count member: %w", err)
	}
	at, err := t.place(entry{
		conversation: d.conversation, kind: chat.MemberLeft, user: d.user, actor: d.by.ID, detail: string(d.reason), at: d.at,
	}, d.by.Origin)
	if err != nil {
		return "", 0, err
	}
	change := chat.Membership{RoomID: d.room, UserID: d.user, UserName: d.name, Role: role, Reason: d.reason}
	return role, remaining, t.emitNamed(chat.NewMembershipEvent(chat.MemberLeft, at, change))
}

// ensureAdmin makes the member of longest standing an admin, if there is none.
func (t *tx) ensureAdmin(conversation string, cmd *chat.Leave) error {
	var one int
	found, err := rows.Found(t.row(`SELECT 1 FROM members WHERE conversation_id = ? AND role = 'admin' LIMIT 1`, conversation).Scan(&one))
	if err != nil || found {
		return err
	}
	var heir chat.UserID
	if err := t.row(`SELECT user_id FROM members WHERE conversation_id = ? ORDER BY joined_seq, user_id LIMIT 1`,
		conversation).Scan(&heir); err != nil {
		return err
	}
	// Nobody knows of this one yet, the leaver's connection included.
	return t.changeRole(conversation, &chat.SetRole{
		Moderate: chat.Moderate{RoomID: cmd.RoomID, Actor: chat.Actor{ID: cmd.Actor.ID}, UserID: heir, At: cmd.At},
		Role:     chat.RoleAdmin,
	})
}

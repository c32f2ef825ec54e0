package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// CreateRoom implements [chat.Rooms].
func (s *Store) CreateRoom(ctx context.Context, cmd chat.NewRoom) error {
	return s.writer.do(ctx, func(tx *tx) error { return tx.createRoom(&cmd) })
}

func (t *tx) createRoom(cmd *chat.NewRoom) error {
	r := &cmd.Room
	var one int
	taken, err := exists(t.row(`SELECT 1 FROM rooms WHERE id = ?`, r.ID).Scan(&one))
	if err != nil {
		return fmt.Errorf("look up room: %w", err)
	}
	if taken {
		return chat.ErrRoomExists
	}
	at := r.CreatedAt.UnixMilli()
	if _, err := t.exec(`
		INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at)
		VALUES (?, 'room', 0, 0, ?, ?)`, r.ConversationID, at, at); err != nil {
		return fmt.Errorf("insert conversation: %w", err)
	}
	if _, err := t.exec(`
		INSERT INTO rooms (id, conversation_id, name, description, type, max_members,
			allow_file_upload, allow_voice_message, retention_ms, created_by, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.ConversationID, r.Name, r.Description, r.Type, r.MaxMembers,
		r.Settings.AllowFileUpload, r.Settings.AllowVoiceMessage, r.Settings.MessageRetention.Milliseconds(),
		r.CreatedBy, at); err != nil {
		return fmt.Errorf("insert room: %w", err)
	}
	return t.addMember(r.ConversationID, r.ID, cmd.Creator, chat.RoleAdmin, r.CreatedAt)
}

// Join implements [chat.Rooms].
func (s *Store) Join(ctx context.Context, cmd chat.Join) (joined bool, err error) {
	err = s.writer.do(ctx, func(tx *tx) (err error) {
		joined, err = tx.join(&cmd)
		return err
	})
	return joined && err == nil, err
}

func (t *tx) join(cmd *chat.Join) (bool, error) {
	var conversation string
	var member bool
	var at chat.Entry
	found, err := exists(t.row(`
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
	if at.Invited {
		if _, err := t.exec(`DELETE FROM invites WHERE conversation_id = ? AND user_id = ?`,
			conversation, cmd.Actor.ID); err != nil {
			return false, fmt.Errorf("use up invitation: %w", err)
		}
	}
	return true, t.addMember(conversation, cmd.RoomID, cmd.Actor, at.Role(), cmd.At)
}

// addMember logs that the actor became a member, with nothing unread.
func (t *tx) addMember(conversation, room string, a chat.Actor, role chat.Role, at time.Time) error {
	seq, at, err := t.log(entry{conversation: conversation, kind: chat.MemberJoined, user: a.ID, actor: a.ID, at: at})
	if err != nil {
		return err
	}
	if _, err := t.exec(`
		INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at) VALUES (?, ?, ?, ?, ?)`,
		conversation, a.ID, role, seq, at.UnixMilli()); err != nil {
		return fmt.Errorf("insert member: %w", err)
	}
	if _, err := t.exec(`UPDATE conversations SET member_count = member_count + 1 WHERE id = ?`, conversation); err != nil {
		return fmt.Errorf("count member: %w", err)
	}
	if err := t.setMark(conversation, a.ID, seq, at); err != nil {
		return err
	}
	change := chat.Membership{RoomID: room, UserID: a.ID, UserName: a.Name, Role: role}
	t.emit(chat.NewMembershipEvent(chat.MemberJoined, conversation, seq, at, change, a.Origin))
	return nil
}

// Leave implements [chat.Rooms].
func (s *Store) Leave(ctx context.Context, cmd chat.Leave) (left bool, err error) {
	err = s.writer.do(ctx, func(tx *tx) (err error) {
		left, err = tx.leave(&cmd)
		return err
	})
	return left && err == nil, err
}

func (t *tx) leave(cmd *chat.Leave) (bool, error) {
	var conversation string
	var kind chat.RoomType
	found, err := exists(t.row(`SELECT conversation_id, type FROM rooms WHERE id = ?`, cmd.RoomID).Scan(&conversation, &kind))
	if err != nil {
		return false, fmt.Errorf("look up room: %w", err)
	}
	if !found {
		return false, chat.ErrRoomNotFound
	}
	role, remaining, err := t.removeMember(conversation, cmd)
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

// removeMember logs that the actor is a member no longer. It returns the role
// the actor had, empty for no member, and how many members remain.
func (t *tx) removeMember(conversation string, cmd *chat.Leave) (chat.Role, int, error) {
	a := cmd.Actor
	var role chat.Role
	found, err := exists(t.row(`DELETE FROM members WHERE conversation_id = ? AND user_id = ? RETURNING role`,
		conversation, a.ID).Scan(&role))
	if err != nil || !found {
		return "", 0, err
	}
	var remaining int
	if err := t.row(`UPDATE conversations SET member_count = member_count - 1 WHERE id = ? RETURNING member_count`,
		conversation).Scan(&remaining); err != nil {
		return "", 0, fmt.Errorf("count member: %w", err)
	}
	seq, at, err := t.log(entry{conversation: conversation, kind: chat.MemberLeft, user: a.ID, actor: a.ID, at: cmd.At})
	if err != nil {
		return "", 0, err
	}
	change := chat.Membership{RoomID: cmd.RoomID, UserID: a.ID, UserName: a.Name, Role: role}
	t.emit(chat.NewMembershipEvent(chat.MemberLeft, conversation, seq, at, change, a.Origin))
	return role, remaining, nil
}

// ensureAdmin makes the member of longest standing an admin, if there is none.
func (t *tx) ensureAdmin(conversation string, cmd *chat.Leave) error {
	var one int
	found, err := exists(t.row(`SELECT 1 FROM members WHERE conversation_id = ? AND role = 'admin' LIMIT 1`, conversation).Scan(&one))
	if err != nil || found {
		return err
	}
	var heir chat.UserID
	var name string
	if err := t.row(`
		SELECT m.user_id, coalesce(u.name, m.user_id)
		FROM members m LEFT JOIN users u ON u.id = m.user_id
		WHERE m.conversation_id = ? AND m.role = 'member'
		ORDER BY m.joined_seq LIMIT 1`, conversation).Scan(&heir, &name); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE members SET role = 'admin' WHERE conversation_id = ? AND user_id = ?`, conversation, heir); err != nil {
		return err
	}
	seq, at, err := t.log(entry{conversation: conversation, kind: chat.MemberRole, user: heir, actor: cmd.Actor.ID, at: cmd.At})
	if err != nil {
		return err
	}
	change := chat.Membership{RoomID: cmd.RoomID, UserID: heir, UserName: name, Role: chat.RoleAdmin}
	// Nobody knows of this one yet, the leaver's connection included.
	t.emit(chat.NewMembershipEvent(chat.MemberRole, conversation, seq, at, change, ""))
	return nil
}

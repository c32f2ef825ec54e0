package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

const roomColumns = `r.id, r.conversation_id, r.name, r.description, r.type, r.max_members, r.allow_file_upload,
	r.allow_voice_message, r.retention_ms, r.created_by, r.created_at, c.member_count`

const roomQuery = `SELECT ` + roomColumns + `
	FROM rooms r JOIN conversations c ON c.id = r.conversation_id WHERE r.id = $1`

// scanRoom reads the roomColumns, and further columns into more.
func scanRoom(row scanner, more ...any) (chat.Room, error) {
	var r chat.Room
	var retention, createdAt int64
	err := row.Scan(append([]any{&r.ID, &r.ConversationID, &r.Name, &r.Description, &r.Type, &r.MaxMembers,
		&r.Settings.AllowFileUpload, &r.Settings.AllowVoiceMessage, &retention, &r.CreatedBy, &createdAt, &r.MemberCount}, more...)...)
	r.Settings.MessageRetention = time.Duration(retention) * time.Millisecond
	r.CreatedAt = instant(createdAt)
	return r, err
}

// Room implements [chat.Rooms].
func (s *Store) Room(ctx context.Context, id string) (chat.Room, error) {
	r, err := scanRoom(s.readers.row(ctx, roomQuery, id))
	found, err := exists(err)
	if err != nil {
		return chat.Room{}, fmt.Errorf("read room: %w", err)
	}
	if !found {
		return chat.Room{}, chat.ErrRoomNotFound
	}
	if r.MemberCount <= chat.ListedMembers {
		if err := s.fillLists(ctx, &r); err != nil {
			return r, err
		}
	}
	r.Names, err = namesOf(s.readers.rows(ctx), r.Nameless())
	return r, err
}

const membersQuery = `SELECT user_id, role FROM members WHERE conversation_id = $1 ORDER BY joined_seq, user_id LIMIT $2`

// fillLists adds who is in the room, and the newest bans.
func (s *Store) fillLists(ctx context.Context, r *chat.Room) error {
	r.Members, r.Admins, r.Banned = []chat.UserID{}, []chat.UserID{}, []chat.UserID{}
	err := s.readers.each(ctx, func(row scanner) error {
		var user chat.UserID
		var role chat.Role
		err := row.Scan(&user, &role)
		r.Members = append(r.Members, user)
		if role == chat.RoleAdmin {
			r.Admins = append(r.Admins, user)
		}
		return err
	}, membersQuery, r.ConversationID, chat.ListedMembers)
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	r.MemberCount = len(r.Members) // who came or went since the room was read
	err = s.readers.each(ctx, func(row scanner) error {
		var user chat.UserID
		err := row.Scan(&user)
		r.Banned = append(r.Banned, user)
		return err
	}, `
		SELECT user_id FROM (
			SELECT user_id, banned_at FROM bans WHERE conversation_id = $1
			ORDER BY banned_at DESC, user_id DESC LIMIT $2) newest
		ORDER BY banned_at, user_id`,
		r.ConversationID, chat.ListedMembers)
	if err != nil {
		return fmt.Errorf("read bans: %w", err)
	}
	return nil
}

// Memberships implements [chat.Rooms].
func (s *Store) Memberships(ctx context.Context, user chat.UserID) ([]string, error) {
	rooms := []string{}
	err := s.readers.each(ctx, func(row scanner) error {
		var id string
		err := row.Scan(&id)
		rooms = append(rooms, id)
		return err
	}, `
		SELECT r.id FROM members m JOIN rooms r ON r.conversation_id = m.conversation_id
		WHERE m.user_id = $1 ORDER BY r.id`, user)
	return rooms, err
}

const amongQuery = `
	SELECT j.value FROM unnest($2::text[]) WITH ORDINALITY j (value, key)
	JOIN rooms r ON r.id = j.value
	JOIN members m ON m.conversation_id = r.conversation_id AND m.user_id = $1
	ORDER BY j.key`

// MembershipsAmong implements [chat.Rooms].
func (s *Store) MembershipsAmong(ctx context.Context, user chat.UserID, rooms []string) ([]string, error) {
	among := []string{}
	err := s.readers.each(ctx, func(row scanner) error {
		var id string
		err := row.Scan(&id)
		among = append(among, id)
		return err
	}, amongQuery, user, rooms)
	return among, err
}

// The members of a conversation, or of a room, who have come by a seq. A room without
// such has one row, of nobody.
const (
	membersByConversation = `
		SELECT c.head_seq, coalesce(m.user_id, '') FROM conversations c
		LEFT JOIN members m ON m.conversation_id = c.id AND m.joined_seq <= $2
		WHERE c.id = $1`
	membersByRoom = `
		SELECT c.head_seq, coalesce(m.user_id, '') FROM rooms r
		JOIN conversations c ON c.id = r.conversation_id
		LEFT JOIN members m ON m.conversation_id = c.id AND m.joined_seq <= $2
		WHERE r.id = $1`
)

// MembersBy implements [chat.Rooms].
func (s *Store) MembersBy(ctx context.Context, room chat.ConversationRef, seq int64) (members []chat.UserID, head int64, err error) {
	query, id := membersByConversation, room.ConversationID
	if id == "" {
		query, id = membersByRoom, room.RoomID
	}
	members = []chat.UserID{}
	err = s.readers.each(ctx, func(row scanner) error {
		var user chat.UserID
		err := row.Scan(&head, &user)
		if user != "" {
			members = append(members, user)
		}
		return err
	}, query, id, seq)
	return members, head, err
}

const accessByConversation = `
	SELECT c.id, coalesce(r.id, ''),
		EXISTS (SELECT 1 FROM members m WHERE m.conversation_id = c.id AND m.user_id = $1),
		EXISTS (SELECT 1 FROM invites i WHERE i.conversation_id = c.id AND i.user_id = $1)
	FROM conversations c LEFT JOIN rooms r ON r.conversation_id = c.id
	WHERE c.id = $2`

const accessByRoom = `
	SELECT r.conversation_id, r.id,
		EXISTS (SELECT 1 FROM members m WHERE m.conversation_id = r.conversation_id AND m.user_id = $1),
		EXISTS (SELECT 1 FROM invites i WHERE i.conversation_id = r.conversation_id AND i.user_id = $1)
	FROM rooms r WHERE r.id = $2`

// Access implements [chat.Reads].
func (s *Store) Access(ctx context.Context, ref chat.ConversationRef, user chat.UserID) (chat.Access, bool, error) {
	query, id := accessByConversation, ref.ConversationID
	if ref.RoomID != "" {
		query, id = accessByRoom, ref.RoomID
	}
	var a chat.Access
	found, err := exists(s.readers.row(ctx, query, user, id).Scan(&a.ConversationID, &a.RoomID, &a.Member, &a.Invited))
	return a, found, err
}

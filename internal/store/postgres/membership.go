package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const roomColumns = `r.id, r.conversation_id, r.name, r.description, r.type, r.max_members, r.allow_file_upload,
	r.allow_voice_message, r.retention_ms, r.created_by, r.created_at, c.member_count`

const roomQuery = `SELECT ` + roomColumns + `
	FROM rooms r JOIN conversations c ON c.id = r.conversation_id WHERE r.id = $1`

// Room implements [chat.Rooms].
func (s *Store) Room(ctx context.Context, id string) (chat.Room, error) {
	r, err := rows.Room(s.readers.row(ctx, roomQuery, id))
	found, err := rows.Found(err)
	if err != nil {
		return chat.Room{}, fmt.Errorf("read room: %w", err)
	}
	if !found {
		return chat.Room{}, chat.ErrRoomNotFound
	}
	if r.MemberCount <= chat.ListedMembers {
		if err := roomLists.Fill(s.readers.rows(ctx), &r); err != nil {
			return r, err
		}
	}
	r.Names, err = namesOf(s.readers.rows(ctx), r.Nameless())
	return r, err
}

const (
	membersQuery = `SELECT user_id, role FROM members WHERE conversation_id = $1 ORDER BY joined_seq, user_id LIMIT $2`
	bannedQuery  = `
		SELECT user_id FROM (
			SELECT user_id, banned_at FROM bans WHERE conversation_id = $1
			ORDER BY banned_at DESC, user_id DESC LIMIT $2) newest
		ORDER BY banned_at, user_id`
)

// Memberships implements [chat.Rooms].
func (s *Store) Memberships(ctx context.Context, user chat.UserID) ([]string, error) {
	return s.ids(ctx, `
		SELECT r.id FROM members m JOIN rooms r ON r.conversation_id = m.conversation_id
		WHERE m.user_id = $1 ORDER BY r.id`, user)
}

const amongQuery = `
	SELECT j.value, m.conversation_id, m.joined_seq FROM unnest($2::text[]) WITH ORDINALITY j (value, key)
	JOIN rooms r ON r.id = j.value
	JOIN members m ON m.conversation_id = r.conversation_id AND m.user_id = $1
	ORDER BY j.key`

// MembershipsAmong implements [chat.Rooms].
func (s *Store) MembershipsAmong(ctx context.Context, user chat.UserID, among []string) ([]chat.Stay, error) {
	return rows.Collect(s.readers.rows(ctx), []chat.Stay{}, rows.Stay, amongQuery, user, among)
}

// ids reads the only column of a query.
func (s *Store) ids(ctx context.Context, query string, args ...any) ([]string, error) {
	return rows.Collect(s.readers.rows(ctx), []string{}, rows.One[string], query, args...)
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
	return rows.MembersBy(s.readers.rows(ctx), query, id, seq)
}

const accessByConversation = `
	SELECT c.id, coalesce(r.id, ''), c.first_seq, c.head_seq,
		EXISTS (SELECT 1 FROM members m WHERE m.conversation_id = c.id AND m.user_id = $1),
		EXISTS (SELECT 1 FROM invites i WHERE i.conversation_id = c.id AND i.user_id = $1)
	FROM conversations c LEFT JOIN rooms r ON r.conversation_id = c.id
	WHERE c.id = $2`

const accessByRoom = `
	SELECT c.id, r.id, c.first_seq, c.head_seq,
		EXISTS (SELECT 1 FROM members m WHERE m.conversation_id = c.id AND m.user_id = $1),
		EXISTS (SELECT 1 FROM invites i WHERE i.conversation_id = c.id AND i.user_id = $1)
	FROM rooms r JOIN conversations c ON c.id = r.conversation_id WHERE r.id = $2`

// Access implements [chat.Reads].
func (s *Store) Access(ctx context.Context, ref chat.ConversationRef, user chat.UserID) (chat.Access, bool, error) {
	query, id := accessByConversation, ref.ConversationID
	if ref.RoomID != "" {
		query, id = accessByRoom, ref.RoomID
	}
	return rows.Access(s.readers.row(ctx, query, user, id))
}

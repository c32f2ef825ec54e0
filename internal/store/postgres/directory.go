package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// The queries of lists of rooms. The parameters are user, position and limit.
var roomsBy = map[chat.RoomFilter]string{
	chat.RoomsPublic: `SELECT ` + roomColumns + `
		FROM rooms r JOIN conversations c ON c.id = r.conversation_id
		WHERE r.type = 'public' AND $1::text IS NOT NULL AND r.id > $2 ORDER BY r.id LIMIT $3`,
	chat.RoomsMine: `SELECT ` + roomColumns + `
		FROM members m JOIN rooms r ON r.conversation_id = m.conversation_id
		JOIN conversations c ON c.id = r.conversation_id
		WHERE m.user_id = $1 AND r.id > $2 ORDER BY r.id LIMIT $3`,
	chat.RoomsInvited: `SELECT ` + roomColumns + `
		FROM invites i JOIN rooms r ON r.conversation_id = i.conversation_id
		JOIN conversations c ON c.id = r.conversation_id
		WHERE i.user_id = $1 AND r.id > $2 ORDER BY r.id LIMIT $3`,
}

// Rooms implements [chat.Directory].
func (s *Store) Rooms(ctx context.Context, user chat.UserID, q chat.RoomQuery) (chat.RoomPage, error) {
	query, known := roomsBy[q.Filter]
	if !known {
		return chat.RoomPage{}, fmt.Errorf("postgres: no list of rooms %q", q.Filter)
	}
	rooms, err := s.rooms(ctx, query, user, q.After, q.Limit+1)
	return rows.RoomPage(rooms, q.Limit), err
}

// AllRooms implements [chat.Directory]. With a text it looks at rooms until enough
// have it: what is looked for may be inside a word.
func (s *Store) AllRooms(ctx context.Context, q chat.AllRoomsQuery) (chat.RoomPage, error) {
	rooms, err := s.rooms(ctx, `SELECT `+roomColumns+`
		FROM rooms r JOIN conversations c ON c.id = r.conversation_id
		WHERE r.id > $1 AND ($2 = '' OR strpos(r.folded, $2) > 0 OR strpos(lower(r.id), $2) > 0)
		ORDER BY r.id LIMIT $3`, q.After, q.Text, q.Limit+1)
	return rows.RoomPage(rooms, q.Limit), err
}

// SearchRooms implements [chat.Directory]. It looks at every public room: what is
// looked for may be inside a word.
func (s *Store) SearchRooms(ctx context.Context, folded string, limit int) ([]chat.Room, error) {
	return s.rooms(ctx, `SELECT `+roomColumns+`
		FROM rooms r JOIN conversations c ON c.id = r.conversation_id
		WHERE r.type = 'public' AND strpos(r.folded, $1) > 0 ORDER BY r.id LIMIT $2`, folded, limit)
}

func (s *Store) rooms(ctx context.Context, query string, args ...any) ([]chat.Room, error) {
	return rows.Collect(s.readers.rows(ctx), []chat.Room{}, rows.Room, query, args...)
}

const (
	memberPageQuery = `
		SELECT m.user_id, coalesce(u.name, m.user_id), coalesce(u.username, ''), m.role, m.joined_at
		FROM members m LEFT JOIN users u ON u.id = m.user_id
		WHERE m.conversation_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3`
	bansQuery = `
		SELECT b.user_id, coalesce(u.name, b.user_id), coalesce(u.username, ''), b.banned_by, b.banned_at
		FROM bans b LEFT JOIN users u ON u.id = b.user_id
		WHERE b.conversation_id = $1 AND b.user_id > $2 ORDER BY b.user_id LIMIT $3`
)

// roomLists are the lists within a room.
var roomLists = rows.RoomLists{
	Eldest: membersQuery, Banned: bannedQuery,
	Access: accessByRoom, MemberPage: memberPageQuery,
	Role: roleQuery, BanPage: bansQuery, Names: namesQuery,
}

// Members implements [chat.Directory].
func (s *Store) Members(ctx context.Context, user chat.UserID, q chat.MemberQuery) (chat.MemberPage, error) {
	return rows.Result(ctx, s.readers.snapshot, func(each rows.Each) (chat.MemberPage, error) {
		return roomLists.Members(each, user, &q)
	})
}

// Bans implements [chat.Directory].
func (s *Store) Bans(ctx context.Context, user chat.UserID, q chat.BanQuery) (chat.BanPage, error) {
	return rows.Result(ctx, s.readers.snapshot, func(each rows.Each) (chat.BanPage, error) {
		return roomLists.Bans(each, user, &q)
	})
}

// RoomsAmong implements [chat.Directory].
func (s *Store) RoomsAmong(ctx context.Context, ids []string) ([]string, error) {
	return s.ids(ctx, `SELECT r.id FROM rooms r WHERE r.id = ANY ($1::text[])`, ids)
}

// membersOf are those who are in any of the rooms $1 after one $2, $3 of them: the first ones of each, and of these the first ones.
const membersOf = `
	SELECT DISTINCT f.user_id FROM rooms r CROSS JOIN LATERAL (
		SELECT m.user_id FROM members m WHERE m.conversation_id = r.conversation_id AND m.user_id > $2 ORDER BY m.user_id LIMIT $3) f
	WHERE r.id = ANY ($1::text[]) ORDER BY f.user_id LIMIT $3`

// MembersOf implements [chat.Directory].
func (s *Store) MembersOf(ctx context.Context, roomIDs []string, after chat.UserID, limit int) ([]chat.UserID, error) {
	found, err := s.ids(ctx, membersOf, roomIDs, after, limit)
	if err != nil {
		return nil, fmt.Errorf("postgres: read who is in rooms: %w", err)
	}
	members := make([]chat.UserID, len(found))
	for i, id := range found {
		members[i] = chat.UserID(id)
	}
	return members, nil
}

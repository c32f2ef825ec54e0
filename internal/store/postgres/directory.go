package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// The queries of lists of rooms. The parameters are user, position and limit.
var roomLists = map[chat.RoomFilter]string{
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
	query, known := roomLists[q.Filter]
	if !known {
		return chat.RoomPage{}, fmt.Errorf("postgres: no list of rooms %q", q.Filter)
	}
	rooms, err := s.rooms(ctx, query, user, q.After, q.Limit+1)
	return pageOf(rooms, q.Limit), err
}

// AllRooms implements [chat.Directory]. With a text it looks at rooms until enough
// have it: what is looked for may be inside a word.
func (s *Store) AllRooms(ctx context.Context, q chat.AllRoomsQuery) (chat.RoomPage, error) {
	rooms, err := s.rooms(ctx, `SELECT `+roomColumns+`
		FROM rooms r JOIN conversations c ON c.id = r.conversation_id
		WHERE r.id > $1 AND ($2 = '' OR strpos(r.folded, $2) > 0 OR strpos(lower(r.id), $2) > 0)
		ORDER BY r.id LIMIT $3`, q.After, q.Text, q.Limit+1)
	return pageOf(rooms, q.Limit), err
}

// pageOf makes a page of one room more than it has, if there are as many.
func pageOf(rooms []chat.Room, limit int) chat.RoomPage {
	page := chat.RoomPage{Rooms: rooms}
	if len(rooms) > limit {
		page.Rooms, page.Next = rooms[:limit], rooms[limit-1].ID
	}
	return page
}

// SearchRooms implements [chat.Directory]. It looks at every public room: what is
// looked for may be inside a word.
func (s *Store) SearchRooms(ctx context.Context, folded string, limit int) ([]chat.Room, error) {
	return s.rooms(ctx, `SELECT `+roomColumns+`
		FROM rooms r JOIN conversations c ON c.id = r.conversation_id
		WHERE r.type = 'public' AND strpos(r.folded, $1) > 0 ORDER BY r.id LIMIT $2`, folded, limit)
}

func (s *Store) rooms(ctx context.Context, query string, args ...any) ([]chat.Room, error) {
	rooms := []chat.Room{}
	err := s.readers.each(ctx, func(row scanner) error {
		r, err := scanRoom(row)
		rooms = append(rooms, r)
		return err
	}, query, args...)
	return rooms, err
}

// Members implements [chat.Directory].
func (s *Store) Members(ctx context.Context, user chat.UserID, q chat.MemberQuery) (chat.MemberPage, error) {
	page := chat.MemberPage{Members: []chat.Member{}}
	err := s.readers.snapshot(ctx, func(each eachRow) error {
		var conversation string
		var found, member bool
		err := each(func(row scanner) error {
			var invited bool
			var room string
			found = true
			return row.Scan(&conversation, &room, &member, &invited)
		}, accessByRoom, user, q.RoomID)
		switch {
		case err != nil:
			return fmt.Errorf("look up room: %w", err)
		case !found:
			return chat.ErrRoomNotFound
		case !member:
			return chat.ErrNotInRoom
		}
		return each(func(row scanner) error {
			var m chat.Member
			var joinedAt int64
			err := row.Scan(&m.UserID, &m.Name, &m.Login, &m.Role, &joinedAt)
			m.JoinedAt = instant(joinedAt)
			page.Members = append(page.Members, m)
			return err
		}, `SELECT m.user_id, coalesce(u.name, m.user_id), coalesce(u.username, ''), m.role, m.joined_at
			FROM members m LEFT JOIN users u ON u.id = m.user_id
			WHERE m.conversation_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3`, conversation, q.After, q.Limit+1)
	})
	if err != nil {
		return chat.MemberPage{}, err
	}
	if len(page.Members) > q.Limit {
		page.Members, page.Next = page.Members[:q.Limit], page.Members[q.Limit-1].UserID
	}
	return page, nil
}

const bansQuery = `
	SELECT b.user_id, coalesce(u.name, b.user_id), coalesce(u.username, ''), b.banned_by, b.banned_at
	FROM bans b LEFT JOIN users u ON u.id = b.user_id
	WHERE b.conversation_id = $1 AND b.user_id > $2 ORDER BY b.user_id LIMIT $3`

// Bans implements [chat.Directory].
func (s *Store) Bans(ctx context.Context, user chat.UserID, q chat.BanQuery) (chat.BanPage, error) {
	page := chat.BanPage{Bans: []chat.Ban{}}
	err := s.readers.snapshot(ctx, func(each eachRow) error {
		var conversation string
		var standing chat.Standing
		refusal := error(chat.ErrRoomNotFound)
		err := each(func(row scanner) error {
			err := row.Scan(&conversation, &standing.Role)
			refusal = standing.MayAdminister()
			return err
		}, roleQuery, user, q.RoomID)
		switch {
		case err != nil:
			return fmt.Errorf("look up room: %w", err)
		case refusal != nil:
			return refusal
		}
		if err := each(func(row scanner) error {
			var b chat.Ban
			var bannedAt int64
			err := row.Scan(&b.UserID, &b.Name, &b.Login, &b.By, &bannedAt)
			b.At = instant(bannedAt)
			page.Bans = append(page.Bans, b)
			return err
		}, bansQuery, conversation, q.After, q.Limit+1); err != nil {
			return err
		}
		return nameBans(each, page.Bans)
	})
	if err != nil {
		return chat.BanPage{}, err
	}
	if len(page.Bans) > q.Limit {
		page.Bans, page.Next = page.Bans[:q.Limit], page.Bans[q.Limit-1].UserID
	}
	return page, nil
}

// nameBans adds how those are called who have banned.
func nameBans(each eachRow, bans []chat.Ban) error {
	by := make([]chat.UserID, len(bans))
	for i := range bans {
		by[i] = bans[i].By
	}
	names, err := namesOf(each, by)
	for i := range bans {
		bans[i].Names = names.Of(by[i : i+1])
	}
	return err
}

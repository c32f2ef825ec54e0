package rows

import (
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Room reads a room.
func Room(row Row) (chat.Room, error) {
	var r chat.Room
	var retention, createdAt int64
	err := row.Scan(&r.ID, &r.ConversationID, &r.Name, &r.Description, &r.Type, &r.MaxMembers,
		&r.Settings.AllowFileUpload, &r.Settings.AllowVoiceMessage, &retention, &r.CreatedBy, &createdAt, &r.MemberCount)
	r.Settings.MessageRetention = time.Duration(retention) * time.Millisecond
	r.CreatedAt = Instant(createdAt)
	return r, err
}

// RoomPage makes a page of one room more than it has, if there are as many.
func RoomPage(rooms []chat.Room, limit int) chat.RoomPage {
	page := chat.RoomPage{Rooms: rooms}
	if len(rooms) > limit {
		page.Rooms, page.Next = rooms[:limit], rooms[limit-1].ID
	}
	return page
}

// RoomLists are the statements of who is in a room, and who must not be.
type RoomLists struct {
	Eldest string // members of a conversation, at most so many, as they have come: users and roles
	Banned string // from a conversation, at most so many, the last of them: users

	Access     string // of a user to a room, see [Access]
	MemberPage string // of a conversation, behind a user, at most so many: users, names, login names, roles, since when

	Role    string // of a user in a room: the conversation, and the role or none
	BanPage string // of a conversation, behind a user, at most so many: users, names, login names, by whom, since when
	Names   string // see [Names]
}

// Fill adds who is in the room, and the newest bans.
func (l *RoomLists) Fill(each Each, r *chat.Room) error {
	r.Members, r.Admins = []chat.UserID{}, []chat.UserID{}
	err := each(func(row Row) error {
		var user chat.UserID
		var role chat.Role
		err := row.Scan(&user, &role)
		r.Members = append(r.Members, user)
		if role == chat.RoleAdmin {
			r.Admins = append(r.Admins, user)
		}
		return err
	}, l.Eldest, r.ConversationID, chat.ListedMembers)
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	r.MemberCount = len(r.Members) // who came or went since the room was read
	r.Banned, err = Collect(each, []chat.UserID{}, One[chat.UserID], l.Banned, r.ConversationID, chat.ListedMembers)
	if err != nil {
		return fmt.Errorf("read bans: %w", err)
	}
	return nil
}

// Stay reads a membership: the room, the conversation, and since which seq.
func Stay(row Row) (s chat.Stay, err error) {
	err = row.Scan(&s.RoomID, &s.ConversationID, &s.Since)
	return s, err
}

// MembersBy reads the members of a conversation who have come by a seq, and where its log ends: a row each, of which one
// may be nobody's.
func MembersBy(each Each, query, id string, seq int64) (members []chat.UserID, head int64, err error) {
	members = []chat.UserID{}
	err = each(func(row Row) error {
		var user chat.UserID
		err := row.Scan(&head, &user)
		if user != "" {
			members = append(members, user)
		}
		return err
	}, query, id, seq)
	return members, head, err
}

// Access reads what a user sees of a conversation.
func Access(row Row) (a chat.Access, found bool, err error) {
	found, err = Found(row.Scan(&a.ConversationID, &a.RoomID, &a.FirstSeq, &a.Seq, &a.Member, &a.Invited))
	return a, found, err
}

// Members reads a page of a room's members, if the user is one.
func (l *RoomLists) Members(each Each, user chat.UserID, q *chat.MemberQuery) (chat.MemberPage, error) {
	refusal := error(chat.ErrRoomNotFound)
	var room chat.Access
	err := each(func(row Row) (err error) {
		room, _, err = Access(row)
		refusal = nil
		if !room.Member {
			refusal = chat.ErrNotInRoom
		}
		return err
	}, l.Access, user, q.RoomID)
	switch {
	case err != nil:
		return chat.MemberPage{}, fmt.Errorf("look up room: %w", err)
	case refusal != nil:
		return chat.MemberPage{}, refusal
	}
	members, err := Collect(each, []chat.Member{}, func(row Row) (m chat.Member, err error) {
		var joinedAt int64
		err = row.Scan(&m.UserID, &m.Name, &m.Login, &m.Role, &joinedAt)
		m.JoinedAt = Instant(joinedAt)
		return m, err
	}, l.MemberPage, room.ConversationID, q.After, q.Limit+1)
	page := chat.MemberPage{Members: members}
	if len(members) > q.Limit {
		page.Members, page.Next = members[:q.Limit], members[q.Limit-1].UserID
	}
	return page, err
}

// Bans reads a page of a room's bans, if the user may administer it.
func (l *RoomLists) Bans(each Each, user chat.UserID, q *chat.BanQuery) (chat.BanPage, error) {
	var conversation string
	refusal := error(chat.ErrRoomNotFound)
	err := each(func(row Row) error {
		var standing chat.Standing
		err := row.Scan(&conversation, &standing.Role)
		refusal = standing.MayAdminister()
		return err
	}, l.Role, user, q.RoomID)
	switch {
	case err != nil:
		return chat.BanPage{}, fmt.Errorf("look up room: %w", err)
	case refusal != nil:
		return chat.BanPage{}, refusal
	}
	bans, err := Collect(each, []chat.Ban{}, func(row Row) (b chat.Ban, err error) {
		var bannedAt int64
		err = row.Scan(&b.UserID, &b.Name, &b.Login, &b.By, &bannedAt)
		b.At = Instant(bannedAt)
		return b, err
	}, l.BanPage, conversation, q.After, q.Limit+1)
	if err != nil {
		return chat.BanPage{}, err
	}
	page := chat.BanPage{Bans: bans}
	if len(bans) > q.Limit {
		page.Bans, page.Next = bans[:q.Limit], bans[q.Limit-1].UserID
	}
	return page, nameBans(each, l.Names, page.Bans)
}

package chat

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The limits of lists.
const (
	// DefaultListed and MaxListed are how many rooms, members, bans or
	// conversations a page has.
	DefaultListed = 50
	MaxListed     = 100
	// DefaultFound is how many results a search has, MaxFound how many at most.
	DefaultFound = 20
	MaxFound     = 100
	// MaxQuery is the longest query of a search, in characters.
	MaxQuery = 200
)

// RoomFilter says which rooms a list has.
type RoomFilter string

// The filters.
const (
	RoomsPublic  RoomFilter = "public"
	RoomsMine    RoomFilter = "mine"
	RoomsInvited RoomFilter = "invited" // those that the caller may join by invitation
)

// RoomQuery asks for a page of rooms by their ids. After is the Next of the page
// before, Limit at most [MaxListed].
type RoomQuery struct {
	Filter RoomFilter
	After  string
	Limit  int
}

// RoomPage is a part of a list of rooms, which are without their lists of members.
// Next is empty on the last page.
type RoomPage struct {
	Rooms []Room
	Next  string
}

// MemberQuery asks for a page of a room's members by their ids.
type MemberQuery struct {
	RoomID string
	After  UserID
	Limit  int
}

// Member is who is in a room.
type Member struct {
	UserID   UserID
	Name     string
	Login    string // of a local account
	Role     Role
	JoinedAt time.Time
}

// MemberPage is a part of a room's members. Next is empty on the last page.
type MemberPage struct {
	Members []Member
	Next    UserID
}

// BanQuery asks for a page of those banned from a room by their ids.
type BanQuery struct {
	RoomID string
	After  UserID
	Limit  int
}

// Ban keeps a user out of a room.
type Ban struct {
	UserID UserID
	Name   string
	Login  string // of a local account
	By     UserID
	At     time.Time
	Names  Names // that of By
}

// BanPage is a part of a room's bans. Next is empty on the last page.
type BanPage struct {
	Bans []Ban
	Next UserID
}

// Room returns a room. A public one can be seen by all, without its lists of users
// by who is not in it; others by members, and by the invited in the same way.
func (s *Service) Room(ctx context.Context, a Actor, roomID string) (Room, error) {
	if err := requireRoomID(roomID); err != nil {
		return Room{}, err
	}
	room, err := s.store.Room(ctx, roomID)
	if err != nil {
		return Room{}, fmt.Errorf("read room: %w", err)
	}
	access, found, err := s.store.Access(ctx, ConversationRef{RoomID: roomID}, a.ID)
	switch {
	case err != nil:
		return Room{}, fmt.Errorf("look up membership: %w", err)
	case !found:
		return Room{}, ErrRoomNotFound
	case access.Member:
		return room, nil
	case room.Type != RoomPublic && !access.Invited:
		return Room{}, ErrNotInRoom
	}
	room.Members, room.Admins, room.Banned, room.Names = nil, nil, nil, nil
	return room, nil
}

// Rooms returns a page of the public rooms, of the caller's, or of those that the
// caller is invited to.
func (s *Service) Rooms(ctx context.Context, a Actor, q RoomQuery) (RoomPage, error) {
	switch q.Filter {
	case "":
		q.Filter = RoomsPublic
	case RoomsPublic, RoomsMine, RoomsInvited:
	default:
		return RoomPage{}, refusal.Invalid("filter", "must be one of public, mine, invited")
	}
	if q.After != "" {
		if err := checkRoomID("after", q.After); err != nil {
			return RoomPage{}, err
		}
	}
	if err := checkListed(&q.Limit); err != nil {
		return RoomPage{}, err
	}
	page, err := s.store.Rooms(ctx, a.ID, q)
	if err != nil {
		return RoomPage{}, fmt.Errorf("list rooms: %w", err)
	}
	return page, nil
}

// AllRoomsQuery asks for a page of all rooms by their ids, for who administers the
// server. Text is in the id, the name or the description; empty is all. After is
// the Next of the page before, Limit at most [MaxListed].
type AllRoomsQuery struct {
	Text  string
	After string
	Limit int
}

// AllRooms returns a page of all rooms, of whatever type.
func (s *Service) AllRooms(ctx context.Context, q AllRoomsQuery) (RoomPage, error) {
	if q.Text != "" {
		if err := checkText("query", q.Text, MaxQuery); err != nil {
			return RoomPage{}, err
		}
	}
	if q.After != "" {
		if err := checkRoomID("after", q.After); err != nil {
			return RoomPage{}, err
		}
	}
	if err := checkListed(&q.Limit); err != nil {
		return RoomPage{}, err
	}
	q.Text = lexeme.Fold(q.Text)
	page, err := s.store.AllRooms(ctx, q)
	if err != nil {
		return RoomPage{}, fmt.Errorf("list all rooms: %w", err)
	}
	return page, nil
}

// Members returns a page of the members of a room of the caller's.
func (s *Service) Members(ctx context.Context, a Actor, q MemberQuery) (MemberPage, error) {
	if err := checkPage(q.RoomID, q.After, &q.Limit); err != nil {
		return MemberPage{}, err
	}
	page, err := s.store.Members(ctx, a.ID, q)
	if err != nil {
		return MemberPage{}, fmt.Errorf("list members: %w", err)
	}
	return page, nil
}

// Bans returns a page of those banned from a room that the caller administers.
func (s *Service) Bans(ctx context.Context, a Actor, q BanQuery) (BanPage, error) {
	if err := checkPage(q.RoomID, q.After, &q.Limit); err != nil {
		return BanPage{}, err
	}
	page, err := s.store.Bans(ctx, a.ID, q)
	if err != nil {
		return BanPage{}, fmt.Errorf("list bans: %w", err)
	}
	return page, nil
}

// SearchRooms returns public rooms whose name or description has the query in it,
// whatever the case, by their ids.
func (s *Service) SearchRooms(ctx context.Context, query string, limit int) ([]Room, error) {
	if err := checkQuery(query); err != nil {
		return nil, err
	}
	limit = cmp.Or(limit, DefaultFound)
	if err := checkLimit(limit, MaxFound); err != nil {
		return nil, err
	}
	rooms, err := s.store.SearchRooms(ctx, lexeme.Fold(query), limit)
	if err != nil {
		return nil, fmt.Errorf("search rooms: %w", err)
	}
	return rooms, nil
}

func checkQuery(query string) error {
	if query == "" {
		return refusal.Missing("query")
	}
	return checkText("query", query, MaxQuery)
}

// checkPage checks what asks for a page of users of a room.
func checkPage(roomID string, after UserID, limit *int) error {
	if err := requireRoomID(roomID); err != nil {
		return err
	}
	if after != "" {
		if err := checkUserID("after", after); err != nil {
			return err
		}
	}
	return checkListed(limit)
}

func checkListed(limit *int) error {
	*limit = cmp.Or(*limit, DefaultListed)
	return checkLimit(*limit, MaxListed)
}

// MembersOf returns who is in any of some rooms, each once, by their ids, those after one; for those who may know of all rooms.
func (s *Service) MembersOf(ctx context.Context, rooms []string, after UserID, limit int) ([]UserID, error) {
	members, err := s.store.MembersOf(ctx, rooms, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read who is in rooms: %w", err)
	}
	return members, nil
}

// RoomsAmong returns those of some ids that are of rooms, in any order; for those who may know of all rooms.
func (s *Service) RoomsAmong(ctx context.Context, ids []string) ([]string, error) {
	rooms, err := s.store.RoomsAmong(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("look up rooms: %w", err)
	}
	return rooms, nil
}

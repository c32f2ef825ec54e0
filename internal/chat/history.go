package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The limits of what is read at once.
const (
	// DefaultHistory and MaxHistory are how many messages a page has.
	DefaultHistory = 50
	MaxHistory     = 100
	// MaxUnread is how many unread messages are shown at sign-in.
	MaxUnread = 100
)

// HistoryQuery asks for a page of one conversation, named by exactly one of
// ConversationID, RoomID and UserID (the other side of a direct conversation).
// Before and After are ids of messages in it, at most one of the two; without
// one the page is the newest. Limit is at most [MaxHistory], 0 is
// [DefaultHistory].
type HistoryQuery struct {
	ConversationID string
	RoomID         string
	UserID         UserID
	Before         string
	After          string
	Limit          int
}

// Page is a part of a conversation, oldest message first.
type Page struct {
	Messages []Message
	// More tells that there are further messages in the direction of the query.
	More bool
}

// History returns a page of a conversation that the caller takes part in. A
// direct conversation in which nothing was said yet is empty.
func (s *Service) History(ctx context.Context, a Actor, q HistoryQuery) (Page, error) {
	if err := checkHistory(a, &q); err != nil {
		return Page{}, err
	}
	access, err := s.readable(ctx, a, &q)
	if err != nil {
		return Page{}, err
	}
	if access.ConversationID == "" {
		return Page{Messages: []Message{}}, nil
	}
	newest := q.Before == "" && q.After == ""
	if newest {
		if page, known := s.recent.page(&access, q.Limit, s.now()); known {
			return page, nil
		}
	}
	page, err := s.store.Messages(ctx, MessageQuery{
		ConversationID: access.ConversationID,
		Before:         q.Before,
		After:          q.After,
		Limit:          q.Limit,
	})
	if errors.Is(err, ErrMessageNotFound) {
		field := "before"
		if q.After != "" {
			field = "after"
		}
		return Page{}, ErrMessageNotFound.In(field)
	}
	if err != nil {
		return Page{}, fmt.Errorf("read history: %w", err)
	}
	if newest {
		s.recent.keep(&access, q.Limit, page, s.now())
	}
	return page, nil
}

// RoomMessages returns the last [JoinMessages] messages of a room of the
// caller's, oldest first.
func (s *Service) RoomMessages(ctx context.Context, a Actor, roomID string) ([]Message, error) {
	if roomID == "" {
		return nil, refusal.Missing("roomId")
	}
	page, err := s.History(ctx, a, HistoryQuery{RoomID: roomID, Limit: JoinMessages})
	return page.Messages, err
}

// Unread returns the newest messages of others that the user has not read, in
// all of the user's conversations, oldest first. limit is at most [MaxUnread]; 0
// is that.
func (s *Service) Unread(ctx context.Context, user UserID, limit int) ([]Message, error) {
	if limit == 0 {
		limit = MaxUnread
	}
	if err := checkLimit(limit, MaxUnread); err != nil {
		return nil, err
	}
	q := UnreadQuery{User: user, Limit: limit}
	now := s.now()
	q.Since, q.Among = s.unread.since(user, now)
	found, err := s.store.Unread(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read unread messages: %w", err)
	}
	s.unread.checked(user, now, found.Conversations)
	return found.Messages, nil
}

func checkHistory(a Actor, q *HistoryQuery) error {
	targets := 0
	for _, set := range []bool{q.ConversationID != "", q.RoomID != "", q.UserID != ""} {
		if set {
			targets++
		}
	}
	if targets == 0 {
		return refusal.Missing("conversationId")
	}
	if targets > 1 {
		return refusal.Invalid("conversationId", "must be the only one of conversationId, roomId and userId")
	}
	if q.RoomID != "" {
		if err := checkRoomID("roomId", q.RoomID); err != nil {
			return err
		}
	}
	if q.UserID != "" {
		if err := checkUserID("userId", q.UserID); err != nil {
			return err
		}
		if q.UserID == a.ID {
			return refusal.Invalid("userId", "must be another user")
		}
	}
	return checkPaging(q.Before, q.After, &q.Limit)
}

func checkLimit(limit, most int) error {
	if limit < 1 || limit > most {
		return refusal.Beyond("limit", most, fmt.Sprintf("must be from 1 to %d", most))
	}
	return nil
}

// readable returns the conversation that q names, if the caller may read it;
// without an id a direct one that does not exist yet. To a stranger a
// conversation and none look the same.
func (s *Service) readable(ctx context.Context, a Actor, q *HistoryQuery) (Access, error) {
	ref := ConversationRef{ConversationID: q.ConversationID, RoomID: q.RoomID}
	if q.UserID != "" {
		ref.ConversationID = DirectID(a.ID, q.UserID)
	}
	access, found, err := s.store.Access(ctx, ref, a.ID)
	switch {
	case err != nil:
		return Access{}, fmt.Errorf("look up conversation: %w", err)
	case found && access.Member:
		return access, nil
	case q.UserID != "":
		return Access{}, nil
	case q.RoomID != "" && found:
		return Access{}, ErrNotInRoom
	case q.RoomID != "":
		return Access{}, ErrRoomNotFound
	default:
		return Access{}, ErrConversationNotFound
	}
}

// RequireMember refuses who is not in a room, as all that is done there is
// refused: ErrRoomNotFound, ErrNotInRoom.
func (s *Service) RequireMember(ctx context.Context, a Actor, roomID string) error {
	if err := requireRoomID(roomID); err != nil {
		return err
	}
	_, err := s.readable(ctx, a, &HistoryQuery{RoomID: roomID})
	return err
}

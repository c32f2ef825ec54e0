package chat

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// MaxUnreadCount is where counts of unread messages and mentions end: there are so
// many or more.
const MaxUnreadCount = 1000

// Summary is a conversation as a list shows it. Either Room (without its lists) or
// Peer, the other side, is set.
type Summary struct {
	ConversationID string
	Room           *Room
	Peer           *User
	FirstSeq       int64
	Seq            int64
	// Mark is how far the user has read.
	Mark   int64
	LastAt time.Time
	// Last is the newest message, nil if there is none.
	Last *Message
	// Unread and Mentions count after the mark, up to [MaxUnreadCount]: others'
	// undeleted messages, and those of them that name the user.
	Unread   int
	Mentions int
}

// Position is a place in a list of conversations, which is by the time of the last
// event, newest first.
type Position struct {
	LastAt         time.Time
	ConversationID string
}

// ConversationQuery asks for the conversations after a position; the zero one is
// the beginning.
type ConversationQuery struct {
	User  UserID
	After Position
	Limit int
}

// ConversationPage is a part of a list of conversations. Next is empty on the last
// page.
type ConversationPage struct {
	Conversations []Summary
	Next          string
}

// Conversations returns a page of the caller's rooms and direct conversations, with
// the newest first. cursor is the Next of the page before, empty for the first. A
// conversation in which something happens meanwhile moves to the front, and so can
// be seen twice or, if it was not listed yet, only by the events.
func (s *Service) Conversations(ctx context.Context, a Actor, cursor string, limit int) (ConversationPage, error) {
	after, err := parsePosition(cursor)
	if err != nil {
		return ConversationPage{}, err
	}
	if err := checkListed(&limit); err != nil {
		return ConversationPage{}, err
	}
	list, err := s.store.Conversations(ctx, ConversationQuery{User: a.ID, After: after, Limit: limit + 1})
	if err != nil {
		return ConversationPage{}, fmt.Errorf("list conversations: %w", err)
	}
	page := ConversationPage{Conversations: list}
	if len(list) > limit {
		page.Conversations = list[:limit]
		last := list[limit-1]
		page.Next = Position{LastAt: last.LastAt, ConversationID: last.ConversationID}.cursor()
	}
	return page, nil
}

func (p Position) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.LastAt.UnixMilli(), 10) + " " + p.ConversationID))
}

func parsePosition(cursor string) (Position, error) {
	if cursor == "" {
		return Position{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		at, id, ok := strings.Cut(string(text), " ")
		millis, err := strconv.ParseInt(at, 10, 64)
		if ok && err == nil && id != "" {
			return Position{LastAt: time.UnixMilli(millis).UTC(), ConversationID: id}, nil
		}
	}
	return Position{}, refusal.Invalid("after", "must be the next of a page")
}

// MarkConversation is the command to move a mark to a seq.
type MarkConversation struct {
	Reader         Actor
	ConversationID string
	Seq            int64
	At             time.Time
}

// MarkConversation moves the caller's mark in a conversation to seq, never back;
// the caller's own devices are told, nobody else. A seq that the log has not
// reached is refused.
func (s *Service) MarkConversation(ctx context.Context, a Actor, conversationID string, seq int64) error {
	if conversationID == "" {
		return refusal.Missing("conversationId")
	}
	if seq < 1 {
		return refusal.Invalid("seq", "must be at least 1")
	}
	cmd := MarkConversation{Reader: a, ConversationID: conversationID, Seq: seq, At: s.timestamp()}
	if err := s.store.MarkConversation(ctx, cmd); err != nil {
		return fmt.Errorf("mark conversation: %w", err)
	}
	return nil
}

// Permit is the rule for marks, which a driver asks inside the transaction, given
// the seqs of the log's end and of the mark. It tells whether there is anything to
// do.
func (c *MarkConversation) Permit(head, mark int64, s Standing) (change bool, err error) {
	switch {
	case !s.Member():
		return false, ErrConversationNotFound
	case c.Seq > head:
		return false, refusal.Invalid("seq", "must not be beyond the last of the conversation")
	default:
		return c.Seq > mark, nil
	}
}

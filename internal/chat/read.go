package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// MaxMarked is how many messages one call may mark as read.
const MaxMarked = 1000

// Receipt tells a message's sender that it was read.
type Receipt struct {
	MessageID      string
	ConversationID string
	SenderID       UserID
	ReadBy         UserID
	ReaderName     string
	ReadAt         time.Time
}

// Mark is how far a user has read a conversation: up to and with Seq.
type Mark struct {
	ConversationID string
	UserID         UserID
	Seq            int64
	ReadAt         time.Time
}

// MarkRead moves the caller's mark in each conversation to the newest of the
// messages listed, never back; what came before is read as well. It returns the
// listed messages of others that were unread until now, except in rooms of more
// than [ListedMembers] and of senders who are no members any more: who has left is
// told nothing. Messages that are gone or not the caller's to see are passed over;
// if that is all of them, the answer is [ErrMessageNotFound].
func (s *Service) MarkRead(ctx context.Context, a Actor, messageIDs []string) ([]Receipt, error) {
	if len(messageIDs) == 0 {
		return nil, refusal.Missing("messageIds")
	}
	if len(messageIDs) > MaxMarked {
		return nil, refusal.TooMuch("messageIds", MaxMarked, "ids")
	}
	for i, id := range messageIDs {
		if err := checkID(fmt.Sprintf("messageIds[%d]", i), id, MaxMessageID); err != nil {
			return nil, err
		}
	}
	receipts, err := s.store.MarkRead(ctx, MarkRead{
		Reader:            a,
		MessageIDs:        messageIDs,
		At:                s.timestamp(),
		MaxReceiptMembers: ListedMembers,
	})
	if err != nil {
		return nil, fmt.Errorf("mark as read: %w", err)
	}
	return receipts, nil
}

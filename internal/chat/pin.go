package chat

import (
	"context"
	"fmt"
	"time"
)

// MaxPins is how many messages of a conversation may be pinned at a time.
const MaxPins = 100

// Pin is the command to pin a message, or to unpin it.
type Pin struct {
	MessageID string
	Actor     Actor
	Pinned    bool
	At        time.Time
	// Most is how many may be pinned at a time: ErrTooManyPins.
	Most int
}

// Permit is the rule for pins, which a driver asks inside the transaction. It
// tells whether there is anything to do.
func (c *Pin) Permit(m *Message, s Standing) (change bool, err error) {
	switch {
	case visible(s) != nil || !m.DeletedAt.IsZero():
		return false, ErrMessageNotFound
	case m.RoomID != "" && s.Role != RoleAdmin:
		return false, ErrPinNotPermitted
	default:
		return m.PinnedAt.IsZero() == c.Pinned, nil
	}
}

// PinMessage pins a message, or unpins it: admins in a room, either side in a
// direct conversation, unless one of them blocks the other. What is so already is
// ok and emits nothing.
func (s *Service) PinMessage(ctx context.Context, a Actor, messageID string, pinned bool) (Message, error) {
	if err := requireMessageID(messageID); err != nil {
		return Message{}, err
	}
	cmd := Pin{MessageID: messageID, Actor: a, Pinned: pinned, At: s.timestamp(), Most: MaxPins}
	m, change, err := s.reviewChange(ctx, messageID, a.ID, cmd.Permit)
	if !change || err != nil {
		return m, err
	}
	m, err = s.store.PinMessage(ctx, cmd)
	if err != nil {
		return Message{}, fmt.Errorf("pin message: %w", err)
	}
	return m, nil
}

// Pinned returns the pinned messages of a conversation of the caller's, at most
// [MaxPins], oldest first. Only the target of q counts.
func (s *Service) Pinned(ctx context.Context, a Actor, q HistoryQuery) ([]Message, error) {
	if err := checkHistory(a, &q); err != nil {
		return nil, err
	}
	access, err := s.readable(ctx, a, &q)
	if err != nil || access.ConversationID == "" {
		return []Message{}, err
	}
	messages, err := s.store.Pinned(ctx, access.ConversationID, MaxPins)
	if err != nil {
		return nil, fmt.Errorf("read pinned messages: %w", err)
	}
	return messages, nil
}

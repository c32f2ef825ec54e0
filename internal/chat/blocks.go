package chat

import (
	"context"
	"fmt"
)

// refuseBlocked refuses what a user changes for the other side of a direct
// conversation, with the words for who is no friend.
func (s *Service) refuseBlocked(ctx context.Context, m *Message) error {
	if m.RoomID != "" {
		return nil
	}
	blocked, err := s.store.Blocked(ctx, m.SenderID, m.RecipientID)
	if err != nil {
		return fmt.Errorf("look up blocks: %w", err)
	}
	if blocked {
		return ErrNotFriends
	}
	return nil
}

package chat

import (
	"context"
	"fmt"
)

// Blocks knows who does not want to hear of whom. Its methods may be called
// concurrently.
type Blocks interface {
	// Blocked tells whether one of the two has blocked the other.
	Blocked(ctx context.Context, a, b UserID) (bool, error)
}

// refuseBlocked refuses what a user says to the other side of a direct
// conversation, with the words for who is no friend.
func (s *Service) refuseBlocked(ctx context.Context, m *Message) error {
	if s.blocks == nil || m.RoomID != "" {
		return nil
	}
	blocked, err := s.blocks.Blocked(ctx, m.SenderID, m.RecipientID)
	if err != nil {
		return fmt.Errorf("look up blocks: %w", err)
	}
	if blocked {
		return ErrNotFriends
	}
	return nil
}

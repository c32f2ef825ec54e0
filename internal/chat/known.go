package chat

import (
	"context"
	"fmt"
)

// Known tells whether the caller has sent a message with that clientMsgId, which
// a gateway asks before it refuses a send for its rate: a repetition is always
// answered, by the message that is stored.
func (s *Service) Known(ctx context.Context, a Actor, clientMsgID string) (bool, error) {
	if clientMsgID == "" || checkID("clientMsgId", clientMsgID, MaxClientMsgID) != nil {
		return false, nil
	}
	_, found, err := s.store.Sent(ctx, a.ID, clientMsgID)
	if err != nil {
		return false, fmt.Errorf("look up clientMsgId: %w", err)
	}
	return found, nil
}

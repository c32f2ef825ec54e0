package chat

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// ThreadQuery asks for a page of the replies to a message and to its replies, by
// the id of any of them. Before, After and Limit are those of [HistoryQuery].
type ThreadQuery struct {
	MessageID string
	Before    string
	After     string
	Limit     int
}

// Thread is a message with a page of its replies. Root is nil if retention has
// removed it.
type Thread struct {
	Root    *Message
	Replies Page
}

// Thread returns a page of a thread in a conversation of the caller's.
func (s *Service) Thread(ctx context.Context, a Actor, q ThreadQuery) (Thread, error) {
	if err := requireMessageID(q.MessageID); err != nil {
		return Thread{}, err
	}
	if err := checkPaging(q.Before, q.After, &q.Limit); err != nil {
		return Thread{}, err
	}
	thread, err := s.store.Thread(ctx, a.ID, q)
	if refused := refusal.Of(err); refused != nil {
		return Thread{}, refused
	}
	if err != nil {
		return Thread{}, fmt.Errorf("read thread: %w", err)
	}
	return thread, nil
}

// checkPaging checks cursors and limit of a page of messages, and fills in the
// default limit.
func checkPaging(before, after string, limit *int) error {
	if before != "" && after != "" {
		return refusal.Invalid("after", "must not stand beside before")
	}
	if *limit == 0 {
		*limit = DefaultHistory
	}
	return checkLimit(*limit, MaxHistory)
}

package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// SearchMessages asks for messages that have all words of Query, in the
// conversations of the caller or in one of them. Before is the id of a message:
// only what was sent before it is looked at. Limit is at most [MaxFound], 0 is
// [DefaultFound].
type SearchMessages struct {
	Query          string
	ConversationID string
	Before         string
	Limit          int
}

// MessageSearch is the question to the store, see [SearchMessages].
type MessageSearch struct {
	User           UserID
	Terms          []lexeme.Term
	ConversationID string
	Before         string
	Limit          int
}

// SearchMessages returns messages, the newest first, from conversations that the
// caller is in now. There are no operators; words of scripts without spaces are
// found inside others. A message can be found about a second after it was sent, and
// not at all once it is deleted.
func (s *Service) SearchMessages(ctx context.Context, a Actor, q SearchMessages) ([]Message, bool, error) {
	if err := checkQuery(q.Query); err != nil {
		return nil, false, err
	}
	terms := lexeme.Query(q.Query)
	if len(terms) == 0 {
		return nil, false, refusal.Invalid("query", "must have a letter or a digit")
	}
	if q.Limit == 0 {
		q.Limit = DefaultFound
	}
	if err := checkLimit(q.Limit, MaxFound); err != nil {
		return nil, false, err
	}
	if q.ConversationID != "" {
		if _, err := s.readable(ctx, a, &HistoryQuery{ConversationID: q.ConversationID}); err != nil {
			return nil, false, err
		}
	}
	page, err := s.store.SearchMessages(ctx, MessageSearch{
		User: a.ID, Terms: terms, ConversationID: q.ConversationID, Before: q.Before, Limit: q.Limit,
	})
	if errors.Is(err, ErrMessageNotFound) {
		return nil, false, ErrMessageNotFound.In("before")
	}
	if err != nil {
		return nil, false, fmt.Errorf("search messages: %w", err)
	}
	return page.Messages, page.More, nil
}

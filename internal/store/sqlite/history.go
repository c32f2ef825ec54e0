package sqlite

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Sent implements [chat.Messages].
func (s *Store) Sent(ctx context.Context, sender chat.UserID, clientMsgID string) (chat.Sent, bool, error) {
	return rows.Sent(s.readers.row(ctx, sentQuery, sender, clientMsgID))
}

const (
	newestQuery = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = ? ORDER BY m.seq DESC LIMIT ?`
	beforeQuery = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = ? AND m.seq < ? ORDER BY m.seq DESC LIMIT ?`
	afterQuery = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = ? AND m.seq > ? ORDER BY m.seq LIMIT ?`
	pinnedQuery = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = ? AND m.pinned_at IS NOT NULL ORDER BY m.seq LIMIT ?`
)

// Messages implements [chat.Messages].
func (s *Store) Messages(ctx context.Context, q chat.MessageQuery) (chat.Page, error) {
	// One more than asked for tells whether there are more.
	query, args := newestQuery, []any{q.ConversationID, q.Limit + 1}
	if cursor := q.Before + q.After; cursor != "" {
		seq, err := s.seqOf(ctx, q.ConversationID, cursor)
		if err != nil {
			return chat.Page{}, err
		}
		query, args = beforeQuery, []any{q.ConversationID, seq, q.Limit + 1}
		if q.After != "" {
			query = afterQuery
		}
	}
	return rows.MessagePage(s.readers.rows(ctx), fillMessages, q.Limit, q.After == "", query, args...)
}

func (s *Store) seqOf(ctx context.Context, conversation, message string) (int64, error) {
	var seq int64
	found, err := rows.Found(s.readers.row(ctx, `SELECT seq FROM messages WHERE id = ? AND conversation_id = ?`,
		message, conversation).Scan(&seq))
	if err == nil && !found {
		err = chat.ErrMessageNotFound
	}
	return seq, err
}

// Pinned implements [chat.Messages].
func (s *Store) Pinned(ctx context.Context, conversationID string, limit int) ([]chat.Message, error) {
	each := s.readers.rows(ctx)
	messages, err := rows.Messages(each, pinnedQuery, conversationID, limit)
	if err != nil {
		return nil, err
	}
	return messages, fillMessages(each, messages)
}

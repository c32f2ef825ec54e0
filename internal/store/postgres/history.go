package postgres

import (
	"context"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Sent implements [chat.Messages].
func (s *Store) Sent(ctx context.Context, sender chat.UserID, clientMsgID string) (chat.Sent, bool, error) {
	return scanSent(s.readers.row(ctx, sentQuery, sender, clientMsgID))
}

const (
	newestQuery = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = $1 ORDER BY m.seq DESC LIMIT $2`
	beforeQuery = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = $1 AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3`
	afterQuery = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3`
	pinnedQuery = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = $1 AND m.pinned_at IS NOT NULL ORDER BY m.seq LIMIT $2`
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
	return messagePage(s.readers.rows(ctx), q.Limit, q.After == "", query, args...)
}

// messagePage reads a page by a query that asks for one message more than limit.
func messagePage(each eachRow, limit int, newestFirst bool, query string, args ...any) (chat.Page, error) {
	messages, err := readMessages(each, query, args...)
	if err != nil {
		return chat.Page{}, err
	}
	more := len(messages) > limit
	if more {
		messages = messages[:limit]
	}
	if newestFirst {
		slices.Reverse(messages)
	}
	return chat.Page{Messages: messages, More: more}, fillMessages(each, messages)
}

func (s *Store) seqOf(ctx context.Context, conversation, message string) (int64, error) {
	var seq int64
	found, err := exists(s.readers.row(ctx, `SELECT seq FROM messages WHERE id = $1 AND conversation_id = $2`,
		message, conversation).Scan(&seq))
	if err == nil && !found {
		err = chat.ErrMessageNotFound
	}
	return seq, err
}

// Pinned implements [chat.Messages].
func (s *Store) Pinned(ctx context.Context, conversationID string, limit int) ([]chat.Message, error) {
	each := s.readers.rows(ctx)
	messages, err := readMessages(each, pinnedQuery, conversationID, limit)
	if err != nil {
		return nil, err
	}
	return messages, fillMessages(each, messages)
}

// readMessages reads messages without their reactions.
func readMessages(each eachRow, query string, args ...any) ([]chat.Message, error) {
	messages := []chat.Message{}
	err := each(func(row scanner) error {
		m, err := scanMessage(row)
		messages = append(messages, m)
		return err
	}, query, args...)
	return messages, err
}

package sqlite

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
	return chat.Page{Messages: messages, More: more}, fillReactions(each, messages)
}

func (s *Store) seqOf(ctx context.Context, conversation, message string) (int64, error) {
	var seq int64
	found, err := exists(s.readers.row(ctx, `SELECT seq FROM messages WHERE id = ? AND conversation_id = ?`,
		message, conversation).Scan(&seq))
	if err == nil && !found {
		err = chat.ErrMessageNotFound
	}
	return seq, err
}

// unreadQuery takes at most limit messages from each conversation, by its index,
// and sorts their keys alone before it reads the ones that remain: a user with a
// long absence costs no more than conversations times limit. CROSS JOIN makes
// SQLite keep that order.
const unreadQuery = `
	WITH behind AS MATERIALIZED (
		SELECT mb.conversation_id AS id, coalesce(rm.seq, 0) AS mark
		FROM members mb
		JOIN conversations c ON c.id = mb.conversation_id
		LEFT JOIN read_marks rm ON rm.conversation_id = mb.conversation_id AND rm.user_id = mb.user_id
		WHERE mb.user_id = ?1 AND c.head_seq > coalesce(rm.seq, 0)
	), newest AS MATERIALIZED (
		SELECT k.conversation_id, k.seq
		FROM behind b CROSS JOIN messages k ON k.conversation_id = b.id AND k.seq IN (
			SELECT x.seq FROM messages x
			WHERE x.conversation_id = b.id AND x.seq > b.mark AND x.sender_id <> ?1 AND x.deleted_at IS NULL
			ORDER BY x.seq DESC LIMIT ?2)
		ORDER BY k.created_at DESC, k.conversation_id DESC, k.seq DESC
		LIMIT ?2
	)
	SELECT ` + messageColumns + `
	FROM newest n CROSS JOIN messages m ON m.conversation_id = n.conversation_id AND m.seq = n.seq
	ORDER BY m.created_at DESC, m.conversation_id DESC, m.seq DESC`

// Unread implements [chat.Messages].
func (s *Store) Unread(ctx context.Context, user chat.UserID, limit int) ([]chat.Message, error) {
	each := s.readers.rows(ctx)
	messages, err := readMessages(each, unreadQuery, user, limit)
	if err != nil {
		return nil, err
	}
	slices.Reverse(messages)
	return messages, fillReactions(each, messages)
}

// Pinned implements [chat.Messages].
func (s *Store) Pinned(ctx context.Context, conversationID string, limit int) ([]chat.Message, error) {
	each := s.readers.rows(ctx)
	messages, err := readMessages(each, pinnedQuery, conversationID, limit)
	if err != nil {
		return nil, err
	}
	return messages, fillReactions(each, messages)
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

package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// The conversations of user $1 in which something is unread: all; or those listed in $2
// and those in which something was logged at $3 or later, of which there are few in all,
// or many.
const (
	unreadOf = `
		JOIN conversations c ON c.id = mb.conversation_id
		LEFT JOIN read_marks rm ON rm.conversation_id = c.id AND rm.user_id = $1
		WHERE c.head_seq > coalesce(rm.seq, 0) AND (
			SELECT true FROM messages x
			WHERE x.conversation_id = c.id AND x.seq > coalesce(rm.seq, 0) AND x.deleted_at IS NULL AND x.sender_id <> $1
			LIMIT 1)`
	mayBeUnread = `
		SELECT DISTINCT n.id FROM n JOIN members mb ON mb.conversation_id = n.id AND mb.user_id = $1` + unreadOf

	unreadInAll = `SELECT mb.conversation_id FROM (SELECT * FROM members WHERE user_id = $1) mb` + unreadOf

	unreadByTime = `
		WITH n AS MATERIALIZED (
			SELECT j.value AS id FROM unnest($2::text[]) j (value) UNION ALL
			SELECT late.id FROM conversations late WHERE late.last_at >= $3
		)` + mayBeUnread

	unreadByUser = `
		WITH n AS MATERIALIZED (
			SELECT j.value AS id FROM unnest($2::text[]) j (value) UNION ALL
			SELECT late.id FROM members own JOIN conversations late ON late.id = own.conversation_id
			WHERE own.user_id = $1 AND late.last_at >= $3
		)` + mayBeUnread
)

// unreadQuery takes at most limit messages from each of the conversations, by its
// index, and sorts their keys alone before it reads the ones that remain: a user with a
// long absence costs no more than conversations times limit.
const unreadQuery = `
	WITH behind AS MATERIALIZED (
		SELECT j.value AS id, coalesce(rm.seq, 0) AS mark
		FROM unnest($3::text[]) j (value) LEFT JOIN read_marks rm ON rm.conversation_id = j.value AND rm.user_id = $1
	), newest AS MATERIALIZED (
		SELECT k.conversation_id, k.seq
		FROM behind b CROSS JOIN LATERAL (
			SELECT x.conversation_id, x.seq, x.created_at FROM messages x
			WHERE x.conversation_id = b.id AND x.seq > b.mark AND x.sender_id <> $1 AND x.deleted_at IS NULL
			ORDER BY x.seq DESC LIMIT $2) k
		ORDER BY k.created_at DESC, k.conversation_id DESC, k.seq DESC
		LIMIT $2
	)
	SELECT ` + messageColumns + `
	FROM newest n JOIN messages m ON m.conversation_id = n.conversation_id AND m.seq = n.seq
	ORDER BY m.created_at DESC, m.conversation_id DESC, m.seq DESC`

// Unread implements [chat.Messages].
func (s *Store) Unread(ctx context.Context, q chat.UnreadQuery) (unread chat.Unread, err error) {
	err = s.readers.snapshot(ctx, func(each rows.Each) error {
		if unread.Conversations, err = unreadConversations(each, &q); err != nil {
			return fmt.Errorf("find unread conversations: %w", err)
		}
		unread.Messages = []chat.Message{}
		if len(unread.Conversations) == 0 {
			return nil
		}
		if unread.Messages, err = rows.Messages(each, unreadQuery, q.User, q.Limit, unread.Conversations); err != nil {
			return err
		}
		slices.Reverse(unread.Messages)
		return fillMessages(each, unread.Messages)
	})
	return unread, err
}

func unreadConversations(each rows.Each, q *chat.UnreadQuery) ([]string, error) {
	if q.Since.IsZero() {
		return rows.Collect(each, []string{}, rows.One[string], unreadInAll, q.User)
	}
	query := unreadByUser
	few, err := fewSince(each, q.Since)
	if err != nil {
		return nil, err
	}
	if few {
		query = unreadByTime
	}
	return rows.Collect(each, []string{}, rows.One[string], query, q.User, q.Among, q.Since.UnixMilli())
}

package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// The conversations of user ?1 in which something is unread: all, where the user has few
// conversations, behind a row that says how many; all, where there are many; or those listed
// in ?2 and those in which something was logged at ?3 or later, of which there are few in
// all, or many. Of few own ones those are asked for too. CROSS JOIN makes SQLite keep the order.
const (
	unreadOf = `
		LEFT JOIN read_marks rm ON rm.conversation_id = c.id AND rm.user_id = ?1
		WHERE c.head_seq > coalesce(rm.seq, 0) AND EXISTS (
			SELECT 1 FROM messages x
			WHERE x.conversation_id = c.id AND x.seq > coalesce(rm.seq, 0) AND x.deleted_at IS NULL AND x.sender_id <> ?1)`
	mayBeUnread = `
		SELECT DISTINCT n.id FROM n CROSS JOIN members mb ON mb.conversation_id = n.id AND mb.user_id = ?1
		CROSS JOIN conversations c ON c.id = mb.conversation_id` + unreadOf

	unreadOfFew = `WITH ` + fewOwnOf + `
		SELECT count(*) FROM own UNION ALL
		SELECT c.id FROM own CROSS JOIN conversations c ON c.id = own.conversation_id` + unreadOf + `
			AND (SELECT count(*) FROM own) <= ?2 AND (c.last_at >= ?3 OR c.id IN (SELECT value FROM json_each(?4)))`

	unreadInAll = `SELECT mb.conversation_id FROM (SELECT * FROM members WHERE user_id = ?1) mb
		CROSS JOIN conversations c ON c.id = mb.conversation_id` + unreadOf

	unreadByTime = `
		WITH n AS MATERIALIZED (
			SELECT j.value AS id FROM json_each(?2) j UNION ALL
			SELECT late.id FROM conversations late WHERE late.last_at >= ?3
		)` + mayBeUnread

	unreadByUser = `
		WITH n AS MATERIALIZED (
			SELECT j.value AS id FROM json_each(?2) j UNION ALL
			SELECT late.id FROM members own CROSS JOIN conversations late ON late.id = own.conversation_id
			WHERE own.user_id = ?1 AND late.last_at >= ?3
		)` + mayBeUnread
)

// unreadQuery takes at most limit messages from each of the conversations, by its
// index, and sorts their keys alone before it reads the ones that remain: a user with a
// long absence costs no more than conversations times limit.
const unreadQuery = `
	WITH behind AS MATERIALIZED (
		SELECT j.value AS id, coalesce(rm.seq, 0) AS mark
		FROM json_each(?3) j LEFT JOIN read_marks rm ON rm.conversation_id = j.value AND rm.user_id = ?1
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
func (s *Store) Unread(ctx context.Context, q chat.UnreadQuery) (unread chat.Unread, err error) {
	if unread.Conversations, err = unreadConversations(s.readers.rows(ctx), &q); err != nil {
		return unread, fmt.Errorf("find unread conversations: %w", err)
	}
	unread.Messages = []chat.Message{}
	if len(unread.Conversations) == 0 {
		return unread, nil
	}
	err = s.readers.together(ctx, func(each rows.Each) error {
		if unread.Messages, err = rows.Messages(each, unreadQuery, q.User, q.Limit, unread.Conversations); err != nil {
			return err
		}
		slices.Reverse(unread.Messages)
		return fillMessages(each, unread.Messages)
	})
	return unread, err
}

func unreadConversations(each rows.Each, q *chat.UnreadQuery) ([]string, error) {
	since := int64(0)
	if !q.Since.IsZero() {
		since = q.Since.UnixMilli()
	}
	found, err := rows.Collect(each, nil, rows.One[string], unreadOfFew, q.User, fewOwn, since, q.Among)
	if err != nil {
		return nil, err
	}
	if own, err := strconv.Atoi(found[0]); own <= fewOwn {
		return found[1:], err
	}
	if q.Since.IsZero() {
		return rows.Collect(each, []string{}, rows.One[string], unreadInAll, q.User)
	}
	query := unreadByUser
	byTime, err := rarelyChanged(each, q.Since)
	if err != nil {
		return nil, err
	}
	if byTime {
		query = unreadByTime
	}
	return rows.Collect(each, []string{}, rows.One[string], query, q.User, q.Among, since)
}

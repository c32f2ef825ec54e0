package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// MarkConversation implements [chat.Reads].
func (s *Store) MarkConversation(ctx context.Context, cmd chat.MarkConversation) error {
	return s.writer.Do(ctx, func(tx *tx) error { return tx.markConversation(&cmd) })
}

func (t *tx) markConversation(cmd *chat.MarkConversation) error {
	var head, mark int64
	var standing chat.Standing
	_, err := rows.Found(t.row(`
		SELECT c.head_seq, coalesce(rm.seq, 0), coalesce(mb.role, '')
		FROM conversations c
		LEFT JOIN members mb ON mb.conversation_id = c.id AND mb.user_id = ?1
		LEFT JOIN read_marks rm ON rm.conversation_id = c.id AND rm.user_id = ?1
		WHERE c.id = ?2`, cmd.Reader.ID, cmd.ConversationID).Scan(&head, &mark, &standing.Role))
	if err != nil {
		return fmt.Errorf("look up mark: %w", err)
	}
	change, err := cmd.Permit(head, mark, standing)
	if err != nil || !change {
		return err
	}
	if err := t.setMark(cmd.ConversationID, cmd.Reader.ID, cmd.Seq, cmd.At); err != nil {
		return err
	}
	t.emit(chat.NewMarkEvent(chat.Mark{
		ConversationID: cmd.ConversationID, UserID: cmd.Reader.ID, Seq: cmd.Seq, ReadAt: cmd.At,
	}, cmd.Reader.Origin))
	return nil
}

// unreadCount counts by the index messages_unread alone; mentions are counted by
// their key.
const (
	unreadCount = `(SELECT count(*) FROM (
		SELECT 1 FROM messages x
		WHERE x.conversation_id = c.id AND x.seq > coalesce(rm.seq, 0) AND x.deleted_at IS NULL AND x.sender_id <> ?1
		LIMIT ?2))`
	mentionCount = `(SELECT count(*) FROM (
		SELECT 1 FROM mentions x
		WHERE x.user_id = ?1 AND x.conversation_id = c.id AND x.seq > coalesce(rm.seq, 0) LIMIT ?2))`
)

// summaryColumns are those of [rows.Summaries]; the room's come first.
const summaryColumns = `coalesce(r.id, ''), coalesce(r.name, ''), coalesce(r.description, ''), coalesce(r.type, ''),
	coalesce(r.max_members, 0), coalesce(r.allow_file_upload, false), coalesce(r.allow_voice_message, false),
	coalesce(r.retention_ms, 0), coalesce(r.created_by, ''), coalesce(r.created_at, 0), c.member_count,
	c.id, c.first_seq, c.head_seq, c.last_at, coalesce(rm.seq, 0),
	coalesce(o.user_id, ''), coalesce(u.name, o.user_id, ''), coalesce(u.username, ''), coalesce(u.created_at, 0)`

// The other side of a direct conversation is joined; of a room nobody is.
const summaryTables = `
	LEFT JOIN rooms r ON r.conversation_id = c.id
	LEFT JOIN read_marks rm ON rm.conversation_id = c.id AND rm.user_id = ?1
	LEFT JOIN members o ON c.kind = 'direct' AND o.conversation_id = c.id AND o.user_id <> ?1
	LEFT JOIN users u ON u.id = o.user_id`

const listQuery = `
	WITH page AS MATERIALIZED (
		SELECT c.id, c.last_at FROM members mb CROSS JOIN conversations c ON c.id = mb.conversation_id
		WHERE mb.user_id = ?1 AND (c.last_at, c.id) < (?3, ?4)
		ORDER BY c.last_at DESC, c.id DESC LIMIT ?5
	)
	SELECT ` + summaryColumns + `, ` + unreadCount + `, ` + mentionCount + `
	FROM page p CROSS JOIN conversations c ON c.id = p.id` + summaryTables + `
	ORDER BY p.last_at DESC, p.id DESC`

// Conversations implements [chat.Reads].
func (s *Store) Conversations(ctx context.Context, q chat.ConversationQuery) ([]chat.Summary, error) {
	before, id := int64(math.MaxInt64), ""
	if q.After.ConversationID != "" {
		before, id = q.After.LastAt.UnixMilli(), q.After.ConversationID
	}
	return rows.Result(ctx, s.readers.snapshot, func(each rows.Each) ([]chat.Summary, error) {
		return summaries.Read(each, listQuery, q.User, chat.MaxUnreadCount, before, id, q.Limit)
	})
}

// summaries are conversations with their last messages.
var summaries = rows.Summaries{Last: lastQuery, Fill: fillMessages}

// lastQuery asks for the newest message of each conversation.
const lastQuery = `SELECT ` + messageColumns + `
	FROM json_each(?) j CROSS JOIN messages m ON m.conversation_id = j.value AND m.seq = (
		SELECT max(x.seq) FROM messages x WHERE x.conversation_id = j.value)`

const headColumns = `c.id, c.head_seq, coalesce(r.id, '')`

// Changed implements [chat.CatchUp].
func (s *Store) Changed(ctx context.Context, since time.Time, limit int) ([]chat.Head, error) {
	return s.heads(ctx, `SELECT `+headColumns+`
		FROM conversations c LEFT JOIN rooms r ON r.conversation_id = c.id
		WHERE c.last_at >= ? AND (c.kind = 'direct' OR r.id IS NOT NULL)
		ORDER BY c.last_at DESC LIMIT ?`, since.UnixMilli(), limit)
}

// The heads of user ?1 that changed at a time or later: where the user has few conversations,
// behind a row that says how many; or where few changed in all; or where many did.
const (
	headsOfFew = `
		WITH ` + fewOwnOf + `
		SELECT '', count(*), '' FROM own UNION ALL
		SELECT * FROM (
			SELECT ` + headColumns + `
			FROM own CROSS JOIN conversations c ON c.id = own.conversation_id LEFT JOIN rooms r ON r.conversation_id = c.id
			WHERE (SELECT count(*) FROM own) <= ?2 AND c.last_at >= ?3 ORDER BY c.last_at DESC LIMIT ?4)`
	headsByTime = `SELECT ` + headColumns + `
		FROM conversations c CROSS JOIN members mb ON mb.conversation_id = c.id AND mb.user_id = ?1
		LEFT JOIN rooms r ON r.conversation_id = c.id
		WHERE c.last_at >= ?2 ORDER BY c.last_at DESC LIMIT ?3`
	headsByUser = `SELECT ` + headColumns + `
		FROM members mb CROSS JOIN conversations c ON c.id = mb.conversation_id
		LEFT JOIN rooms r ON r.conversation_id = c.id
		WHERE mb.user_id = ?1 AND c.last_at >= ?2 ORDER BY c.last_at DESC LIMIT ?3`
)

// Heads implements [chat.CatchUp].
func (s *Store) Heads(ctx context.Context, user chat.UserID, since time.Time, limit int) ([]chat.Head, error) {
	each := s.readers.rows(ctx)
	found, err := rows.Heads(each, headsOfFew, user, fewOwn, since.UnixMilli(), limit)
	if err != nil {
		return nil, err
	}
	if own := found[0].Seq; own <= fewOwn {
		return rows.AddSides(each, sidesQuery, found[1:])
	}
	query := headsByUser
	byTime, err := rarelyChanged(each, since)
	if err != nil {
		return nil, err
	}
	if byTime {
		query = headsByTime
	}
	return s.heads(ctx, query, user, since.UnixMilli(), limit)
}

// Of how many conversations all are looked at: of a user's own rather than of what
// changed; of what changed rather than of the own of a user with more.
const (
	fewOwn     = 50
	fewChanged = 500
)

// fewOwnOf is own, the conversations of user ?1, of which it has one more than ?2 where
// there are more.
const fewOwnOf = `own AS MATERIALIZED (SELECT conversation_id FROM members WHERE user_id = ?1 LIMIT ?2 + 1)`

// rarelyChangedQuery counts the conversations that changed at ?1 or later, up to where it
// is known that there are many.
const rarelyChangedQuery = `SELECT count(*) <= ?2 FROM (SELECT 1 FROM conversations c WHERE c.last_at >= ?1 LIMIT ?2 + 1)`

// rarelyChanged reports whether those of a user's many conversations that changed at a time
// or later are rather looked for among all that changed than among the user's.
func rarelyChanged(each rows.Each, since time.Time) (rarely bool, err error) {
	err = each(func(row rows.Row) error { return row.Scan(&rarely) }, rarelyChangedQuery, since.UnixMilli(), fewChanged)
	if err != nil {
		return false, fmt.Errorf("count changed conversations: %w", err)
	}
	return rarely, nil
}

func (s *Store) heads(ctx context.Context, query string, args ...any) ([]chat.Head, error) {
	each := s.readers.rows(ctx)
	heads, err := rows.Heads(each, query, args...)
	if err != nil {
		return nil, err
	}
	return rows.AddSides(each, sidesQuery, heads)
}

// sidesQuery asks for who is in direct conversations.
const sidesQuery = `
	SELECT m.conversation_id, m.user_id FROM json_each(?) j CROSS JOIN members m ON m.conversation_id = j.value
	ORDER BY m.conversation_id, m.user_id`

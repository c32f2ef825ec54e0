package postgres

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
		LEFT JOIN members mb ON mb.conversation_id = c.id AND mb.user_id = $1
		LEFT JOIN read_marks rm ON rm.conversation_id = c.id AND rm.user_id = $1
		WHERE c.id = $2`, cmd.Reader.ID, cmd.ConversationID).Scan(&head, &mark, &standing.Role))
	if err != nil {
		return fmt.Errorf("look up mark: %w", err)
	}
	change, err := cmd.Permit(head, mark, standing)
	if err != nil || !change {
		return err
	}
	if moved, err := t.setMark(cmd.ConversationID, cmd.Reader.ID, cmd.Seq, cmd.At); err != nil || !moved {
		return err
	}
	t.emit(chat.NewMarkEvent(chat.Mark{
		ConversationID: cmd.ConversationID, UserID: cmd.Reader.ID, Seq: cmd.Seq, ReadAt: cmd.At,
	}, cmd.Reader.Origin))
	return nil
}

// unreadCount counts by the key of messages, which has all that is asked; mentions are
// counted by theirs.
const (
	unreadCount = `(SELECT count(*) FROM (
		SELECT 1 FROM messages x
		WHERE x.conversation_id = c.id AND x.seq > coalesce(rm.seq, 0) AND x.deleted_at IS NULL AND x.sender_id <> $1
		LIMIT $2) u)`
	mentionCount = `(SELECT count(*) FROM (
		SELECT 1 FROM mentions x
		WHERE x.user_id = $1 AND x.conversation_id = c.id AND x.seq > coalesce(rm.seq, 0) LIMIT $2) n)`
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
	LEFT JOIN read_marks rm ON rm.conversation_id = c.id AND rm.user_id = $1
	LEFT JOIN members o ON c.kind = 'direct' AND o.conversation_id = c.id AND o.user_id <> $1
	LEFT JOIN users u ON u.id = o.user_id`

const listQuery = `
	WITH page AS MATERIALIZED (
		SELECT c.id, c.last_at FROM members mb JOIN conversations c ON c.id = mb.conversation_id
		WHERE mb.user_id = $1 AND (c.last_at, c.id) < ($3, $4)
		ORDER BY c.last_at DESC, c.id DESC LIMIT $5
	)
	SELECT ` + summaryColumns + `, ` + unreadCount + `, ` + mentionCount + `
	FROM page p JOIN conversations c ON c.id = p.id` + summaryTables + `
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
	FROM unnest($1::text[]) j (value) CROSS JOIN LATERAL (
		SELECT * FROM messages x WHERE x.conversation_id = j.value ORDER BY x.seq DESC LIMIT 1) m`

const headColumns = `c.id, c.head_seq, coalesce(r.id, '')`

// Changed implements [chat.CatchUp].
func (s *Store) Changed(ctx context.Context, since time.Time, limit int) ([]chat.Head, error) {
	return s.heads(ctx, `SELECT `+headColumns+`
		FROM conversations c LEFT JOIN rooms r ON r.conversation_id = c.id
		WHERE c.last_at >= $1 AND (c.kind = 'direct' OR r.id IS NOT NULL)
		ORDER BY c.last_at DESC LIMIT $2`, since.UnixMilli(), limit)
}

// The heads of user $1 that changed at $2 or later, of which there are few in all, or
// many.
const (
	headsByTime = `SELECT ` + headColumns + `
		FROM conversations c JOIN members mb ON mb.conversation_id = c.id AND mb.user_id = $1
		LEFT JOIN rooms r ON r.conversation_id = c.id
		WHERE c.last_at >= $2 ORDER BY c.last_at DESC LIMIT $3`
	headsByUser = `SELECT ` + headColumns + `
		FROM members mb JOIN conversations c ON c.id = mb.conversation_id
		LEFT JOIN rooms r ON r.conversation_id = c.id
		WHERE mb.user_id = $1 AND c.last_at >= $2 ORDER BY c.last_at DESC LIMIT $3`
)

// fewChanged is how many conversations of all users are rather looked at than all of
// one user's.
const fewChanged = 500

// Heads implements [chat.CatchUp].
func (s *Store) Heads(ctx context.Context, user chat.UserID, since time.Time, limit int) ([]chat.Head, error) {
	few, err := fewSince(s.readers.rows(ctx), since)
	if err != nil {
		return nil, err
	}
	query := headsByUser
	if few {
		query = headsByTime
	}
	return s.heads(ctx, query, user, since.UnixMilli(), limit)
}

// fewSince tells whether so few conversations changed at a time or later that they are
// rather looked at than those of one user.
func fewSince(each rows.Each, since time.Time) (bool, error) {
	var changed int
	err := each(func(row rows.Row) error { return row.Scan(&changed) },
		`SELECT count(*) FROM (SELECT 1 FROM conversations c WHERE c.last_at >= $1 LIMIT $2) late`, since.UnixMilli(), fewChanged+1)
	if err != nil {
		return false, fmt.Errorf("count changed conversations: %w", err)
	}
	return changed <= fewChanged, nil
}

// heads adds to each direct conversation its two sides.
func (s *Store) heads(ctx context.Context, query string, args ...any) ([]chat.Head, error) {
	return rows.Result(ctx, s.readers.snapshot, func(each rows.Each) ([]chat.Head, error) {
		heads, err := rows.Heads(each, query, args...)
		if err != nil {
			return nil, err
		}
		return rows.AddSides(each, sidesQuery, heads)
	})
}

// sidesQuery asks for who is in direct conversations.
const sidesQuery = `
	SELECT m.conversation_id, m.user_id FROM unnest($1::text[]) j (value) JOIN members m ON m.conversation_id = j.value
	ORDER BY m.conversation_id, m.user_id`

package postgres

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Sync implements [chat.CatchUp].
func (s *Store) Sync(ctx context.Context, q chat.SyncQuery) (chat.Synced, error) {
	return rows.Result(ctx, s.readers.snapshot, func(each rows.Each) (chat.Synced, error) {
		return catchUp.Read(each, s.epoch, &q)
	})
}

// catchUp is what a sync reads.
var catchUp = rows.Sync{Log: &eventLog, Summaries: &summaries, Ends: endsQuery, New: newQuery}

const endsQuery = `
	SELECT c.id, c.first_seq, c.head_seq, coalesce(rm.seq, 0), coalesce(r.id, '')
	FROM unnest($2::text[]) j (value)
	JOIN members mb ON mb.conversation_id = j.value AND mb.user_id = $1
	JOIN conversations c ON c.id = mb.conversation_id
	LEFT JOIN rooms r ON r.conversation_id = c.id
	LEFT JOIN read_marks rm ON rm.conversation_id = c.id AND rm.user_id = $1`

const newQuery = `
	WITH page AS MATERIALIZED (
		SELECT c.id, c.last_at FROM members mb JOIN conversations c ON c.id = mb.conversation_id
		WHERE mb.user_id = $1 AND c.id <> ALL($3)
		ORDER BY c.last_at DESC, c.id DESC LIMIT $4
	)
	SELECT ` + summaryColumns + `, ` + unreadCount + `, ` + mentionCount + `
	FROM page p JOIN conversations c ON c.id = p.id` + summaryTables + `
	ORDER BY p.last_at DESC, p.id DESC`

// eventLog is the log of a conversation, with what its lines point to.
var eventLog = rows.Log{
	Lines: eventsQuery, Messages: pointedToQuery, Room: roomQuery, Came: cameQuery, Names: namesQuery, Fill: fillMessages,
}

// lineColumns are those of events e, and of users u for the name of whom an event is about.
const lineColumns = `e.seq, e.kind, coalesce(e.message_id, ''), coalesce(e.user_id, ''), coalesce(u.name, e.user_id, ''), e.actor_id,
	coalesce(e.detail, ''), e.at`

const eventsQuery = `
	SELECT ` + lineColumns + `
	FROM (SELECT * FROM events WHERE conversation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) e
	LEFT JOIN users u ON u.id = e.user_id ORDER BY e.seq`

const pointedToQuery = `SELECT ` + messageColumns + ` FROM messages m WHERE m.id = ANY($1)`

const cameQuery = `SELECT user_id FROM members WHERE conversation_id = $1 AND joined_seq = $2 ORDER BY user_id LIMIT $3`

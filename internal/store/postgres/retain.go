package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// dueQuery finds conversations with something to remove. The time of the oldest entry tells: times within a log never go
// back. It looks at every conversation, and in each at one entry: as a join it could look at all entries.
const (
	oldestAt = `(SELECT e.at FROM events e WHERE e.conversation_id = c.id AND e.seq = c.first_seq)`
	dueQuery = `
	SELECT c.id FROM rooms r JOIN conversations c ON c.id = r.conversation_id
	WHERE r.retention_ms > 0 AND ` + oldestAt + ` < $1::bigint - r.retention_ms
	UNION ALL
	SELECT c.id FROM conversations c
	WHERE c.kind = 'direct' AND $2::bigint > 0 AND ` + oldestAt + ` < $1::bigint - $2::bigint
	UNION ALL
	SELECT c.id FROM conversations c
	WHERE c.kind = 'room' AND NOT EXISTS (SELECT 1 FROM rooms r WHERE r.conversation_id = c.id)
	LIMIT $3`
)

// Retain implements [chat.Upkeep].
func (s *Store) Retain(ctx context.Context, cmd chat.Retain) (removed int, err error) {
	return rows.Retain(s.readers.rows(ctx), dueQuery, &cmd, func(conversation string) (int, error) {
		return rows.Result(ctx, s.concerning(concern{conversation: conversation}), func(tx *tx) (int, error) { return tx.retain(conversation, &cmd) })
	})
}

// retain removes the oldest entries of a conversation. What is due is asked again:
// the room's retention may be another by now.
func (t *tx) retain(conversation string, cmd *chat.Retain) (int, error) {
	var first int64
	var kept rows.Retention
	if err := t.row(`
		SELECT c.kind, c.first_seq, r.id IS NOT NULL, coalesce(r.retention_ms, 0)
		FROM conversations c LEFT JOIN rooms r ON r.conversation_id = c.id WHERE c.id = $1`, conversation).
		Scan(&kept.Kind, &first, &kept.Room, &kept.Millis); err != nil {
		return 0, fmt.Errorf("look up conversation: %w", err)
	}
	until, some := kept.Until(cmd)
	if !some {
		return 0, nil
	}
	var last int64
	var entries int
	if err := t.row(`
		SELECT coalesce(max(seq), 0), count(*) FROM (
			SELECT seq, at FROM events WHERE conversation_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3) e
		WHERE at < $4`, conversation, first, cmd.Portion, until).Scan(&last, &entries); err != nil {
		return 0, fmt.Errorf("find old entries: %w", err)
	}
	if entries > 0 {
		return entries, t.removeUntil(conversation, last, cmd.Now)
	}
	if kept.Left() {
		return 0, t.removeConversation(conversation)
	}
	return 0, nil
}

// removeConversation removes one without a log, with all that is kept of who was in it.
func (t *tx) removeConversation(conversation string) error {
	for _, statement := range []string{
		`DELETE FROM members WHERE conversation_id = $1`,
		`DELETE FROM bans WHERE conversation_id = $1`,
		`DELETE FROM invites WHERE conversation_id = $1`,
		`DELETE FROM kicks WHERE conversation_id = $1`,
		`DELETE FROM read_marks WHERE conversation_id = $1`,
		`DELETE FROM conversations WHERE id = $1`,
	} {
		if _, err := t.exec(statement, conversation); err != nil {
			return fmt.Errorf("remove conversation: %w", err)
		}
	}
	return nil
}

// removeUntil removes what was logged up to and with a seq, and the messages made by
// it with all that belongs to them.
func (t *tx) removeUntil(conversation string, last int64, now time.Time) error {
	if _, err := t.releaseFiles(now, `DELETE FROM file_uses WHERE conversation_id = $1 AND seq <= $2 RETURNING file_id`, conversation, last); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM sends s USING messages m WHERE m.conversation_id = $1 AND m.seq <= $2 AND m.client_msg_id IS NOT NULL
			AND s.sender_id = m.sender_id AND s.client_msg_id = m.client_msg_id`,
		`DELETE FROM reactions WHERE conversation_id = $1 AND message_seq <= $2`,
		`DELETE FROM reaction_groups WHERE conversation_id = $1 AND message_seq <= $2`,
		`DELETE FROM mentions WHERE conversation_id = $1 AND seq <= $2`,
		`DELETE FROM messages WHERE conversation_id = $1 AND seq <= $2`,
		`DELETE FROM changes WHERE conversation_id = $1 AND seq <= $2`,
	} {
		if _, err := t.exec(statement, conversation, last); err != nil {
			return fmt.Errorf("remove old entries: %w", err)
		}
	}
	if _, err := t.exec(`UPDATE conversations SET first_seq = $1 WHERE id = $2`, last+1, conversation); err != nil {
		return fmt.Errorf("move first seq: %w", err)
	}
	return nil
}

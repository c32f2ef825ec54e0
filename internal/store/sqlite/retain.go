package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// dueQuery finds conversations with something to remove. The time of the oldest
// entry tells: times within a log never go back.
const dueQuery = `
	SELECT c.id FROM rooms r
	CROSS JOIN conversations c ON c.id = r.conversation_id
	CROSS JOIN events e ON e.conversation_id = c.id AND e.seq = c.first_seq
	WHERE r.retention_ms > 0 AND e.at < ?1 - r.retention_ms
	UNION ALL
	SELECT c.id FROM conversations c
	CROSS JOIN events e ON e.conversation_id = c.id AND e.seq = c.first_seq
	WHERE c.kind = 'direct' AND ?2 > 0 AND e.at < ?1 - ?2
	UNION ALL
	SELECT c.id FROM conversations c
	WHERE c.kind = 'room' AND NOT EXISTS (SELECT 1 FROM rooms r WHERE r.conversation_id = c.id)
	LIMIT ?3`

// Retain implements [chat.Upkeep].
func (s *Store) Retain(ctx context.Context, cmd chat.Retain) (removed int, err error) {
	return rows.Retain(s.readers.rows(ctx), dueQuery, &cmd, func(conversation string) (int, error) {
		return rows.Result(ctx, s.writer.Do, func(tx *tx) (int, error) { return tx.retain(conversation, &cmd) })
	})
}

// retain removes the oldest entries of a conversation. What is due is asked again:
// the room's retention may be another by now.
func (t *tx) retain(conversation string, cmd *chat.Retain) (int, error) {
	var first int64
	var kept rows.Retention
	if err := t.row(`
		SELECT c.kind, c.first_seq, r.id IS NOT NULL, coalesce(r.retention_ms, 0)
		FROM conversations c LEFT JOIN rooms r ON r.conversation_id = c.id WHERE c.id = ?`, conversation).
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
			SELECT seq, at FROM events WHERE conversation_id = ? AND seq >= ? ORDER BY seq LIMIT ?)
		WHERE at < ?`, conversation, first, cmd.Portion, until).Scan(&last, &entries); err != nil {
		return 0, fmt.Errorf("find old entries: %w", err)
	}
	if entries > 0 {
		return entries, t.removeUntil(conversation, last, cmd.Now)
	}
	if kept.Left() {
		if _, err := t.exec(`DELETE FROM conversations WHERE id = ?`, conversation); err != nil {
			return 0, fmt.Errorf("remove conversation: %w", err)
		}
	}
	return 0, nil
}

// removeUntil removes what was logged up to and with a seq, and the messages made by
// it with all that belongs to them.
func (t *tx) removeUntil(conversation string, last int64, now time.Time) error {
	if _, err := t.releaseFiles(now, `DELETE FROM file_uses WHERE conversation_id = ? AND seq <= ? RETURNING file_id`, conversation, last); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM message_words WHERE rowid IN (SELECT ordinal FROM messages WHERE conversation_id = ? AND seq <= ?)`,
		`DELETE FROM mentions WHERE conversation_id = ? AND seq <= ?`,
		`DELETE FROM messages WHERE conversation_id = ? AND seq <= ?`,
		`DELETE FROM changes WHERE conversation_id = ? AND seq <= ?`,
	} {
		if _, err := t.exec(statement, conversation, last); err != nil {
			return fmt.Errorf("remove old entries: %w", err)
		}
	}
	// The next message may get the ordinal of one that is gone.
	if _, err := t.exec(`UPDATE word_progress SET indexed = min(indexed, (SELECT coalesce(max(ordinal), 0) FROM messages))`); err != nil {
		return fmt.Errorf("set back the index of words: %w", err)
	}
	if _, err := t.exec(`UPDATE conversations SET first_seq = ? WHERE id = ?`, last+1, conversation); err != nil {
		return fmt.Errorf("move first seq: %w", err)
	}
	return nil
}

package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
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

// dueAtOnce is how many conversations are looked up at a time.
const dueAtOnce = 1000

// Retain implements [chat.Upkeep].
func (s *Store) Retain(ctx context.Context, cmd chat.Retain) (removed int, err error) {
	for {
		var due []string
		err := s.readers.each(ctx, func(row scanner) error {
			var id string
			err := row.Scan(&id)
			due = append(due, id)
			return err
		}, dueQuery, cmd.Now.UnixMilli(), cmd.DirectRetention.Milliseconds(), dueAtOnce)
		if err != nil {
			return removed, fmt.Errorf("look for old entries: %w", err)
		}
		for _, conversation := range due {
			n, err := s.retain(ctx, conversation, &cmd)
			removed += n
			if err != nil {
				return removed, err
			}
		}
		if len(due) < dueAtOnce {
			return removed, s.forgetCommits(ctx, cmd.Now)
		}
	}
}

// Commits are kept for an hour, in case somebody has not heard of them, and removed by so many.
const (
	keepCommits    = time.Hour
	commitsPortion = 1000
)

// forgetCommits removes the commits that are older than that.
func (s *Store) forgetCommits(ctx context.Context, now time.Time) error {
	before := now.Add(-keepCommits).UnixMilli()
	for {
		var removed int64
		err := s.writer.Do(ctx, func(tx *tx) (err error) {
			removed, err = tx.exec(`
				DELETE FROM commits WHERE ctid = ANY (ARRAY (
					SELECT ctid FROM commits WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED))`, before, commitsPortion)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget commits: %w", err)
		}
		if removed < commitsPortion {
			return nil
		}
	}
}

// retain works on one conversation until nothing in it is due.
func (s *Store) retain(ctx context.Context, conversation string, cmd *chat.Retain) (removed int, err error) {
	for more := true; more; {
		var n int
		err := s.writer.Do(ctx, func(tx *tx) (err error) {
			n, err = tx.retain(conversation, cmd)
			return err
		})
		if err != nil {
			return removed, err
		}
		removed += n
		more = n > 0
	}
	return removed, nil
}

// retain removes the oldest entries of a conversation. What is due is asked again:
// the room's retention may be another by now.
func (t *tx) retain(conversation string, cmd *chat.Retain) (int, error) {
	var kind string
	var first, retention int64
	var room bool
	if err := t.row(`
		SELECT c.kind, c.first_seq, r.id IS NOT NULL, coalesce(r.retention_ms, 0)
		FROM conversations c LEFT JOIN rooms r ON r.conversation_id = c.id WHERE c.id = $1`, conversation).
		Scan(&kind, &first, &room, &retention); err != nil {
		return 0, fmt.Errorf("look up conversation: %w", err)
	}
	until := int64(math.MaxInt64) // of a room that is no more all goes
	switch {
	case kind == "direct":
		until = cmd.Now.UnixMilli() - cmd.DirectRetention.Milliseconds()
	case room && retention == 0:
		return 0, nil
	case room:
		until = cmd.Now.UnixMilli() - retention
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
		return entries, t.removeUntil(conversation, last)
	}
	if kind == "room" && !room {
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
func (t *tx) removeUntil(conversation string, last int64) error {
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

package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// noteTold notes a list ?1 of [rows.ToldRow] in JSON. What is there gets the further results, up to some length, and stays read.
const noteTold = `
	INSERT INTO notifications (user_id, id, at, conversation_id, seq, results, read_at)
	SELECT x.value ->> 'user_id', x.value ->> 'id', x.value ->> 'at', nullif(x.value ->> 'conversation_id', ''), nullif(x.value ->> 'seq', 0), x.value ->> 'results',
		CASE WHEN rm.seq >= x.value ->> 'seq' THEN rm.read_at END
	FROM json_each(?1) x
	LEFT JOIN read_marks rm ON rm.conversation_id = nullif(x.value ->> 'conversation_id', '') AND rm.user_id = x.value ->> 'user_id'
	WHERE true
	ON CONFLICT (user_id, id) DO UPDATE SET
		read_at = coalesce(notifications.read_at, excluded.read_at),
		results = CASE
			WHEN notifications.results = '[]' THEN excluded.results
			WHEN excluded.results = '[]' OR length(notifications.results) > 8000 THEN notifications.results
			ELSE substr(notifications.results, 1, length(notifications.results) - 1) || ',' || substr(excluded.results, 2) END
	RETURNING user_id, read_at IS NOT NULL`

// trimTold leaves the last ?2 notifications of a user ?1. It skips so many entries of an index, and sorts nothing.
const trimTold = `
	DELETE FROM notifications WHERE user_id = ?1 AND id IN (
		SELECT n.id FROM notifications n WHERE n.user_id = ?1 ORDER BY n.at DESC, n.id DESC LIMIT -1 OFFSET ?2)`

// NoteTold implements [push.History].
func (s *Store) NoteTold(ctx context.Context, told []push.Told, content *push.Content) ([]account.UserID, error) {
	list, users, err := rows.ToldRows(told)
	if err != nil {
		return nil, err
	}
	read, err := rows.Result(ctx, s.writer.Do, func(tx *tx) ([]account.UserID, error) {
		if content != nil {
			fields, err := json.Marshal(content.Fields)
			if err != nil {
				return nil, err
			}
			if _, err := tx.exec(`INSERT INTO notification_contents (id, fields, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
				content.ID, string(fields), content.At.UnixMilli()); err != nil {
				return nil, err
			}
		}
		read, err := rows.WhoHasRead(tx.each, noteTold, list)
		if err != nil {
			return nil, err
		}
		for _, user := range users {
			if _, err := tx.exec(trimTold, user, push.MaxHistory); err != nil {
				return nil, err
			}
		}
		return read, nil
	})
	if err != nil {
		return nil, fmt.Errorf("note who was told: %w", err)
	}
	return read, nil
}

// Notifications implements [push.History].
func (s *Store) Notifications(ctx context.Context, user account.UserID, limit int) ([]push.Past, error) {
	past, err := rows.Collect(s.readers.rows(ctx), []push.Past{}, rows.PastNotification, `
		SELECT n.user_id, n.id, n.at, coalesce(n.conversation_id, ''), coalesce(n.seq, 0), n.results, coalesce(n.read_at, 0), coalesce(c.fields, ''),
			coalesce(m.room_id, ''), coalesce(r.name, ''), coalesce(m.sender_id, ''), coalesce(m.sender_name, ''), coalesce(m.content, '')
		FROM notifications n
		LEFT JOIN notification_contents c ON n.conversation_id IS NULL AND c.id = n.id
		LEFT JOIN messages m ON n.conversation_id IS NOT NULL AND m.id = n.id AND m.deleted_at IS NULL
			AND EXISTS (SELECT 1 FROM members mb WHERE mb.conversation_id = m.conversation_id AND mb.user_id = n.user_id)
		LEFT JOIN rooms r ON r.id = m.room_id
		WHERE n.user_id = ? AND (c.id IS NOT NULL OR m.id IS NOT NULL)
		ORDER BY n.at DESC, n.id DESC LIMIT ?`, string(user), limit)
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	return past, nil
}

// ReadNotifications implements [push.History].
func (s *Store) ReadNotifications(ctx context.Context, user account.UserID, ids []string, at time.Time) (int, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (int, error) {
		query, args := `UPDATE notifications SET read_at = ?2 WHERE user_id = ?1 AND read_at IS NULL`, []any{string(user), at.UnixMilli()}
		if len(ids) > 0 {
			query, args = query+` AND id IN (SELECT value FROM json_each(?3))`, append(args, ids)
		}
		n, backs, err := rows.ReadNotifications(tx.each, query+` RETURNING id, results, coalesce(conversation_id, ''), coalesce(seq, 0)`, args...)
		if err != nil {
			return 0, fmt.Errorf("note what is read: %w", err)
		}
		return n, tx.takeBack(backs, user, at)
	})
}

// takeBack has the devices of a user take something back, if there is anything.
func (t *tx) takeBack(backs []push.Back, user account.UserID, at time.Time) error {
	jobs, err := rows.TakeBack(backs, user, at)
	if err != nil || len(jobs) == 0 {
		return err
	}
	return t.enqueue(jobs)
}

// readUpTo notes that a user has read a conversation up to a seq: devices that were told of that take it back.
func (t *tx) readUpTo(conversation string, user account.UserID, seq int64, at time.Time) error {
	_, backs, err := rows.ReadNotifications(t.each, `
		UPDATE notifications SET read_at = ?4 WHERE user_id = ?1 AND conversation_id = ?2 AND seq <= ?3 AND read_at IS NULL
		RETURNING id, results, conversation_id, seq`, string(user), conversation, seq, at.UnixMilli())
	if err != nil {
		return fmt.Errorf("note what is read: %w", err)
	}
	return t.takeBack(backs, user, at)
}

// NotificationContents implements [push.History].
func (s *Store) NotificationContents(ctx context.Context, ids []string) ([]push.Content, error) {
	contents, err := rows.Collect(s.readers.rows(ctx), nil, rows.NotificationContent,
		`SELECT c.id, c.fields, c.at FROM notification_contents c WHERE c.id IN (SELECT value FROM json_each(?)) ORDER BY c.id`, ids)
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}
	return contents, nil
}

// PruneNotifications implements [push.History].
func (s *Store) PruneNotifications(ctx context.Context, before time.Time, limit int) (int, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (int, error) {
		n, err := tx.exec(`DELETE FROM notifications WHERE (user_id, id) IN (SELECT x.user_id, x.id FROM notifications x WHERE x.at < ? ORDER BY x.at LIMIT ?)`,
			before.UnixMilli(), limit)
		if err != nil {
			return 0, fmt.Errorf("remove old notifications: %w", err)
		}
		contents, err := tx.exec(`DELETE FROM notification_contents WHERE id IN (SELECT c.id FROM notification_contents c WHERE c.at < ? ORDER BY c.at LIMIT ?)`,
			before.UnixMilli(), limit)
		if err != nil {
			return 0, fmt.Errorf("remove what was told long ago: %w", err)
		}
		return int(max(n, contents)), nil
	})
}

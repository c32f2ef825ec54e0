package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// noteTold notes a list $1 of [rows.ToldRow] in JSON. What is there gets the further results, up to some length, and stays read. Rows
// are locked in the order of their keys.
const noteTold = `
	INSERT INTO notifications AS n (user_id, id, at, conversation_id, seq, results, read_at)
	SELECT x.user_id, x.id, x.at, nullif(x.conversation_id, ''), nullif(x.seq, 0), x.results,
		(SELECT rm.read_at FROM read_marks rm WHERE rm.conversation_id = x.conversation_id AND rm.user_id = x.user_id AND rm.seq >= x.seq)
	FROM jsonb_to_recordset($1::jsonb) AS x (user_id text, id text, at bigint, conversation_id text, seq bigint, results text)
	ORDER BY x.user_id, x.id
	ON CONFLICT (user_id, id) DO UPDATE SET
		read_at = coalesce(n.read_at, excluded.read_at),
		results = CASE
			WHEN n.results = '[]' THEN excluded.results
			WHEN excluded.results = '[]' OR length(n.results) > 8000 THEN n.results
			ELSE left(n.results, -1) || ',' || substr(excluded.results, 2) END
	RETURNING n.user_id, n.read_at IS NOT NULL`

// trimTold leaves the last $2 notifications of users $1.
const trimTold = `
	DELETE FROM notifications o USING unnest($1::text[]) AS u (id) CROSS JOIN LATERAL (
		SELECT n.user_id, n.id FROM notifications n WHERE n.user_id = u.id ORDER BY n.at DESC, n.id DESC OFFSET $2) old
	WHERE o.user_id = old.user_id AND o.id = old.id`

// noteContent stores what the application has told: id $1, fields $2, time $3.
const noteContent = `INSERT INTO notification_contents (id, fields, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// NoteTold implements [push.History]. The statements are of their own on the connections that read, in an order in which each can be the last.
func (s *Store) NoteTold(ctx context.Context, told []push.Told, content *push.Content) ([]account.UserID, error) {
	if content != nil {
		fields, err := json.Marshal(content.Fields)
		if err == nil {
			err = s.readers.change(ctx, noteContent, content.ID, string(fields), content.At.UnixMilli())
		}
		if err != nil {
			return nil, fmt.Errorf("postgres: note what was told: %w", err)
		}
	}
	// Results are of rows that a batch may have locked, which moves marks in the order in which users read: who holds one of these rows
	// must not wait for another.
	together := max(len(told), 1)
	if slices.ContainsFunc(told, func(t push.Told) bool { return len(t.Results) > 0 }) {
		together = 1
	}
	var read []account.UserID
	for some := range slices.Chunk(told, together) {
		has, err := s.noteSome(ctx, some)
		if err != nil {
			return nil, fmt.Errorf("postgres: note who was told: %w", err)
		}
		read = append(read, has...)
	}
	return read, nil
}

// noteSome notes what users were told, and removes what is too much for each of them.
func (s *Store) noteSome(ctx context.Context, told []push.Told) ([]account.UserID, error) {
	list, users, err := rows.ToldRows(told)
	if err != nil {
		return nil, err
	}
	read, err := rows.WhoHasRead(s.readers.rows(ctx), noteTold, list)
	if err != nil {
		return nil, err
	}
	return read, s.readers.change(ctx, trimTold, users, push.MaxHistory)
}

// Notifications implements [push.History].
func (s *Store) Notifications(ctx context.Context, user account.UserID, limit int) ([]push.Past, error) {
	past, err := rows.Collect(s.readers.rows(ctx), []push.Past{}, rows.PastNotification, `
		SELECT n.user_id, n.id, n.at, coalesce(n.conversation_id, ''), coalesce(n.seq, 0), n.results, coalesce(n.read_at, 0), coalesce(c.fields, ''),
			coalesce(m.room_id, ''), coalesce(r.name, ''), coalesce(m.sender_id, ''), coalesce(m.sender_name, ''), coalesce(m.content, '')
		FROM notifications n
		LEFT JOIN notification_contents c ON n.conversation_id IS NULL AND c.id = n.id
		LEFT JOIN messages m ON m.conversation_id = n.conversation_id AND m.seq = n.seq AND m.id = n.id AND m.deleted_at IS NULL
			AND EXISTS (SELECT 1 FROM members mb WHERE mb.conversation_id = m.conversation_id AND mb.user_id = n.user_id)
		LEFT JOIN rooms r ON r.id = m.room_id
		WHERE n.user_id = $1 AND (c.id IS NOT NULL OR m.id IS NOT NULL)
		ORDER BY n.at DESC, n.id DESC LIMIT $2`, string(user), limit)
	if err != nil {
		return nil, fmt.Errorf("postgres: read notifications: %w", err)
	}
	return past, nil
}

// ReadNotifications implements [push.History].
func (s *Store) ReadNotifications(ctx context.Context, user account.UserID, ids []string, at time.Time) (int, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (int, error) {
		query, args := `UPDATE notifications SET read_at = $2 WHERE user_id = $1 AND read_at IS NULL`, []any{string(user), at.UnixMilli()}
		if len(ids) > 0 {
			query, args = query+` AND id = ANY ($3::text[])`, append(args, ids)
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

// NotificationContents implements [push.History].
func (s *Store) NotificationContents(ctx context.Context, ids []string) ([]push.Content, error) {
	contents, err := rows.Collect(s.readers.rows(ctx), nil, rows.NotificationContent,
		`SELECT c.id, c.fields, c.at FROM notification_contents c WHERE c.id = ANY ($1::text[]) ORDER BY c.id`, ids)
	if err != nil {
		return nil, fmt.Errorf("postgres: read what was told: %w", err)
	}
	return contents, nil
}

// PruneNotifications implements [push.History].
func (s *Store) PruneNotifications(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	err = s.readers.row(ctx, `
		WITH gone AS (
				DELETE FROM notifications
				WHERE ctid = ANY (ARRAY(SELECT ctid FROM notifications WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED))
				RETURNING 1),
			contents AS (
				DELETE FROM notification_contents
				WHERE ctid = ANY (ARRAY(SELECT ctid FROM notification_contents WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED))
				RETURNING 1)
		SELECT greatest((SELECT count(*) FROM gone), (SELECT count(*) FROM contents))`, before.UnixMilli(), limit).Scan(&removed)
	if err != nil {
		return 0, fmt.Errorf("postgres: remove old notifications: %w", err)
	}
	return removed, nil
}

package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

var _ push.Store = (*Store)(nil)

// pushColumns are those of [rows.PushSubscription].
const pushColumns = `id, user_id, type, address, public_key, auth, created_at`

// PushKey implements [push.Store].
func (s *Store) PushKey(ctx context.Context, made []byte, at time.Time) ([]byte, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (key []byte, err error) {
		if _, err := tx.exec(`INSERT INTO push_keys (one, private, created_at) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING`, made, at.UnixMilli()); err != nil {
			return nil, fmt.Errorf("keep the key for push services: %w", err)
		}
		return rows.One[[]byte](tx.row(`SELECT private FROM push_keys WHERE one = 1`))
	})
}

// AddPushSubscription implements [push.Store].
func (s *Store) AddPushSubscription(ctx context.Context, device push.Subscription) error {
	_, err := rows.Result(ctx, s.concerning(concern{user: device.UserID}), func(tx *tx) (struct{}, error) { return struct{}{}, tx.addPushSubscription(&device) })
	return err
}

func (t *tx) addPushSubscription(device *push.Subscription) error {
	others, err := rows.One[int](t.row(`SELECT count(*) FROM push_subscriptions WHERE user_id = $1 AND id <> $2`, string(device.UserID), device.ID))
	switch {
	case err != nil:
		return fmt.Errorf("count devices: %w", err)
	case others >= push.MaxSubscriptions:
		return push.ErrTooMany
	}
	if _, err := t.exec(`
		INSERT INTO push_subscriptions (`+pushColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, address = excluded.address, public_key = excluded.public_key, auth = excluded.auth,
			created_at = excluded.created_at`,
		rows.PushSubscriptionValues(device)...); err != nil {
		return fmt.Errorf("store a device: %w", err)
	}
	return nil
}

// RemovePushSubscriptions implements [push.Store].
func (s *Store) RemovePushSubscriptions(ctx context.Context, user account.UserID, id string) (int, error) {
	query, args := `DELETE FROM push_subscriptions WHERE user_id = $1`, []any{string(user)}
	if id != "" {
		query, args = query+` AND id = $2`, append(args, id)
	}
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (int, error) {
		n, err := tx.exec(query, args...)
		if err != nil {
			return 0, fmt.Errorf("remove devices: %w", err)
		}
		return int(n), nil
	})
}

// DropPushSubscription implements [push.Store].
func (s *Store) DropPushSubscription(ctx context.Context, device push.Subscription) error {
	return s.writer.Do(ctx, func(tx *tx) error {
		if _, err := tx.exec(`DELETE FROM push_subscriptions WHERE id = $1 AND created_at = $2`, device.ID, device.CreatedAt.UnixMilli()); err != nil {
			return fmt.Errorf("remove a device: %w", err)
		}
		return nil
	})
}

// ofEnabled leaves out devices that were subscribed while their user was being disabled.
const ofEnabled = `
	AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = push_subscriptions.user_id AND u.disabled_at IS NOT NULL)`

// PushSubscriptions implements [push.Store].
func (s *Store) PushSubscriptions(ctx context.Context, users []account.UserID) ([]push.Subscription, error) {
	all, err := rows.Collect(s.readers.rows(ctx), []push.Subscription{}, rows.PushSubscription,
		`SELECT `+pushColumns+` FROM push_subscriptions WHERE user_id = ANY($1)`+ofEnabled+` ORDER BY user_id, created_at, id`, users)
	if err != nil {
		return nil, fmt.Errorf("postgres: read devices of users: %w", err)
	}
	return all, nil
}

// PushSubscriptionsByID implements [push.Store].
func (s *Store) PushSubscriptionsByID(ctx context.Context, ids []string) ([]push.Subscription, error) {
	all, err := rows.Collect(s.readers.rows(ctx), []push.Subscription{}, rows.PushSubscription,
		`SELECT `+pushColumns+` FROM push_subscriptions WHERE id = ANY($1)`+ofEnabled+` ORDER BY id`, ids)
	if err != nil {
		return nil, fmt.Errorf("postgres: read devices: %w", err)
	}
	return all, nil
}

// PushUnread implements [push.Store].
func (s *Store) PushUnread(ctx context.Context, user account.UserID, conversation string) (mark int64, unread int, err error) {
	err = s.readers.row(ctx, `
		SELECT p.mark, (SELECT count(*) FROM (
			SELECT 1 FROM messages x
			WHERE x.conversation_id = $1 AND x.seq > p.mark AND x.deleted_at IS NULL AND x.sender_id <> $2 LIMIT 1000) x)
		FROM (SELECT coalesce((SELECT rm.seq FROM read_marks rm WHERE rm.conversation_id = $1 AND rm.user_id = $2), 0) AS mark) p`,
		conversation, string(user)).Scan(&mark, &unread)
	if err != nil {
		return 0, 0, fmt.Errorf("postgres: look up what is unread: %w", err)
	}
	return mark, unread, nil
}

// CountPushSubscriptions implements [push.Store].
func (s *Store) CountPushSubscriptions(ctx context.Context) (map[push.Type]int, error) {
	counts, err := rows.PushCounts(s.readers.rows(ctx), `SELECT type, count(*) FROM push_subscriptions GROUP BY type`)
	if err != nil {
		return nil, fmt.Errorf("postgres: count devices: %w", err)
	}
	return counts, nil
}

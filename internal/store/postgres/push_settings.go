package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// pushSettingsColumns are those of [rows.PushSettings].
const pushSettingsColumns = `user_id, conversation_id, level, muted_until, quiet_from, quiet_to, time_zone, without_content`

// PushSettings implements [push.Store].
func (s *Store) PushSettings(ctx context.Context, user account.UserID) ([]push.Settings, error) {
	all, err := rows.Collect(s.readers.rows(ctx), []push.Settings{}, rows.PushSettings,
		`SELECT `+pushSettingsColumns+` FROM push_settings WHERE user_id = $1 ORDER BY conversation_id`, string(user))
	if err != nil {
		return nil, fmt.Errorf("postgres: read settings: %w", err)
	}
	return all, nil
}

// PushSettingsAmong implements [push.Store].
func (s *Store) PushSettingsAmong(ctx context.Context, users []account.UserID, conversation string) ([]push.Settings, error) {
	all, err := rows.Collect(s.readers.rows(ctx), []push.Settings{}, rows.PushSettings,
		`SELECT `+pushSettingsColumns+` FROM push_settings WHERE user_id = ANY($1) AND conversation_id IN ('', $2) ORDER BY user_id, conversation_id`, users, conversation)
	if err != nil {
		return nil, fmt.Errorf("postgres: read settings of users: %w", err)
	}
	return all, nil
}

// SetPushSettings implements [push.Store].
func (s *Store) SetPushSettings(ctx context.Context, settings push.Settings) error {
	_, err := rows.Result(ctx, s.concerning(concern{user: settings.UserID}), func(tx *tx) (struct{}, error) { return struct{}{}, tx.setPushSettings(&settings) })
	return err
}

func (t *tx) setPushSettings(settings *push.Settings) error {
	others, err := rows.One[int](t.row(`SELECT count(*) FROM push_settings WHERE user_id = $1 AND conversation_id <> $2 AND conversation_id <> ''`,
		string(settings.UserID), settings.Conversation))
	switch {
	case err != nil:
		return fmt.Errorf("count settings: %w", err)
	case settings.Conversation != "" && others >= push.MaxSettings:
		return push.ErrTooManySettings
	}
	if _, err := t.exec(`
		INSERT INTO push_settings (`+pushSettingsColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (user_id, conversation_id) DO UPDATE SET level = excluded.level, muted_until = excluded.muted_until, quiet_from = excluded.quiet_from,
			quiet_to = excluded.quiet_to, time_zone = excluded.time_zone, without_content = excluded.without_content`,
		rows.PushSettingsValues(settings)...); err != nil {
		return fmt.Errorf("store settings: %w", err)
	}
	return nil
}

// RemovePushSettings implements [push.Store].
func (s *Store) RemovePushSettings(ctx context.Context, user account.UserID, conversation string) error {
	return s.writer.Do(ctx, func(tx *tx) error {
		if _, err := tx.exec(`DELETE FROM push_settings WHERE user_id = $1 AND conversation_id = $2`, string(user), conversation); err != nil {
			return fmt.Errorf("remove settings: %w", err)
		}
		return nil
	})
}

// PushWanting implements [push.Store].
func (s *Store) PushWanting(ctx context.Context, conversation string, after account.UserID, limit int) ([]account.UserID, error) {
	users, err := rows.Collect(s.readers.rows(ctx), []account.UserID{}, rows.One[account.UserID],
		`SELECT user_id FROM push_settings WHERE level = 'all' AND conversation_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3`, conversation, string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("postgres: read who wants all messages: %w", err)
	}
	return users, nil
}

// AnyPushWanting implements [push.Store].
func (s *Store) AnyPushWanting(ctx context.Context) (bool, error) {
	var conversation string
	wanted, err := rows.Found(s.readers.row(ctx, `
		SELECT conversation_id FROM push_settings WHERE level = 'all' AND conversation_id > '' ORDER BY conversation_id LIMIT 1`).Scan(&conversation))
	if err != nil {
		return false, fmt.Errorf("postgres: look for settings: %w", err)
	}
	return wanted, nil
}

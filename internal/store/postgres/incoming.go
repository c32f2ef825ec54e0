package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/store/rows"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

const incomingColumns = `id, room_id, bot_id, name, created_at, created_by`

// IncomingHooks implements [webhook.IncomingStore].
func (s Webhooks) IncomingHooks(ctx context.Context) ([]webhook.Incoming, error) {
	all, err := rows.Collect(s.readers().rows(ctx), []webhook.Incoming{}, rows.Incoming,
		`SELECT `+incomingColumns+` FROM incoming_webhooks ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("postgres: read incoming webhooks: %w", err)
	}
	return all, nil
}

// IncomingHook implements [webhook.IncomingStore].
func (s Webhooks) IncomingHook(ctx context.Context, hash []byte) (webhook.Incoming, error) {
	return rows.OneIncoming(s.readers().row(ctx, `SELECT `+incomingColumns+` FROM incoming_webhooks WHERE hash = $1`, hash))
}

// CreateIncomingHook implements [webhook.IncomingStore].
func (s Webhooks) CreateIncomingHook(ctx context.Context, h webhook.Incoming, hash []byte) error {
	return s.do(ctx, func(t *accountTx) error {
		stored, err := t.exec(`
			INSERT INTO incoming_webhooks (`+incomingColumns+`, hash)
			SELECT $1::text, $2::text, $3::text, $4::text, $5::bigint, $6::text, $7::bytea WHERE (SELECT count(*) FROM incoming_webhooks) < $8::bigint`,
			h.ID, h.RoomID, string(h.BotID), h.Name, h.CreatedAt.UnixMilli(), h.CreatedBy, hash, webhook.MaxIncoming)
		switch {
		case err != nil:
			return fmt.Errorf("create an incoming webhook: %w", err)
		case stored == 0:
			return webhook.ErrTooManyIncoming
		}
		return nil
	})
}

// DeleteIncomingHook implements [webhook.IncomingStore].
func (s Webhooks) DeleteIncomingHook(ctx context.Context, id string) (webhook.Incoming, error) {
	return rows.Result(ctx, s.do, func(t *accountTx) (webhook.Incoming, error) {
		return rows.OneIncoming(t.row(`DELETE FROM incoming_webhooks WHERE id = $1 RETURNING `+incomingColumns, id))
	})
}

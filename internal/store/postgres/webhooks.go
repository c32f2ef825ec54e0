package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// Webhooks is a [webhook.Store] in the same database and with the same writer as the accounts, whose sink is told when they change.
type Webhooks struct{ *Accounts }

var _ webhook.Store = Webhooks{}

// Webhooks returns the webhooks of the database.
func (s *Store) Webhooks() Webhooks { return Webhooks{&Accounts{s}} }

// Epoch implements [webhook.Store].
func (s Webhooks) Epoch(ctx context.Context) (string, error) { return s.store.Epoch(ctx) }

const webhookColumns = `id, url, secret, description, events, rooms, old_secret, old_until, created_at, created_by,
	failing_since, disabled_at, disabled_why`

// Webhooks implements [webhook.Store].
func (s Webhooks) Webhooks(ctx context.Context) ([]webhook.Webhook, error) {
	all, err := rows.Collect(s.readers().rows(ctx), []webhook.Webhook{}, rows.Webhook, `SELECT `+webhookColumns+` FROM webhooks ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("postgres: read webhooks: %w", err)
	}
	return all, nil
}

const webhookQuery = `SELECT ` + webhookColumns + ` FROM webhooks WHERE id = $1`

// Webhook implements [webhook.Store].
func (s Webhooks) Webhook(ctx context.Context, id string) (webhook.Webhook, error) {
	return rows.OneWebhook(s.readers().row(ctx, webhookQuery, id))
}

// CreateWebhook implements [webhook.Store].
func (s Webhooks) CreateWebhook(ctx context.Context, w webhook.Webhook) error {
	return s.do(ctx, func(t *accountTx) error {
		values, err := rows.WebhookValues(&w)
		if err != nil {
			return err
		}
		stored, err := t.exec(`
			INSERT INTO webhooks (`+webhookColumns+`)
			SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint, $9::bigint, $10::text, $11::bigint, $12::bigint, $13::text WHERE (SELECT count(*) FROM webhooks) < $14::bigint`,
			append(values, webhook.MaxWebhooks)...)
		switch {
		case err != nil:
			return fmt.Errorf("create a webhook: %w", err)
		case stored == 0:
			return webhook.ErrTooMany
		}
		t.tell(account.Event{Kind: account.WebhooksChanged, At: w.CreatedAt})
		return nil
	})
}

// ChangeWebhook implements [webhook.Store].
func (s Webhooks) ChangeWebhook(ctx context.Context, id string, change func(*webhook.Webhook) error) (webhook.Webhook, error) {
	return rows.Result(ctx, s.do, func(t *accountTx) (webhook.Webhook, error) {
		before, err := rows.OneWebhook(t.row(webhookQuery+` FOR UPDATE`, id))
		if err != nil {
			return webhook.Webhook{}, err
		}
		w := before
		if err := change(&w); err != nil {
			return webhook.Webhook{}, err
		}
		w.ID, w.CreatedAt, w.CreatedBy = before.ID, before.CreatedAt, before.CreatedBy
		values, err := rows.WebhookValues(&w)
		if err != nil {
			return webhook.Webhook{}, err
		}
		if _, err := t.exec(`
			UPDATE webhooks SET url = $2, secret = $3, description = $4, events = $5, rooms = $6, old_secret = $7, old_until = $8, created_at = $9,
				created_by = $10, failing_since = $11, disabled_at = $12, disabled_why = $13
			WHERE id = $1`, values...); err != nil {
			return webhook.Webhook{}, fmt.Errorf("change a webhook: %w", err)
		}
		if !webhook.Same(&before, &w) {
			t.tell(account.Event{Kind: account.WebhooksChanged, At: now()})
		}
		return w, nil
	})
}

// DeleteWebhook implements [webhook.Store].
func (s Webhooks) DeleteWebhook(ctx context.Context, id string) error {
	if !storable(id) {
		return webhook.ErrNotFound
	}
	return s.do(ctx, func(t *accountTx) error {
		deleted, err := t.exec(`DELETE FROM webhooks WHERE id = $1`, id)
		switch {
		case err != nil:
			return fmt.Errorf("delete a webhook: %w", err)
		case deleted == 0:
			return webhook.ErrNotFound
		}
		t.tell(account.Event{Kind: account.WebhooksChanged, At: now()})
		return nil
	})
}

// now is the present in the precision that is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

const deliveryColumns = `webhook_id, at, id, event_id, kind, conversation_id, seq, attempt, status, error, outcome, took_ms`

// RecordDeliveries implements [webhook.Store].
func (s Webhooks) RecordDeliveries(ctx context.Context, webhookID string, all []webhook.Delivery) error {
	return s.do(ctx, func(t *accountTx) error {
		if _, err := rows.OneWebhook(t.row(webhookQuery+` FOR UPDATE`, webhookID)); errors.Is(err, webhook.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		for i := range all {
			if _, err := t.exec(`INSERT INTO webhook_deliveries (`+deliveryColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
				rows.DeliveryValues(&all[i])...); err != nil {
				return fmt.Errorf("record an attempt of a webhook: %w", err)
			}
		}
		_, err := t.exec(`
			DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND (at, id) <= (
				SELECT at, id FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY at DESC, id DESC LIMIT 1 OFFSET $2)`,
			webhookID, webhook.KeptDeliveries)
		return err
	})
}

// Deliveries implements [webhook.Store].
func (s Webhooks) Deliveries(ctx context.Context, webhookID string, limit int) ([]webhook.Delivery, error) {
	all, err := rows.Collect(s.readers().rows(ctx), []webhook.Delivery{}, rows.Delivery,
		`SELECT `+deliveryColumns+` FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY at DESC, id DESC LIMIT $2`, webhookID, limit)
	if err != nil {
		return nil, fmt.Errorf("postgres: read attempts of a webhook: %w", err)
	}
	return all, nil
}

// Logged implements [webhook.Store].
func (s Webhooks) Logged(ctx context.Context, conversation, room string, after int64, limit int) ([]chat.Event, error) {
	events, err := rows.Result(ctx, s.readers().snapshot, func(each rows.Each) ([]chat.Event, error) {
		return rows.Logged(each, &eventLog, conversation, room, after, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read what was logged: %w", err)
	}
	return events, nil
}

package webhook

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Store keeps webhooks. All methods may be called concurrently, and each is one transaction.
//
// What changes which events somebody wants is an account.WebhooksChanged of that transaction.
type Store interface {
	IncomingStore

	// Webhooks are all, by the time of their creation.
	Webhooks(ctx context.Context) ([]Webhook, error)
	// Webhook returns one; else the error is an [ErrNotFound].
	Webhook(ctx context.Context, id string) (Webhook, error)
	// CreateWebhook stores one, unless there are [MaxWebhooks]: an [ErrTooMany].
	CreateWebhook(ctx context.Context, w Webhook) error
	// ChangeWebhook has change say what becomes of a webhook, but for its id and its creation, or refuse it. change may be called
	// again. It returns what is stored.
	ChangeWebhook(ctx context.Context, id string, change func(*Webhook) error) (Webhook, error)
	// DeleteWebhook removes one with its deliveries, or is an [ErrNotFound].
	DeleteWebhook(ctx context.Context, id string) error

	// RecordDeliveries keeps attempts of one webhook, and of all of it the last [KeptDeliveries]. Where it is no more nothing is kept.
	RecordDeliveries(ctx context.Context, webhookID string, all []Delivery) error
	// Deliveries are the last attempts, the last one first.
	Deliveries(ctx context.Context, webhookID string, limit int) ([]Delivery, error)

	// Logged reads the log of a conversation, which is or was that of a room if one is given, behind a seq, with what the events
	// point to as it is now. Of a room that is gone its events have no more than the id.
	Logged(ctx context.Context, conversation, room string, after int64, limit int) ([]chat.Event, error)
	// Epoch is the database's, see [chat.CatchUp].
	Epoch(ctx context.Context) (string, error)
}

// Same tells a store whether a change of a webhook is none of which nodes have to know.
func Same(before, after *Webhook) bool { return before.sameSubscription(after) }

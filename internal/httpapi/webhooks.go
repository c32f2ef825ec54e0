package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/webhook"
	"github.com/sockeye-im/sockeye/internal/wire"
)

const defaultDeliveries = 50

// webhookOperations are the same for the backend and for administrators.
func (a *API) webhookOperations() []operation {
	return append(a.webhooksFor("/server", "", tagServer, backend(account.ScopeWebhooks)), a.webhooksFor("/admin", "AsAdmin", tagAdmin, anAdmin)...)
}

func (a *API) webhooksFor(under, suffix, tag string, needs access) []operation {
	op := func(method, path, id, summary, details string) operation {
		return operation{method: method, path: under + "/webhooks" + path, id: id + suffix, tag: tag, needs: needs, summary: summary, details: details}
	}
	create := op(http.MethodPost, "", "createWebhook", "Create a webhook", "Events are sent to its address, signed as Standard Webhooks says: each at least once, those of a conversation in order. Without `rooms` these are the events of all conversations, direct ones too. The secret is in this answer and in that of a rotation only.")
	create.status = http.StatusCreated
	create.example = `{"url": "https://bot.example/hook", "events": ["message.created"], "rooms": ["lunch"]}`
	create.location = func(body []byte) string {
		var created webhookAnswer
		_ = json.Unmarshal(body, &created) // the server's own
		return under + "/webhooks/" + url.PathEscape(created.Webhook.ID)
	}
	change := op(http.MethodPatch, "/{webhookId}", "changeWebhook", "Change a webhook", "What is left out stays as it is. With `enabled` false nothing is sent, and what happens meanwhile is not sent later.")
	change.example = `{"events": ["*"], "rooms": []}`
	rotate := op(http.MethodPost, "/{webhookId}/secret", "rotateWebhookSecret", "Give a webhook another secret", "The one before signs too for a day, so that the receiver can be changed meanwhile. Without `secret` the server makes one.")
	return []operation{
		operate(op(http.MethodGet, "", "listWebhooks", "List webhooks", "All, the oldest first."), a.listWebhooks),
		operate(create, a.createWebhook),
		operate(op(http.MethodGet, "/{webhookId}", "getWebhook", "Get a webhook", ""), a.getWebhook),
		operate(change, a.changeWebhook),
		operate(op(http.MethodDelete, "/{webhookId}", "deleteWebhook", "Delete a webhook", ""), a.deleteWebhook),
		operate(rotate, a.rotateWebhook),
		operate(op(http.MethodPost, "/{webhookId}/test", "testWebhook", "Try a webhook", "Sends an event `webhook.test`, once, and answers what came of it, within 15 seconds."), a.testWebhook),
		operate(op(http.MethodGet, "/{webhookId}/deliveries", "listWebhookDeliveries", "List what was sent to a webhook", "The last attempts, the last one first; 200 are kept."), a.listDeliveries),
	}
}

type webhookBody struct {
	ID           string           `json:"id"`
	URL          string           `json:"url"`
	Description  string           `json:"description"`
	Events       []chat.EventKind `json:"events" doc:"Kinds of events, or * for all."`
	Rooms        []string         `json:"rooms" doc:"Ids of rooms; none are all conversations."`
	CreatedAt    wire.Time        `json:"createdAt"`
	CreatedBy    string           `json:"createdBy" doc:"The id of the API key or of the administrator."`
	Enabled      bool             `json:"enabled"`
	DisabledAt   *wire.Time       `json:"disabledAt,omitempty"`
	DisabledWhy  string           `json:"disabledWhy,omitempty" doc:"Why nothing is sent, for people."`
	SwitchedOff  bool             `json:"switchedOff" doc:"Somebody has disabled it, rather than the server because it failed."`
	FailingSince *wire.Time       `json:"failingSince,omitempty" doc:"Since when no attempt has succeeded."`
	RotatedUntil *wire.Time       `json:"rotatedUntil,omitempty" doc:"Until when the secret before signs too."`
	Secret       string           `json:"secret,omitempty" doc:"The key for signatures; only where it is new."`
}

func (a *API) webhookOf(w *webhook.Webhook) webhookBody {
	out := webhookBody{
		ID: w.ID, URL: w.URL, Description: w.Description, Events: w.Events, Rooms: append([]string{}, w.Rooms...), CreatedAt: wire.Time(w.CreatedAt),
		CreatedBy: w.CreatedBy, Enabled: !w.Disabled(), DisabledWhy: w.DisabledWhy, SwitchedOff: w.SwitchedOff(),
	}
	if w.Disabled() {
		out.DisabledAt = new(wire.Time(w.DisabledAt))
	}
	if !w.FailingSince.IsZero() {
		out.FailingSince = new(wire.Time(w.FailingSince))
	}
	if w.OldSecret != "" && a.deps.Now().Before(w.OldUntil) {
		out.RotatedUntil = new(wire.Time(w.OldUntil))
	}
	return out
}

type webhookAnswer struct {
	Webhook webhookBody `json:"webhook"`
}

func (a *API) webhookAnswer(w webhook.Webhook, err error) (webhookAnswer, error) {
	if err != nil {
		return webhookAnswer{}, err
	}
	return webhookAnswer{a.webhookOf(&w)}, nil
}

// withSecret is an answer that has a new secret.
func (a *API) withSecret(w webhook.Webhook, err error) (webhookAnswer, error) {
	answer, err := a.webhookAnswer(w, err)
	if err == nil {
		answer.Webhook.Secret = string(w.Secret)
	}
	return answer, err
}

// creator is who asks, as it is kept.
func (c *caller) creator() string {
	if c.key.ID != "" {
		return c.key.ID
	}
	return string(c.user.ID)
}

// auditAny writes what was done to the log, if an administrator did it.
func (a *API) auditAny(c *caller, action string, about ...any) {
	if c.key.ID == "" {
		a.audit(c, action, about...)
	}
}

type webhooksAnswer struct {
	Webhooks []webhookBody `json:"webhooks"`
}

func (a *API) listWebhooks(ctx context.Context, _ *caller, _ nothing) (webhooksAnswer, error) {
	all, err := a.deps.Webhooks.All(ctx)
	answer := webhooksAnswer{Webhooks: make([]webhookBody, len(all))}
	for i := range all {
		answer.Webhooks[i] = a.webhookOf(&all[i])
	}
	return answer, err
}

type createWebhookPayload struct {
	URL         string           `json:"url" max:"2048" doc:"Where events are sent: https, and no address within a network of its own."`
	Events      []chat.EventKind `json:"events" min:"1" max:"15" doc:"Kinds of events, or * for all."`
	Rooms       []string         `json:"rooms" need:"optional" max:"100" doc:"Ids of rooms; none are all conversations."`
	Description string           `json:"description" need:"optional" max:"200"`
	Secret      webhook.Secret   `json:"secret" need:"optional" doc:"The key for signatures, whsec_ and 24 to 64 bytes in base64; the server makes one if there is none."`
}

func (a *API) createWebhook(ctx context.Context, c *caller, p createWebhookPayload) (webhookAnswer, error) {
	host := ""
	if u, err := url.Parse(p.URL); err == nil {
		host = u.Host // the path may be a secret
	}
	ctx = a.deps.Accounts.Audit(ctx, "webhook_created", "", host)
	w, err := a.deps.Webhooks.Create(ctx, webhook.Create{
		URL: p.URL, Description: p.Description, Secret: p.Secret, Events: p.Events, Rooms: p.Rooms, By: c.creator(),
	})
	if err == nil {
		a.auditAny(c, "create webhook", "webhook", w.ID, "url", w.URL)
	}
	return a.withSecret(w, err)
}

type webhookPayload struct {
	WebhookID string `json:"webhookId"`
}

func (a *API) getWebhook(ctx context.Context, _ *caller, p webhookPayload) (webhookAnswer, error) {
	return a.webhookAnswer(a.deps.Webhooks.Get(ctx, p.WebhookID))
}

type changeWebhookPayload struct {
	WebhookID   string           `json:"webhookId"`
	URL         *string          `json:"url" max:"2048" doc:"Where events are sent: https, and no address within a network of its own."`
	Events      []chat.EventKind `json:"events" need:"optional" min:"1" max:"15" doc:"Kinds of events, or * for all."`
	Rooms       *[]string        `json:"rooms" max:"100" doc:"Ids of rooms; none are all conversations."`
	Description *string          `json:"description" max:"200"`
	Enabled     *bool            `json:"enabled"`
}

func (a *API) changeWebhook(ctx context.Context, c *caller, p changeWebhookPayload) (webhookAnswer, error) {
	w, err := a.deps.Webhooks.Change(a.deps.Accounts.Audit(ctx, "webhook_changed", p.WebhookID, ""), p.WebhookID, webhook.Change{
		URL: p.URL, Description: p.Description, Events: p.Events, Rooms: p.Rooms, Enabled: p.Enabled,
	})
	if err == nil {
		a.auditAny(c, "change webhook", "webhook", w.ID, "url", w.URL)
	}
	return a.webhookAnswer(w, err)
}

func (a *API) deleteWebhook(ctx context.Context, c *caller, p webhookPayload) (nothing, error) {
	err := a.deps.Webhooks.Delete(a.deps.Accounts.Audit(ctx, "webhook_deleted", p.WebhookID, ""), p.WebhookID)
	if err == nil {
		a.auditAny(c, "delete webhook", "webhook", p.WebhookID)
	}
	return nothing{}, err
}

type rotateWebhookPayload struct {
	WebhookID string         `json:"webhookId"`
	Secret    webhook.Secret `json:"secret" need:"optional" doc:"The key for signatures, whsec_ and 24 to 64 bytes in base64; the server makes one if there is none."`
}

func (a *API) rotateWebhook(ctx context.Context, c *caller, p rotateWebhookPayload) (webhookAnswer, error) {
	w, err := a.deps.Webhooks.Rotate(a.deps.Accounts.Audit(ctx, "webhook_secret_rotated", p.WebhookID, ""), p.WebhookID, p.Secret)
	if err == nil {
		a.auditAny(c, "rotate webhook secret", "webhook", w.ID)
	}
	return a.withSecret(w, err)
}

type deliveryBody struct {
	EventID        string          `json:"eventId" doc:"The header webhook-id."`
	Type           chat.EventKind  `json:"type"`
	ConversationID string          `json:"conversationId,omitempty"`
	Seq            int64           `json:"seq,omitempty"`
	Attempt        int             `json:"attempt" doc:"From 1 on."`
	Outcome        webhook.Outcome `json:"outcome" doc:"delivered, retried or given_up."`
	Status         int             `json:"status" doc:"Of the answer; 0 if there was none."`
	Error          string          `json:"error,omitempty" doc:"What went wrong, for people."`
	Timestamp      wire.Time       `json:"timestamp"`
	TookMs         int64           `json:"tookMs"`
}

func deliveryOf(d *webhook.Delivery) deliveryBody {
	return deliveryBody{
		EventID: d.EventID, Type: d.Kind, ConversationID: d.ConversationID, Seq: d.Seq, Attempt: d.Attempt, Outcome: d.Outcome,
		Status: d.Status, Error: d.Error, Timestamp: wire.Time(d.At), TookMs: d.Took.Milliseconds(),
	}
}

type deliveryAnswer struct {
	Delivery deliveryBody `json:"delivery"`
}

func (a *API) testWebhook(ctx context.Context, c *caller, p webhookPayload) (deliveryAnswer, error) {
	d, err := a.deps.Webhooks.Test(ctx, p.WebhookID)
	if err != nil {
		return deliveryAnswer{}, err
	}
	a.auditAny(c, "test webhook", "webhook", p.WebhookID)
	return deliveryAnswer{deliveryOf(&d)}, nil
}

type deliveriesPayload struct {
	WebhookID string `json:"webhookId"`
	Limit     int    `json:"limit" default:"50" max:"200"`
}

type deliveriesAnswer struct {
	Deliveries []deliveryBody `json:"deliveries"`
}

func (a *API) listDeliveries(ctx context.Context, _ *caller, p deliveriesPayload) (deliveriesAnswer, error) {
	p.Limit = cmp.Or(p.Limit, defaultDeliveries)
	if p.Limit < 1 || p.Limit > webhook.KeptDeliveries {
		wrong := refusal.Invalid("limit", fmt.Sprintf("must be from 1 to %d", webhook.KeptDeliveries))
		wrong.Limit = webhook.KeptDeliveries
		return deliveriesAnswer{}, wrong
	}
	all, err := a.deps.Webhooks.Deliveries(ctx, p.WebhookID, p.Limit)
	answer := deliveriesAnswer{Deliveries: make([]deliveryBody, len(all))}
	for i := range all {
		answer.Deliveries[i] = deliveryOf(&all[i])
	}
	return answer, err
}

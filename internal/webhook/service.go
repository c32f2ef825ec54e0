package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/outbound"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// Deps are what a service is made of.
type Deps struct {
	Store         Store
	Subscriptions *Subscriptions
	Sender        Sender
	Now           func() time.Time
	NewID         func() string
}

// Service is what administrators and backends do with webhooks. Its methods may be called concurrently.
type Service struct {
	Deps
	cfg   Config
	allow outbound.Allowed
}

// New returns a service; allow is what the Sender may dial that is reserved.
func New(cfg Config, allow outbound.Allowed, d Deps) (*Service, error) {
	if err := errors.Join(cfg.Validate(), deps.Check(d)); err != nil {
		return nil, err
	}
	return &Service{d, cfg, allow}, nil
}

// Create is a webhook to be made. Without a secret it gets one.
type Create struct {
	URL, Description string
	Secret           Secret
	Events           []chat.EventKind
	Rooms            []string
	By               string
}

// Create makes a webhook. From then on what is committed on this node is told to it, and soon after what is on others.
func (s *Service) Create(ctx context.Context, cmd Create) (Webhook, error) {
	w := Webhook{
		ID: "wh_" + s.NewID(), URL: cmd.URL, Description: cmd.Description, Secret: cmd.Secret, Events: cmd.Events, Rooms: cmd.Rooms,
		CreatedAt: s.timestamp(), CreatedBy: cmd.By,
	}
	if w.Secret == "" {
		w.Secret = NewSecret()
	}
	if err := w.check(s.allow); err != nil {
		return Webhook{}, err
	}
	if err := s.Store.CreateWebhook(ctx, w); err != nil {
		return Webhook{}, err
	}
	return w, s.Subscriptions.Refresh(ctx)
}

// Change is what is to become of a webhook; nil leaves a field as it is.
type Change struct {
	URL, Description *string
	Events           []chat.EventKind
	Rooms            *[]string
	// Enabled has it told of events again, from then on, or not any more.
	Enabled *bool
}

// Change changes a webhook.
func (s *Service) Change(ctx context.Context, id string, cmd Change) (Webhook, error) {
	w, err := s.Store.ChangeWebhook(ctx, id, func(w *Webhook) error {
		if cmd.URL != nil {
			w.URL = *cmd.URL
		}
		if cmd.Description != nil {
			w.Description = *cmd.Description
		}
		if cmd.Events != nil {
			w.Events = cmd.Events
		}
		if cmd.Rooms != nil {
			w.Rooms = *cmd.Rooms
		}
		switch {
		case cmd.Enabled == nil || *cmd.Enabled != w.Disabled():
		case *cmd.Enabled:
			w.DisabledAt, w.DisabledWhy, w.FailingSince = time.Time{}, "", time.Time{}
		default:
			w.DisabledAt, w.DisabledWhy = s.timestamp(), switchedOff
		}
		return w.check(s.allow)
	})
	if err != nil {
		return Webhook{}, err
	}
	return w, s.Subscriptions.Refresh(ctx)
}

// Rotate gives a webhook another secret, a new one if that is empty. The one before signs too for [RotatedFor].
func (s *Service) Rotate(ctx context.Context, id string, secret Secret) (Webhook, error) {
	if secret == "" {
		secret = NewSecret()
	}
	if err := secret.check(); err != nil {
		return Webhook{}, err
	}
	return s.Store.ChangeWebhook(ctx, id, func(w *Webhook) error {
		if w.Secret != secret {
			w.OldSecret, w.OldUntil, w.Secret = w.Secret, s.timestamp().Add(RotatedFor), secret
		}
		return nil
	})
}

// Delete removes a webhook. What is under way may still come.
func (s *Service) Delete(ctx context.Context, id string) error {
	if err := s.Store.DeleteWebhook(ctx, id); err != nil {
		return err
	}
	return s.Subscriptions.Refresh(ctx)
}

// All returns all webhooks.
func (s *Service) All(ctx context.Context) ([]Webhook, error) { return s.Store.Webhooks(ctx) }

// Get returns a webhook.
func (s *Service) Get(ctx context.Context, id string) (Webhook, error) {
	return s.Store.Webhook(ctx, id)
}

// Deliveries returns the last attempts of a webhook, the last one first.
func (s *Service) Deliveries(ctx context.Context, id string, limit int) ([]Delivery, error) {
	if _, err := s.Store.Webhook(ctx, id); err != nil {
		return nil, err
	}
	return s.Store.Deliveries(ctx, id, limit)
}

// Test tells a webhook of a [TestEvent], once and now, whether it is disabled or not, and returns what came of it.
func (s *Service) Test(ctx context.Context, id string) (Delivery, error) {
	w, err := s.Store.Webhook(ctx, id)
	if err != nil {
		return Delivery{}, err
	}
	now := s.timestamp()
	n := notice{id: "evt_" + s.NewID(), kind: TestEvent}
	n.body, err = json.Marshal(body{TestEvent, wire.Time(now), map[string]string{"webhookId": w.ID}})
	if err != nil {
		return Delivery{}, err
	}
	a := post(ctx, s.Sender, &w, &n, s.cfg.Timeout, now)
	if err := ctx.Err(); err != nil {
		return Delivery{}, err
	}
	d := Delivery{
		ID: s.NewID(), WebhookID: w.ID, EventID: n.id, Kind: n.kind, Attempt: 1, Status: a.status, Error: a.why, Outcome: GivenUp,
		At: now, Took: a.took.Truncate(time.Millisecond),
	}
	if a.verdict == good {
		d.Outcome = Delivered
	}
	return d, s.Store.RecordDeliveries(ctx, w.ID, []Delivery{d})
}

// timestamp is the present in the precision that is stored and sent.
func (s *Service) timestamp() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

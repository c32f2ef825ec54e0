package app

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/outbound"
	"github.com/sockeye-im/sockeye/internal/webhook"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// buildWebhooks makes who is told of events, which from here on has what follows them enqueued with them: no client is let in yet.
func (s *Server) buildWebhooks(ctx context.Context) (err error) {
	var allow outbound.Allowed
	for _, network := range s.settings.Webhook.Allow {
		allow = append(allow, netip.Prefix(network.Prefix))
	}
	store, sender := s.Store.Webhooks(), outbound.NewClient(outbound.Config{Allow: allow, DialTimeout: s.settings.Webhooks.Timeout})
	s.parts.add("webhook client", func() error { sender.Close(); return nil })
	subscriptions, err := webhook.NewSubscriptions(ctx, webhook.SubscriptionsDeps{Store: store, Log: s.log, Now: time.Now, NewID: chat.NewID})
	if err != nil {
		return err
	}
	s.parts.add("webhooks", func() error { subscriptions.Stop(); return nil })
	s.Feed.Heed(func(facts *feed.Facts) { subscriptions.Heard(facts.Accounts) })
	s.courier, err = webhook.NewCourier(s.settings.Webhooks, webhook.CourierDeps{
		Store: store, Sender: sender, Notices: webhookNotices{s.Accounts, news{s.Feed}, s.log}, Log: s.log, Now: time.Now, NewID: chat.NewID,
	})
	if err != nil {
		return err
	}
	s.Webhooks, err = webhook.New(s.settings.Webhooks, allow, webhook.Deps{
		Store: store, Subscriptions: subscriptions, Sender: sender, Now: time.Now, NewID: chat.NewID,
	})
	s.Store.Follow(s.follow(subscriptions.Follow))
	if err != nil {
		return err
	}
	s.Incoming, err = webhook.NewDoors(webhook.DoorsDeps{Store: store, Bots: s.Accounts, Rooms: s.Chat, Now: time.Now, NewID: chat.NewID})
	return err
}

// webhookNotices tells administrators who are connected, wherever that is, by a notification.
type webhookNotices struct {
	accounts *account.Service
	news     news
	log      *slog.Logger
}

// WebhookDisabled implements [webhook.Notices].
func (n webhookNotices) WebhookDisabled(ctx context.Context, w *webhook.Webhook) {
	admins, err := n.accounts.Admins(ctx)
	if err != nil {
		n.log.Warn("administrators are not told that a webhook is disabled", "webhook", w.ID, "err", err)
		return
	}
	ids := make([]account.UserID, len(admins))
	for i := range admins {
		ids[i] = admins[i].ID
	}
	if len(ids) == 0 {
		return
	}
	n.news.Notify(nil, ids, map[string]any{
		"type": "webhook.disabled", "title": "A webhook is disabled", "body": w.URL + ": " + w.DisabledWhy, "webhookId": w.ID,
		"timestamp": wire.Time(time.Now()),
	})
}

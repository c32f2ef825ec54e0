package webhook_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// TestBadInput: what cannot be a webhook is refused by the name of its field, and nothing is stored.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, []string{"--webhook-allow", "10.1.0.0/16"})
	for name, test := range map[string]struct {
		change func(*webhook.Create)
		field  string
	}{
		"metadata":         {func(c *webhook.Create) { c.URL = "https://169.254.169.254/latest/meta-data/" }, "url"},
		"metadata by http": {func(c *webhook.Create) { c.URL = "http://169.254.169.254/" }, "url"},
		"loopback":         {func(c *webhook.Create) { c.URL = "https://[::1]/" }, "url"},
		"mapped":           {func(c *webhook.Create) { c.URL = "https://[::ffff:127.0.0.1]:8443/" }, "url"},
		"private":          {func(c *webhook.Create) { c.URL = "https://10.2.0.1/" }, "url"},
		"plain":            {func(c *webhook.Create) { c.URL = "http://9.9.9.9/" }, "url"},
		"none":             {func(c *webhook.Create) { c.URL = "" }, "url"},
		"no address":       {func(c *webhook.Create) { c.URL = "https://" }, "url"},
		"another scheme":   {func(c *webhook.Create) { c.URL = "ftp://example.com/" }, "url"},
		"a file":           {func(c *webhook.Create) { c.URL = "file:///etc/passwd" }, "url"},
		"a password":       {func(c *webhook.Create) { c.URL = "https://a:b@example.com/" }, "url"},
		"a fragment":       {func(c *webhook.Create) { c.URL = "https://example.com/#a" }, "url"},
		"too long":         {func(c *webhook.Create) { c.URL = "https://example.com/" + strings.Repeat("a", webhook.MaxURL) }, "url"},
		"no events":        {func(c *webhook.Create) { c.Events = nil }, "events"},
		"unknown events":   {func(c *webhook.Create) { c.Events = []chat.EventKind{"message.sung"} }, "events"},
		"not logged":       {func(c *webhook.Create) { c.Events = []chat.EventKind{chat.MessageRead} }, "events"},
		"all and one":      {func(c *webhook.Create) { c.Events = []chat.EventKind{"*", chat.MessageCreated} }, "events"},
		"a bad room":       {func(c *webhook.Create) { c.Rooms = []string{"fine", "not fine"} }, "rooms"},
		"many rooms":       {func(c *webhook.Create) { c.Rooms = make([]string, webhook.MaxRooms+1) }, "rooms"},
		"a bad secret":     {func(c *webhook.Create) { c.Secret = "secret" }, "secret"},
		"long words":       {func(c *webhook.Create) { c.Description = strings.Repeat("a", webhook.MaxDescription+1) }, "description"},
	} {
		cmd := webhook.Create{URL: "https://example.com/hook", Events: []chat.EventKind{webhook.AllEvents}}
		test.change(&cmd)
		_, err := s.Webhooks.Create(t.Context(), cmd)
		if refused := refusal.Of(err); refused == nil || refused.Field != test.field {
			t.Errorf("%s: %v, want a refusal of %s", name, err, test.field)
		}
	}
	if all, err := s.Webhooks.All(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("there are %d webhooks, error %v", len(all), err)
	}
	w := create(t, s, "http://10.1.2.3:8080/hook", nil) // which is allowed
	bad := "https://127.0.0.1/"
	if _, err := s.Webhooks.Change(t.Context(), w.ID, webhook.Change{URL: &bad}); refusal.Of(err) == nil || refusal.Of(err).Field != "url" {
		t.Errorf("changed to loopback: %v", err)
	}
	if now, err := s.Webhooks.Get(t.Context(), w.ID); err != nil || fmt.Sprintf("%+v", now) != fmt.Sprintf("%+v", w) {
		t.Errorf("it is %+v, error %v, and was %+v", now, err, w)
	}
}

// TestKinds: there is a webhook for every event that has a place in a log.
func TestKinds(t *testing.T) {
	for _, kind := range webhook.Kinds {
		w := webhook.Webhook{Events: []chat.EventKind{webhook.AllEvents}}
		if !w.Wants(kind, "hall") || !w.Wants(kind, "") {
			t.Errorf("all are not %s", kind)
		}
		w.Rooms = []string{"lunch"}
		if w.Wants(kind, "hall") || w.Wants(kind, "") || !w.Wants(kind, "lunch") {
			t.Errorf("%s of another room is wanted", kind)
		}
	}
}

package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// tryWebhooks does the same as the backend and as an administrator.
func tryWebhooks(d *described) {
	t := d.n.t
	admin := *d
	admin.userToken = d.n.admin("root")
	d = &admin
	for _, by := range []string{"", "AsAdmin"} {
		made := d.call("createWebhook"+by, nil, "")
		d.call("deleteWebhook"+by, values{"webhookId": made.text(t, "webhook", "id")}, "")
		made = d.call("createWebhook"+by, nil, `{"url": "http://127.0.0.1:1/", "events": ["message.pinned"], "rooms": ["nowhere"]}`)
		id := made.text(t, "webhook", "id")
		if place := made.header.Get("Location"); !strings.HasSuffix(place, "/webhooks/"+id) {
			t.Errorf("the webhook is at %q", place)
		}
		secret := made.text(t, "webhook", "secret")
		of := values{"webhookId": id}
		if r := d.call("getWebhook"+by, of, ""); r.json(t, "webhook", "secret") != nil || r.json(t, "webhook", "enabled") != true || r.json(t, "webhook", "switchedOff") != false {
			t.Errorf("the webhook: %s", r.body)
		}
		if r := d.call("listWebhooks"+by, nil, ""); r.text(t, "webhooks", 0, "id") != id || r.json(t, "webhooks", 0, "secret") != nil {
			t.Errorf("webhooks: %s", r.body)
		}
		if r := d.call("changeWebhook"+by, of, `{"enabled": false, "rooms": [], "description": "paused"}`); r.json(t, "webhook", "enabled") != false ||
			r.text(t, "webhook", "disabledAt") == "" || r.json(t, "webhook", "switchedOff") != true || r.text(t, "webhook", "events", 0) != "message.pinned" {
			t.Errorf("changed: %s", r.body)
		}
		if r := d.call("rotateWebhookSecret"+by, of, ""); r.text(t, "webhook", "secret") == secret || r.text(t, "webhook", "rotatedUntil") == "" {
			t.Errorf("rotated: %s", r.body)
		}
		if r := d.call("testWebhook"+by, of, ""); r.text(t, "delivery", "outcome") != "given_up" || r.text(t, "delivery", "error") == "" {
			t.Errorf("tried: %s", r.body)
		}
		if r := d.call("listWebhookDeliveries"+by, of, ""); r.text(t, "deliveries", 0, "type") != "webhook.test" {
			t.Errorf("deliveries: %s", r.body)
		}
		d.call("deleteWebhook"+by, of, "")
		if r := d.try("getWebhook"+by, of, ""); r.status != http.StatusNotFound || r.text(t, "code") != "webhook_not_found" {
			t.Errorf("a webhook that is deleted: %s", r.body)
		}
	}
}

// TestWebhookRefusals name the field, and make nothing.
func TestWebhookRefusals(t *testing.T) {
	n := serve(t)
	key := n.key(account.ScopeWebhooks)
	for field, body := range map[string]string{
		"url":    `{"url": "http://169.254.169.254/latest/meta-data/", "events": ["*"]}`,
		"events": `{"url": "https://bot.example/", "events": ["message.sung"]}`,
		"rooms":  `{"url": "https://bot.example/", "events": ["*"], "rooms": ["a room"]}`,
		"secret": `{"url": "https://bot.example/", "events": ["*"], "secret": "guess me"}`,
	} {
		if r := n.refused(400, "invalid_field", "POST", "/api/v1/server/webhooks", key, body); r.text(t, "field") != field {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	n.refused(400, "missing_fields", "POST", "/api/v1/server/webhooks", key, `{"events": ["*"]}`)
	if r := n.ask("GET", "/api/v1/server/webhooks", key, ""); string(r.body) != `{"webhooks":[]}` {
		t.Errorf("there are %s", r.body)
	}
	for range webhook.MaxWebhooks {
		if r := n.ask("POST", "/api/v1/server/webhooks", key, `{"url": "https://bot.example/", "events": ["*"], "rooms": ["none"]}`); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	n.refused(409, "too_many_webhooks", "POST", "/api/v1/server/webhooks", key, `{"url": "https://bot.example/", "events": ["*"]}`)
}

// tryBots: who has the address of an incoming webhook posts into its room, and a bot signs in by its token.
func tryBots(d *described, room string) {
	t := d.n.t
	admin := *d
	admin.userToken = d.n.admin("root")
	for _, by := range []string{"", "AsAdmin"} {
		made := admin.call("createHook"+by, nil, `{"roomId": "`+room+`", "username": "Weather"}`)
		id, path := made.text(t, "hook", "id"), made.text(t, "hook", "path")
		key := path[strings.LastIndex(path, "/")+1:]
		posted := d.call("postByHook", values{"id": key}, "").text(t, "id")
		d.call("postByHook", values{"id": key}, `{"text": "dry"}`)
		history := d.call("getRoomHistory", values{"roomId": room, "limit": "2"}, "")
		if history.text(t, "messages", 0, "id") != posted || history.text(t, "messages", 0, "senderUsername") != "Weather" ||
			history.text(t, "messages", 1, "senderId") != made.text(t, "hook", "userId") {
			t.Errorf("history: %s", history.body)
		}
		for field, body := range map[string]string{"text": `{"text": ""}`, "username": `{"text": "a", "username": "\u200b"}`} {
			if r := d.try("postByHook", values{"id": key}, body); r.status != http.StatusBadRequest || r.text(t, "field") != field {
				t.Errorf("%s: %d %s", body, r.status, r.body)
			}
		}
		if r := admin.call("listHooks"+by, nil, ""); r.text(t, "hooks", 0, "id") != id || strings.Contains(string(r.body), key) {
			t.Errorf("hooks: %s", r.body)
		}
		admin.call("deleteHook"+by, values{"hookId": id}, "")
		if r := d.try("postByHook", values{"id": key}, ""); r.status != http.StatusNotFound {
			t.Errorf("posted behind its end: %d %s", r.status, r.body)
		}
	}
	made := d.call("createBot", nil, "")
	bot := *d
	for _, token := range []string{made.text(t, "token"), d.call("issueBotToken", values{"userId": made.text(t, "user", "userId")}, "").text(t, "token")} {
		bot.userToken = token
		if me := bot.call("getMe", nil, ""); me.text(t, "user", "userId") != made.text(t, "user", "userId") || me.text(t, "user", "username") != "Echo" {
			t.Errorf("the bot is %s", me.body)
		}
	}
	if r := d.try("issueBotToken", values{"userId": "grace"}, ""); r.status != http.StatusNotFound {
		t.Errorf("a token of who is no bot: %d %s", r.status, r.body)
	}
}

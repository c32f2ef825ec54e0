package authorization_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
)

type backendRow struct {
	op, payload string
	scope       account.Scope
}

// backendTable is which scope permits what to the application's backend. What the rules for a user forbid, they forbid
// the backend on behalf of the user: that is in the other table.
var backendTable = []backendRow{
	{"putUser", `{"userId":"$ada","username":"$new"}`, account.ScopeUsers},
	{"putUser", `{"userId":"$ada","admin":false}`, account.ScopeAll},
	{"putUser", `{"userId":"$ada","issuer":"sockeye"}`, account.ScopeAll},
	{"getServerUser", `{"userId":"$ada"}`, account.ScopeUsers},
	{"disconnectUser", `{"userId":"$bob"}`, account.ScopeSessions},
	{"revokeUser", `{"userId":"$bob"}`, account.ScopeSessions},
	{"createServerRoom", `{"ownerId":"$ada","id":"$new","name":"Room"}`, account.ScopeRooms},
	{"addMembers", `{"roomId":"$room","userIds":["$new"]}`, account.ScopeRooms},
	{"removeMember", `{"roomId":"$room","userId":"$bob"}`, account.ScopeRooms},
	{"postToRoom", `{"roomId":"$room","content":"hear, hear"}`, account.ScopeMessages},
	{"postToRoom", `{"roomId":"$room","content":"hear, hear","senderId":"$ada"}`, account.ScopeMessages},
	{"postToUser", `{"userId":"$bob","content":"hello","senderId":"$ada"}`, account.ScopeMessages},
	{"notify", `{"userIds":["$ada"],"notification":{"title":"$new"}}`, account.ScopeNotifications},
	{"getNotification", `{"notificationId":"$notification"}`, account.ScopeNotifications},
	{"cancelNotification", `{"notificationId":"$notification"}`, account.ScopeNotifications},
	{"getUserNotifications", `{"userId":"$ada"}`, account.ScopeNotifications},
	{"getPushFigures", `{}`, account.ScopeNotifications},
	{"createBroadcast", `{"roomIds":["$room"],"content":"hear, hear"}`, account.ScopeBroadcasts},
	{"getBroadcast", `{"broadcastId":"$broadcast"}`, account.ScopeBroadcasts},
	{"cancelBroadcast", `{"broadcastId":"$broadcast"}`, account.ScopeBroadcasts},
	{"listOnline", `{}`, account.ScopePresence},
	{"getServerPresence", `{"userId":"$ada"}`, account.ScopePresence},
	{"createWebhook", `{"url":"http://127.0.0.1:1/","events":["*"],"rooms":["none"]}`, account.ScopeWebhooks},
	{"listWebhooks", `{}`, account.ScopeWebhooks},
	{"getWebhook", `{"webhookId":"$webhook"}`, account.ScopeWebhooks},
	{"changeWebhook", `{"webhookId":"$webhook","description":"it"}`, account.ScopeWebhooks},
	{"rotateWebhookSecret", `{"webhookId":"$webhook"}`, account.ScopeWebhooks},
	{"testWebhook", `{"webhookId":"$webhook"}`, account.ScopeWebhooks},
	{"listWebhookDeliveries", `{"webhookId":"$webhook"}`, account.ScopeWebhooks},
	{"deleteWebhook", `{"webhookId":"$webhook"}`, account.ScopeWebhooks},
	{"createHook", `{"roomId":"$room","username":"Weather"}`, account.ScopeBots},
	{"listHooks", `{}`, account.ScopeBots},
	{"deleteHook", `{"hookId":"$hook"}`, account.ScopeBots},
	{"createBot", `{"username":"Echo"}`, account.ScopeBots},
	{"issueBotToken", `{"userId":"$bot"}`, account.ScopeBots},
}

// TestBackend tries every operation with every scope, and with what is no key. First what is refused, which changes
// nothing and is told to nobody.
func TestBackend(t *testing.T) {
	s := serve(t)
	ada, bob := connect(t, s, native{}, s.token("ada")), connect(t, s, native{}, s.token("bob"))
	ada.must("room:create", `{"id":"room","name":"Room"}`)
	bob.must("room:join", `{"roomId":"room"}`)
	bob.must("friend:request", `{"userId":"ada"}`)
	ada.must("friend:accept", `{"userId":"bob"}`)
	bob.heard("friend:accepted")
	bob.take()
	keys := map[account.Scope]string{}
	for _, scope := range account.Scopes() {
		_, keys[scope] = s.apiKey(scope)
	}
	id, revoked := s.apiKey(account.ScopeAll)
	if err := s.operator.RevokeAPIKey(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	new, made := 0, map[string]string{}
	makers := map[string]func() string{"webhook": s.webhook, "hook": s.hook, "bot": s.bot, "notification": s.notification, "broadcast": s.broadcast}
	try := func(r *backendRow, who, credentials, want string) {
		t.Helper()
		new++
		payload := object(t, os.Expand(r.payload, func(name string) string {
			if name == "new" {
				return fmt.Sprintf("new-%d", new)
			}
			if makers[name] == nil {
				return name
			}
			if made[name] == "" {
				made[name] = makers[name]()
			}
			return made[name]
		}))
		before := s.version()
		got := s.perform(t, s.operations[r.op], credentials, payload)
		if got.String() != want || got.code == noScope && r.scope != account.ScopeAll && !strings.Contains(got.body, string(r.scope)) {
			t.Errorf("%s %v with %s: %s, want %s", r.op, payload, who, got.body, want)
		}
		if want != accepted && s.version() != before {
			t.Errorf("%s %v with %s has written something", r.op, payload, who)
		}
		if got.ok && strings.HasPrefix(r.op, "delete") {
			clear(made)
		}
	}
	for i := range backendTable {
		r := &backendTable[i]
		try(r, "no credentials", "", authentication)
		try(r, "a user's token", s.token("ada"), badKey)
		try(r, "a revoked key", revoked, badKey)
		try(r, "a key that is none", account.APIKeyPrefix+rand(), badKey)
		for scope, key := range keys {
			if scope != r.scope && scope != account.ScopeAll {
				try(r, "scope "+string(scope), key, noScope)
			}
		}
	}
	ada.must("room:update", `{"roomId":"room","description":"the end of it"}`)
	bob.heard("the end of it")
	for _, f := range bob.take() {
		if !byItself(f) {
			t.Errorf("of what was refused somebody was told %s", f.raw)
		}
	}
	for i := range backendTable {
		r := &backendTable[i]
		try(r, "scope "+string(r.scope), keys[r.scope], accepted)
		try(r, "scope *", keys[account.ScopeAll], accepted)
	}
}

// webhook makes one, which is told nothing.
func (s *server) webhook() string {
	s.t.Helper()
	var made struct{ Webhook struct{ ID string } }
	s.perform(s.t, s.operations["createWebhook"], s.key, map[string]any{
		"url": "http://127.0.0.1:1/", "events": []string{"*"}, "rooms": []string{"none"},
	}).into(s.t, &made)
	return made.Webhook.ID
}

// notification and broadcast make ones that are not due before the test has ended.
func (s *server) notification() string {
	s.t.Helper()
	var made struct{ ID string }
	s.perform(s.t, s.operations["notify"], s.key, map[string]any{
		"topics": []string{"none"}, "notification": map[string]any{"title": "later"}, "delay": 86400,
	}).into(s.t, &made)
	return made.ID
}

func (s *server) broadcast() string {
	s.t.Helper()
	var made struct{ ID string }
	s.perform(s.t, s.operations["createBroadcast"], s.key, map[string]any{
		"roomIds": []string{"none"}, "content": "later", "delay": 86400,
	}).into(s.t, &made)
	return made.ID
}

// hook makes an incoming webhook, in a room of its own.
func (s *server) hook() string {
	s.t.Helper()
	room := "den-" + rand()
	s.perform(s.t, s.operations["createServerRoom"], s.key, map[string]any{"ownerId": "ada", "id": room, "name": "Den"})
	var made struct{ Hook struct{ ID string } }
	s.perform(s.t, s.operations["createHook"], s.key, map[string]any{"roomId": room, "username": "Weather"}).into(s.t, &made)
	return made.Hook.ID
}

// bot makes a bot.
func (s *server) bot() string {
	s.t.Helper()
	var made struct{ User struct{ UserID string } }
	s.perform(s.t, s.operations["createBot"], s.key, map[string]any{"username": "Echo"}).into(s.t, &made)
	return made.User.UserID
}

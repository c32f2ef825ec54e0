package authorization_test

import (
	"os"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

const (
	adminRequired = "admin_required"
	noConnection  = "connection_not_found"
	ownAddress    = "own_address"
	ownAccount    = "own_account"
	noJob         = "job_not_found"
	noUser        = "user_not_found"
	noJobKind     = "unknown_job_kind"
)

// adminTable is what administrators of the server may ask for, and nobody else: what comes of it for them.
var adminTable = []struct{ op, payload, want string }{
	{"getFigures", `{}`, accepted},
	{"streamFigures", `{"samples":1}`, accepted},
	{"listNodes", `{}`, accepted},
	{"listConnections", `{}`, accepted},
	{"disconnectConnection", `{"connectionId":"none"}`, noConnection},
	{"disconnectConnection", `{"connectionId":"$connection"}`, accepted},
	{"revokeUserAsAdmin", `{"userId":"bob"}`, accepted},
	{"listUsersAsAdmin", `{"query":"bob"}`, accepted},
	{"getUserAsAdmin", `{"userId":"bob"}`, accepted},
	{"disableUser", `{"userId":"ada"}`, ownAccount},
	{"disableUser", `{"userId":"nobody"}`, noUser},
	{"disableUser", `{"userId":"bob"}`, accepted},
	{"enableUser", `{"userId":"bob"}`, accepted},
	{"listAudit", `{"userId":"bob"}`, accepted},
	{"exportAudit", `{"userId":"bob"}`, accepted},
	{"blockAddress", `{"address":"127.0.0.1","seconds":60}`, ownAddress},
	{"blockAddress", `{"address":"203.0.113.7","seconds":60}`, accepted},
	{"listBlockedAddresses", `{}`, accepted},
	{"unblockAddress", `{"address":"203.0.113.7"}`, accepted},
	{"listAllRooms", `{}`, accepted},
	{"getUsage", `{"by":"week"}`, accepted},
	{"getJobFigures", `{}`, accepted},
	{"listDeadJobs", `{}`, accepted},
	{"listWaitingJobs", `{"kind":"upkeep"}`, accepted},
	{"getJob", `{"jobId":"none"}`, noJob},
	{"retryJob", `{"jobId":"none"}`, noJob},
	{"cancelJob", `{"jobId":"none"}`, noJob},
	{"dropJob", `{"jobId":"none"}`, noJob},
	{"pauseJobs", `{"kind":"none"}`, noJobKind},
	{"pauseJobs", `{"kind":"upkeep"}`, accepted},
	{"resumeJobs", `{"kind":"upkeep"}`, accepted},
	{"createWebhookAsAdmin", `{"url":"http://127.0.0.1:1/","events":["*"],"rooms":["none"]}`, accepted},
	{"listWebhooksAsAdmin", `{}`, accepted},
	{"getWebhookAsAdmin", `{"webhookId":"$webhook"}`, accepted},
	{"changeWebhookAsAdmin", `{"webhookId":"$webhook","description":"it"}`, accepted},
	{"rotateWebhookSecretAsAdmin", `{"webhookId":"$webhook"}`, accepted},
	{"testWebhookAsAdmin", `{"webhookId":"$webhook"}`, accepted},
	{"listWebhookDeliveriesAsAdmin", `{"webhookId":"$webhook"}`, accepted},
	{"deleteWebhookAsAdmin", `{"webhookId":"$webhook"}`, accepted},
	{"createHookAsAdmin", `{"roomId":"room","username":"Weather"}`, accepted},
	{"listHooksAsAdmin", `{}`, accepted},
	{"deleteHookAsAdmin", `{"hookId":"$hook"}`, accepted},
}

// TestAdmin tries every operation by everybody. First those who must be refused, which changes nothing.
func TestAdmin(t *testing.T) {
	s := serve(t)
	ada, bob := connect(t, s, native{}, s.token("ada")), connect(t, s, socketIO{}, s.token("bob"))
	ada.must("room:create", `{"id":"room","name":"Room"}`)
	if _, _, err := s.operator.GrantAdmin(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	made := map[string]string{"connection": s.connectionOf("bob"), "webhook": s.webhook(), "hook": s.hook()}
	connection := made["connection"]
	ask := func(op, payload, credentials string) answer {
		t.Helper()
		filled := os.Expand(payload, func(name string) string { return made[name] })
		return s.perform(t, s.operations[op], credentials, object(t, filled))
	}
	outsiders := map[string]struct{ credentials, want string }{
		"nobody":      {"", authentication},
		"an API key":  {s.key, authentication},
		"a user":      {s.token("bob"), adminRequired},
		"by a claim":  {sign(t, ownSecret, claims("eve", jwt.MapClaims{"admin": true, "role": "admin", "roles": []string{"admin"}})), adminRequired},
		"a partner's": {sign(t, partnerSecret, claims("mallory", jwt.MapClaims{"iss": partner, "aud": audience, "role": "admin"})), adminRequired},
	}
	for _, r := range adminTable {
		for who, o := range outsiders {
			before := s.version()
			got := ask(r.op, r.payload, o.credentials)
			if got.String() != o.want {
				t.Errorf("%s %s by %s: %s, want %s", r.op, r.payload, who, got, o.want)
			}
			if s.version() != before && o.want != adminRequired { // who signs in for the first time is written down
				t.Errorf("%s %s by %s has written something", r.op, r.payload, who)
			}
		}
	}
	if got := s.connectionOf("bob"); got != connection {
		t.Fatalf("what was refused was done: bob has the connection %q", got)
	}
	bob.must("room:join", `{"roomId":"room"}`)
	for _, r := range adminTable {
		if got := ask(r.op, r.payload, s.token("ada")); got.String() != r.want {
			t.Errorf("%s %s by an administrator: %s, want %s", r.op, r.payload, got.body, r.want)
		}
	}
	if _, _, err := s.operator.RevokeAdmin(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	for _, r := range adminTable {
		if got := ask(r.op, r.payload, s.token("ada")); got.String() != adminRequired {
			t.Errorf("%s by who was one: %s", r.op, got)
		}
	}
}

// connectionOf returns the id of a user's one connection.
func (s *server) connectionOf(user string) string {
	s.t.Helper()
	var page struct {
		Connections []struct{ ID, UserID string }
	}
	s.perform(s.t, s.operations["listConnections"], s.token("ada"), map[string]any{"query": user}).into(s.t, &page)
	if len(page.Connections) != 1 {
		s.t.Fatalf("%s has %d connections", user, len(page.Connections))
	}
	return page.Connections[0].ID
}

package httpapi_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/monitor"
)

// admin makes a user an administrator and returns a token.
func (n *node) admin(user string) string {
	n.t.Helper()
	yes := true
	if _, _, err := n.accounts.PutUser(n.t.Context(), account.PutUser{ID: account.UserID(user), Admin: &yes}); err != nil {
		n.t.Fatal(err)
	}
	return n.token(user)
}

// tryAdmin tries everything there is for administrators.
func tryAdmin(d *described, room string) {
	t := d.n.t
	admin := *d
	admin.userToken = d.n.admin("root")
	if r := admin.call("getFigures", nil, ""); r.json(t, "samples", 0, "goroutines").(float64) == 0 {
		t.Errorf("figures: %s", r.body)
	}
	if r := admin.call("streamFigures", values{"samples": "1"}, ""); !strings.HasPrefix(string(r.body), "event: figures\ndata: {") {
		t.Errorf("stream: %s", r.body)
	}
	if r := admin.call("listNodes", nil, ""); r.text(t, "nodes", 0, "id") == "" || r.json(t, "nodes", 0, "self") != true || r.json(t, "nodes", 0, "status", "ready") != true {
		t.Errorf("nodes: %s", r.body)
	}
	tryUsage(&admin)
	next := admin.call("listConnections", values{"order": "sent", "limit": "1", "query": "bob"}, "").text(t, "next")
	r := admin.call("listConnections", values{"order": "sent", "limit": "1", "query": "bob", "after": next}, "")
	if d.n.overview.asked != (monitor.ConnectionQuery{Text: "bob", Order: monitor.Sent, After: monitor.Place{ID: "socket"}, Limit: 1}) || r.text(t, "next") != next {
		t.Errorf("asked for %+v: %s", d.n.overview.asked, r.body)
	}
	admin.call("disconnectConnection", values{"connectionId": "socket"}, "")
	admin.call("revokeUserAsAdmin", values{"userId": "bob"}, "")
	tryAdminUsers(&admin)
	if r := admin.call("blockAddress", values{"address": "203.0.113.7"}, ""); r.json(t, "disconnected").(float64) != 2 || r.text(t, "block", "by") != "root" || r.text(t, "block", "names", "root", "username") == "" {
		t.Errorf("block: %s", r.body)
	}
	if r := admin.call("listBlockedAddresses", nil, ""); r.text(t, "blocks", 0, "reason") != "floods" {
		t.Errorf("blocks: %s", r.body)
	}
	d.n.refused(http.StatusForbidden, "address_blocked", "GET", "/api/v1/me", d.userToken, "", "X-Test-IP", "203.0.113.7")
	admin.call("unblockAddress", values{"address": "203.0.113.7"}, "")
	if r := d.n.ask("GET", "/api/v1/me", d.userToken, "", "X-Test-IP", "203.0.113.7"); r.status != http.StatusOK {
		t.Errorf("unblocked: %d", r.status)
	}
	tryAudit(&admin)
	if r := admin.call("listAllRooms", values{"query": room}, ""); r.text(t, "rooms", 0, "roomId") != room || r.json(t, "rooms", 0, "onlineConnections").(float64) != 2 ||
		r.text(t, "rooms", 0, "names", r.text(t, "rooms", 0, "createdBy"), "username") == "" {
		t.Errorf("rooms: %s", r.body)
	}
	for _, action := range []string{"disconnect", "revoke", "disable", "enable", "block", "unblock"} {
		if !strings.Contains(d.n.log.String(), `"msg":"admin action","action":"`+action+`","admin":"root","from":"127.0.0.1"`) {
			t.Errorf("no trace of %s in the log", action)
		}
	}
}

// tryAudit looks whether what was done before is told, and by whom.
func tryAudit(admin *described) {
	t := admin.n.t
	page := admin.call("listAudit", values{"userId": "carol", "limit": "1"}, "")
	if page.text(t, "entries", 0, "action") != "user_enabled" || page.text(t, "entries", 0, "by") != "root" || page.text(t, "entries", 0, "byKind") != "user" ||
		page.text(t, "entries", 0, "target") != "carol" || page.text(t, "entries", 0, "address") != "127.0.0.1" || page.text(t, "names", "root", "username") == "" {
		t.Errorf("the newest about carol: %s", page.body)
	}
	page = admin.call("listAudit", values{"userId": "carol", "limit": "1", "after": page.text(t, "next")}, "")
	if page.text(t, "entries", 0, "action") != "user_disabled" {
		t.Errorf("before that: %s", page.body)
	}
	exported := admin.call("exportAudit", values{"since": "2020-01-01T00:00:00Z"}, "")
	if got := exported.header.Get("Content-Type"); got != "application/jsonl" {
		t.Errorf("the export is %s", got)
	}
	lines := strings.Split(strings.TrimSuffix(string(exported.body), "\n"), "\n")
	actions := make(map[string]int)
	for _, line := range lines {
		var e struct{ ID, Timestamp, Action, ByKind string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID == "" || e.Timestamp == "" || e.ByKind == "" {
			t.Fatalf("%q: %v", line, err)
		}
		actions[e.Action]++
	}
	for _, action := range []string{"user_created", "sign_in", "sign_in_failed", "password_changed", "connection_closed", "tokens_revoked", "address_blocked", "user_disabled"} {
		if actions[action] == 0 {
			t.Errorf("the export lacks %s: %v", action, actions)
		}
	}
	if actions["user_disabled"] != 1 {
		t.Errorf("disabled %d times", actions["user_disabled"])
	}
}

// tryAdminUsers disables somebody for a while.
func tryAdminUsers(admin *described) {
	n, t := admin.n, admin.n.t
	token := n.token("carol")
	if r := n.ask("GET", "/api/v1/me", token, ""); r.status != http.StatusOK {
		t.Fatalf("before: %d %s", r.status, r.body)
	}
	if r := admin.call("listUsersAsAdmin", values{"query": "carol"}, ""); r.text(t, "users", 0, "userId") != "carol" || len(r.json(t, "users").([]any)) != 1 {
		t.Errorf("found %s", r.body)
	}
	first := admin.call("listUsersAsAdmin", values{"limit": "1"}, "")
	second := admin.call("listUsersAsAdmin", values{"limit": "1", "after": first.text(t, "next")}, "")
	if first.text(t, "users", 0, "userId") == second.text(t, "users", 0, "userId") {
		t.Errorf("the next page is %s", second.body)
	}
	of := values{"userId": "carol"}
	if r := admin.call("disableUser", of, ""); r.text(t, "user", "disabledAt") == "" {
		t.Errorf("disabled: %s", r.body)
	}
	admin.call("disableUser", of, "")
	for _, token := range []string{token, n.token("carol")} {
		n.refused(http.StatusForbidden, "account_disabled", http.MethodGet, "/api/v1/me", token, "")
	}
	if r := admin.call("getUserAsAdmin", of, ""); r.text(t, "user", "disabledAt") == "" {
		t.Errorf("shown as %s", r.body)
	}
	if r := admin.call("enableUser", of, ""); strings.Contains(string(r.body), "disabledAt") {
		t.Errorf("enabled: %s", r.body)
	}
	n.refused(http.StatusUnauthorized, "authentication_failed", http.MethodGet, "/api/v1/me", token, "")
}

func TestAdminRefusals(t *testing.T) {
	n := serve(t)
	token := n.admin("root")
	for _, tc := range []struct {
		method, path, body string
		status             int
		code, field        string
	}{
		{"GET", "connections?order=sideways", "", 400, "invalid_field", "order"},
		{"GET", "connections?limit=501", "", 400, "invalid_field", "limit"},
		{"GET", "connections?limit=-1", "", 400, "invalid_field", "limit"},
		{"GET", "connections?after=x", "", 400, "invalid_field", "after"},
		{"GET", "connections?after=-1", "", 400, "invalid_field", "after"},
		{"GET", "connections?query=" + strings.Repeat("a", 201), "", 400, "invalid_field", "query"},
		{"POST", "connections/none/disconnect", "", 404, "connection_not_found", "connectionId"},
		{"PUT", "blocks/host.example", `{"seconds":60}`, 400, "invalid_field", "address"},
		{"PUT", "blocks/203.0.113.7:80", `{"seconds":60}`, 400, "invalid_field", "address"},
		{"PUT", "blocks/203.0.113.7", `{"seconds":-1}`, 400, "invalid_field", "seconds"},
		{"PUT", "blocks/203.0.113.7", `{"seconds":9223372036854775807}`, 400, "invalid_field", "seconds"},
		{"PUT", "blocks/127.0.0.1", `{"seconds":60}`, 409, "own_address", "address"},
		{"DELETE", "blocks/203.0.113.7", "", 404, "address_not_blocked", "address"},
		{"GET", "rooms?limit=101", "", 400, "limit_exceeded", "limit"},
		{"GET", "rooms?after=no%20room", "", 400, "invalid_field", "after"},
		{"GET", "stream?samples=many", "", 400, "invalid_field", "samples"},
		{"GET", "audit?limit=501", "", 400, "invalid_field", "limit"},
		{"GET", "audit?after=x", "", 400, "invalid_field", "after"},
		{"GET", "audit?since=yesterday", "", 400, "invalid_field", "since"},
		{"GET", "audit?until=1969-01-01T00:00:00Z", "", 400, "invalid_field", "until"},
		{"GET", "audit?action=" + strings.Repeat("a", 65), "", 400, "limit_exceeded", "action"},
		{"GET", "audit/export?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", "", 400, "invalid_field", "until"},
		{"GET", "users?limit=101", "", 400, "invalid_field", "limit"},
		{"GET", "users?query=a&after=b", "", 400, "invalid_field", "after"},
		{"GET", "users?query=" + strings.Repeat("a", 101), "", 400, "limit_exceeded", "query"},
		{"GET", "users/nobody", "", 404, "user_not_found", "userId"},
		{"POST", "users/nobody/disable", "", 404, "user_not_found", "userId"},
		{"POST", "users/nobody/enable", "", 404, "user_not_found", "userId"},
		{"POST", "users/root/disable", "", 409, "own_account", "userId"},
		{"GET", "usage?by=year", "", 400, "invalid_field", "by"},
		{"GET", "usage?by=week&limit=261", "", 400, "limit_exceeded", "limit"},
		{"GET", "usage?limit=-1", "", 400, "invalid_field", "limit"},
	} {
		r := n.refused(tc.status, tc.code, tc.method, "/api/v1/admin/"+tc.path, token, tc.body)
		if r.text(t, "field") != tc.field {
			t.Errorf("%s: %s", tc.path, r.body)
		}
	}
	if len(n.accounts.BlockedAddresses()) != 0 {
		t.Error("something was blocked")
	}
}

// A stream tells what there was, then what is new, and ends within a second when its reader is no administrator any more,
// or comes from a blocked address.
func TestStreamEnds(t *testing.T) {
	for reason, end := range map[string]func(*node) error{
		"admin_required": func(n *node) error { _, _, err := n.accounts.RevokeAdmin(t.Context(), "root"); return err },
		"address_blocked": func(n *node) error {
			_, err := n.accounts.BlockAddress(t.Context(), account.BlockAddress{Address: netip.MustParseAddr("127.0.0.1"), For: time.Hour})
			return err
		},
	} {
		t.Run(reason, func(t *testing.T) {
			n := serve(t)
			next := n.stream(n.admin("root"))
			if name, data := next(); name != "figures" || len(data["samples"].([]any)) == 0 || data["interval"] != 2.0 {
				t.Fatalf("first came %s %v", name, data)
			}
			if name, data := next(); name != "sample" || data["at"] == nil {
				t.Fatalf("then came %s %v", name, data)
			}
			if err := end(n); err != nil {
				t.Fatal(err)
			}
			name, data := next()
			for name == "sample" {
				name, data = next()
			}
			if name != "end" || data["reason"] != reason {
				t.Errorf("in the end came %s %v", name, data)
			}
			if name, _ := next(); name != "" {
				t.Errorf("behind the end came %s", name)
			}
		})
	}
}

// stream follows the figures. next returns "" behind their end.
func (n *node) stream(token string) (next func() (name string, data map[string]any)) {
	n.t.Helper()
	request, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, n.url+"/api/v1/admin/stream", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = response.Body.Close() })
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" || response.Header.Get("Cache-Control") != "no-store" {
		n.t.Errorf("headers %v", response.Header)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return func() (name string, data map[string]any) {
		n.t.Helper()
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = text
			}
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &data); err != nil {
					n.t.Fatal(err)
				}
				return name, data
			}
		}
		return "", nil
	}
}

func TestPutUserNeedsEverythingForAdmins(t *testing.T) {
	n := serve(t)
	n.refused(http.StatusForbidden, "scope_missing", "PUT", "/api/v1/server/users/eve", n.key(account.ScopeUsers), `{"admin":true}`)
	if r := n.ask("PUT", "/api/v1/server/users/eve", n.key(account.ScopeAll), `{"admin":true}`); r.status != http.StatusCreated {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := n.ask("GET", "/api/v1/me", n.token("eve"), ""); r.json(t, "user", "admin") != true {
		t.Errorf("%s", r.body)
	}
}

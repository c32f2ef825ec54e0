package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/httpapi"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

func TestEveryCodeHasAStatus(t *testing.T) {
	codes := command.Codes()
	for _, code := range account.Codes() {
		codes = append(codes, string(code))
	}
	for _, code := range job.Codes() {
		codes = append(codes, string(code))
	}
	for _, code := range broadcast.Codes {
		codes = append(codes, string(code))
	}
	for _, code := range push.Codes {
		codes = append(codes, string(code))
	}
	for _, code := range upload.Codes() {
		codes = append(codes, string(code))
	}
	for _, code := range webhook.Codes {
		codes = append(codes, string(code))
	}
	for _, code := range codes {
		if status, ok := httpapi.StatusOf(code); !ok || status < 400 {
			t.Errorf("%s has the status %d", code, status)
		}
	}
	if _, ok := httpapi.StatusOf("no_such_code"); ok {
		t.Error("a code that is none has a status")
	}
}

func TestWhatIsNotThere(t *testing.T) {
	n := serve(t)
	n.refused(404, "not_found", "GET", "/api/v1/nothing", "", "")
	n.refused(404, "not_found", "GET", "/api/", "", "")
	if r := n.refused(405, "method_not_allowed", "DELETE", "/api/v1/rooms", "", ""); r.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("allows %q", r.header.Get("Allow"))
	}
	if r := n.refused(404, "room_not_found", "GET", "/api/v1/rooms/none", n.token("ada"), ""); r.header.Get("Etag") != "" {
		t.Error("a refusal has an ETag")
	}
}

func TestBodies(t *testing.T) {
	n := serve(t, func(s *setup) { s.api.MaxBody = 1000 })
	ada := n.token("ada")
	for name, tc := range map[string]struct {
		body   string
		status int
		code   string
		field  string
	}{
		"none":              {"", 400, "missing_fields", "name"},
		"an empty object":   {"{}", 400, "missing_fields", "name"},
		"cut off":           {`{"name": "x`, 400, "invalid_json", ""},
		"a list":            {`[]`, 400, "invalid_json", ""},
		"nothing":           {`null`, 400, "invalid_json", ""},
		"two":               {`{"name":"x"} {}`, 400, "invalid_json", ""},
		"a wrong type":      {`{"name": 1}`, 400, "invalid_field", "name"},
		"a wrong type deep": {`{"name": "x", "maxMembers": "many"}`, 400, "invalid_field", "maxMembers"},
		"over a limit":      {`{"name": "x", "maxMembers": 100001}`, 400, "limit_exceeded", "maxMembers"},
		"too large":         {`{"name": "` + strings.Repeat("x", 1000) + `"}`, 413, "body_too_large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := n.refused(tc.status, tc.code, "POST", "/api/v1/rooms", ada, tc.body)
			if field, _ := r.json(t, "field").(string); field != tc.field {
				t.Errorf("about %q, want %q: %s", field, tc.field, r.body)
			}
		})
	}
	n.refused(415, "content_type_not_json", "POST", "/api/v1/rooms", ada, `{"name":"x"}`, "Content-Type", "text/plain")
	if r := n.ask("POST", "/api/v1/rooms", ada, `{"name":"x","unknown":[1]}`, "Content-Type", "application/json; charset=utf-8"); r.status != 201 {
		t.Errorf("with an unknown field: %d %s", r.status, r.body)
	}
	if r := n.ask("GET", "/api/v1/rooms", ada, ""); len(r.json(t, "rooms").([]any)) != 1 {
		t.Errorf("a refusal made a room: %s", r.body)
	}
}

func TestBodyThatDoesNotCome(t *testing.T) {
	n := serve(t, func(s *setup) { s.api.BodyTimeout = 50 * time.Millisecond })
	client, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	_, err = io.WriteString(client, "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Fatalf("%v, %v", answer, err)
	}
	if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), "body_incomplete") {
		t.Errorf("%s, %v", body, err)
	}
}

func TestQueries(t *testing.T) {
	n := serve(t)
	ada := n.token("ada")
	for query, wrong := range map[string]struct{ code, field string }{
		"limit=ten": {"invalid_field", "limit"}, "limit=101": {"limit_exceeded", "limit"}, "limit=1.5": {"invalid_field", "limit"},
		"mine=perhaps": {"invalid_field", "mine"}, "after=%ff": {"invalid_field", "after"}, "limit=%zz": {"invalid_field", "query"},
		"after=a%20b": {"invalid_field", "after"},
	} {
		if got := n.refused(400, wrong.code, "GET", "/api/v1/rooms?"+query, ada, "").json(t, "field"); got != wrong.field {
			t.Errorf("%s is about %v", query, got)
		}
	}
	n.refused(400, "invalid_field", "GET", "/api/v1/rooms/%ff", ada, "")
	if r := n.refused(400, "invalid_field", "POST", "/api/v1/users/ada/messages", ada, `{"content":"x"}`); r.text(t, "field") != "userId" {
		t.Errorf("the field is called differently here: %s", r.body)
	}
	// The path has the last word.
	n.ask("POST", "/api/v1/rooms", ada, `{"id":"a","name":"x"}`)
	if r := n.ask("POST", "/api/v1/rooms/a/messages", ada, `{"content":"x","roomId":"b"}`); r.status != 201 || r.text(t, "roomId") != "a" {
		t.Errorf("sent to %s", r.body)
	}
}

func TestPages(t *testing.T) {
	n := serve(t)
	ada := n.token("ada")
	for _, id := range []string{"a", "b", "c"} {
		n.ask("POST", "/api/v1/rooms", ada, `{"id":"`+id+`","name":"x"}`)
		n.ask("POST", "/api/v1/rooms/a/messages", ada, `{"content":"`+id+` words"}`)
	}
	// follow reads a list by the links alone.
	follow := func(path, list, field string) (seen string) {
		t.Helper()
		for path != "" {
			r := n.ask("GET", path, ada, "")
			for i := range r.json(t, list).([]any) {
				seen += r.text(t, list, i, field)
			}
			link, found := strings.CutPrefix(r.header.Get("Link"), "<")
			var is bool
			if path, is = strings.CutSuffix(link, `>; rel="next"`); is != found {
				t.Fatalf("Link is %q", r.header.Get("Link"))
			}
		}
		return seen
	}
	if seen := follow("/api/v1/rooms?limit=1", "rooms", "id"); seen != "abc" {
		t.Errorf("rooms %s", seen)
	}
	if seen := follow("/api/v1/rooms/a/messages?limit=2", "messages", "content"); seen != "b wordsc wordsa words" {
		t.Errorf("messages %s", seen)
	}
	first := n.ask("GET", "/api/v1/rooms/a/messages", ada, "").text(t, "messages", 0, "id")
	if seen := follow("/api/v1/rooms/a/messages?limit=1&after="+first, "messages", "content"); seen != "b wordsc words" {
		t.Errorf("messages after %s", seen)
	}
}

func TestETag(t *testing.T) {
	n := serve(t)
	ada := n.token("ada")
	n.ask("POST", "/api/v1/rooms", ada, `{"id":"a","name":"x"}`)
	for _, path := range []string{"/api/v1/rooms/a", "/api/v1/rooms", "/api/v1/rooms/a/members", "/api/v1/me", "/api/v1/conversations", "/api/openapi.json"} {
		first := n.ask("GET", path, ada, "")
		tag := first.header.Get("Etag")
		if tag == "" || !strings.Contains(first.header.Get("Cache-Control"), "no-cache") || first.status != 200 {
			t.Fatalf("%s: %d %v", path, first.status, first.header)
		}
		for _, given := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			if r := n.ask("GET", path, ada, "", "If-None-Match", given); r.status != 304 || len(r.body) > 0 || r.header.Get("Etag") != tag {
				t.Errorf("%s, %s: %d %v %s", path, given, r.status, r.header, r.body)
			}
		}
	}
	tag := n.ask("GET", "/api/v1/rooms/a", ada, "").header.Get("Etag")
	n.ask("PATCH", "/api/v1/rooms/a", ada, `{"name":"y"}`)
	if r := n.ask("GET", "/api/v1/rooms/a", ada, "", "If-None-Match", tag); r.status != 200 || r.text(t, "room", "name") != "y" {
		t.Errorf("after a change: %d %s", r.status, r.body)
	}
	for _, path := range []string{"/api/v1/rooms/a/messages", "/api/v1/search/rooms?query=y"} {
		if r := n.ask("GET", path, ada, ""); r.header.Get("Etag") != "" || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, r.header)
		}
	}
}

func TestWhoAsks(t *testing.T) {
	n := serve(t)
	ada, key := n.token("ada"), n.key(account.ScopeRooms)
	for _, credentials := range []string{"", "x", ada + "x", key, "sky_none"} {
		r := n.refused(401, "authentication_failed", "GET", "/api/v1/rooms", credentials, "")
		if !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("says %q", r.header.Get("WWW-Authenticate"))
		}
	}
	n.refused(401, "authentication_failed", "GET", "/api/v1/rooms?token="+ada, "", "")
	n.refused(401, "authentication_failed", "GET", "/api/v1/server/presence", "", "")
	for _, credentials := range []string{ada, "sky_none", key + "x"} {
		n.refused(401, "api_key_refused", "GET", "/api/v1/server/presence", credentials, "")
	}
	if r := n.refused(403, "scope_missing", "GET", "/api/v1/server/presence", key, ""); !strings.Contains(r.text(t, "detail"), `"presence"`) {
		t.Errorf("does not name the scope: %s", r.body)
	}
	if r := n.ask("GET", "/api/v1/me", "", "", "Authorization", "bearer  "+ada); r.status != 200 {
		t.Errorf("in small letters: %d", r.status)
	}
	if log := n.log.String(); strings.Contains(log, ada) || strings.Contains(log, key) {
		t.Errorf("credentials in the log: %s", log)
	}
}

// What is no operation counts for its address, wherever it is: below the server's part too, where requests count for the
// API keys that they come with.
func TestUnknownAddressesCount(t *testing.T) {
	for _, path := range []string{"/api/v1/nope", "/api/v1/server/nope", "/api/v1/server/users/ada/nope"} {
		n := serve(t, func(s *setup) {
			s.api.Requests = ratelimit.Rate{Events: 2, Per: time.Hour}
		})
		for i := range 3 {
			r := n.ask("POST", path, "", "")
			if limited := r.status == http.StatusTooManyRequests; limited != (i == 2) {
				t.Errorf("%s, time %d: HTTP %d", path, i+1, r.status)
			}
		}
	}
}

// Whoever owns a /48 has not once the allowance for each /64 of it.
func TestRequestsOfASite(t *testing.T) {
	n := serve(t, func(s *setup) { s.api.Requests = ratelimit.Rate{Events: 1, Per: time.Hour} })
	const site = 16
	for network := range site + 1 {
		r := n.ask("GET", "/api/v1/nope", "", "", "X-Test-IP", fmt.Sprintf("2001:db8:1:%x::1", network))
		if limited := r.status == http.StatusTooManyRequests; limited != (network == site) {
			t.Errorf("network %d: HTTP %d", network, r.status)
		}
	}
	if r := n.ask("GET", "/api/v1/nope", "", "", "X-Test-IP", "2001:db8:2::1"); r.status != http.StatusNotFound {
		t.Errorf("another site: HTTP %d", r.status)
	}
}

func TestRequestRate(t *testing.T) {
	now := time.Now() // and no later, however long it takes
	n := serve(t, func(s *setup) {
		s.api.Requests, s.now = ratelimit.Rate{Events: 3, Per: time.Hour}, func() time.Time { return now }
	})
	one := []string{"X-Test-IP", "192.0.2.1"}
	for left := range 3 {
		r := n.ask("GET", "/api/openapi.json", "", "", one...)
		want := `"requests";r=` + string('2'-rune(left)) + ";t="
		if r.header.Get("RateLimit-Policy") != `"requests";q=3;w=3600` || !strings.HasPrefix(r.header.Get("RateLimit"), want) {
			t.Errorf("headers %v, want %s", r.header, want)
		}
	}
	r := n.refused(429, "rate_limited", "GET", "/api/v1/nothing", "", "", one...)
	if r.json(t, "limit") != 3.0 || r.json(t, "retryAfter") != 1200.0 || r.header.Get("Retry-After") != "1200" {
		t.Errorf("%s, Retry-After %q", r.body, r.header.Get("Retry-After"))
	}
	if r := n.ask("GET", "/api/openapi.json", "", "", "X-Test-IP", "192.0.2.2"); r.status != 200 {
		t.Errorf("another address: %d", r.status)
	}
}

func TestKeysHaveTheirOwnRate(t *testing.T) {
	n := serve(t, func(s *setup) {
		s.api.Requests = ratelimit.Rate{Events: 2, Per: time.Hour}
		s.api.KeyRequests = ratelimit.Rate{Events: 4, Per: time.Hour}
	})
	key := n.key(account.ScopeAll)
	for range 4 {
		if r := n.ask("GET", "/api/v1/server/presence", key, ""); r.status != 200 || !strings.HasPrefix(r.header.Get("RateLimit"), `"key";`) {
			t.Fatalf("%d %v", r.status, r.header)
		}
	}
	n.refused(429, "rate_limited", "GET", "/api/v1/server/presence", key, "")
	for range 2 {
		n.refused(401, "api_key_refused", "GET", "/api/v1/server/presence", "sky_guess", "")
	}
	n.refused(429, "rate_limited", "GET", "/api/v1/server/presence", "sky_guess", "")
}

func TestCommandRate(t *testing.T) {
	n := serve(t, func(s *setup) {
		s.api.Requests = ratelimit.Rate{Events: 100, Per: time.Hour}
		s.events = ratelimit.Rate{Events: 1, Per: time.Hour}
	})
	ada := n.token("ada")
	n.ask("GET", "/api/v1/rooms", ada, "")
	r := n.refused(429, "rate_limited", "GET", "/api/v1/rooms", ada, "")
	if policies := r.header.Values("RateLimit-Policy"); !slices.Equal(policies, []string{`"requests";q=100;w=3600`, `"command";q=1;w=3600`}) {
		t.Errorf("policies %q", policies)
	}
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestLoginRate(t *testing.T) {
	n := serve(t, func(s *setup) { s.api.Logins = ratelimit.Rate{Events: 2, Per: time.Hour} })
	login := func(user string) string { return `{"login":"` + user + `","password":"none of them"}` }
	n.refused(401, "invalid_credentials", "POST", "/api/v1/login", "", login("ada"), "X-Test-IP", "192.0.2.1")
	n.refused(401, "invalid_credentials", "POST", "/api/v1/login", "", login("ADA"), "X-Test-IP", "192.0.2.2")
	n.refused(429, "rate_limited", "POST", "/api/v1/login", "", login("Ada"), "X-Test-IP", "192.0.2.3")
	n.refused(401, "invalid_credentials", "POST", "/api/v1/login", "", login("eve"), "X-Test-IP", "192.0.2.1")
	r := n.refused(429, "rate_limited", "POST", "/api/v1/accounts", "", login("bob"), "X-Test-IP", "192.0.2.1")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if log := n.log.String(); strings.Contains(log, "none of them") {
		t.Errorf("a password in the log: %s", log)
	}
}

func TestCORS(t *testing.T) {
	n := serve(t, func(s *setup) { s.api.Origins = []string{"https://app.example"} })
	ask := []string{"Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization"}
	r := n.ask("OPTIONS", "/api/v1/me", "", "", append(ask, "Origin", "https://app.example")...)
	if r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != "https://app.example" ||
		!strings.Contains(r.header.Get("Access-Control-Allow-Methods"), "PATCH") || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("the question: %d %v", r.status, r.header)
	}
	r = n.ask("OPTIONS", "/api/v1/me", "", "", append(ask, "Origin", "https://evil.example")...)
	if r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another's question: %d %v", r.status, r.header)
	}
	r = n.refused(401, "authentication_failed", "GET", "/api/v1/me", "", "", "Origin", "https://app.example")
	if r.header.Get("Access-Control-Allow-Origin") != "https://app.example" || !strings.Contains(r.header.Get("Access-Control-Expose-Headers"), "RateLimit") ||
		r.header.Get("Vary") != "Origin" || r.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("the answer: %v", r.header)
	}
	n.refused(405, "method_not_allowed", "OPTIONS", "/api/v1/me", "", "")
}

func TestAccountsThatAreOff(t *testing.T) {
	n := serve(t, func(s *setup) { s.accounts.Registration = false })
	const ada = `{"login":"ada","password":"correct horse"}`
	n.refused(403, "registration_closed", "POST", "/api/v1/accounts", "", ada)
	n = serve(t, func(s *setup) { s.accounts.Local = false })
	n.refused(403, "accounts_off", "POST", "/api/v1/login", "", ada)
	external := n.token("ada")
	n.refused(401, "refresh_refused", "POST", "/api/v1/token/refresh", external, "")
	n.refused(409, "name_managed", "PATCH", "/api/v1/me", external, `{"username":"Ada"}`)
}

func TestPasswordsThatWait(t *testing.T) {
	n := serve(t, func(s *setup) {
		s.accounts.Hashing = account.Hashing{MemoryKiB: 64 << 10, Passes: 4, Lanes: 1, AtOnce: 1, Wait: 0}
	})
	const ada = `{"login":"ada","password":"correct horse"}`
	var sent sync.WaitGroup
	busy := make(chan reply, 1)
	for len(busy) == 0 && t.Context().Err() == nil { // until two meet
		for range 4 {
			sent.Go(func() {
				r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/login", strings.NewReader(ada))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				n.api.ServeHTTP(w, r)
				if w.Code == http.StatusServiceUnavailable {
					select {
					case busy <- reply{w.Code, w.Header(), w.Body.Bytes()}:
					default:
					}
				}
			})
		}
		sent.Wait()
	}
	if r := <-busy; r.text(t, "code") != "busy" || r.header.Get("Retry-After") == "" {
		t.Errorf("%s, Retry-After %q", r.body, r.header.Get("Retry-After"))
	}
}

func TestServerMistakes(t *testing.T) {
	n := serve(t)
	key := n.key(account.ScopeAll)
	for path, body := range map[string]string{
		"/api/v1/server/notifications": `{"notification":{"a":1}}`,
		"/api/v1/server/rooms":         `{"name":"x"}`,
	} {
		n.refused(400, "missing_fields", "POST", path, key, body)
	}
	n.refused(400, "missing_fields", "POST", "/api/v1/server/notifications", key, `{"topics":["a"],"notification":{}}`)
	for _, wrong := range []struct{ code, field, path, fields string }{
		{"invalid_field", "userIds", "notifications", `"userIds":["ada"],"all":true`},
		{"invalid_field", "priority", "notifications", `"all":true,"priority":"urgent"`},
		{"invalid_field", "delay", "notifications", `"all":true,"delay":-1`},
		{"limit_exceeded", "delay", "notifications", `"all":true,"delay":9223372036854775807`},
		{"invalid_field", "delay", "notifications", `"all":true,"delay":1,"sendAt":"2999-01-01T00:00:00Z"`},
		{"invalid_field", "sendAt", "notifications", `"all":true,"sendAt":"2020-01-01T00:00:00Z"`},
		{"limit_exceeded", "sendAt", "notifications", `"all":true,"sendAt":"2999-01-01T00:00:00Z"`},
		{"invalid_field", "sendAt", "notifications", `"all":true,"sendAt":"tomorrow"`},
		{"limit_exceeded", "key", "notifications", `"all":true,"key":"` + strings.Repeat("k", 129) + `"`},
		{"invalid_field", "senderId", "broadcasts", `"all":true,"senderId":"ada"`},
		{"invalid_field", "roomIds", "broadcasts", `"roomIds":["hall"],"all":true`},
		{"invalid_field", "roomIds", "notifications", `"roomIds":["no room"]`},
	} {
		r := n.refused(400, wrong.code, "POST", "/api/v1/server/"+wrong.path, key, `{"notification":{"a":1},`+wrong.fields+`}`)
		if r.text(t, "field") != wrong.field {
			t.Errorf("%s: about %s", wrong.fields, r.body)
		}
	}
	if r := n.refused(400, "invalid_field", "POST", "/api/v1/server/broadcasts", key, `{"content":"x","topics":["menu"],"senderId":"ada"}`); r.text(t, "field") != "topics" {
		t.Errorf("a message to a topic: about %s", r.body)
	}
	n.refused(400, "limit_exceeded", "POST", "/api/v1/server/notifications", key,
		`{"topics":["a"],"notification":{"a":"`+strings.Repeat("x", 32<<10)+`"}}`)
	n.refused(400, "invalid_field", "POST", "/api/v1/server/notifications", key, `{"topics":[""],"notification":{"a":1}}`)
	if r := n.refused(404, "user_not_found", "POST", "/api/v1/server/rooms", key, `{"ownerId":"nobody","name":"x"}`); r.text(t, "field") != "ownerId" {
		t.Errorf("about %s", r.body)
	}
	n.refused(404, "user_not_found", "PUT", "/api/v1/server/users/u_mine", key, `{"username":"x"}`)
	n.refused(400, "invalid_field", "GET", "/api/v1/server/presence?limit=1001", key, "")
	n.refused(404, "room_not_found", "POST", "/api/v1/server/rooms/none/members", key, `{"userIds":["ada"]}`)
}

func TestOnlinePages(t *testing.T) {
	n := serve(t)
	key := n.key(account.ScopePresence)
	for _, user := range []account.UserID{"c", "a", "b"} {
		n.presence.Connect(account.Person{ID: user}, "device of "+string(user))
	}
	first := n.ask("GET", "/api/v1/server/presence?limit=2", key, "")
	if first.text(t, "online", 1) != "b" || first.text(t, "next") != "b" || first.json(t, "count") != 3.0 {
		t.Errorf("first %s", first.body)
	}
	second := n.ask("GET", "/api/v1/server/presence?limit=2&after=b", key, "")
	if second.text(t, "online", 0) != "c" || second.json(t, "next") != nil || second.header.Get("Link") != "" {
		t.Errorf("second %s", second.body)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := httpapi.New(httpapi.DefaultConfig(), httpapi.Deps{}); err == nil {
		t.Error("works with nothing")
	}
	for name, change := range map[string]func(*httpapi.Config){
		"no body": func(c *httpapi.Config) { c.MaxBody = 0 }, "no time": func(c *httpapi.Config) { c.BodyTimeout = 0 }, "no text": func(c *httpapi.Config) { c.MaxText = 0 },
		"a rate in no time": func(c *httpapi.Config) { c.Logins.Per = 0 }, "a negative rate": func(c *httpapi.Config) { c.Requests.Events = -1 },
		"an origin with a path": func(c *httpapi.Config) { c.Origins = []string{"https://a.example/b"} },
	} {
		cfg := httpapi.DefaultConfig()
		change(&cfg)
		if cfg.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if err := httpapi.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func FuzzRequest(f *testing.F) {
	n := serve(f)
	ada := n.token("ada")
	f.Add("GET", "/api/v1/rooms?limit=1&mine=true", "")
	f.Add("POST", "/api/v1/rooms", `{"name":"x"}`)
	f.Add("POST", "/api/v1/sync", `{"conversations":{"a":1}}`)
	f.Add("PUT", "/api/v1/messages/x/reactions/%F0%9F%91%8D", "")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost/api/v1", strings.NewReader(body))
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(target); err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.1:1"
		r.Header.Set("Authorization", "Bearer "+ada)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		n.api.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %q %q: %d %s", method, target, body, w.Code, w.Body)
		}
	})
}

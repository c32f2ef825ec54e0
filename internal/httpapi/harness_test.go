package httpapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/httpapi"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// setup is what a test may choose.
type setup struct {
	api      httpapi.Config
	accounts account.Config
	events   ratelimit.Rate
	now      func() time.Time // the clock of the API
}

const secret = apptest.Secret

// node is a server of which only the API is the test's: it tells nobody but the test, and
// knows no connections.
type node struct {
	t        testing.TB
	url      string
	api      *httpapi.API
	accounts *account.Service
	chat     *chat.Service
	issuer   *account.Issuer
	presence *presence.Tracker
	typing   *presence.Typing
	overview *noConnections
	jobs     *job.Queue
	usage    *usage.Counter
	// usageStore is that of the counter.
	usageStore usage.Store
	log        *bytes.Buffer // to be read after the requests that write it
}

// serve starts a node that ends with the test. Rates are off, passwords cheap.
func serve(t testing.TB, options ...func(*setup)) *node {
	t.Helper()
	s := setup{api: httpapi.DefaultConfig(), accounts: account.DefaultConfig(), now: time.Now}
	s.api.Requests, s.api.KeyRequests, s.api.Logins = ratelimit.Rate{}, ratelimit.Rate{}, ratelimit.Rate{}
	s.accounts.Hashing = account.Hashing{MemoryKiB: 8, Passes: 1, Lanes: 1, AtOnce: 2, Wait: time.Minute}
	for _, option := range options {
		option(&s)
	}
	below := apptest.Serve(t, []string{"--webhook-allow", "127.0.0.1"}, func(all *app.Settings) {
		all.Users, all.Events = s.accounts, s.events
		all.Rules = chat.Config{DirectPolicy: chat.DirectAnyone, MaxText: s.api.MaxText}
		all.Presence, all.Typing = presence.DefaultConfig(), presence.DefaultTypingConfig()
	})
	n := &node{
		t: t, accounts: below.Accounts, chat: below.Chat, issuer: below.Issuer, presence: below.Presence, typing: below.Typing,
		overview: new(noConnections), jobs: below.Jobs, usage: below.Usage, usageStore: below.Store.Usage(), log: new(bytes.Buffer),
	}
	var err error
	n.api, err = httpapi.New(s.api, httpapi.Deps{
		Accounts: n.accounts, Chat: n.chat, Commands: below.Commands, Presence: n.presence, Clients: n,
		Overview: n.overview, Nodes: below.Census, Monitor: below.Monitor, Jobs: below.Jobs, Usage: below.Usage, Webhooks: below.Webhooks,
		Incoming: below.Incoming, Broadcasts: below.Broadcasts, Push: below.Push, Files: below.Files, Secret: secret, Log: slog.New(slog.NewJSONHandler(n.log, nil)), Now: s.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	n.api.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	n.url = server.URL
	return n
}

// Vouch is for the door, which there is none of.
func (n *node) Vouch(string) {}

// ClientIP believes what tests say.
func (n *node) ClientIP(remote string, header http.Header) netip.Addr {
	if said := header.Get("X-Test-IP"); said != "" {
		return netip.MustParseAddr(said)
	}
	if address, err := netip.ParseAddr(remote); err == nil {
		return address
	}
	return netip.MustParseAddrPort(remote).Addr()
}

// noConnections is the overview of a node that has none. It keeps what it was asked.
type noConnections struct {
	asked monitor.ConnectionQuery
	ended []string
}

func (o *noConnections) Connections(q monitor.ConnectionQuery) monitor.ConnectionPage {
	o.asked = q
	return monitor.ConnectionPage{Total: 3, More: true, Connections: []monitor.Connection{{ID: "socket", UserID: "bob", Name: "Bob", Protocol: monitor.SocketIO}}}
}

func (o *noConnections) End(id string) (account.UserID, netip.Addr, bool) {
	o.ended = append(o.ended, id)
	return "bob", netip.MustParseAddr("203.0.113.7"), id == "socket"
}

func (o *noConnections) EndUser(id account.UserID) int {
	o.ended = append(o.ended, string(id))
	return 0
}

func (o *noConnections) EndAddress(from netip.Addr) int {
	o.ended = append(o.ended, from.String())
	return 2
}

func (o *noConnections) Online(roomIDs []string) []monitor.Presence {
	return slices.Repeat([]monitor.Presence{{Users: 1, Connections: 2}}, len(roomIDs))
}

// token signs in a user of another application, who keeps the name.
func (n *node) token(user string) string {
	n.t.Helper()
	token, err := n.issuer.Sign(account.UserID(user), "", time.Hour)
	if err != nil {
		n.t.Fatal(err)
	}
	return token
}

func (n *node) key(scopes ...account.Scope) string {
	n.t.Helper()
	_, secret, err := n.accounts.CreateAPIKey(n.t.Context(), "test", scopes)
	if err != nil {
		n.t.Fatal(err)
	}
	return secret
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// json is a part of the body: names of fields, and indexes.
func (r reply) json(t testing.TB, path ...any) any {
	t.Helper()
	var at any
	if err := json.Unmarshal(r.body, &at); err != nil {
		t.Fatalf("%v in %q", err, r.body)
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := at.(map[string]any)
			at = object[step]
		case int:
			list, _ := at.([]any)
			if step >= len(list) {
				t.Fatalf("no %v in %s", path, r.body)
			}
			at = list[step]
		}
	}
	return at
}

func (r reply) text(t testing.TB, path ...any) string {
	t.Helper()
	text, isText := r.json(t, path...).(string)
	if !isText {
		t.Fatalf("no text at %v in %s", path, r.body)
	}
	return text
}

// ask makes a request. The body is JSON, if there is one; headers come in pairs.
func (n *node) ask(method, path, credentials, body string, headers ...string) reply {
	n.t.Helper()
	request, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if credentials != "" {
		request.Header.Set("Authorization", "Bearer "+credentials)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, raw}
}

// refused makes a request and wants a problem.
func (n *node) refused(status int, code, method, path, credentials, body string, headers ...string) reply {
	n.t.Helper()
	r := n.ask(method, path, credentials, body, headers...)
	if r.status != status || r.header.Get("Content-Type") != "application/problem+json" || r.header.Get("Cache-Control") != "no-store" {
		n.t.Fatalf("%s %s: %d %v %s, want %d", method, path, r.status, r.header, r.body, status)
	}
	if got := r.text(n.t, "code"); got != code {
		n.t.Fatalf("%s %s: code %s, want %s: %s", method, path, got, code, r.body)
	}
	if int(r.json(n.t, "status").(float64)) != status || r.text(n.t, "title") != http.StatusText(status) || r.text(n.t, "detail") == "" {
		n.t.Errorf("%s %s: the problem is %s", method, path, r.body)
	}
	return r
}

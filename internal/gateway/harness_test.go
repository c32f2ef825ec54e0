package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/ops"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/socketio"
)

// patience bounds every wait; only a failing test ever waits that long.
const patience = 30 * time.Second

// setup is what a test may choose.
type setup struct {
	gateway gateway.Config
	events  ratelimit.Rate // of commands
	native  gateway.NativeConfig
	chat    chat.Config
	clock   func() time.Time // of the gateway
	grace   time.Duration    // of presence
	blocked func(netip.Addr) bool
	people  func(account.Store) account.Store
	store   func(chat.Store) chat.Store // wraps the store, to hold it up
}

func events(rate ratelimit.Rate) func(*setup) { return func(s *setup) { s.events = rate } }

func limits(cfg gateway.Config) func(*setup) {
	return func(s *setup) {
		if cfg.MaxConnections == 0 {
			cfg.MaxConnections = 1000
		}
		s.gateway = cfg
	}
}

// node is a whole server: store, rules, hub, gateway and sockets on a loopback
// address.
type node struct {
	t        testing.TB
	url      string
	chat     *chat.Service
	store    *sqlite.Store
	hub      *hub.Hub
	gateway  *gateway.Gateway
	sockets  *socketio.Server
	registry *prometheus.Registry
	log      *logBuffer
	issuer   *account.Issuer
	accounts *account.Service
	presence *presence.Tracker
	typing   *presence.Typing
	probe    *device // see told
	stop     func()  // also done when the test ends
	native   *gateway.Native
}

const secret = account.Secret("a secret of enough length, for tests only")

// serve starts a node that ends with the test.
func serve(t testing.TB, options ...func(*setup)) *node {
	t.Helper()
	s := setup{
		native:  gateway.NativeConfig{MaxFrame: 1 << 20, AuthTimeout: patience, Heartbeat: time.Minute},
		gateway: gateway.Config{MaxConnections: 1000}, chat: chat.DefaultConfig(), clock: time.Now,
	}
	for _, option := range options {
		option(&s)
	}
	n := &node{t: t, log: new(logBuffer), registry: prometheus.NewRegistry()}
	log := slog.New(slog.NewJSONHandler(n.log, nil))
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n.issuer, err = account.NewIssuer(secret, time.Now)
	must()
	verifiers, err := account.NewVerifiers(t.Context(), account.TrustConfig{Secret: secret, Now: time.Now})
	must()
	n.sockets, err = socketio.NewServer(socketio.Config{
		Engine: engineio.Config{AllowRequest: func(r *http.Request) error {
			return n.gateway.Admit(r, n.sockets.Connections())
		}},
		Recovery: &socketio.Recovery{}, ForgetAuth: true, Logger: log,
	})
	must()
	n.hub = hub.New(n.sockets.Of("/"), log)
	n.store, err = sqlite.Open(t.Context(), sqlite.DefaultConfig(t.TempDir()), n.hub.Publish)
	must()
	var store chat.Store = n.store
	if s.store != nil {
		store = s.store(store)
	}
	var people account.Store = n.store.Accounts(n.publish)
	if s.people != nil {
		people = s.people(people)
	}
	n.accounts, err = account.New(t.Context(), account.DefaultConfig(), account.Deps{
		Store: people, Verifier: verifiers, Issuer: n.issuer, Now: time.Now,
	})
	must()
	n.presence, err = presence.NewTracker(presence.Config{Grace: s.grace}, n.accounts, n.hub, log, time.Now)
	must()
	n.typing, err = presence.NewTyping(presence.DefaultTypingConfig(), n.accounts, n.hub, time.Now)
	must()
	n.befriend(cast...)
	n.chat, err = chat.New(s.chat, store, time.Now, chat.NewID, nil)
	must()
	metrics, err := ops.NewMetrics(n.registry, ops.Vocabulary{
		Messages: command.Names(), Operations: command.Names(), Refusals: gateway.Refusals(),
		ErrorTypes: []string{"command"}, ErrorCodes: command.Codes(),
	})
	must()
	table := command.New(command.Deps{
		Events: s.events, Chat: n.chat, Accounts: n.accounts, Presence: n.presence, Typing: n.typing,
		Metrics: metrics, Log: log, Now: s.clock,
	})
	n.gateway = gateway.New(s.gateway, gateway.Deps{
		Commands: table, Chat: n.chat, Accounts: n.accounts, Presence: n.presence, Typing: n.typing,
		Metrics: metrics, Log: log, Now: s.clock, Blocked: s.blocked,
	})
	n.gateway.Serve(n.sockets.Of("/"))
	n.native, err = gateway.NewNative(n.gateway, n.hub, s.native)
	must()
	mux := http.NewServeMux()
	mux.Handle("/", n.sockets)
	mux.Handle("/ws", n.native)
	server := httptest.NewUnstartedServer(mux)
	server.Listener, err = n.sockets.Listen(server.Config, server.Listener)
	must()
	server.Start()
	n.url = server.URL
	n.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(n.native.Shutdown(ctx), n.sockets.Shutdown(ctx)); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		server.Close()
		n.gateway.Stop()
		n.typing.Stop()
		if err := n.presence.Stop(ctx); err != nil {
			t.Errorf("stop presence: %v", err)
		}
		if err := n.store.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
		n.hub.Stop()
		verifiers.Stop()
	})
	t.Cleanup(n.stop)
	return n
}

// token signs a user in for an hour.
func (n *node) token(user string) string { return n.tokenFor(user, time.Hour) }

func (n *node) tokenFor(user string, ttl time.Duration) string {
	n.t.Helper()
	token, err := n.issuer.Sign(user, nameOf(user), ttl)
	if err != nil {
		n.t.Fatal(err)
	}
	return token
}

// nameOf is the display name of a test's user.
func nameOf(user string) string { return strings.ToUpper(user[:1]) + user[1:] }

// known makes users exist who need not be connected.
func (n *node) known(users ...chat.UserID) {
	n.t.Helper()
	for _, user := range users {
		name := nameOf(string(user))
		if _, _, err := n.accounts.PutUser(n.t.Context(), account.PutUser{ID: string(user), Name: &name}); err != nil {
			n.t.Fatal(err)
		}
	}
}

// cast are the users who are friends of each other in every test.
var cast = []chat.UserID{"ada", "bob", "cyd", "dan"}

// befriend makes users exist, and each a friend of the others.
func (n *node) befriend(users ...chat.UserID) {
	n.t.Helper()
	n.known(users...)
	for i, a := range users {
		for _, b := range users[:i] {
			_, err := n.accounts.RequestFriend(n.t.Context(), account.Actor{ID: string(a)}, string(b))
			if err == nil {
				_, err = n.accounts.AcceptFriend(n.t.Context(), account.Actor{ID: string(b)}, string(a))
			}
			if err != nil {
				n.t.Fatal(err)
			}
		}
	}
	told := make(chan struct{})
	n.hub.After(func() { close(told) })
	<-told // devices that come now are not told of it
}

// publish is the account.Sink.
func (n *node) publish(events []account.Event) {
	n.hub.PublishAccounts(events)
	for i := range events {
		switch e := &events[i]; e.Kind {
		case account.FriendAccepted:
			n.hub.After(func() { n.presence.Befriended(e.Actor.ID, e.Other.ID) })
		case account.UserChanged:
			n.accounts.Renamed(e.Actor.ID, e.Actor.Name)
			n.presence.Renamed(e.Actor)
		}
	}
}

// told waits until the hub has told everything that was committed before: it is
// in order, and so done with that when it tells of something newer.
func (n *node) told() {
	n.t.Helper()
	prober := chat.Actor{ID: "prober", Name: "P"}
	if n.probe == nil {
		if _, err := n.chat.CreateRoom(n.t.Context(), prober, chat.CreateRoom{ID: "probes", Name: "Probes"}); err != nil {
			n.t.Fatal(err)
		}
		n.probe = n.device("probe")
		n.probe.must("room:join", `{"roomId":"probes"}`)
	}
	m, err := n.chat.SendToRoom(n.t.Context(), prober, chat.SendToRoom{RoomID: "probes", Content: "?"})
	if err != nil {
		n.t.Fatal(err)
	}
	for n.probe.message("room:message").ID != m.ID {
	}
}

// count reads a metric; labels are name, value, …
func (n *node) count(metric string, labels ...string) float64 {
	n.t.Helper()
	families, err := n.registry.Gather()
	if err != nil {
		n.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != metric {
			continue
		}
		for _, m := range family.GetMetric() {
			found := make(map[string]string)
			for _, pair := range m.GetLabel() {
				found[pair.GetName()] = pair.GetValue()
			}
			match := true
			for i := 0; i < len(labels); i += 2 {
				match = match && found[labels[i]] == labels[i+1]
			}
			switch {
			case !match:
			case m.GetHistogram() != nil:
				return float64(m.GetHistogram().GetSampleCount())
			default:
				return m.GetCounter().GetValue()
			}
		}
	}
	n.t.Fatalf("no metric %s %v", metric, labels)
	return 0
}

// eventually waits until ok holds, for what no event tells of.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// logBuffer is a log that tests may read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func perMinute(events int) ratelimit.Rate { return ratelimit.Rate{Events: events, Per: time.Minute} }

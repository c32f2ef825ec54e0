package gateway_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
	"github.com/sockeye-im/sockeye/socketio"
)

// patience bounds every wait; only a failing test ever waits that long.
const patience = apptest.Patience

const secret = apptest.Secret

// setup is what a test may choose.
type setup = app.Settings

func events(rate ratelimit.Rate) apptest.Option { return func(s *setup) { s.Events = rate } }

func limits(cfg gateway.Config) apptest.Option {
	return func(s *setup) {
		if cfg.MaxConnections == 0 {
			cfg.MaxConnections = 1000
		}
		if cfg.StrangersTime == 0 {
			cfg.StrangersTime = s.Door.StrangersTime
		}
		s.Door = cfg
	}
}

// node is a whole server, and short ways to use it.
type node struct {
	t        testing.TB
	url      string
	store    app.Store
	chat     *chat.Service
	feed     feed.Feed
	hub      *hub.Hub
	door     *gateway.Door
	gateway  *gateway.Gateway
	native   *gateway.Native
	sockets  *socketio.Server
	registry *prometheus.Registry
	log      *apptest.Log
	issuer   *account.Issuer
	accounts *account.Service
	presence *presence.Tracker
	typing   *presence.Typing
	queues   *engineio.QueueMemory
	stop     func()  // also done when the test ends
	probe    *device // see told
}

// serve starts a node that ends with the test.
func serve(t testing.TB, options ...apptest.Option) *node {
	t.Helper()
	return newNode(t, apptest.Serve(t, nil, options...))
}

// serveFrom is serve with a data folder that there is.
func serveFrom(t testing.TB, folder string, options ...apptest.Option) *node {
	t.Helper()
	return newNode(t, apptest.Serve(t, []string{"--data", folder}, options...))
}

func newNode(t testing.TB, s *apptest.Server) *node {
	t.Helper()
	n := &node{
		t: t, url: s.URL, store: s.Store, chat: s.Chat, feed: s.Feed, hub: s.Hub, door: s.Door, gateway: s.Gateway, native: s.Gateway.Native(), sockets: s.Sockets,
		registry: s.Registry, log: s.Log, issuer: s.Issuer, accounts: s.Accounts, presence: s.Presence, typing: s.Typing,
		queues: s.Queues, stop: s.Close,
	}
	n.befriend(cast...)
	return n
}

// token signs a user in for an hour.
func (n *node) token(user string) string { return n.tokenFor(user, time.Hour) }

func (n *node) tokenFor(user string, ttl time.Duration) string {
	n.t.Helper()
	token, err := n.issuer.Sign(account.UserID(user), nameOf(user), ttl)
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
		if _, _, err := n.accounts.PutUser(n.t.Context(), account.PutUser{ID: user, Name: &name}); err != nil {
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
			_, err := n.accounts.RequestFriend(n.t.Context(), account.Actor{ID: a}, b)
			if err == nil {
				_, err = n.accounts.AcceptFriend(n.t.Context(), account.Actor{ID: b}, a)
			}
			if err != nil {
				n.t.Fatal(err)
			}
		}
	}
	if err := n.feed.Flush(n.t.Context()); err != nil { // devices that come now are not told of it
		n.t.Fatal(err)
	}
}

// notify brings a notification to topics and users, and returns once they were told.
func (n *node) notify(topics []string, users []account.UserID, body any) {
	n.t.Helper()
	n.feed.Publish(feed.Facts{Notices: []feed.Notice{{Topics: topics, Users: users, Body: body}}})
	if err := n.feed.Flush(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

// block keeps an address out.
func (n *node) block(address netip.Addr) {
	n.t.Helper()
	if _, err := n.accounts.BlockAddress(n.t.Context(), account.BlockAddress{Address: address, For: time.Hour}); err != nil {
		n.t.Fatal(err)
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

func perMinute(events int) ratelimit.Rate { return ratelimit.Rate{Events: events, Per: time.Minute} }

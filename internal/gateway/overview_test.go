package gateway_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/monitor"
)

// watchman is a node with its overview, whose clients say where they come from.
type watchman struct {
	*node
	*gateway.Overview
	now atomic.Int64 // seconds, of the gateway's clock
}

var outlaw = netip.MustParseAddr("203.0.113.9")

func openOverview(t *testing.T) *watchman {
	t.Helper()
	return openOverviewOn(t, func(options ...apptest.Option) *node { return serve(t, options...) })
}

// openOverviewOn is openOverview for a node that is served so.
func openOverviewOn(t *testing.T, serve func(...apptest.Option) *node) *watchman {
	t.Helper()
	w := new(watchman)
	w.now.Store(time.Now().Unix())
	w.node = serve(limits(gateway.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}), func(s *setup) {
		s.Now = func() time.Time { return time.Unix(w.now.Load(), 0) }
	})
	w.Overview = w.gateway.Overview()
	return w
}

// from connects a Socket.IO client from an address.
func (w *watchman) from(address, user string) *device {
	w.t.Helper()
	d := w.mustDial(4, nil, http.Header{"X-Forwarded-For": {address}})
	d.connect(map[string]string{"token": w.token(user)})
	return d
}

// plainly connects a plain WebSocket.
func (w *watchman) plainly(user string) *plain {
	w.t.Helper()
	p := w.plain(w.token(user), "sockeye.v1")
	p.next("connection")
	return p
}

// reason is what a device is told of its end.
func (d *device) reason() string {
	d.t.Helper()
	var refusal struct{ Message string }
	d.event("error", &refusal)
	return refusal.Message
}

// does has a request with the ref 1 carried out.
func (p *plain) does(frame string) {
	p.t.Helper()
	p.send(frame)
	p.must(p.answer("1"), map[string]any{"ok": true})
}

func (w *watchman) page(q monitor.ConnectionQuery) (users []string, page monitor.ConnectionPage) {
	if q.Limit == 0 {
		q.Limit = 100
	}
	page = w.Connections(q)
	for _, c := range page.Connections {
		users = append(users, string(c.UserID))
	}
	return users, page
}

func TestOverviewShowsConnections(t *testing.T) {
	w := openOverview(t)
	ada := w.from("203.0.113.7", "ada")
	w.now.Add(10)
	bob := w.plainly("bob")
	w.now.Add(10)
	cyd := w.from("2001:db8:1:2:3::4", "cyd")
	ada.must("room:create", map[string]string{"id": "hall", "name": "Hall"})
	bob.does(`{"type":"room:join","ref":"1","roomId":"hall"}`)
	if err := w.feed.Flush(t.Context()); err != nil { // the hub has put bob into the room
		t.Fatal(err)
	}

	_, page := w.page(monitor.ConnectionQuery{Order: monitor.Oldest})
	if page.Total != 3 || len(page.Connections) != 3 {
		t.Fatalf("%+v", page)
	}
	began := time.Unix(w.now.Load()-20, 0)
	first := page.Connections[0]
	if first.UserID != "ada" || first.Name != "Ada" || first.Address != "203.0.113.7" || first.Transport != "websocket" ||
		first.Protocol != monitor.SocketIO || !first.Since.Equal(began) || !first.LastActive.Equal(began.Add(20*time.Second)) ||
		first.Received < 2 || first.Sent < 2 || first.ReceivedBytes < first.Received || first.SentBytes < first.Sent {
		t.Errorf("a socket: %+v", first)
	}
	if !slices.Equal(first.Rooms, []string{"hall"}) || first.RoomCount != 1 {
		t.Errorf("its rooms: %v, %d", first.Rooms, first.RoomCount)
	}
	second := page.Connections[1]
	if second.UserID != "bob" || second.Protocol != monitor.NativeV1 || second.Transport != "websocket" || second.Received != 1 ||
		second.Sent < 2 || second.SentBytes < 20 || second.ReceivedBytes < 20 || !slices.Equal(second.Rooms, []string{"hall"}) {
		t.Errorf("a plain WebSocket: %+v", second)
	}
	if third := page.Connections[2]; third.Address != "2001:db8:1:2::" {
		t.Errorf("an IPv6 client: %+v", third)
	}
	if got := w.Online([]string{"hall"})[0]; got != (monitor.Presence{Users: 2, Connections: 2}) {
		t.Errorf("in the room: %+v", got)
	}
	if got := w.Online([]string{"nowhere"})[0]; got != (monitor.Presence{}) {
		t.Errorf("in no room: %+v", got)
	}
	cyd.drop()
	eventually(t, "who leaves is shown no more", func() bool { return w.Connections(monitor.ConnectionQuery{Limit: 1}).Total == 2 })
}

func TestOverviewFindsSortsAndPages(t *testing.T) {
	w := openOverview(t)
	// Names too long to be found in an id by chance: what is looked for is looked for there too.
	for _, user := range []string{"user.ada", "user.bob", "user.cyd"} {
		w.from("203.0.113.7", user)
		w.now.Add(1)
	}
	dan := w.from("203.0.113.8", "user.dan")
	w.now.Add(100)
	for range 20 {
		dan.must("room:list", struct{}{})
	}
	for order, want := range map[monitor.Order]string{
		monitor.Newest: "user.dan user.cyd user.bob user.ada", monitor.Oldest: "user.ada user.bob user.cyd user.dan", monitor.ByUser: "user.ada user.bob user.cyd user.dan",
		monitor.Active: "user.dan user.cyd user.bob user.ada", monitor.Idle: "user.ada user.bob user.cyd user.dan",
	} {
		if users, _ := w.page(monitor.ConnectionQuery{Order: order}); strings.Join(users, " ") != want {
			t.Errorf("%s: %v, want %s", order, users, want)
		}
	}
	for _, order := range []monitor.Order{monitor.Received, monitor.Sent} {
		if users, _ := w.page(monitor.ConnectionQuery{Order: order}); users[0] != "user.dan" {
			t.Errorf("%s: %v", order, users)
		}
	}
	for text, want := range map[string]string{
		"USER.ADA": "user.ada", "203.0.113.8": "user.dan", "203.0.113": "user.ada user.bob user.cyd user.dan", "user.bob": "user.bob", "user.eve": "", dan.sid: "user.dan",
	} {
		users, page := w.page(monitor.ConnectionQuery{Text: text, Order: monitor.ByUser})
		if strings.Join(users, " ") != want || page.Total != len(users) {
			t.Errorf("%q: %v of %d, want %s", text, users, page.Total, want)
		}
	}
	for _, order := range monitor.Orders() {
		all, _ := w.page(monitor.ConnectionQuery{Order: order})
		var paged []string
		q := monitor.ConnectionQuery{Order: order, Limit: 1}
		for more := true; more; {
			users, page := w.page(q)
			if paged = append(paged, users...); page.Total != len(all) {
				t.Fatalf("%s: %d in all", order, page.Total)
			}
			q.After, more = order.Place(&page.Connections[0]), page.More
		}
		if !slices.Equal(paged, all) {
			t.Errorf("%s: by pages %v, want %v", order, paged, all)
		}
		if users, page := w.page(monitor.ConnectionQuery{Order: order, After: q.After}); len(users) != 0 || page.More {
			t.Errorf("behind the end: %v", users)
		}
	}
}

func TestOverviewCounts(t *testing.T) {
	w := openOverview(t)
	ada, bob := w.from("203.0.113.7", "ada"), w.plainly("bob")
	if w.gateway.Counts().Active != 2 || w.gateway.Counts().Peak != 2 {
		t.Errorf("%d active, %d at most", w.gateway.Counts().Active, w.gateway.Counts().Peak)
	}
	w.now.Add(30)
	if w.gateway.Counts().Active != 0 {
		t.Errorf("%d are active after 30 s", w.gateway.Counts().Active)
	}
	ada.must("room:list", struct{}{})
	bob.does(`{"type":"room:list","ref":"1"}`)
	bob.does(`{"type":"room:list","ref":"1"}`)
	if w.gateway.Counts().Active != 2 {
		t.Errorf("%d are active after commands", w.gateway.Counts().Active)
	}
	ada.drop()
	eventually(t, "one is left", func() bool { return w.gateway.Connections() == 1 })
	if w.gateway.Counts().Active != 1 || w.gateway.Counts().Peak != 2 || w.gateway.Counts().Users != 1 {
		t.Errorf("%d active, %d at most, %d users", w.gateway.Counts().Active, w.gateway.Counts().Peak, w.gateway.Counts().Users)
	}
}

func TestOverviewEnds(t *testing.T) {
	w := openOverview(t)
	ada, bob := w.from("203.0.113.7", "ada"), w.plainly("bob")
	_, page := w.page(monitor.ConnectionQuery{Order: monitor.ByUser})
	for i, want := range []string{"ada", "bob"} {
		user, from, ok := w.End(page.Connections[i].ID)
		if string(user) != want || !ok || from.String() != page.Connections[i].Address {
			t.Errorf("ended %s from %s, %t", user, from, ok)
		}
	}
	if got := ada.reason(); got != "Disconnected by the server" {
		t.Errorf("the socket hears %s", got)
	}
	if code := bob.ended(); code != 4403 {
		t.Errorf("the plain WebSocket is closed with %d", code)
	}
	if _, _, ok := w.End("nobody"); ok {
		t.Error("ended nobody")
	}
	eventually(t, "both leave", func() bool { return w.gateway.Connections() == 0 })
}

func TestBlockedAddressesStayOut(t *testing.T) {
	w := openOverview(t)
	inside := w.from("203.0.113.9", "ada")
	w.from("203.0.113.7", "bob")
	w.block(outlaw)
	if ended := w.EndAddress(outlaw); ended != 1 {
		t.Errorf("%d were ended", ended)
	}
	if got := inside.reason(); got != blocked {
		t.Errorf("the socket hears %s", got)
	}
	eventually(t, "one is left", func() bool { return w.gateway.Connections() == 1 })
	if _, err := w.dial(4, nil, http.Header{"X-Forwarded-For": {"203.0.113.9"}}); err == nil {
		t.Error("a blocked address was let in")
	}
	if n := w.count("websocket_connections_refused_total", "reason", "blocked"); n != 1 {
		t.Errorf("%v were refused", n)
	}
	if err := w.accounts.UnblockAddress(t.Context(), outlaw); err != nil {
		t.Fatal(err)
	}
	w.from("203.0.113.9", "ada")
}

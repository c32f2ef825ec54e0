package gateway_test

import (
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/cluster/census"
	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/httpapi"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// twin is one of two servers that hear each other. Each has a database of its own, in which the same people are friends:
// what is committed on one is not known on the other, only what nodes say of what nobody stores.
type twin struct {
	*node
	httpapi.Overview
	monitor *monitor.Monitor
	census  *census.Census
	id      string
	other   *clustertest.Node
}

func serveTwins(t *testing.T, options ...apptest.Option) (x, y *twin, net *clustertest.Net) {
	t.Helper()
	net = clustertest.New()
	var twins [2]*twin
	for i, id := range []string{"x", "y"} {
		other := net.Node(id)
		s := apptest.Serve(t, nil, append(slices.Clone(options), func(s *setup) { s.Peers = other.Peers() })...)
		twins[i] = &twin{newNode(t, s), s.Overview, s.Monitor, s.Census, id, other}
		other.Start()
		t.Cleanup(other.Kill)
	}
	for _, twin := range twins {
		eventually(t, "the nodes hear each other", func() bool { return len(twin.other.Alive()) == 1 })
	}
	return twins[0], twins[1], net
}

// at connects a client from an address.
func (w *twin) at(address, user string) *device {
	w.t.Helper()
	d := w.mustDial(4, nil, from(address))
	d.connect(map[string]string{"token": w.token(user)})
	return d
}

func from(address string) http.Header { return http.Header{"X-Forwarded-For": {address}} }

func behindProxy(s *setup) {
	s.Door.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
}

func TestFriendsOnTwoNodes(t *testing.T) {
	x, y, _ := serveTwins(t)
	ada := x.device("ada")
	eventually(t, "y knows of ada", func() bool { return y.presence.Count() == 1 })
	bob := y.device("bob")
	var present struct{ Online []string }
	bob.event("presence", &present)
	if !slices.Equal(present.Online, []string{"ada"}) {
		t.Errorf("bob is shown %q", present.Online)
	}
	if got := ada.tidings("user:online"); got.UserID != "bob" || got.Username != "Bob" {
		t.Errorf("ada is told of %+v", got)
	}
	more := x.device("bob")
	eventually(t, "y knows both", func() bool { return y.presence.Devices("bob") == 2 })
	bob.drop()
	eventually(t, "bob is gone from y", func() bool { return x.presence.Devices("bob") == 1 })
	if n := len(x.presence.Online([]account.UserID{"bob"})); n != 1 {
		t.Error("bob is not online where he still has a device")
	}
	more.drop()
	if got := ada.tidings("user:offline"); got.UserID != "bob" {
		t.Errorf("ada is told of %+v", got)
	}
}

// A device is told on which node it is.
func TestGreetingOfANode(t *testing.T) {
	x, y, _ := serveTwins(t)
	alone := serve(t)
	for want, n := range map[string]*node{"x": x.node, "y": y.node, "": alone} {
		var greeting struct{ Node, Epoch string }
		if n.device("ada").event("server:epoch", &greeting); greeting.Node != want || greeting.Epoch == "" {
			t.Errorf("greeted with %+v at %q", greeting, want)
		}
		bob := n.plain(n.token("bob"), "")
		connection := bob.next("connection")
		bob.must(connection, map[string]any{"epoch": greeting.Epoch, "userId": "bob"})
		if node, told := connection["node"]; told != (want != "") || told && node != want {
			t.Errorf("greeted with %v at %q", connection, want)
		}
	}
}

func TestConnectionsOfTwoNodes(t *testing.T) {
	x, y, net := serveTwins(t, behindProxy)
	x.at("203.0.113.7", "ada")
	x.at("203.0.113.7", "cyd")
	bob := y.at("203.0.113.8", "bob")
	y.at("203.0.113.8", "dan")
	for _, w := range []*twin{x, y} {
		var users, nodes []string
		q := monitor.ConnectionQuery{Order: monitor.ByUser, Limit: 1}
		for more := true; more; {
			page := w.Connections(q)
			if len(page.Connections) != 1 || page.Total != 4 {
				t.Fatalf("%d of %d", len(page.Connections), page.Total)
			}
			c := &page.Connections[0]
			users, nodes = append(users, string(c.UserID)), append(nodes, c.Node)
			q.After, more = q.Order.Place(c), page.More
		}
		if !slices.Equal(users, []string{"ada", "bob", "cyd", "dan"}) || !slices.Equal(nodes, []string{"x", "y", "x", "y"}) {
			t.Errorf("%q on %q", users, nodes)
		}
	}
	if user, from, ok := x.End(bob.sid); !ok || user != "bob" || from.String() != "203.0.113.8" {
		t.Errorf("ended %s at %s: %t", user, from, ok)
	}
	if got := bob.reason(); got != "Disconnected by the server" {
		t.Errorf("bob is told %q", got)
	}
	if _, _, ok := x.End("nobody"); ok {
		t.Error("ended what is nowhere")
	}
	net.Cut("y", "x")
	if page := x.Connections(monitor.ConnectionQuery{Limit: 10}); page.Total != 2 {
		t.Errorf("%d connections of a node that does not answer", page.Total-2)
	}
}

func TestEndsOnTwoNodes(t *testing.T) {
	x, y, _ := serveTwins(t, behindProxy)
	here, there := x.at("203.0.113.7", "ada"), y.at("203.0.113.7", "ada")
	if got := x.EndUser("ada"); got != 2 {
		t.Errorf("ended %d of the user", got)
	}
	here.closed()
	there.closed()
	for _, w := range []*twin{x, y} {
		eventually(t, "they are gone", func() bool { return w.gateway.Connections() == 0 })
	}
	here, there = x.at("203.0.113.9", "ada"), y.at("203.0.113.9", "bob")
	if got := y.EndAddress(outlaw); got != 2 {
		t.Errorf("ended %d of the address", got)
	}
	here.closed()
	there.closed()
	// A node that hears of a block by the log alone ends connections too.
	late := y.at("203.0.113.9", "bob")
	block := account.BlockedAddress{Address: outlaw, Until: time.Now().Add(time.Hour)}
	y.feed.Publish(feed.Facts{Accounts: []account.Event{{Kind: account.AddressBlocked, Address: &block}}})
	if got := late.reason(); got != "Address is blocked" {
		t.Errorf("told %q", got)
	}
	late.closed()
}

func TestRoomsOnTwoNodes(t *testing.T) {
	x, y, _ := serveTwins(t)
	for _, w := range []*twin{x, y} {
		w.device("ada").must("room:create", `{"id":"hall","name":"Hall"}`)
	}
	if got := x.Online([]string{"hall", "nowhere"}); !slices.Equal(got, []monitor.Presence{{Users: 2, Connections: 2}, {}}) {
		t.Errorf("in the rooms: %+v", got)
	}
}

// A user has no more connections on two nodes than on one.
func TestConnectionsOfAUserOnTwoNodes(t *testing.T) {
	x, y, _ := serveTwins(t, func(s *setup) { s.Door.MaxConnectionsPerUser = 2 })
	first := x.device("ada")
	y.device("ada")
	for _, w := range []*twin{x, y} {
		eventually(t, "both are known", func() bool { return w.presence.Devices("ada") == 2 })
		w.tooMany(w.mustDial(4, nil, nil), "ada")
	}
	x.lose(first)
	eventually(t, "one has gone", func() bool { return y.presence.Devices("ada") == 1 })
	y.device("ada")
}

// An address has no more connections on two nodes than on one, whether it asks at the door or is let in already.
func TestConnectionsOfAnAddressOnTwoNodes(t *testing.T) {
	x, y, _ := serveTwins(t, behindProxy, func(s *setup) { s.Door.MaxConnectionsPerIP = 2 })
	first := x.at("192.0.2.1", "ada")
	early := y.mustDial(4, nil, from("192.0.2.1"))
	x.at("192.0.2.1", "bob")
	full := func() bool {
		d, err := y.dial(4, nil, from("192.0.2.1"))
		if err == nil {
			d.drop()
		}
		return err != nil
	}
	eventually(t, "the address is full on y", full)
	y.tooMany(early, "cyd")
	y.at("192.0.2.2", "dan")
	x.lose(first)
	eventually(t, "there is room again", func() bool { return !full() })
	y.at("192.0.2.1", "cyd")
}

// tooMany has a device sign in that is one too many.
func (w *twin) tooMany(d *device, user string) {
	w.t.Helper()
	d.send("0" + text(map[string]string{"token": w.token(user)}))
	var f failure
	if d.event("error", &f); f.Code != "too_many_connections" {
		w.t.Errorf("told %+v", f)
	}
	d.closed()
}

// What a user has done on one node counts on the other.
func TestRatesOnTwoNodes(t *testing.T) {
	const most = 200
	x, y, _ := serveTwins(t, events(ratelimit.Rate{Events: most, Per: time.Hour}))
	ada, also := x.device("ada"), y.device("ada")
	for range most {
		ada.must("room:list", struct{}{})
	}
	ada.mustFail("room:list", struct{}{}, "rate_limited", "Too many requests")
	taken := 0
	for also.ask("room:list", struct{}{}).OK {
		if taken++; taken == most {
			t.Fatal("y does not know what was done on x")
		}
		time.Sleep(50 * time.Millisecond)
	}
	taken = 0
	for range most {
		if also.ask("friend:list", struct{}{}).OK {
			taken++
		}
	}
	if taken != most {
		t.Errorf("of another command %d were allowed", taken)
	}
}

func TestFiguresOfTwoNodes(t *testing.T) {
	t.Parallel() // it waits for samples
	x, y, net := serveTwins(t)
	x.device("ada")
	y.device("bob")
	y.device("cyd")
	newest := func(w *twin) monitor.Sample {
		samples, _ := w.monitor.Since(0)
		for _, s := range samples[:len(samples)-1] {
			if s.Nodes != nil {
				t.Error("an old sample has the nodes")
			}
		}
		return samples[len(samples)-1]
	}
	for _, w := range []*twin{x, y} {
		eventually(t, "all connections are in the figures", func() bool {
			s := newest(w)
			return len(s.Nodes) == 2 && s.Connections == 3 && s.Users == 3 && s.Capacity == 2*s.Nodes[0].Capacity &&
				s.Nodes[0].ID == "x" && s.Nodes[0].Connections == 1 && s.Nodes[1].ID == "y" && s.Nodes[1].Connections == 2
		})
	}
	net.Cut("y", "x")
	eventually(t, "a node that is gone does not count", func() bool {
		s := newest(x)
		return s.Connections == 1 && s.Nodes == nil
	})
}

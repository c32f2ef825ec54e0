package gateway_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/cluster/census"
	"github.com/sockeye-im/sockeye/internal/feed/redis/redistest"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// serveCluster starts servers on one database, that hear each other by its NOTIFY, and by Redis where that is wanted.
func serveCluster(t *testing.T, many int, redis bool, options ...apptest.Option) []*twin {
	t.Helper()
	flags := []string{"--database", pgtest.Database(t)}
	if redis {
		flags = append(flags, "--redis", redistest.Start(t).URL())
	}
	nodes := make([]*twin, many)
	for i := range nodes {
		s := apptest.Serve(t, flags, options...)
		nodes[i] = &twin{node: newNode(t, s), Overview: s.Overview, monitor: s.Monitor, census: s.Census, id: s.Node.Self()}
		eventually(t, "the nodes hear each other", func() bool { return len(s.Node.Alive()) == i })
	}
	for _, n := range nodes {
		n.hears(t, many)
	}
	return nodes
}

// hears waits until a node's figures are those of so many.
func (w *twin) hears(t *testing.T, many int) {
	t.Helper()
	eventually(t, "a node hears the others", func() bool {
		samples, _ := w.monitor.Since(0)
		return len(samples[len(samples)-1].Nodes) == many
	})
}

// What nobody stores is the same on three servers of one database.
func TestStateOfACluster(t *testing.T) {
	if testing.Short() {
		t.Skip("PostgreSQL, Redis and three servers")
	}
	t.Parallel() // it waits a lot
	for name, redis := range map[string]bool{"PostgreSQL": false, "Redis": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := serveCluster(t, 3, redis, func(s *setup) { s.Presence.Grace = 5 * time.Second })
			x, y, z := nodes[0], nodes[1], nodes[2]
			ada, bob := x.device("ada"), y.device("bob")
			t.Run("presence", func(t *testing.T) {
				if got := ada.tidings("user:online"); got.UserID != "bob" {
					t.Errorf("ada is told of %+v", got)
				}
			})
			t.Run("typing", func(t *testing.T) {
				also := z.device("ada")
				eventually(t, "ada is on two nodes", func() bool { return y.presence.Devices("ada") == 2 })
				ada.must("typing:start", `{"recipientId":"bob"}`)
				if got := bob.tidings("typing:start"); got.UserID != "ada" || got.Username != "Ada" {
					t.Errorf("bob is told of %+v", got)
				}
				eventually(t, "it is ended on another node", func() bool {
					also.must("typing:stop", `{"recipientId":"bob"}`)
					return bob.has("typing:stop", "ada")
				})
				also.drop()
			})
			t.Run("notifications", func(t *testing.T) {
				bob.must("notification:subscribe", `{"topics":["menu"]}`)
				z.notify([]string{"menu"}, []account.UserID{"ada"}, map[string]string{"title": "Lunch"})
				for _, d := range []*device{ada, bob} {
					var got struct{ Title string }
					if d.event("notification", &got); got.Title != "Lunch" {
						t.Errorf("told %+v", got)
					}
				}
			})
			t.Run("history", func(t *testing.T) {
				for i := range 5 {
					by, reader := []*device{ada, bob}[i%2], []*device{ada, bob}[(i+1)%2]
					other := map[*device]string{ada: "bob", bob: "ada"}
					sent := by.must("message:send", fmt.Sprintf(`{"recipientId":%q,"content":"no. %d"}`, other[by], i))
					var page struct{ Messages []message }
					reader.askInto("history", map[string]string{"userId": other[reader]}, &page)
					if n := len(page.Messages); n != i+1 || page.Messages[n-1].ID != sent.ID {
						t.Fatalf("behind message %d the other node has %d", i, n)
					}
				}
			})
			t.Run("revocation", func(t *testing.T) {
				dan := x.device("dan")
				began := time.Now()
				if err := z.accounts.RevokeUser(t.Context(), "dan"); err != nil {
					t.Fatal(err)
				}
				dan.closed()
				if took := time.Since(began); took > 10*time.Second { // promised is 1 s
					t.Errorf("took %s", took)
				}
			})
			t.Run("last seen", func(t *testing.T) {
				cyd := y.device("cyd")
				eventually(t, "z knows of cyd", func() bool { return z.presence.Devices("cyd") == 1 })
				cyd.drop()
				eventually(t, "cyd is offline everywhere", func() bool {
					return len(x.presence.Online([]account.UserID{"cyd"}))+len(z.presence.Online([]account.UserID{"cyd"})) == 0
				})
				eventually(t, "it is stored when cyd was last seen", func() bool {
					user, err := z.accounts.User(t.Context(), "cyd")
					return err == nil && !user.LastSeen.IsZero()
				})
			})
			t.Run("administration", func(t *testing.T) {
				page := z.Connections(monitor.ConnectionQuery{Order: monitor.ByUser, Limit: 10})
				if page.Total != 2 || page.Connections[0].Node == page.Connections[1].Node {
					t.Errorf("connections: %+v", page)
				}
				if got := z.EndUser("bob"); got != 1 {
					t.Errorf("ended %d", got)
				}
				bob.closed()
			})
			t.Run("nodes", func(t *testing.T) {
				eventually(t, "all nodes are in step with each other's logs", func() bool { return inStep(t, nodes) })
				var wrong error
				t.Cleanup(func() {
					if wrong != nil {
						t.Logf("it sees %v", wrong)
					}
				})
				for _, w := range nodes { // one that is busy may be late with its answer
					eventually(t, "a node sees all as they are", func() bool {
						wrong = seesNodes(t, w, nodes, redis)
						return wrong == nil
					})
				}
			})
			t.Run("a node stops", func(t *testing.T) {
				bob = y.device("bob")
				y.device("cyd") // who does not come back
				eventually(t, "x knows of both", func() bool { return x.presence.Devices("bob") == 1 && x.presence.Devices("cyd") == 1 })
				ada = x.device("ada") // a device that was told nothing of what came before
				y.stop()
				back := z.device("bob") // within the grace
				eventually(t, "ada is told that cyd is gone", func() bool { return ada.has("user:offline", "cyd") })
				// Nodes that are gone are gone with all of their users, before anything is heard of another node.
				z.device("dan")
				eventually(t, "ada is told of dan", func() bool { return ada.has("user:online", "dan") })
				if ada.has("user:offline", "bob") {
					t.Error("bob went offline on his way to another node")
				}
				if got := len(x.presence.Online([]account.UserID{"bob"})); got != 1 || x.presence.Devices("bob") != 1 {
					t.Errorf("bob is online: %d, with %d devices", got, x.presence.Devices("bob"))
				}
				x.hears(t, 2)
				if all := x.census.Nodes(t.Context()); len(all) != 2 {
					t.Errorf("a node that has said that it goes is missed: %+v", all)
				}
				back.drop()
				eventually(t, "ada is told that bob is gone", func() bool { return ada.has("user:offline", "bob") })
			})
		})
	}
}

// inStep tells whether each node knows of the logs of both others, that is of what nodes they are and nothing that is missing.
func inStep(t *testing.T, nodes []*twin) bool {
	for _, n := range nodes[0].census.Nodes(t.Context()) {
		if n.State == nil {
			return false
		}
		of := make(map[string]bool)
		for _, l := range n.State.Logs {
			if l.Known > l.Taken || l.Age > 10*time.Second {
				return false
			}
			of[l.Node] = true
		}
		for _, w := range nodes {
			if !of[w.id] {
				return false
			}
		}
	}
	return true
}

// seesNodes is what a node sees that is not so; nil where it sees all of them as they are.
func seesNodes(t *testing.T, by *twin, nodes []*twin, redis bool) error {
	seen := by.census.Nodes(t.Context())
	if len(seen) != len(nodes) {
		return fmt.Errorf("%d nodes", len(seen))
	}
	names := []string{"notify"}
	if redis {
		names = []string{"redis", "notify"}
	}
	for _, w := range nodes {
		at := slices.IndexFunc(seen, func(n census.Node) bool { return n.ID == w.id })
		if at < 0 {
			return fmt.Errorf("nothing of %s", w.id)
		}
		n, s := &seen[at], seen[at].State
		switch {
		case n.Self != (w == by) || "http://"+n.Address != w.url || n.Host == "" || n.Version != "dev" || time.Since(n.Started) > time.Hour:
			return fmt.Errorf("%+v, and not %s", n.Who, w.url)
		case s == nil || s.Unready != "" || len(s.Without) > 0 || s.Connections != w.gateway.Connections():
			return fmt.Errorf("of a node that is ready and has %d connections: %+v", w.gateway.Connections(), s)
		case s.Relay == nil || s.Relay.Readings == 0 || s.Relay.Garbled+s.Relay.Lost > 0:
			return fmt.Errorf("that commits are told by %+v", s.Relay)
		case len(s.Paths) != len(names):
			return fmt.Errorf("the paths %+v", s.Paths)
		}
		for i, p := range s.Paths {
			if p.Name != names[i] || !p.Working || p.Since.Before(n.Started) || p.Since.After(time.Now()) {
				return fmt.Errorf("the path %+v", p)
			}
		}
	}
	return nil
}

// has tells whether an event of that name about a user has come and was not looked at.
func (d *device) has(name, user string) bool {
	d.t.Helper()
	for _, p := range d.unread() {
		var about tidings
		if p.name == name && json.Unmarshal(p.arg, &about) == nil && about.UserID == user {
			return true
		}
	}
	return false
}

// Whoever has to go from a node that stops to another one is told so, was never offline, and types no more.
func TestHandOverToOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("PostgreSQL and two servers")
	}
	nodes := serveCluster(t, 2, false, func(s *setup) {
		s.HandOver = app.HandOver{Notice: time.Millisecond, Over: time.Second}
		s.Presence.Grace = patience
	})
	x, y := nodes[0], nodes[1]
	ada, bob := y.device("ada"), x.device("bob")
	if got := ada.tidings("user:online"); got.UserID != "bob" {
		t.Errorf("ada is told of %+v", got)
	}
	bob.must("typing:start", `{"recipientId":"ada"}`)
	if got := ada.tidings("typing:start"); got.UserID != "bob" {
		t.Errorf("ada is told of %+v", got)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		x.stop()
	}()
	var told struct {
		Node        string
		ReturnAfter int
	}
	bob.event("server:leaving", &told)
	bob.closed()
	if told.Node == "" || told.ReturnAfter <= 0 {
		t.Errorf("bob is told %+v", told)
	}
	if got := ada.tidings("typing:stop"); got.UserID != "bob" {
		t.Errorf("ada is told of %+v", got)
	}
	back := y.device("bob")
	<-stopped
	eventually(t, "the node has gone", func() bool { samples, _ := y.monitor.Since(0); return len(samples[len(samples)-1].Nodes) <= 1 })
	back.settle()
	ada.settle()
	if ada.has("user:offline", "bob") {
		t.Error("bob went offline on his way to another node")
	}
}

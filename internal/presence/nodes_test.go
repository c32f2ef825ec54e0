package presence_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
	"github.com/sockeye-im/sockeye/internal/presence"
)

// nodes are trackers that share a store and hear each other.
type nodes struct {
	*testing.T
	store *world
	net   *clustertest.Net
	of    map[string]*site
}

// site is a node with what its devices are told.
type site struct {
	*presence.Tracker
	*world
	*clustertest.Node
	ended bool
}

func onNodes(t *testing.T, friends []string, ids []string, test func(n *nodes)) {
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{T: t, store: newWorld(friends...), net: clustertest.New(), of: make(map[string]*site)}
		for _, id := range ids {
			n.start(id)
		}
		defer func() {
			for _, s := range n.of {
				s.end(t, (*clustertest.Node).Kill)
			}
		}()
		time.Sleep(2 * time.Second)
		test(n)
	})
}

func (n *nodes) start(id string) {
	s := &site{world: newWorld(), Node: n.net.Node(id)}
	var err error
	s.Tracker, err = presence.NewTracker(presence.DefaultConfig(), presence.TrackerDeps{
		People: n.store, Teller: s.world, Peers: s.Peers(), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		n.Fatal(err)
	}
	s.Start()
	n.of[id] = s
}

// end ends a node: by Leave, in order.
func (s *site) end(t *testing.T, how func(*clustertest.Node)) {
	if s.ended {
		return
	}
	s.ended = true
	how(s.Node)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// kill ends a node as kill -9 does: its tracker stores nothing.
func (n *nodes) kill(id string) {
	s := n.of[id]
	if s.ended {
		return
	}
	n.store.mu.Lock()
	kept := make(map[account.UserID]time.Time, len(n.store.seen))
	for user, at := range n.store.seen {
		kept[user] = at
	}
	n.store.mu.Unlock()
	s.end(n.T, (*clustertest.Node).Kill)
	n.store.mu.Lock()
	n.store.seen = kept
	n.store.mu.Unlock()
}

func (n *nodes) leave(id string) { n.of[id].end(n.T, (*clustertest.Node).Leave) }

// lose has a node's changes not arrive at x.
func (n *nodes) lose(from string) {
	n.net.Lose(func(by, to string, _ cluster.Kind, _ []byte) bool { return by == from && to == "x" })
}

func (n *nodes) connect(id, device string)    { n.of[id].Connect(person("b"), device) }
func (n *nodes) disconnect(id, device string) { n.of[id].Disconnect("b", device) }

// situations are where b can be, seen from x. Of what b leaves there are 2 s over.
var situations = []struct {
	name string
	make func(n *nodes)
}{
	{"absent", func(*nodes) {}},
	{"here", func(n *nodes) { n.connect("x", "x1") }},
	{"gone from here", func(n *nodes) { n.connect("x", "x1"); time.Sleep(time.Second); n.disconnect("x", "x1") }},
	{"on y", func(n *nodes) { n.connect("y", "y1") }},
	{"on y and z", func(n *nodes) { n.connect("y", "y1"); n.connect("z", "z1") }},
	{"here and on y", func(n *nodes) { n.connect("x", "x1"); n.connect("y", "y1") }},
	{"gone from here, on y", func(n *nodes) {
		n.connect("x", "x1")
		n.connect("y", "y1")
		time.Sleep(time.Second)
		n.disconnect("x", "x1")
	}},
	{"on y, which has died", func(n *nodes) { n.connect("y", "y1"); time.Sleep(time.Second); n.kill("y") }},
}

// happenings are what can happen then. What a device on x is told within 30 s stands in the order of situations; ! says
// that it is stored when b was last seen.
var happenings = []struct {
	name string
	do   func(n *nodes)
	told [8]string
}{
	{"nothing", func(*nodes) {},
		[8]string{"", "", "offline!", "", "", "", "", "offline!"}},
	{"b comes here", func(n *nodes) { n.connect("x", "x2") },
		[8]string{"online", "", "", "", "", "", "", ""}},
	{"b goes from here", func(n *nodes) { n.disconnect("x", "x1") },
		[8]string{"", "offline!", "offline!", "", "", "", "", "offline!"}},
	{"b reloads here", func(n *nodes) { n.disconnect("x", "x1"); time.Sleep(time.Second); n.connect("x", "x1") },
		[8]string{"online", "", "", "", "", "", "", ""}},
	{"b comes to z", func(n *nodes) { n.connect("z", "z2") },
		[8]string{"online", "", "", "", "", "", "", ""}},
	{"b goes from y", func(n *nodes) { n.disconnect("y", "y1") },
		[8]string{"", "", "offline!", "offline!", "", "", "offline!", "offline!"}},
	{"b moves from y to z", func(n *nodes) { n.disconnect("y", "y1"); time.Sleep(time.Second); n.connect("z", "z2") },
		[8]string{"online", "", "", "", "", "", "", ""}},
	{"b comes to z, which is told late", func(n *nodes) {
		n.lose("z")
		n.connect("z", "z2")
		time.Sleep(time.Second)
		n.net.Lose(nil)
	}, [8]string{"online", "", "", "", "", "", "", ""}},
	{"b goes from y, which is told late", func(n *nodes) {
		n.lose("y")
		n.disconnect("y", "y1")
		time.Sleep(7 * time.Second)
		n.net.Lose(nil)
	}, [8]string{"", "", "offline!", "offline!", "", "", "offline!", "offline!"}},
	{"much is lost of what y tells", func(n *nodes) {
		i := 0
		n.net.Lose(func(by, to string, _ cluster.Kind, _ []byte) bool { i++; return by == "y" && i%3 != 0 })
		for device := range 20 {
			n.connect("y", fmt.Sprint("more", device))
			time.Sleep(50 * time.Millisecond)
		}
		for device := range 20 {
			n.disconnect("y", fmt.Sprint("more", device))
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Second)
		n.net.Lose(nil)
	}, [8]string{"online offline!", "", "offline!", "", "", "", "", "offline!"}},
	{"y dies", func(n *nodes) { n.kill("y") },
		[8]string{"", "", "offline!", "offline!", "", "", "offline!", "offline!"}},
	{"y dies, b comes to z", func(n *nodes) { n.kill("y"); time.Sleep(time.Second); n.connect("z", "z2") },
		[8]string{"online", "", "", "", "", "", "", ""}},
	{"y stops", func(n *nodes) { n.leave("y") },
		[8]string{"", "", "offline!", "offline!", "", "", "offline!", "offline!"}},
	{"y stops, b comes to z", func(n *nodes) { n.leave("y"); time.Sleep(time.Second); n.connect("z", "z2") },
		[8]string{"online", "", "", "!", "", "", "", ""}},
	{"y starts again, b comes back", func(n *nodes) {
		n.kill("y")
		n.start("y")
		time.Sleep(time.Second)
		n.connect("y", "y2")
	}, [8]string{"online", "", "", "", "", "", "", ""}},
	{"y starts again, b does not come", func(n *nodes) { n.kill("y"); n.start("y") },
		[8]string{"", "", "offline!", "offline!", "", "", "offline!", "offline!"}},
	{"y is not heard for a moment", func(n *nodes) { n.net.Cut("y", "x"); time.Sleep(3 * time.Second); n.net.Heal("y", "x") },
		[8]string{"", "", "offline!", "", "", "", "", "offline!"}},
	{"y is not heard for long", func(n *nodes) { n.net.Cut("y", "x"); time.Sleep(12 * time.Second); n.net.Heal("y", "x") },
		[8]string{"", "", "offline!", "offline online!", "", "", "offline online!", "offline!"}},
	{"y hears nothing for long", func(n *nodes) { n.net.Cut("x", "y"); time.Sleep(12 * time.Second); n.net.Heal("x", "y") },
		[8]string{"", "!", "offline!", "", "", "", "", "offline!"}},
	{"z comes late", func(n *nodes) { n.kill("z"); n.start("z") },
		[8]string{"", "", "offline!", "", "", "", "", "offline!"}},
	{"x stops", func(n *nodes) { n.of["x"].end(n.T, (*clustertest.Node).Leave) },
		[8]string{"", "!", "!", "", "", "", "", "!"}},
}

// Whatever happens where, the devices of a node are told once what has become of a user on all nodes.
func TestPresenceOnManyNodes(t *testing.T) {
	for at, situation := range situations {
		for _, happening := range happenings {
			t.Run(situation.name+"/"+happening.name, func(t *testing.T) {
				onNodes(t, []string{"a-b"}, []string{"x", "y", "z"}, func(n *nodes) {
					n.of["x"].Connect(person("a"), "a1")
					situation.make(n)
					time.Sleep(time.Second)
					synctest.Wait()
					watched := n.of["x"]
					watched.forget()
					happening.do(n)
					time.Sleep(30 * time.Second)
					synctest.Wait()
					said := watched.all()
					got := strings.Join(toldOf(said), " ")
					if !n.store.lastSeen("b").IsZero() {
						got += "!"
					}
					if got != happening.told[at] {
						t.Errorf("a's device was told %q, want %q; in all: %q", got, happening.told[at], said)
					}
					n.agree("b")
				})
			})
		}
	}
}

func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = nil
}

func (w *world) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.said)
}

// toldOf is what a is told of b.
func toldOf(said []string) (told []string) {
	for _, line := range said {
		if strings.HasPrefix(line, "B ") && strings.HasSuffix(line, " to [a]") {
			told = append(told, strings.Fields(line)[1])
		}
	}
	return told
}

// agree fails unless all nodes that are there say the same of a user.
func (n *nodes) agree(id account.UserID) {
	n.Helper()
	var first, all []string
	for name, s := range n.of {
		if s.ended {
			continue
		}
		says := fmt.Sprint(len(s.Tracker.Online([]account.UserID{id})) == 1, " ", s.Devices(id), " ", slices.Contains(s.List("", 100), id))
		all = append(all, name+": "+says)
		if first = append(first, says); says != first[0] {
			n.Errorf("nodes do not agree on %s: %q", id, all)
		}
	}
}

// A device that comes is told who is online anywhere, and friends are told of it wherever they are.
func TestFriendsOnOtherNodes(t *testing.T) {
	onNodes(t, []string{"a-b", "b-c", "b-d"}, []string{"x", "y", "z"}, func(n *nodes) {
		x, y, z := n.of["x"], n.of["y"], n.of["z"]
		x.Connect(person("a"), "a1")
		time.Sleep(time.Second)
		z.Connect(person("c"), "c1")
		time.Sleep(time.Second)
		x.heard(n.T, "A online to []", "a1 sees []", "C online to []")
		z.heard(n.T, "C online to []", "c1 sees []")
		y.heard(n.T) // where nobody is, nobody is looked up
		y.Connect(person("b"), "b1")
		time.Sleep(time.Second)
		x.heard(n.T, "B online to [a]")
		z.heard(n.T, "B online to [c]")
		y.heard(n.T, "B online to []", "b1 sees [a c]")
		y.Connect(person("d"), "d1")
		time.Sleep(time.Second)
		n.store.befriend("a", "d")
		for _, s := range n.of {
			s.Heard(befriended("a", "d"))
		}
		time.Sleep(time.Second)
		x.heard(n.T, "D online to []", "D online to [a]")
		y.heard(n.T, "D online to [b]", "d1 sees [b]", "A online to [d]")
		if x.Count() != 4 || z.Devices("b") != 1 || z.DevicesElsewhere("b") != 1 || y.DevicesElsewhere("b") != 0 {
			n.Errorf("%d users, %d devices of b", x.Count(), z.Devices("b"))
		}
	})
}

// Two nodes lose a user at the same moment, each believing that the other one still has it: the last time is stored all
// the same.
func TestTwoNodesLoseAUserAtOnce(t *testing.T) {
	onNodes(t, nil, []string{"x", "y"}, func(n *nodes) {
		n.connect("x", "x1")
		n.connect("y", "y1")
		time.Sleep(time.Second)
		n.net.Delay(100 * time.Millisecond)
		n.disconnect("x", "x1")
		time.Sleep(50 * time.Millisecond)
		n.disconnect("y", "y1")
		left := time.Now()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := n.store.lastSeen("b"); !got.Equal(left) {
			n.Errorf("last seen %v, left %v", got, left)
		}
	})
}

// More users than a frame holds are known on all nodes after everything was lost for a while.
func TestManyUsersOnManyNodes(t *testing.T) {
	const many = 3000
	onNodes(t, nil, []string{"x", "y"}, func(n *nodes) {
		n.net.Lose(func(string, string, cluster.Kind, []byte) bool { return true })
		var all sync.WaitGroup
		for i := range many {
			id := account.UserID(fmt.Sprint("u", i))
			all.Go(func() { n.of["y"].Connect(person(id), string(id)) })
		}
		all.Wait()
		time.Sleep(time.Second)
		if got := n.of["x"].Count(); got != 0 {
			n.Errorf("knows %d users of whom it has not heard", got)
		}
		n.net.Lose(nil)
		time.Sleep(3 * time.Second)
		if got := n.of["x"].Count(); got != many {
			n.Errorf("knows %d users of %d", got, many)
		}
		n.kill("y")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := n.of["x"].Count(); got != 0 {
			n.Errorf("%d users of a dead node are online", got)
		}
	})
}

// At the end every node knows the truth, whatever was lost.
func TestNodesAgreeAtLast(t *testing.T) {
	onNodes(t, nil, []string{"x", "y", "z"}, func(n *nodes) {
		chance := rand.New(rand.NewPCG(1, 2))
		n.net.Lose(func(string, string, cluster.Kind, []byte) bool { return chance.IntN(4) == 0 })
		names := []string{"x", "y", "z"}
		var all sync.WaitGroup
		for u := range 30 {
			who := person(account.UserID(fmt.Sprint("u", u)))
			all.Go(func() {
				for step := range 20 {
					at := n.of[names[(u*7+step*5)%3]]
					device := fmt.Sprint(who.ID, "/", step)
					at.Connect(who, device)
					time.Sleep(time.Duration((u*11+step*13)%3000) * time.Millisecond)
					at.Disconnect(who.ID, device)
				}
				if u%2 == 0 {
					n.of[names[u%3]].Connect(who, "last")
				}
			})
		}
		all.Wait()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		for u := range 30 {
			id := account.UserID(fmt.Sprint("u", u))
			n.agree(id)
			if online := len(n.of["x"].Tracker.Online([]account.UserID{id})) == 1; online != (u%2 == 0) {
				n.Errorf("%s is online: %t", id, online)
			}
			if u%2 == 1 && n.store.lastSeen(id).IsZero() {
				n.Errorf("it is not stored when %s was last seen", id)
			}
		}
	})
}

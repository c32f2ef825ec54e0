package cluster_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/feed/postgres"
	"github.com/sockeye-im/sockeye/internal/feed/redis"
	"github.com/sockeye-im/sockeye/internal/feed/redis/redistest"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// soon is how long anything may take on a busy machine.
const soon = 30 * time.Second

const secret = "a secret of all nodes of a cluster, and nobody else's"

// node is a real one, and what it has told.
type node struct {
	*cluster.Node
	t     *testing.T
	mu    sync.Mutex
	words []string
	gone  []string
	news  chan struct{}
}

// join starts a node that ends with the test. Without an address of Redis it has the database alone.
func join(t *testing.T, id, secret, database, redisURL string) *node {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil)).With("on", id)
	var paths []cluster.Path
	if redisURL != "" {
		broker, err := redis.New(redis.Config{URL: redisURL, Channel: cluster.Channel(secret), Log: log})
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, cluster.Path{Name: "redis", Broker: broker})
	}
	broker, err := postgres.New(postgres.Config{URL: database, Channel: cluster.Channel(secret), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	paths = append(paths, cluster.Path{Name: "postgres", Broker: broker})
	n := &node{t: t, news: make(chan struct{}, 1)}
	if n.Node, err = cluster.New(cluster.Config{ID: id, Secret: secret, Paths: paths, Log: log}); err != nil {
		t.Fatal(err)
	}
	n.On("word", func(from string, body []byte) { n.note(&n.words, from+" "+string(body)) })
	n.OnGone(func(id string) { n.note(&n.gone, id) })
	n.OnJoined(func(id string) { n.note(new([]string), id) })
	n.Start()
	t.Cleanup(n.Stop)
	n.until("its brokers work", func() bool {
		return !slices.ContainsFunc(paths, func(p cluster.Path) bool { return !p.Broker.Working() })
	})
	return n
}

func (n *node) note(list *[]string, what string) {
	n.mu.Lock()
	*list = append(*list, what)
	n.mu.Unlock()
	select {
	case n.news <- struct{}{}:
	default:
	}
}

// has is whether a word was heard, and how often.
func (n *node) has(word string) (times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, heard := range n.words {
		if heard == word {
			times++
		}
	}
	return times
}

func (n *node) until(what string, so func() bool) {
	n.t.Helper()
	deadline := time.After(soon)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-n.news:
		case <-again.C:
		case <-deadline:
			n.t.Fatalf("on %s, not within %v: %s; alive %v, %+v", n.Self(), soon, what, n.Alive(), n.Traffic())
		}
	}
}

func (n *node) lost() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.gone)
}

func three(t *testing.T, database, redisURL string) (nodes []*node) {
	t.Helper()
	for i := range 3 {
		nodes = append(nodes, join(t, fmt.Sprint("n", i), secret, database, redisURL))
	}
	for _, n := range nodes {
		n.until("two others", func() bool { return len(n.Alive()) == 2 })
	}
	return nodes
}

// talk has each node say a word until the others have heard it: a frame may be lost, and a later one must come through.
func talk(t *testing.T, nodes []*node, word string) {
	t.Helper()
	for _, from := range nodes {
		for _, to := range nodes {
			if to == from {
				continue
			}
			to.until("it hears "+word+" of "+from.Self(), func() bool {
				from.Send("word", []byte(word))
				return to.has(from.Self()+" "+word) > 0
			})
		}
	}
}

// exactly has each node say some words, which all others hear once each, in order. While the way of frames changes some may
// be lost, though never come twice nor in another order; once it is the same for all, none are.
func exactly(t *testing.T, nodes []*node, word string) {
	t.Helper()
	const each = 50
	for round, began := 0, time.Now(); ; round++ {
		if time.Since(began) > soon {
			t.Fatalf("not within %v: all of %q, in %d rounds", soon, word, round)
		}
		said := fmt.Sprint(word, ".", round, ".")
		for _, from := range nodes {
			for i := range each {
				from.Send("word", fmt.Append(nil, said, i))
			}
		}
		talk(t, nodes, said+"end") // behind them
		complete := true
		for _, to := range nodes {
			for _, from := range nodes {
				if to != from && to.inOrder(from.Self()+" "+said) < each {
					complete = false
				}
			}
		}
		if complete {
			return
		}
	}
}

// inOrder is how many words were heard that begin so and end in a number, which rises.
func (n *node) inOrder(prefix string) (count int) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	last := -1
	for _, heard := range n.words {
		number, ok := strings.CutPrefix(heard, prefix)
		i, err := strconv.Atoi(number)
		if !ok || err != nil {
			continue
		}
		if i <= last {
			n.t.Fatalf("%s heard %q behind number %d", n.Self(), heard, last)
		}
		last = i
		count++
	}
	return count
}

func TestNodesOverTheDatabase(t *testing.T) {
	database := pgtest.Database(t)
	nodes := three(t, database, "")
	exactly(t, nodes, "all well ")
	pgtest.Exec(t, database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	talk(t, nodes, "after the connections broke")
	exactly(t, nodes, "all well again ")
	for _, n := range nodes {
		if gone := n.lost(); len(gone) > 0 {
			t.Errorf("for %s these had gone: %v", n.Self(), gone)
		}
	}
}

// Redis may die, be frozen and come back: no node is gone for that, and what is said goes another way.
func TestNodesOverRedis(t *testing.T) {
	database, server := pgtest.Database(t), redistest.Start(t)
	nodes := three(t, database, server.URL())
	exactly(t, nodes, "all well ")
	for name, fault := range map[string]struct{ begin, end func() }{
		"killed": {func() { server.Kill(t) }, func() { server.Restart(t) }},
		"frozen": {func() { server.Freeze(t) }, func() { server.Thaw(t) }},
		"disconnected": {func() {
			server.Do(t, "CLIENT", "KILL", "TYPE", "pubsub")
			server.Do(t, "CLIENT", "KILL", "TYPE", "normal")
		}, func() {}},
	} {
		fault.begin()
		talk(t, nodes, "meanwhile "+name)
		exactly(t, nodes, "by the database "+name+" ")
		fault.end()
		talk(t, nodes, "after "+name)
		exactly(t, nodes, "well again "+name+" ")
	}
	for _, n := range nodes {
		if gone := n.lost(); len(gone) > 0 {
			t.Errorf("for %s these had gone: %v", n.Self(), gone)
		}
	}
}

// The database may go while Redis carries all.
func TestDatabaseDiesUnderNodes(t *testing.T) {
	database, server := pgtest.Start(t), redistest.Start(t)
	nodes := three(t, database.URL("postgres"), server.URL())
	database.Kill(t)
	talk(t, nodes, "without the database")
	exactly(t, nodes, "by Redis ")
	database.Restart(t)
	talk(t, nodes, "with it")
	for _, n := range nodes {
		if gone := n.lost(); len(gone) > 0 {
			t.Errorf("for %s these had gone: %v", n.Self(), gone)
		}
	}
}

// Two clusters have one Redis and do not notice, also where somebody sends into their channels.
func TestTwoClusters(t *testing.T) {
	server := redistest.Start(t)
	one, other := pgtest.Database(t), pgtest.Database(t)
	ours := three(t, one, server.URL())
	theirs := join(t, "n0", "a secret of another cluster, which is as long as it must be", other, server.URL())
	exactly(t, ours, "ours ")
	theirs.Send("word", []byte("theirs"))
	for range 10 {
		server.Do(t, "PUBLISH", cluster.Channel(secret), "garbage from somebody")
	}
	ours[0].until("it counts what is forged", func() bool { return ours[0].Traffic().Forged == 10 })
	exactly(t, ours, "ours still ")
	if alive := theirs.Alive(); len(alive) > 0 {
		t.Errorf("the other cluster has %v", alive)
	}
	if n := ours[0].has("n0 theirs"); n > 0 {
		t.Error("what the other cluster says is heard")
	}
}

package relay_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/feedtest"
	brokerpostgres "github.com/sockeye-im/sockeye/internal/feed/postgres"
	"github.com/sockeye-im/sockeye/internal/feed/redis"
	"github.com/sockeye-im/sockeye/internal/feed/redis/redistest"
	"github.com/sockeye-im/sockeye/internal/feed/relay"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// nodesOfOne is how many nodes the suite has.
const nodesOfOne = 3

// TestFeedOverNotify is the suite with what a database without Redis carries.
func TestFeedOverNotify(t *testing.T) {
	feedtest.Run(t, func(t *testing.T) []feed.Feed {
		database := pgtest.Database(t)
		return newNodes(t, database, func(channel string) (*cluster.Line, error) {
			return brokerpostgres.New(brokerpostgres.Config{URL: database, Channel: channel, Log: slog.New(slog.DiscardHandler)})
		})
	})
}

func TestFeedOverRedis(t *testing.T) {
	server := redistest.Start(t)
	t.Run("Suite", func(t *testing.T) { // it ends before Redis does
		feedtest.Run(t, func(t *testing.T) []feed.Feed {
			return newNodes(t, pgtest.Database(t), func(channel string) (*cluster.Line, error) {
				return redis.New(redis.Config{URL: server.URL(), Channel: channel, Log: slog.New(slog.DiscardHandler)})
			})
		})
	})
}

// TestNodesWriteAtOnce: three nodes write to the same conversations at once, while Redis dies, comes back, and cuts connections. Each
// tells each log whole and in order.
func TestNodesWriteAtOnce(t *testing.T) {
	server, database := redistest.Start(t), pgtest.Database(t)
	begin := &beginning{t: t}
	told := make([]map[string][]int64, nodesOfOne)
	for i := range nodesOfOne {
		n := newReal(t, fmt.Sprint("node ", i), database, func(channel string) (*cluster.Line, error) {
			return redis.New(redis.Config{URL: server.URL(), Channel: channel, Log: slog.New(slog.DiscardHandler)})
		})
		n.begin = begin
		begin.nodes = append(begin.nodes, n)
		told[i] = make(map[string][]int64)
		n.Follow(func(facts *feed.Facts) { // by one goroutine
			for _, e := range facts.Chat {
				told[i][e.ConversationID] = append(told[i][e.ConversationID], e.Seq)
			}
		})
	}
	begin.now()
	const writers, each = 12, 60
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			n := begin.nodes[w%nodesOfOne]
			for i := range each {
				with := chat.UserID(fmt.Sprint("friend ", i%4))
				id := fmt.Sprintf("m%d.%d", w, i)
				if _, err := n.store.AppendMessage(t.Context(), chat.Append{Fingerprint: []byte(id), Message: chat.Message{
					ID: id, ConversationID: chat.DirectID("anna", with), SenderID: "anna", SenderName: "Anna", RecipientID: with,
					ClientMsgID: id, Content: id, Type: chat.TypeText, Timestamp: time.Now().UTC(),
				}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	server.Kill(t)
	server.Restart(t)
	for range 3 {
		server.Do(t, "CLIENT", "KILL", "TYPE", "pubsub")
	}
	work.Wait()
	for i, n := range begin.nodes {
		if err := n.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(told[i]) != 4 {
			t.Errorf("node %d has told of %d conversations", i, len(told[i]))
		}
		for id, seqs := range told[i] {
			if !slices.Equal(seqs, upTo(writers*each/4)) {
				t.Errorf("node %d has told of %s: %v", i, id, seqs)
			}
		}
	}
	for _, n := range begin.nodes {
		n.Stop()
	}
}

// newNodes returns the feeds of nodes of one database, between which a broker carries.
func newNodes(t *testing.T, database string, broker func(channel string) (*cluster.Line, error)) (feeds []feed.Feed) {
	t.Helper()
	begin := &beginning{t: t}
	for i := range nodesOfOne {
		n := newReal(t, fmt.Sprint("node ", i), database, broker)
		n.begin = begin
		begin.nodes = append(begin.nodes, n)
		feeds = append(feeds, n)
	}
	return feeds
}

// beginning has the nodes of a test begin at the first use of any, when all who listen are there.
type beginning struct {
	t     testing.TB
	once  sync.Once
	nodes []*real
}

func (b *beginning) now() {
	b.once.Do(func() {
		for _, n := range b.nodes {
			n.start(b.t)
		}
		for _, n := range b.nodes {
			n.meets(b.t, len(b.nodes)-1)
		}
	})
}

// real is a node of a real database, with a real broker.
type real struct {
	*relay.Relay
	begin *beginning
	store *postgres.Store
	node  *cluster.Node
	joins chan struct{}
}

func newReal(t testing.TB, id, database string, broker func(channel string) (*cluster.Line, error)) *real {
	t.Helper()
	cfg := relay.DefaultConfig()
	cfg.Poll = 100 * time.Millisecond
	r, err := relay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := &real{Relay: r, joins: make(chan struct{}, 100)}
	settings := postgres.DefaultConfig(database)
	settings.Tell = r.Publish
	if n.store, err = postgres.Open(t.Context(), settings, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Mark(t.Context(), n.store); err != nil {
		t.Fatal(err)
	}
	secret, err := n.store.ClusterSecret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	line, err := broker(cluster.Channel(string(secret)))
	if err != nil {
		t.Fatal(err)
	}
	n.node, err = cluster.New(cluster.Config{
		ID: id, Secret: string(secret), Paths: []cluster.Path{{Name: "the broker", Broker: line}}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *real) start(t testing.TB) {
	err := n.Start(relay.Deps{
		Bus: n.node, Members: n.node, Commits: n.store, Log: slog.New(slog.DiscardHandler),
		Lost: func(context.Context, time.Time) error { t.Error("commits were lost"); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.node.OnJoined(func(string) { n.joins <- struct{}{} })
	n.node.Start()
}

// meets waits until as many others are there.
func (n *real) meets(t testing.TB, others int) {
	for range others {
		select {
		case <-n.joins:
		case <-time.After(time.Minute):
			t.Fatalf("of the other nodes %v are there", n.node.Alive())
		}
	}
}

// Publish is that of the feed, with all nodes.
func (n *real) Publish(facts feed.Facts) {
	n.begin.now()
	n.Relay.Publish(facts)
}

// Offer is that of the feed, with all nodes.
func (n *real) Offer(facts feed.Facts) bool {
	n.begin.now()
	return n.Relay.Offer(facts)
}

// Stop ends the node too.
func (n *real) Stop() {
	n.begin.now()
	n.node.Stop()
	n.Relay.Stop()
	if err := n.store.Close(); err != nil {
		n.begin.t.Error(err)
	}
}

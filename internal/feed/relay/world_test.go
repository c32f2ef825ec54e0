package relay_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/relay"
)

// world is a database and a broker whose faults are chosen, and the nodes between them. It runs in
// the time of a synctest bubble. The real ones have their tests in cluster_test.go.
type world struct {
	*testing.T
	mu    sync.Mutex
	nodes []*node

	// The database.
	away      bool          // it answers nobody
	slow      time.Duration // that an event takes to be read
	commits   map[int64][]feed.Committed
	numbers   map[int64]int64 // of the last commits
	logs      map[string][]chat.Event
	unlogged  int
	reads     int             // of After
	forgotten map[int64]int64 // up to which commits are kept no longer
}

var errAway = errors.New("the database is away")

// node is a process: a relay with its connection to the broker.
type node struct {
	*relay.Relay
	world  *world
	id     int64 // its writer
	on     map[cluster.Kind]func(string, []byte)
	missed func()
	joined func(string)
	queues map[*node]*line

	mu     sync.Mutex
	silent bool // nothing that it sends arrives
	slow   func() time.Duration
	lose   func() bool

	told   []feed.Facts // to those who follow
	heeded []feed.Facts
	lost   []time.Time
}

// line carries frames from one node to another, in order.
type line struct{ until time.Time } // when the last one arrives

func (n *node) note(in *[]feed.Facts, f *feed.Facts) {
	n.mu.Lock()
	defer n.mu.Unlock()
	*in = append(*in, *f)
}

func (n *node) connect(other *node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queues[other] = &line{}
}

func (n *node) setSilent(silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent = silent
}

// setSlow has frames be under way for that long.
func (n *node) setSlow(slow func() time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slow = slow
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func newWorld(t *testing.T, nodes int) *world {
	w := &world{T: t, commits: make(map[int64][]feed.Committed), numbers: make(map[int64]int64), logs: make(map[string][]chat.Event)}
	for range nodes {
		w.join()
	}
	return w
}

// join starts a node.
func (w *world) join() *node {
	r, err := relay.New(relay.DefaultConfig())
	if err != nil {
		w.Fatal(err)
	}
	n := &node{
		Relay: r, world: w, on: make(map[cluster.Kind]func(string, []byte)), queues: make(map[*node]*line),
		slow: func() time.Duration { return 0 }, lose: func() bool { return false },
	}
	w.mu.Lock()
	n.id = int64(len(w.nodes) + 1)
	w.numbers[n.id] = 0
	w.mu.Unlock()
	r.Heed(func(f *feed.Facts) { n.note(&n.heeded, f) })
	r.Follow(func(f *feed.Facts) { n.note(&n.told, f) })
	if err := r.Mark(w.Context(), w); err != nil {
		w.Fatal(err)
	}
	err = r.Start(relay.Deps{
		Bus: n, Members: n, Commits: w, Log: slog.New(slog.DiscardHandler),
		Lost: func(_ context.Context, since time.Time) error { n.lost = append(n.lost, since); return nil },
	})
	if err != nil {
		w.Fatal(err)
	}
	for _, other := range w.nodes {
		n.joined(other.Self())
		other.joined(n.Self())
		n.connect(other)
		other.connect(n)
	}
	w.mu.Lock()
	w.nodes = append(w.nodes, n)
	w.mu.Unlock()
	return n
}

func (w *world) stop() {
	for _, n := range w.nodes {
		n.Stop()
	}
}

// Self implements [cluster.Bus].
func (n *node) Self() string { return fmt.Sprint("node ", n.id) }

// Send implements [cluster.Bus].
func (n *node) Send(kind cluster.Kind, body []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for other, line := range n.queues {
		if n.silent || n.lose() {
			continue
		}
		now := time.Now()
		at := now.Add(n.slow())
		if at.Equal(now) && !line.until.After(now) {
			other.on[kind](n.Self(), body)
			continue
		}
		if !at.After(line.until) {
			at = line.until.Add(time.Nanosecond) // one after the other
		}
		line.until = at
		wait := at.Sub(now)
		time.AfterFunc(wait, func() { other.on[kind](n.Self(), body) })
	}
}

// On implements [cluster.Bus].
func (n *node) On(kind cluster.Kind, heard func(string, []byte)) { n.on[kind] = heard }

// OnMissed implements [cluster.Bus].
func (n *node) OnMissed(missed func()) { n.missed = missed }

// Alive implements [cluster.Members].
func (n *node) Alive() []string { return nil }

// LastHeard implements [cluster.Members].
func (n *node) LastHeard() map[string]time.Time { return nil }

// OnJoined implements [cluster.Members].
func (n *node) OnJoined(joined func(string)) { n.joined = joined }

// OnGone implements [cluster.Members].
func (n *node) OnGone(func(string)) {}

// commit stores what a node commits, without telling of it.
func (n *node) commit(happens ...func(*world, *feed.Facts)) feed.Facts {
	w := n.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.numbers[n.id]++
	facts := feed.Facts{At: time.Now().UTC(), Commit: feed.Commit{Writer: n.id, N: w.numbers[n.id]}}
	for _, what := range happens {
		what(w, &facts)
	}
	if len(happens) == 0 {
		return facts // it has no facts, and so no row
	}
	kept := feed.Committed{Commit: facts.Commit, Facts: facts, Places: make(map[int]feed.Place)}
	kept.Facts.Chat = slices.Clone(facts.Chat)
	for i := range kept.Facts.Chat {
		if e := &kept.Facts.Chat[i]; e.Message != nil {
			kept.Places[i] = feed.Place{ConversationID: e.ConversationID, First: e.Seq, Last: e.Seq}
			*e = chat.Event{ConversationID: e.ConversationID}
		}
	}
	w.commits[n.id] = append(w.commits[n.id], kept)
	return facts
}

// does commits and tells of it.
func (n *node) does(happens ...func(*world, *feed.Facts)) {
	facts := n.commit(happens...)
	if len(happens) > 0 {
		n.Publish(facts)
	}
}

// message is a message in a conversation.
func message(conversation string) func(*world, *feed.Facts) {
	return func(w *world, facts *feed.Facts) {
		m := &chat.Message{
			ID: fmt.Sprint(conversation, len(w.logs[conversation])+1), ConversationID: conversation, Seq: int64(len(w.logs[conversation]) + 1),
			RoomID: "r", SenderID: "ada", Type: chat.TypeText, Content: "hello", Timestamp: facts.At,
		}
		e := chat.NewMessageEvent(m, "")
		w.logs[conversation] = append(w.logs[conversation], e)
		facts.Chat = append(facts.Chat, e)
	}
}

// receipt is something about a conversation that is not logged.
func receipt(conversation string) func(*world, *feed.Facts) {
	return func(w *world, facts *feed.Facts) {
		w.unlogged++
		facts.Chat = append(facts.Chat, chat.NewMarkEvent(chat.Mark{
			ConversationID: conversation, UserID: "bob", Seq: int64(w.unlogged), ReadAt: facts.At,
		}, ""))
	}
}

// rename is an event of accounts, each with a name of its own.
func rename(_ *world, facts *feed.Facts) {
	facts.Accounts = append(facts.Accounts, account.Event{
		Kind: account.UserChanged, At: facts.At,
		Actor: account.Person{ID: "ada", Name: fmt.Sprint(facts.Commit.Writer, "/", facts.Commit.N, "/", len(facts.Accounts))},
	})
}

// Positions implements [feed.Log].
func (w *world) Positions(context.Context) (map[int64]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return nil, errAway
	}
	return maps.Clone(w.numbers), nil
}

// After implements [feed.Log].
func (w *world) After(_ context.Context, known map[int64]int64) (feed.Reading, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.away {
		return feed.Reading{}, errAway
	}
	const most = 7
	r := feed.Reading{Reached: make(map[int64]int64)}
	for id, n := range w.numbers {
		r.Reached[id] = n
		if known[id] < w.forgotten[id] {
			r.Lost = append(r.Lost, id)
		}
		for _, c := range w.commits[id] {
			if c.N <= known[id] {
				continue
			}
			if len(r.Commits) == most {
				r.Reached[id], r.More = max(known[id], c.N-1), true
				break
			}
			r.Commits = append(r.Commits, c)
		}
	}
	return r, nil
}

// Read implements [feed.Log].
func (w *world) Read(ctx context.Context, places []feed.Place) (events []chat.Event, err error) {
	w.mu.Lock()
	away, slow := w.away, w.slow
	for _, place := range places {
		for seq := place.First; seq <= place.Last; seq++ {
			events = append(events, w.logs[place.ConversationID][seq-1])
		}
	}
	w.mu.Unlock()
	if away {
		return nil, errAway
	}
	select {
	case <-time.After(slow * time.Duration(len(events))):
		return events, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// logged are the seqs of a conversation that a node has told, in its order.
func (n *node) logged(conversation string) (seqs []int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, facts := range n.told {
		for _, e := range facts.Chat {
			if e.ConversationID == conversation && e.Seq > 0 {
				seqs = append(seqs, e.Seq)
			}
		}
	}
	return seqs
}

// check compares what a node has told with what was committed: the log of each conversation in order,
// everything else once, and the accounts of each writer in order.
func (n *node) check() {
	w := n.world
	w.Helper()
	for id, log := range w.logs {
		if got := n.logged(id); !slices.Equal(got, upTo(int64(len(log)))) {
			w.Errorf("%s told of %s: %v, and there are %d", n.Self(), id, got, len(log))
		}
	}
	marks := make(map[int64]int)
	names := make(map[string]int)
	for _, facts := range n.told {
		for _, e := range facts.Chat {
			if e.Mark != nil {
				marks[e.Mark.Seq]++
			}
		}
	}
	next := make(map[int64]int64)
	for _, facts := range n.heeded {
		if facts.Commit.N <= next[facts.Commit.Writer] {
			w.Errorf("%s heeded %+v behind %d", n.Self(), facts.Commit, next[facts.Commit.Writer])
		}
		next[facts.Commit.Writer] = facts.Commit.N
		for _, e := range facts.Accounts {
			names[e.Actor.Name]++
		}
	}
	if len(marks) != w.unlogged {
		w.Errorf("%s told of %d that is not logged, and there is %d", n.Self(), len(marks), w.unlogged)
	}
	for mark, times := range marks {
		if times != 1 {
			w.Errorf("%s told of the mark %d %d times", n.Self(), mark, times)
		}
	}
	accounts := 0
	for _, commits := range w.commits {
		for _, c := range commits {
			accounts += len(c.Facts.Accounts)
		}
	}
	if len(names) != accounts {
		w.Errorf("%s heeded %d events of accounts, and there are %d", n.Self(), len(names), accounts)
	}
}

func upTo(n int64) (seqs []int64) {
	for i := range n {
		seqs = append(seqs, i+1)
	}
	return seqs
}

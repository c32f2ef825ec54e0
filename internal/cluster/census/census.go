// Package census knows which nodes there are and how they do. Who a node is it tells the others by itself, so that it is
// known of one too that has died; how it does it says when it is asked.
package census

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/ask"
	"github.com/sockeye-im/sockeye/internal/cluster/roll"
	"github.com/sockeye-im/sockeye/internal/deps"
)

// whoKind is that of the frames in which nodes say who they are.
const whoKind cluster.Kind = "who"

const (
	askState = "state" // the topic of questions
	// thinkFor is how long a node may take to find out how it does: it is waited for an answer for a second.
	thinkFor = 750 * time.Millisecond
)

// Who is what does not change of a node.
type Who struct {
	ID      string    `json:"id"`
	Host    string    `json:"host"`    // the name of its machine
	Address string    `json:"address"` // where it listens
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

// State is how a node does, as it says.
type State struct {
	Unready     string   `json:"unready,omitempty"` // why it is not ready; empty: it is
	Without     []string `json:"without,omitempty"` // what it is ready without
	Connections int      `json:"connections"`       // that have signed in
	Users       int      `json:"users"`             // whose these are
	Paths       []Path   `json:"paths,omitempty"`   // of frames, the best first
	Relay       *Relay   `json:"relay,omitempty"`   // nil where there are no logs of commits
	Logs        []Log    `json:"logs,omitempty"`
	Passed      []Passed `json:"passed,omitempty"` // to each other node
}

// Path is a way of frames, by a broker.
type Path struct {
	Name        string    `json:"name"`
	Working     bool      `json:"working"`
	Since       time.Time `json:"since"` // when it began to work, or not to
	Published   uint64    `json:"published"`
	Dropped     uint64    `json:"dropped"`
	Connections uint64    `json:"connections"`
}

// Relay is what has become of commits of other nodes since the node began, but Held, which is now.
type Relay struct {
	Held     int64  `json:"held"`
	Readings uint64 `json:"readings"`
	Read     uint64 `json:"read"`
	Dropped  uint64 `json:"dropped"`
	Garbled  uint64 `json:"garbled"`
	Lost     uint64 `json:"lost"`
}

// Passed is what a node has passed on to another one, since it knows that.
type Passed struct {
	Node       string `json:"node"`     // its id
	Sessions   int64  `json:"sessions"` // now
	Requests   uint64 `json:"requests"`
	WebSockets uint64 `json:"webSockets"`
}

// Log is how far a node has heard of what one writer commits.
type Log struct {
	Writer int64         `json:"writer"`
	Node   string        `json:"node,omitempty"` // whose it is, where that is known
	Taken  int64         `json:"taken"`          // the number of the last commit that was taken in
	Known  int64         `json:"known"`          // the number of the last one of which is known
	Age    time.Duration `json:"age"`            // since nothing was missing, as far as was known
}

// Node is a node as another one sees it.
type Node struct {
	Who             // but for the ID it may be unknown
	Self  bool      // it is the one that looks
	State *State    // nil where it does not answer
	Heard time.Time // when it was last heard of, where it does not answer
}

// Deps are what a Census works with; all are required but Peers and Asker, which are there together.
type Deps struct {
	Peers *cluster.Peers `need:"optional"` // nil where there is one node
	Asker *ask.Asker     `need:"optional"`
	Who   Who            // is this node
	// State tells how this node does. It may be called concurrently, and must heed ctx.
	State func(ctx context.Context) State
	Log   *slog.Logger
	Now   func() time.Time // the clock, time.Now outside tests
}

// Census is one node's. Its methods may be called concurrently.
type Census struct {
	deps Deps
	roll *roll.Roll[Who] // has one row of each node; nil where there is one node

	mu    sync.Mutex
	known map[string]Who // others, those too that were there
}

// answer is what a node says when it is asked.
type answer struct {
	Who   Who   `json:"who"`
	State State `json:"state"`
}

// New makes a census, before the bus is started; Stop ends it.
func New(d Deps) (*Census, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	c := &Census{deps: d, known: make(map[string]Who)}
	if d.Peers == nil {
		return c, nil
	}
	var err error
	c.roll, err = roll.New(roll.DefaultConfig(whoKind), roll.Deps[Who]{Peers: d.Peers, Listener: c, Log: d.Log, Now: d.Now})
	if err != nil {
		return nil, err
	}
	c.roll.Set(d.Who.ID, d.Who)
	ask.Answer(d.Asker, askState, func(struct{}) answer { return answer{d.Who, c.state(context.Background())} })
	return c, nil
}

// Stop ends it: this node is not told of any more.
func (c *Census) Stop() {
	if c.roll != nil {
		c.roll.Stop()
	}
}

// Wrote implements [roll.Listener].
func (c *Census) Wrote(_, id string, who Who) {
	who.ID = id
	heard := c.deps.Peers.LastHeard()
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.known, func(id string, _ Who) bool { _, missed := heard[id]; return !missed })
	c.known[id] = who
}

// Removed implements [roll.Listener]. Who has gone without a word is told of for a while.
func (c *Census) Removed(string, string, roll.End[Who]) {}

// Nodes are all that there are, and those that have fallen silent within the last 10 minutes, by their hosts and addresses.
// It takes a second where one does not answer, and less where ctx ends.
func (c *Census) Nodes(ctx context.Context) []Node {
	self := Node{Who: c.deps.Who, Self: true}
	if c.deps.Peers == nil {
		self.State = new(c.state(ctx))
		return []Node{self}
	}
	var thinking sync.WaitGroup
	thinking.Go(func() { self.State = new(c.state(ctx)) })
	answers, _ := ask.All[answer](ctx, c.deps.Asker, askState, struct{}{})
	thinking.Wait()
	nodes := []Node{self}
	for i := range answers {
		nodes = append(nodes, Node{Who: answers[i].Who, State: &answers[i].State})
	}
	nameLogs(nodes)
	nodes = append(nodes, c.silent(nodes)...)
	slices.SortFunc(nodes, func(a, b Node) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Address, b.Address), cmp.Compare(a.ID, b.ID))
	})
	return nodes
}

// nameLogs has nodes know whose logs those are that others call their own.
func nameLogs(nodes []Node) {
	whose := make(map[int64]string)
	for _, n := range nodes {
		for _, l := range n.State.Logs {
			if l.Node == n.ID {
				whose[l.Writer] = n.ID
			}
		}
	}
	for _, n := range nodes {
		for i := range n.State.Logs {
			l := &n.State.Logs[i]
			l.Node = cmp.Or(l.Node, whose[l.Writer])
		}
	}
}

func (c *Census) state(ctx context.Context) State {
	ctx, cancel := context.WithTimeout(ctx, thinkFor)
	defer cancel()
	return c.deps.State(ctx)
}

// silent are the nodes that are not among those who have answered. One at whose address another one answers was started
// again, and is not missed.
func (c *Census) silent(answered []Node) (nodes []Node) {
	heard := c.deps.Peers.LastHeard()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, at := range heard {
		who := c.known[id]
		who.ID = id
		if !slices.ContainsFunc(answered, func(n Node) bool { return n.ID == id || n.at(&who) }) {
			nodes = append(nodes, Node{Who: who, Heard: at})
		}
	}
	return nodes
}

// at tells whether a node is where another one is, or was.
func (n *Node) at(who *Who) bool {
	return who.Address != "" && n.Host == who.Host && n.Address == who.Address
}

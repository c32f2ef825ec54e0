package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/deps"
)

// Config is what [New] needs.
type Config struct {
	ID     string // of this process, and of no other one, ever
	Secret string // of the cluster: all its nodes have it, and nobody else
	// Paths are the ways of frames, the best first. A frame takes the first one by which all
	// nodes hear.
	Paths []Path
	Log   *slog.Logger
}

// Path is a broker with the name that it has on all nodes.
type Path struct {
	Name   string
	Broker Broker
}

const (
	// beatEvery is how often a node says that it is there, by all paths; sooner where it hears
	// by other paths than it did, or a node has come.
	beatEvery = time.Second
	// lookEvery is how often it is looked who has gone, and what works.
	lookEvery = 250 * time.Millisecond
	// asleep is a time without a look after which this process was stopped, or its machine.
	asleep = time.Second
	// incoming is how many bytes of frames wait to be heard.
	incoming = 32 << 20
	// astray is how far the time of a frame may be from this node's clock. Nodes whose clocks
	// are more than 5 minutes off the database's are not ready.
	astray = 10 * time.Minute
	// leastSecret is the length of a secret in characters.
	leastSecret = 32
)

// The kinds of this package.
const (
	kindBeat Kind = "node.beat"
	kindGone Kind = "node.gone"
)

// Node is this process among the others of its cluster. It is a [Bus] and [Members].
type Node struct {
	cfg     Config
	sealer  *sealer
	members *members
	in      *queue
	lost    chan struct{} // has one in it where frames may have been lost before they were here

	kinds  map[Kind]func(from string, body []byte)
	missed []func()
	joined []func(id string)
	gone   []func(id string)

	sending sync.Mutex
	sent    uint64 // the number of the last frame
	beats   uint64 // the number of the last beat

	warned  time.Time // only run uses it
	counts  counts
	stop    context.CancelFunc
	running sync.WaitGroup
}

var (
	_ Bus     = (*Node)(nil)
	_ Members = (*Node)(nil)
)

// Traffic is what a node has sent and heard since it was started.
type Traffic struct {
	Sent, Heard uint64 // frames, but beats
	Missed      uint64 // how often frames may have been lost
	Late        uint64 // frames that came again, or behind later ones
	Unknown     uint64 // frames of a version or kind that this program does not know
	Forged      uint64 // payloads without the signature of the cluster
	Astray      uint64 // frames of a time that is too far from this node's clock
}

type counts struct{ sent, heard, missed, late, unknown, forged, astray atomic.Uint64 }

// New returns a node that does nothing before Start.
func New(cfg Config) (*Node, error) {
	if err := deps.Check(cfg); err != nil {
		return nil, err
	}
	switch {
	case cfg.ID == "":
		return nil, errors.New("cluster: the id of the node is empty")
	case len(cfg.Secret) < leastSecret:
		return nil, fmt.Errorf("cluster: the secret has %d characters, it needs %d", len(cfg.Secret), leastSecret)
	case len(cfg.Paths) == 0:
		return nil, errors.New("cluster: there is no path for frames")
	}
	return &Node{
		cfg: cfg, sealer: newSealer(cfg.Secret), members: newMembers(), in: newQueue(incoming),
		lost: make(chan struct{}, 1), kinds: map[Kind]func(string, []byte){},
	}, nil
}

// Self implements [Bus].
func (n *Node) Self() string { return n.cfg.ID }

// On implements [Bus]. There is one for each kind.
func (n *Node) On(kind Kind, heard func(from string, body []byte)) { n.kinds[kind] = heard }

// OnMissed implements [Bus].
func (n *Node) OnMissed(missed func()) { n.missed = append(n.missed, missed) }

// OnJoined implements [Members].
func (n *Node) OnJoined(joined func(id string)) { n.joined = append(n.joined, joined) }

// OnGone implements [Members].
func (n *Node) OnGone(gone func(id string)) { n.gone = append(n.gone, gone) }

// Alive implements [Members].
func (n *Node) Alive() []string { return n.members.ids() }

// LastHeard implements [Members].
func (n *Node) LastHeard() map[string]time.Time { return n.members.lastHeard(time.Now()) }

// Paths are those of the configuration.
func (n *Node) Paths() []Path { return n.cfg.Paths }

// Traffic may be called at any time.
func (n *Node) Traffic() Traffic {
	c := &n.counts
	return Traffic{
		Sent: c.sent.Load(), Heard: c.heard.Load(), Missed: c.missed.Load(), Late: c.late.Load(),
		Unknown: c.unknown.Load(), Forged: c.forged.Load(), Astray: c.astray.Load(),
	}
}

// Start begins to listen, and tells the others that this node is there.
func (n *Node) Start() {
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	for _, path := range n.cfg.Paths {
		n.running.Go(func() { path.Broker.Listen(ctx, n.receive, n.lose) })
	}
	n.running.Go(func() { n.run(ctx) })
}

// Stop tells the others that this node goes, and returns when nothing is heard any more. It
// is called once, after Start.
func (n *Node) Stop() {
	n.tellBeat(kindGone)
	n.stop()
	n.running.Wait()
}

// receive takes a payload of a broker.
func (n *Node) receive(payload []byte) {
	if !n.in.put(payload) {
		n.lose()
	}
}

// lose notes that frames may have been lost.
func (n *Node) lose() {
	select {
	case n.lost <- struct{}{}:
	default:
	}
}

// run hears frames, and looks after those who are silent, until ctx ends.
func (n *Node) run(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	w := watch{looked: time.Now()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.lost:
			n.tellMissed()
			n.tellBeat(kindBeat) // by the path that works now, perhaps
		case <-n.in.ready:
			for _, payload := range n.in.take() {
				n.hear(payload)
			}
		case <-look.C:
			n.look(&w, time.Now())
		}
	}
}

// watch is what there was when it was looked last.
type watch struct {
	looked, beat time.Time
	paths        []string // that worked
}

// look finds out who has gone, and says that this node has not.
func (n *Node) look(w *watch, now time.Time) {
	paths := n.working()
	switch since := now.Sub(w.looked); {
	case len(paths) == 0:
		n.members.excuse(since) // nothing can be heard of anybody
	case since > asleep:
		n.members.excuse(since) // what came meanwhile is still to be heard
	}
	for _, id := range n.members.silent(now) {
		n.tellGone(id, "silent")
	}
	if now.Sub(w.beat) >= beatEvery || !slices.Equal(paths, w.paths) {
		n.tellBeat(kindBeat)
		w.beat = now
	}
	w.looked, w.paths = now, paths
}

// working are the names of the paths that work.
func (n *Node) working() (names []string) {
	for _, path := range n.cfg.Paths {
		if path.Broker.Working() {
			names = append(names, path.Name)
		}
	}
	return names
}

// Send implements [Bus]. A node that knows of no other one spares the brokers: who comes learns
// by the next beat that it has missed something.
func (n *Node) Send(kind Kind, body []byte) {
	n.sending.Lock()
	defer n.sending.Unlock()
	n.sent++
	if n.members.nobody() {
		return
	}
	n.counts.sent.Add(1)
	payload := n.sealer.seal(&frame{from: n.cfg.ID, n: n.sent, at: time.Now(), kind: kind, body: body})
	for _, path := range n.route() {
		path.Broker.Publish(payload)
	}
}

// route is the first path by which all nodes hear. Where there is none it is all paths:
// what comes twice is heard once.
func (n *Node) route() []Path {
	for i, path := range n.cfg.Paths {
		if path.Broker.Working() && n.members.allHear(path.Name) {
			return n.cfg.Paths[i : i+1]
		}
	}
	return n.cfg.Paths
}

// tellBeat says by all paths that this node is there, or goes: the number of its last frame,
// and the paths by which it hears.
func (n *Node) tellBeat(kind Kind) {
	n.sending.Lock()
	defer n.sending.Unlock()
	n.beats++
	body := binary.AppendUvarint(nil, n.sent)
	body = append(body, strings.Join(n.working(), " ")...)
	payload := n.sealer.seal(&frame{from: n.cfg.ID, n: n.beats, at: time.Now(), kind: kind, body: body})
	for _, path := range n.cfg.Paths {
		path.Broker.Publish(payload)
	}
}

// hear finds out what a payload is, and tells it.
func (n *Node) hear(payload []byte) {
	f, err := n.sealer.open(payload)
	switch {
	case errors.Is(err, errVersion):
		n.counts.unknown.Add(1)
		return
	case err != nil:
		n.counts.forged.Add(1)
		n.warn("somebody else sends to the nodes of this cluster, or its secret was changed: what is not signed by it is dropped")
		return
	case f.from == n.cfg.ID:
		return
	}
	now := time.Now()
	if now.Sub(f.at).Abs() > astray {
		n.counts.astray.Add(1)
		n.warn("a node's clock is far from that of this one: what it says is dropped", "node", f.from, "off", now.Sub(f.at).String())
		return
	}
	switch f.kind {
	case kindBeat, kindGone:
		n.hearBeat(&f, now)
	default:
		n.hearFrame(&f, now)
	}
}

// warn writes into the log, once a minute at most.
func (n *Node) warn(text string, args ...any) {
	if time.Since(n.warned) >= time.Minute {
		n.warned = time.Now()
		n.cfg.Log.Warn(text, args...)
	}
}

func (n *Node) hearFrame(f *frame, now time.Time) {
	v := n.members.frame(f.from, f.n, now)
	n.follow(f.from, v)
	if !v.fresh {
		n.counts.late.Add(1)
		return
	}
	n.counts.heard.Add(1)
	heard := n.kinds[f.kind]
	if heard == nil {
		n.counts.unknown.Add(1)
		return
	}
	heard(f.from, f.body)
}

func (n *Node) hearBeat(f *frame, now time.Time) {
	r := reader{rest: f.body}
	last := r.uvarint()
	if r.failed {
		n.counts.unknown.Add(1)
		return
	}
	if f.kind == kindBeat {
		n.follow(f.from, n.members.beat(f.from, f.n, last, strings.Fields(string(r.rest)), now))
		return
	}
	v := n.members.leave(f.from, f.n, last)
	n.follow(f.from, v)
	if v.fresh {
		n.tellGone(f.from, "stopped")
	}
}

// follow tells what a frame says of its sender.
func (n *Node) follow(from string, v verdict) {
	if v.joined {
		n.cfg.Log.Info("a node has joined", "node", from)
		for _, joined := range n.joined {
			joined(from)
		}
		n.tellBeat(kindBeat) // to it: it need not wait for the next one
	}
	if v.missed {
		n.tellMissed()
	}
}

func (n *Node) tellMissed() {
	n.counts.missed.Add(1)
	for _, missed := range n.missed {
		missed()
	}
}

func (n *Node) tellGone(id, why string) {
	n.cfg.Log.Info("a node has gone", "node", id, "why", why)
	for _, gone := range n.gone {
		gone(id)
	}
}

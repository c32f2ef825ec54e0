package forward

import (
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/roll"
)

// directoryKind is that of the frames by which nodes tell each other how to find them.
const directoryKind cluster.Kind = "doors"

// entry is what a node says of itself, in a frame that is signed by the secret of the cluster.
type entry struct {
	Node        string `json:"node"`  // its id
	Tag         string `json:"tag"`   // of its sessions
	Since       int64  `json:"since"` // when it was started, in milliseconds since 1970
	Address     string `json:"address"`
	Certificate []byte `json:"certificate"` // its pin
}

// directory is what is known of the other nodes. It may be used concurrently.
type directory struct {
	forwarder *Forwarder

	mu     sync.Mutex
	peers  map[string]*peer // by the part of the roll in which they stand
	alive  map[string]bool  // by the id
	closed bool
	news   time.Time // when a node was heard of last that was not there

	tags atomic.Pointer[map[string]*peer] // of those that are alive
	pins atomic.Pointer[map[pin]bool]     // of all
}

func newDirectory(f *Forwarder) *directory {
	d := &directory{forwarder: f, peers: make(map[string]*peer), alive: make(map[string]bool)}
	d.publish()
	return d
}

// tagged is the node whose sessions have a tag, if it lives; else nil.
func (d *directory) tagged(tag string) *peer { return (*d.tags.Load())[tag] }

// known tells whether a certificate is that of a node.
func (d *directory) known(certificate pin) bool { return (*d.pins.Load())[certificate] }

// acquainting is for how long a node that has come may not have been told of.
const acquainting = 10 * time.Second

// settled tells whether no node has come a moment ago, who may be here before its certificate is known.
func (d *directory) settled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Since(d.news) > acquainting
}

// awaited tells whether a node has come a moment ago of which it is not known yet how to find it.
func (d *directory) awaited() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.news) > acquainting {
		return false // one of another version says nothing of itself
	}
	found := make(map[string]bool, len(d.peers))
	for _, p := range d.peers {
		found[p.at.Node] = true
	}
	for id := range d.alive {
		if !found[id] {
			return true
		}
	}
	return false
}

// unreachable are the addresses of nodes that live and cannot be reached.
func (d *directory) unreachable() (addresses []string) {
	for _, p := range *d.tags.Load() {
		if p.lost.Load() {
			addresses = append(addresses, p.at.Address)
		}
	}
	return addresses
}

// Wrote implements [roll.Listener].
func (d *directory) Wrote(part, _ string, e entry) {
	if _, _, err := net.SplitHostPort(e.Address); err != nil || len(e.Tag) != tagLength || len(e.Certificate) != len(pin{}) {
		return // by a node of another version, which has to be found otherwise
	}
	d.forwarder.yieldTag(e)
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.peers[part]
	if d.closed || before != nil && before.is(e) {
		return
	}
	if before != nil {
		before.end()
	}
	p := newPeer(d.forwarder, e)
	d.peers[part] = p
	if d.alive[e.Node] {
		p.begin()
	}
	d.publish()
}

// Removed implements [roll.Listener].
func (d *directory) Removed(part, _ string, _ roll.End[entry]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.peers[part]; p != nil {
		p.end()
		delete(d.peers, part)
		d.publish()
	}
}

// joined is told of a node that is there.
func (d *directory) joined(id string) { d.set(id, true) }

// gone is told of one that is not any more. What is on its way to it is answered at once.
func (d *directory) gone(id string) { d.set(id, false) }

func (d *directory) set(id string, alive bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if alive && !d.closed {
		d.alive[id], d.news = true, time.Now()
	} else {
		delete(d.alive, id)
	}
	for _, p := range d.peers {
		if p.at.Node != id {
			continue
		}
		if d.alive[id] {
			p.begin()
		} else {
			p.end()
		}
	}
	d.publish()
}

// close forgets all.
func (d *directory) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, p := range d.peers {
		p.end()
	}
	clear(d.peers)
	d.publish()
}

// publish shows what has changed to those who look. mu is held.
func (d *directory) publish() {
	tags, pins := make(map[string]*peer), make(map[pin]bool)
	for p := range maps.Values(d.peers) {
		pins[p.pin] = true
		if d.alive[p.at.Node] {
			tags[p.at.Tag] = p
		}
	}
	d.tags.Store(&tags)
	d.pins.Store(&pins)
}

// yieldTag takes another tag if that of a node is this one's too and the node is older. The sessions that this one has by
// then can be reached here alone.
func (f *Forwarder) yieldTag(e entry) {
	if e.Tag != *f.tag.Load() {
		return
	}
	self, since := f.deps.Peers.Self(), f.born.UnixMilli()
	if e.Since > since || e.Since == since && e.Node > self {
		return // that one does
	}
	f.retag()
	f.tell()
	f.deps.Log.Warn("another node has the tag of this one, which takes another: clients may have to open another session", "node", e.Node)
}

// Package roll has tables of which every node of a cluster writes a part, and knows all parts:
// who is online where, how many connections an address has on each node. Merging them is no
// question: a row belongs to the node that has written it.
//
// Nothing of it is stored. A node tells the others its changes, numbered; who misses a number
// asks for all of the part anew:
//
//	roll.go    Roll: this node's part, told by one goroutine
//	parts.go   the parts of the others
//	frame.go   what they tell each other
package roll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/deps"
)

// Config is what may be chosen about a roll.
type Config struct {
	Kind cluster.Kind // of its frames, which no other roll may have
	// Beat is how often a node says how far it is, which shows what was lost.
	Beat time.Duration
	// Pause is the least time between two frames with changes: what happens meanwhile goes together.
	Pause time.Duration
	// Keep is for how long the part of a node holds when nothing more is heard of it.
	Keep time.Duration
}

// DefaultConfig is a roll of that kind: a beat each second, changes after 20 ms, parts that outlast
// their nodes by 5 s.
func DefaultConfig(kind cluster.Kind) Config {
	return Config{Kind: kind, Beat: time.Second, Pause: 20 * time.Millisecond, Keep: 5 * time.Second}
}

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.Kind == "":
		return errors.New("roll: there must be a kind of frames")
	case c.Beat <= 0 || c.Pause < 0 || c.Keep < 0:
		return fmt.Errorf("roll: beat is %s, pause %s and keep %s: they cannot be negative, nor beat 0s", c.Beat, c.Pause, c.Keep)
	}
	return nil
}

// Listener is told what other nodes write. Its methods are called one after the other, and must
// neither block nor call the roll but for Set and Delete.
type Listener[V any] interface {
	// Wrote tells that a node's row has that value from now on, which it may have had before.
	Wrote(node, key string, value V)
	// Removed tells that a node has no such row any more.
	Removed(node, key string, end End[V])
}

// End is how a row ended.
type End[V any] struct {
	// Said: the node has said so, with a last value. Else it is gone, or what it said was lost.
	Said bool
	Last V
	// At is when the node was last heard of before.
	At time.Time
}

// Deps are what a Roll works with; all are required.
type Deps[V any] struct {
	Peers    *cluster.Peers
	Listener Listener[V]
	Log      *slog.Logger
	Now      func() time.Time // the clock, time.Now outside tests
}

// Roll is one table. Set and Delete may be called concurrently. A row travels as JSON.
type Roll[V any] struct {
	cfg  Config
	deps Deps[V]
	run  int64 // of this part: a node that starts again begins another one

	mu      sync.Mutex
	rows    map[string]V
	changes map[string]change[V] // that are still to be told
	n       uint64               // frames with changes that were sent
	wanted  bool                 // somebody has asked for all
	greeted bool                 // somebody has asked how far this is

	parts  *parts[V]
	wake   chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// change is what became of a row: its value, which is the last one where it is gone.
type change[V any] struct {
	value V
	gone  bool
}

// New makes a roll, before the bus is started; Stop ends it.
func New[V any](cfg Config, d Deps[V]) (*Roll[V], error) {
	if err := errors.Join(deps.Check(d), cfg.Validate()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Roll[V]{
		cfg: cfg, deps: d, run: rand.Int64(), rows: make(map[string]V), changes: make(map[string]change[V]),
		parts: newParts(cfg, d), wake: make(chan struct{}, 1), cancel: cancel,
	}
	d.Peers.On(cfg.Kind, r.heard)
	d.Peers.OnMissed(r.missed)
	d.Peers.OnGone(r.parts.depart)
	r.done.Go(func() { r.tell(ctx) })
	return r, nil
}

// Stop ends it: nothing is told any more. Other nodes keep the part until they notice that this one
// is gone, and a little longer.
func (r *Roll[V]) Stop() {
	r.cancel()
	r.done.Wait()
}

// Set writes a row of this node. It does not wait.
func (r *Roll[V]) Set(key string, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows[key] = value
	r.changes[key] = change[V]{value: value}
	r.signal()
}

// Delete removes a row of this node, with a last value for those who hear of it. One that is not
// there is left out.
func (r *Roll[V]) Delete(key string, last V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.rows[key]; !there {
		return
	}
	delete(r.rows, key)
	r.changes[key] = change[V]{value: last, gone: true}
	r.signal()
}

func (r *Roll[V]) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// missed is told that frames may have been lost: the others are asked how far they are, and told
// how far this one is.
func (r *Roll[V]) missed() {
	number := r.number()
	number.Greets = true
	r.send(number)
}

// heard takes a frame in.
func (r *Roll[V]) heard(from string, body []byte) {
	f, err := decode[V](body)
	if err != nil {
		r.deps.Log.Error("a frame of another node cannot be read", "kind", string(r.cfg.Kind), "node", from, "err", err)
		return
	}
	if asks := r.parts.take(from, f); asks != nil {
		number := r.number()
		number.Asks = asks
		r.send(number)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = r.wanted || f.Asks != nil && f.Asks.Node == r.deps.Peers.Self() && f.Asks.Run == r.run
	r.greeted = r.greeted || f.Greets
	if r.wanted || r.greeted {
		r.signal()
	}
}

// tell is the one goroutine that tells what this node has, so that it goes out in order.
func (r *Roll[V]) tell(ctx context.Context) {
	beat := time.NewTicker(r.cfg.Beat)
	defer beat.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		due := false
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			due = true
		case <-r.wake:
		}
		r.parts.drop()
		if sent := r.tellChanges(); !sent && (due || r.wasGreeted()) {
			r.send(r.number())
		}
		pause.Reset(r.cfg.Pause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

// tellChanges sends what has changed, and all of the part to who has asked for it.
func (r *Roll[V]) tellChanges() (sent bool) {
	for {
		f, all := r.next()
		switch {
		case f != nil:
			if len(r.deps.Peers.Alive()) > 0 { // else whoever comes asks for all
				r.send(f)
			}
		case all != nil:
			for _, f := range all {
				r.send(f)
			}
		default:
			return sent
		}
		sent = true
	}
}

// next takes what is to be sent next: some changes, or when there are none all rows if somebody
// wants them.
func (r *Roll[V]) next() (changed *frame[V], all []*frame[V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.changes) > 0 {
		r.n++
		f := &frame[V]{Run: r.run, N: r.n}
		for key, c := range r.changes {
			if len(f.Set)+len(f.Gone) == rowsAtOnce {
				break
			}
			delete(r.changes, key)
			f.add(key, c)
		}
		return f, nil
	}
	if !r.wanted {
		return nil, nil
	}
	r.wanted = false
	return nil, snapshot(r.run, r.n, r.rows)
}

func (r *Roll[V]) wasGreeted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	greeted := r.greeted
	r.greeted = false
	return greeted
}

// number says how far this node is.
func (r *Roll[V]) number() *frame[V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &frame[V]{Run: r.run, N: r.n}
}

func (r *Roll[V]) send(f *frame[V]) {
	if body, err := f.encode(); err == nil {
		r.deps.Peers.Send(r.cfg.Kind, body)
	} else {
		r.deps.Log.Error("a frame cannot be written", "kind", string(r.cfg.Kind), "err", err)
	}
}

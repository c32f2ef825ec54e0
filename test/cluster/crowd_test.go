//go:build linux

package cluster_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/test/cluster/history"
)

// crowd is who uses the cluster: devices by the protocols alone, and applications of the Go client, which talk in rooms and
// in direct conversations, and move from node to node.
type crowd struct {
	cluster  *cluster
	front    *front        // by which all come; nil: each goes to nodes by itself
	pace     time.Duration // how long a device waits between two messages, see waits
	recorder *history.Recorder
	members  []member
	keeper   *keeper
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu        sync.Mutex
	order     orders
	state     state
	changed   chan struct{} // closed and replaced with every change
	ordered   chan struct{} // closed and replaced with every order
	disturbed int           // how many faults have begun
	faults    int           // under way
	names     map[string]string
	ends      map[string]map[string]int64 // how far the logs go in the end, by user and conversation
	errs      []error
	answers   time.Duration // how long they take, on the average of the last ones
	listeners []func(device string, e logged)
}

// member is one of the crowd.
type member interface {
	run(ctx context.Context) error
	// depart has it go to another node. It may be called concurrently, as may at.
	depart()
	// at is the name of the node where it is, or was last.
	at() string
}

func (d *device) at() string { return d.place.Load().Name }

func (d *device) depart() {
	select {
	case d.move <- struct{}{}:
	default: // it is told already
	}
}

// orders say what members do.
type orders int

const (
	talk   orders = iota
	hush          // say nothing new
	goHome        // leave with all that there is
)

// state is what the members have come to.
type state struct {
	acked     map[string]int // messages and changes acknowledged, by node
	signedIn  map[string]int // by node
	idle      int            // members that have nothing under way
	inStep    int            // devices that are signed in and have caught up
	away      time.Duration  // the longest time from losing a connection to that
	failed    int            // members that have ended with an error
	lost      int            // connections
	postponed int            // requests that a node could not carry out for now
	holes     int            // times that a device saw that something is missing, and asked
}

func (s *state) copy() state {
	c := *s
	c.acked, c.signedIn = maps.Clone(s.acked), maps.Clone(s.signedIn)
	return c
}

func (s *state) allAcked() (n int) {
	for _, some := range s.acked {
		n += some
	}
	return n
}

// hall is where everybody is, attic where every other user is. In the porch guests come and go, and are kicked.
const (
	hall  = "hall"
	attic = "attic"
	porch = "porch"
)

// guests are kicked out of the porch, again and again.
var guests = []string{userName(0), userName(1)}

func userName(i int) string { return fmt.Sprintf("user-%02d", i) }

// gather makes the rooms and lets members in: of each user one device, in turn over Socket.IO, plain WebSocket, and by the
// Go client over either; the first users have a second one, which listens on another node.
func gather(t *testing.T, cl *cluster, users int, seed uint64) *crowd {
	t.Helper()
	c := &crowd{
		cluster: cl, pace: pace, recorder: history.NewRecorder(), changed: make(chan struct{}), ordered: make(chan struct{}), names: make(map[string]string),
		state: state{acked: make(map[string]int), signedIn: make(map[string]int)},
	}
	c.keeper = newKeeper(t, c, users)
	for i := range users {
		peers := []string{userName((i + 1) % users), userName((i + users - 1) % users)}
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		rooms := []string{hall}
		if i%2 == 0 {
			rooms = append(rooms, attic)
		}
		name := fmt.Sprintf("%s-%d", userName(i), i%4)
		says := talker{random: random, name: name, rooms: rooms, peers: peers}
		if i%4 >= 2 {
			c.members = append(c.members, newApplication(t, c, userName(i), says, i%4 == 2))
		} else {
			c.members = append(c.members, c.newDevice(cl, userName(i), says, i%4 == 1))
		}
	}
	for i := range users / 3 {
		says := talker{random: rand.New(rand.NewPCG(seed, uint64(1000+i))), name: userName(i) + "-second", rooms: []string{hall}}
		c.members = append(c.members, c.newDevice(cl, userName(i), says, i%2 == 0))
	}
	c.begin(t)
	return c
}

// begin has the members come.
func (c *crowd) begin(t *testing.T) {
	t.Helper()
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(t.Context())
	t.Cleanup(func() {
		c.cancel()
		c.running.Wait()
	})
	for _, m := range c.members {
		c.running.Go(func() {
			if err := m.run(ctx); err != nil {
				c.update(func(s *state) { s.failed++; c.errs = append(c.errs, err) })
			}
		})
	}
}

// newDevice makes a device by the protocols alone. Those of the first users are guests of the porch, or talk there.
func (c *crowd) newDevice(cl *cluster, user string, says talker, native bool) *device {
	d := &device{
		crowd: c, guest: slices.Contains(guests, user), note: c.recorder.Device(says.name, user), token: cl.token(user), native: native,
		talker: says, logs: make(map[string]*copied), move: make(chan struct{}, 1), node: cl.nodes[0],
	}
	d.place.Store(d.node)
	return d
}

func (c *crowd) update(change func(*state)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.state)
	c.tell()
}

// tell wakes whoever waits for a change.
func (c *crowd) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *crowd) now() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.copy()
}

func (c *crowd) orders() orders {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order
}

func (c *crowd) give(o orders) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = o
	c.tell()
	close(c.ordered)
	c.ordered = make(chan struct{})
}

// changes is closed when there is another order.
func (c *crowd) changes() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ordered
}

// disturb begins a fault, and settle ends it. Connections that stand meanwhile may leave something out.
func (c *crowd) disturb() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.disturbed++
	c.faults++
}

func (c *crowd) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults--
}

// disturbances is a number for undisturbed, at the beginning of a connection.
func (c *crowd) disturbances() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults > 0 {
		return -1
	}
	return c.disturbed
}

func (c *crowd) undisturbed(since int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return since == c.disturbed
}

// name notes of which room a conversation is, and room tells it; empty: it is a direct one, or not known.
func (c *crowd) name(conversation, room string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if room != "" {
		c.names[conversation] = room
	}
}

func (c *crowd) room(conversation string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[conversation]
}

// heads are how far the logs go of a user's conversations in the end.
func (c *crowd) heads(user string) map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ends[user]
}

// heard hands what a device hears live to whoever listens.
func (c *crowd) heard(device string, e logged) {
	c.mu.Lock()
	listeners := c.listeners
	c.mu.Unlock()
	for _, listen := range listeners {
		listen(device, e)
	}
}

// await waits until something is so.
func (c *crowd) await(t *testing.T, what string, so func(now state) bool) {
	t.Helper()
	c.awaitFor(t, patience, what, so)
}

// awaitFor is await for what may take longer.
func (c *crowd) awaitFor(t *testing.T, most time.Duration, what string, so func(now state) bool) {
	t.Helper()
	late := time.After(most)
	for {
		c.mu.Lock()
		met, failed, changed := so(c.state.copy()), c.state.failed, c.changed
		c.mu.Unlock()
		if failed > 0 {
			c.fail(t)
		}
		if met {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Errorf("waited in vain for %s: %+v", what, c.now())
			c.cancel()
			c.fail(t)
		}
	}
}

// fail ends the test with what was wrong with the members.
func (c *crowd) fail(t *testing.T) {
	t.Helper()
	c.cancel()
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.errs {
		t.Error(err)
	}
	t.FailNow()
}

// patientBy is how many times as long as an answer takes a device waits at least until it says something more: a machine
// that cannot do more is not asked to.
const patientBy = 20

// waits is how long a device waits between two messages, on the average.
func (c *crowd) waits() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.pace, patientBy*c.answers)
}

// answered notes how long an answer took.
func (c *crowd) answered(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers += (took - c.answers) / 64
}

// awaitAcks waits for n acknowledgements more, of each node that runs at least one.
func (c *crowd) awaitAcks(t *testing.T, n int) {
	t.Helper()
	before := c.now()
	// Whoever is at another node stays there, if nobody says otherwise.
	stop, random := make(chan struct{}), rand.New(rand.NewPCG(uint64(n), 0))
	var spreading sync.WaitGroup
	spreading.Go(func() {
		for {
			select {
			case <-time.After(time.Second):
				c.spread(random, 25)
			case <-stop:
				return
			}
		}
	})
	defer spreading.Wait()
	defer close(stop)
	c.await(t, fmt.Sprintf("%d acknowledgements, and one of each node", n), func(now state) bool {
		for _, node := range c.cluster.nodes {
			if now.acked[node.Name] == before.acked[node.Name] {
				return false
			}
		}
		return now.allAcked() >= before.allAcked()+n
	})
}

// spread has some of the members go to other nodes.
func (c *crowd) spread(random *rand.Rand, percent int) {
	for _, m := range c.members {
		if random.IntN(100) < percent {
			m.depart()
		}
	}
}

// disperse has everybody finish what is under way, and leave with all that there is by the database.
func (c *crowd) disperse(t *testing.T) map[string]*history.Conversation {
	t.Helper()
	if c.keeper != nil {
		c.keeper.rest(t)
	}
	c.give(hush)
	c.await(t, "silence", func(now state) bool { return now.idle == len(c.members) })
	stored := c.cluster.stored(t)
	c.mu.Lock()
	c.ends = make(map[string]map[string]int64)
	for id, conversation := range stored {
		for _, user := range conversation.Members {
			if c.ends[user] == nil {
				c.ends[user] = make(map[string]int64)
			}
			c.ends[user][id] = int64(len(conversation.Log))
		}
	}
	c.mu.Unlock()
	c.give(goHome)
	watchdog := time.AfterFunc(2*patience, c.cancel)
	defer watchdog.Stop()
	c.running.Wait()
	for _, err := range c.errs {
		t.Error(err)
	}
	return stored
}

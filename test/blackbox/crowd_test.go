package blackbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// window is how many commands a member leaves without an answer at a time.
const window = 4

// loopback is where servers listen that come back on the same port. Nothing else uses this address: a client that dials
// a port on which nobody listens could be given that very port, and so connect to itself.
const loopback = "127.0.0.9:0"

// crowd is many members, on both protocols, in some rooms and in direct conversations.
type crowd struct {
	addr    string
	members []*member
	running sync.WaitGroup
	errs    []error // of the members, once they have ended
	cancel  context.CancelFunc
	patient time.Duration // more than patience, where there are many; 0: as long as that

	mu      sync.Mutex
	order   orders
	changed chan struct{} // closed and replaced when the orders change
	state   state
	watch   func(state) bool // what somebody waits for, if anybody does
	met     chan struct{}    // closed when it is so
}

// orders say what members do.
type orders int

const (
	talk   orders = iota
	hush          // say nothing new
	settle        // nothing new will be said by anybody: leave with all that there is
)

// state is what the members have come to.
type state struct {
	acked    int // commands acknowledged
	signedIn int // times that a member has signed in
	idle     int // members that have nothing under way
	failed   int // members that have ended with an error
}

// rooms are where the crowd talks. In the porch they come and go; only the one who made it stays.
var rooms = []string{"hall", "attic", "cellar", "porch"}

// gather makes the rooms and lets members in, who come from then on until disperse.
func gather(t *testing.T, s *server, size int, seed uint64) *crowd {
	t.Helper()
	keeper := s.connect("keeper")
	for _, room := range rooms {
		keeper.must(t, "room:create", object{"id": room, "name": room, "maxMembers": 1000})
	}
	keeper.close()
	c := &crowd{addr: s.addr, changed: make(chan struct{})}
	for i := range size {
		c.members = append(c.members, newMember(t, s.data, i, size, seed))
	}
	c.begin(t)
	return c
}

// begin lets the members in. They are gone when the test has ended.
func (c *crowd) begin(t *testing.T) {
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(t.Context())
	t.Cleanup(func() {
		c.cancel()
		c.running.Wait()
	})
	c.errs = make([]error, len(c.members))
	for i, m := range c.members {
		c.running.Go(func() {
			if c.errs[i] = m.run(ctx, c); c.errs[i] != nil {
				c.update(func(s *state) { s.failed++ })
			}
		})
	}
}

// newMember makes a member. The first half of the devices speaks Socket.IO, a few of them on long-polling, the other half
// plain WebSocket. The last fifth are second devices of the first users, which so have one of either kind.
func newMember(t *testing.T, data string, number, size int, seed uint64) *member {
	t.Helper()
	users := size - size/5
	user := number % users
	m := &member{
		name: fmt.Sprintf("%s-%d", userName(user), number/users), user: userName(user), second: number >= users,
		token: tokenFor(t, data, userName(user)), transcripts: make(map[string]*transcript),
		talker: talker{
			random: rand.New(rand.NewPCG(seed, uint64(number))),
			rooms:  []string{"hall"},
			peers:  []string{userName((user + 1) % users), userName((user + users - 1) % users), userName((user + users/2) % users)},
			guest:  number < users && user%10 == 0,
			emoji:  [][]string{{"👍", "🎉", "🐟"}, {"❤️", "😀"}}[number/users],
			marks:  make(map[string]int64),
		},
	}
	switch {
	case number >= size/2:
		m.connect = signInNative
	case number%5 == 4:
		m.connect = signInPolling
	default:
		m.connect = signIn
	}
	if user%2 == 0 {
		m.rooms = append(m.rooms, "attic")
	}
	if user%3 == 0 {
		m.rooms = append(m.rooms, "cellar")
	}
	for _, room := range m.rooms {
		m.outbox = append(m.outbox, joining(room))
	}
	return m
}

func (c *crowd) update(change func(*state)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.state)
	if c.watch != nil && c.watch(c.state) {
		close(c.met)
		c.watch = nil
	}
}

func (c *crowd) orders() (now orders, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order, c.changed
}

func (c *crowd) give(o orders) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = o
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until something is so; so may be asked by any member, one at a time.
func (c *crowd) await(t *testing.T, what string, so func(now state) bool) {
	t.Helper()
	met := make(chan struct{})
	c.mu.Lock()
	c.met, c.watch = met, func(now state) bool { return now.failed > 0 || so(now) }
	c.mu.Unlock()
	c.update(func(*state) {}) // it may be so already
	select {
	case <-met:
		if c.now().failed == 0 {
			return
		}
	case <-time.After(max(patience, c.patient)):
		t.Errorf("waited in vain for %s: %+v", what, c.now())
	}
	c.cancel()
	c.leave(t)
}

func (c *crowd) now() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// awaitAcks waits for n commands to be acknowledged since before.
func (c *crowd) awaitAcks(t *testing.T, before state, n int) {
	t.Helper()
	c.await(t, fmt.Sprintf("%d acknowledgements", n), func(now state) bool { return now.acked >= before.acked+n })
}

// awaitReturn waits until n members have signed in since before.
func (c *crowd) awaitReturn(t *testing.T, before state, n int) {
	t.Helper()
	c.await(t, fmt.Sprintf("%d members", n), func(now state) bool { return now.signedIn >= before.signedIn+n })
}

// awaitSilence waits until nobody has anything under way. Nothing new may be said meanwhile.
func (c *crowd) awaitSilence(t *testing.T) {
	t.Helper()
	c.await(t, "silence", func(now state) bool { return now.idle == len(c.members) })
}

// disperse has everybody finish what is under way and leave with all that there is. A broken promise fails the test.
func (c *crowd) disperse(t *testing.T) {
	t.Helper()
	c.give(hush)
	c.awaitSilence(t)
	c.give(settle)
	c.leave(t)
}

// leave waits for the members to end, and tells what was wrong. The test ends if one could not go on; the others, which
// were stopped for that, are not to blame.
func (c *crowd) leave(t *testing.T) {
	t.Helper()
	watchdog := time.AfterFunc(max(patience, c.patient), c.cancel)
	defer watchdog.Stop()
	c.running.Wait()
	failed := slices.DeleteFunc(slices.Clone(c.errs), func(err error) bool { return err == nil })
	cancelled := func(err error) bool { return errors.Is(err, context.Canceled) }
	all := !slices.ContainsFunc(failed, func(err error) bool { return !cancelled(err) })
	for i, m := range c.members {
		for _, fault := range m.faults {
			t.Errorf("%s: %s", m.name, fault)
		}
		if err := c.errs[i]; err != nil && (all || !cancelled(err)) {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	if len(failed) > 0 {
		t.FailNow()
	}
}

// total adds up what the members have counted.
func total(members []*member) (all figures) {
	for _, m := range members {
		all.received += m.received
		all.synced += m.synced
		all.resent += m.resent
		all.repeated += m.repeated
		all.resets += m.resets
		all.lost += m.lost
		all.refused += m.refused
		all.postponed += m.postponed
	}
	return all
}

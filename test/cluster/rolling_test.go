//go:build linux

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/test/cluster/history"
)

// rolling is a rolling restart: who is there, and what is asked of it.
type rolling struct {
	rooms, size int           // of so many members each, with one device each
	pace        time.Duration // between two messages of a device; longer where answers take long, see crowd.waits
	drain       time.Duration // what a node has to stop
	// then is the program that nodes are started with again; nil is the same.
	then func() (path string, err error)
	// within is how long a device may take from losing its connection to being in step again.
	within time.Duration
	redis  bool
}

const (
	// inStepAgain is what is promised of that.
	inStepAgain = 10 * time.Second
	// largestShare is how much of the connections of a node that stops another one may get, in percent.
	largestShare = 60
	// betweenRestarts is how many acknowledgements there are between two restarts, for each device.
	betweenRestarts = 1
)

// TestRollingRestart and its long form restart one node after the other, under clients that talk. Nobody may notice more than
// that a connection ends and another one takes its place: it is no fault, so that not even a hole may be in what the others
// are told.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	roll(t, rolling{rooms: 6, size: 6, pace: 500 * time.Millisecond, drain: 3 * time.Second, within: patience, redis: true})
}

func TestSoakRollingRestart(t *testing.T) {
	soak(t)
	roll(t, rolling{rooms: 300, size: 10, pace: 10 * time.Second, drain: 20 * time.Second, within: inStepAgain, redis: true})
}

// TestRollingUpgrade has the nodes come back as the version after this one, which has one more column and facts that this one
// does not know: for a while both serve side by side.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	roll(t, rolling{rooms: 4, size: 6, pace: 500 * time.Millisecond, drain: 3 * time.Second, within: patience, then: succeeding})
}

func TestSoakRollingUpgrade(t *testing.T) {
	soak(t)
	roll(t, rolling{rooms: 100, size: 10, pace: 5 * time.Second, drain: 20 * time.Second, within: inStepAgain, then: succeeding, redis: true})
}

func roll(t *testing.T, r rolling) {
	skipIfShort(t)
	program := "" // to go on with; empty: the same
	if r.then != nil {
		var err error
		if program, err = r.then(); err != nil {
			t.Fatal(err)
		}
	}
	seed := crashSeed(t)
	began := time.Now()
	cl := start(t, setup{nodes: 3, redis: r.redis, drain: r.drain, shipped: true, direct: true})
	f := newFront(t, cl)
	c := convene(t, cl, f, r, seed)
	obedient := comeBy(t, cl, f)
	devices := len(c.members)
	c.awaitMore(t, betweenRestarts*devices)
	for _, n := range cl.nodes {
		before, lost, wavered := f.counts(), c.now().lost, f.waverings()
		restart(t, cl, n, program)
		f.awaitReady(t)
		c.await(t, "everybody to be in step", func(now state) bool { return now.inStep == devices })
		awaitOnline(t, obedient)
		went := less(f.counts(), before)
		share := shareOf(went)
		t.Logf("%s  %s was restarted: %d connections ended, %v came, %d%% of them to one node",
			time.Since(began).Round(time.Second), n.Name, c.now().lost-lost, went, share)
		switch {
		case share <= largestShare:
		case r.within > inStepAgain && f.waverings() > wavered+1:
			t.Log("another node was not ready either for a moment, as the machine is busy: there was one to go to")
		default:
			t.Errorf("one node got %d%% of the connections of %s: %v", share, n.Name, went)
		}
		c.awaitMore(t, betweenRestarts*devices)
	}
	if r.then != nil {
		cl.succeeded(t)
	}
	conversations := c.disperse(t)
	h := c.recorder.History(conversations)
	for _, broken := range h.Check() {
		t.Error(broken)
	}
	now, figures := c.now(), h.Figures()
	if figures.Whole != figures.Streams {
		t.Errorf("%d of %d connections were not held to be whole", figures.Streams-figures.Whole, figures.Streams)
	}
	if now.away > r.within {
		t.Errorf("a device was in step again after %s, %s are promised", now.away.Round(time.Millisecond), r.within)
	}
	t.Logf("a device has waited for %s between two messages at last, instead of %s", c.waits().Round(time.Millisecond), r.pace)
	t.Logf("%d devices, %d connections lost, in step again after %s at most; %d messages stored, %d acknowledged, %d of them more than once; "+
		"%d requests postponed; %d events told live on %d connections; holes seen and filled: %d; %s",
		devices, now.lost, now.away.Round(time.Millisecond), figures.Stored, figures.Acked, figures.AckedAgain,
		now.postponed, figures.Live, figures.Streams, now.holes, time.Since(began).Round(time.Second))
}

// comeBy is a client of ours, who would not come back by itself for an hour: only because it is told to when a node goes.
func comeBy(t *testing.T, cl *cluster, f *front) *client.Client {
	t.Helper()
	cfg := clientConfig(cl, f.addr(), "obedient")
	cfg.Timeout, cfg.Backoff = patience, client.Backoff{First: time.Hour, Longest: time.Hour, Slow: time.Hour}
	return dial(t, cfg)
}

func awaitOnline(t *testing.T, c *client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

// restart stops a node in order and starts it again, perhaps as another program.
func restart(t *testing.T, cl *cluster, n *node, program string) {
	t.Helper()
	if program != "" {
		n.Become(program)
	}
	if err := n.Stop(patience); err != nil {
		t.Fatal(err)
	}
	cl.start(n)
	cl.awaitReady(n)
}

func less(counts, before map[string]int) map[string]int {
	for name := range counts {
		counts[name] -= before[name]
	}
	return counts
}

// shareOf is the largest share of any node, in percent.
func shareOf(went map[string]int) (percent int) {
	all, most := 0, 0
	for _, n := range went {
		all += n
		most = max(most, n)
	}
	if all == 0 {
		return 0
	}
	return 100 * most / all
}

// convene makes rooms, and lets a device of each member in, over Socket.IO and plain WebSocket in turn.
func convene(t *testing.T, cl *cluster, f *front, r rolling, seed uint64) *crowd {
	t.Helper()
	c := &crowd{
		cluster: cl, front: f, pace: r.pace, recorder: history.NewRecorder(), changed: make(chan struct{}), ordered: make(chan struct{}),
		names: make(map[string]string), state: state{acked: make(map[string]int), signedIn: make(map[string]int)},
	}
	furnish(t, cl, f, r)
	for room := range r.rooms {
		for seat := range r.size {
			number := room*r.size + seat
			says := talker{random: rand.New(rand.NewPCG(seed, uint64(number))), name: memberName(room, seat), rooms: []string{roomName(room)}}
			d := c.newDevice(cl, memberName(room, seat), says, number%2 == 1)
			d.next = time.Now().Add(rand.N(2 * r.pace)) // not all at once
			c.members = append(c.members, d)
		}
	}
	c.begin(t)
	c.awaitFor(t, 5*patience, "everybody to be in step", func(now state) bool { return now.inStep == len(c.members) })
	c.update(func(s *state) { s.away = 0 })
	return c
}

func roomName(room int) string { return fmt.Sprintf("room-%03d", room) }

func memberName(room, seat int) string { return fmt.Sprintf("%s-member-%d", roomName(room), seat) }

// furnishers is how many rooms are made at the same time.
const furnishers = 8

// furnish has the members of each room make it, and join it.
func furnish(t *testing.T, cl *cluster, f *front, r rolling) {
	t.Helper()
	rooms, failed := make(chan int), make(chan error, furnishers)
	var working sync.WaitGroup
	for range furnishers {
		working.Go(func() {
			for room := range rooms {
				for seat := range r.size {
					if err := takeSeatAtLast(t.Context(), f.addr(), cl.token(memberName(room, seat)), roomName(room), seat == 0); err != nil {
						failed <- err
						return
					}
				}
			}
		})
	}
	for room := range r.rooms {
		select {
		case rooms <- room:
		case err := <-failed:
			t.Fatal(err)
		}
	}
	close(rooms)
	working.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
}

// takeSeatAtLast is takeSeat on a machine that may be too busy to let somebody in in time.
func takeSeatAtLast(ctx context.Context, addr, token, room string, first bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := takeSeat(ctx, addr, token, room, first)
		if err == nil || ctx.Err() != nil || errors.As(err, new(*brokenError)) {
			return err
		}
	}
}

// takeSeat has somebody join a room, or make it.
func takeSeat(ctx context.Context, addr, token, room string, first bool) error {
	w, err := dialWithin(ctx, clientsTimeout, addr, token, true)
	if err != nil {
		return err
	}
	defer w.close()
	command, payload := "room:join", object{"roomId": room}
	if first {
		command, payload = "room:create", object{"id": room, "name": room}
	}
	number, err := w.request(command, payload)
	if err != nil {
		return err
	}
	for {
		in, err := w.next()
		if err != nil {
			return err
		}
		if in.number != number {
			continue
		}
		switch answer := string(in.payload); {
		case strings.Contains(answer, `"ok":true`), first && strings.Contains(answer, "room_exists"): // by a time before
			return nil
		case strings.Contains(answer, "retryAfter"):
			return fmt.Errorf("%s: %s", command, answer)
		default:
			return broken("%s: %s", command, answer)
		}
	}
}

// awaitMore waits for n acknowledgements more.
func (c *crowd) awaitMore(t *testing.T, n int) {
	t.Helper()
	then := c.now()
	before := then.allAcked()
	c.awaitFor(t, patience+4*c.waits(), fmt.Sprintf("%d acknowledgements", n), func(now state) bool { return now.allAcked() >= before+n })
}

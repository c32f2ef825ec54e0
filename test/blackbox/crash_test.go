package blackbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestCrash and its long form kill the server in the middle of a stream of messages.
func TestCrash(t *testing.T) {
	skipIfShort(t)
	killRepeatedly(t, 4)
}

func TestSoakCrash(t *testing.T) {
	soak(t)
	killRepeatedly(t, 20)
}

const (
	senders = 20
	window  = 4 // commands that a sender leaves without an answer at a time
)

// killRepeatedly has senders talk in a room, in one that they come to and leave, and in direct conversations, each
// sending again after a crash what was not acknowledged. Then it looks at what is stored.
func killRepeatedly(t *testing.T, kills int) {
	s := start(t, setup{})
	data := s.data
	s.connect("keeper").must(t, "room:create", object{"id": "hall", "name": "Hall", "maxMembers": 1000})
	s.connect("keeper").must(t, "room:create", object{"id": "porch", "name": "Porch", "maxMembers": 1000})

	traffic := newTraffic(s.addr)
	var running sync.WaitGroup
	people := make([]*sender, senders)
	for i := range people {
		people[i] = newSender(i, tokenFor(t, data, userName(i)), traffic)
		running.Go(func() { people[i].run(t.Context()) })
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range kills {
		traffic.awaitMore(t, 50+random.IntN(200))
		s.kill()
		s = start(t, setup{data: data})
		traffic.resume(s.addr)
	}
	traffic.awaitMore(t, 100)
	traffic.finish()
	running.Wait()
	for _, p := range people {
		if p.err != nil {
			t.Fatalf("%s: %v", p.user, p.err)
		}
	}
	checkRepeats(t, s, people)
	checkStored(t, s, people)
}

func userName(i int) string { return fmt.Sprintf("user-%02d", i) }

// traffic is what the senders and the one who kills the server know of each other.
type traffic struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	addr     string
	servers  int // how many there have been; the one at addr is the last
	acked    int
	finished bool
}

func newTraffic(addr string) *traffic {
	return &traffic{addr: addr, servers: 1, changed: make(chan struct{})}
}

func (f *traffic) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *traffic) resume(addr string) { f.update(func() { f.addr = addr; f.servers++ }) }
func (f *traffic) finish()            { f.update(func() { f.finished = true }) }
func (f *traffic) count()             { f.update(func() { f.acked++ }) }

func (f *traffic) isFinished() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.finished
}

// awaitMore waits until n more commands have been acknowledged.
func (f *traffic) awaitMore(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f.mu.Lock()
	goal := f.acked + n
	f.mu.Unlock()
	for {
		f.mu.Lock()
		acked, changed := f.acked, f.changed
		f.mu.Unlock()
		if acked >= goal {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("traffic has stopped at %d acknowledgements", acked)
		}
	}
}

// another waits for a server that came after the one with that number.
func (f *traffic) another(ctx context.Context, lost int) (addr string, number int, err error) {
	for {
		f.mu.Lock()
		addr, number, changed := f.addr, f.servers, f.changed
		f.mu.Unlock()
		if number > lost {
			return addr, number, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", 0, ctx.Err()
		}
	}
}

// command is one thing that a sender wants done.
type command struct {
	event   string
	payload object
	id      string // clientMsgId; empty for what is no message
	result  answer // once it is acknowledged
}

// sender is a client that keeps on sending until the traffic finishes, over all crashes.
type sender struct {
	number  int
	user    string
	token   string
	traffic *traffic

	made     int
	open     []*command // without an acknowledgement, in the order of sending
	messages []*command // acknowledged ones
	err      error
}

func newSender(number int, token string, f *traffic) *sender {
	return &sender{number: number, user: userName(number), token: token, traffic: f}
}

// errNoService is a server that is not, or no longer, there.
var errNoService = errors.New("the server is gone")

func (p *sender) run(ctx context.Context) {
	addr, number := "", 0
	for {
		if addr, number, p.err = p.traffic.another(ctx, number); p.err != nil {
			return
		}
		if p.err = p.talk(ctx, addr); !errors.Is(p.err, errNoService) {
			return
		}
	}
}

// talk connects, repeats what is open, and goes on. It returns nil when the traffic has finished and nothing is open.
func (p *sender) talk(ctx context.Context, addr string) error {
	c, err := signIn(ctx, addr, p.token)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoService, err)
	}
	defer c.close()
	if _, err := p.carryOut(ctx, c, &command{event: "room:join", payload: object{"roomId": "hall"}}); err != nil {
		return err
	}
	var answers []<-chan json.RawMessage
	for _, again := range p.open {
		waiting, err := c.ask(again.event, again.payload)
		if err != nil {
			return fmt.Errorf("%w: %w", errNoService, err)
		}
		answers = append(answers, waiting)
	}
	for {
		for len(p.open) < window && !p.traffic.isFinished() {
			next := p.invent()
			p.open = append(p.open, next)
			waiting, err := c.ask(next.event, next.payload)
			if err != nil {
				return fmt.Errorf("%w: %w", errNoService, err)
			}
			answers = append(answers, waiting)
		}
		if len(p.open) == 0 {
			return nil
		}
		if err := p.settle(ctx, c, p.open[0], answers[0]); err != nil {
			return err
		}
		p.open, answers = p.open[1:], answers[1:]
		p.traffic.count()
	}
}

// carryOut does one command by itself.
func (p *sender) carryOut(ctx context.Context, c *client, cmd *command) (answer, error) {
	waiting, err := c.ask(cmd.event, cmd.payload)
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errNoService, err)
	}
	err = p.await(ctx, c, cmd, waiting)
	return cmd.result, err
}

// settle waits for an acknowledgement and notes it.
func (p *sender) settle(ctx context.Context, c *client, cmd *command, waiting <-chan json.RawMessage) error {
	if err := p.await(ctx, c, cmd, waiting); err != nil {
		return err
	}
	if cmd.id != "" {
		p.messages = append(p.messages, cmd)
	}
	return nil
}

func (p *sender) await(ctx context.Context, c *client, cmd *command, waiting <-chan json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var raw json.RawMessage
	select {
	case raw = <-waiting:
	case <-c.done:
		select {
		case raw = <-waiting: // it had come before
		default:
			return errNoService
		}
	case <-ctx.Done():
		return fmt.Errorf("%s %v is not answered", cmd.event, cmd.payload)
	}
	var err error
	if cmd.result, err = parseAnswer(raw); err != nil {
		return err
	}
	if !cmd.result.OK {
		return fmt.Errorf("%s %v: %+v", cmd.event, cmd.payload, cmd.result.Error)
	}
	return nil
}

// invent makes the next command: mostly messages to the hall, some to a neighbour, and now and then a visit to the
// porch.
func (p *sender) invent() *command {
	p.made++
	id := fmt.Sprintf("%s/%d", p.user, p.made)
	switch p.made % 16 {
	case 3:
		return &command{event: "room:join", payload: object{"roomId": "porch"}}
	case 4, 5:
		return &command{event: "room:message", id: id, payload: object{"roomId": "porch", "content": id, "clientMsgId": id}}
	case 6:
		return &command{event: "room:leave", payload: object{"roomId": "porch"}}
	case 1, 8, 12, 15:
		return &command{event: "message:send", id: id, payload: object{"recipientId": p.neighbour(), "content": id, "clientMsgId": id}}
	default:
		return &command{event: "room:message", id: id, payload: object{"roomId": "hall", "content": id, "clientMsgId": id}}
	}
}

func (p *sender) neighbour() string { return userName((p.number + 1) % senders) }

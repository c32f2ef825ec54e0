//go:build linux

package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/test/cluster/history"
)

// device is a client of either protocol, by the protocol alone. It connects to any node, and to another one when it has lost its
// connection, or moves; asks there for what it has missed, by the seqs that it has; and sends again, under the same id, what
// was not answered. It believes nothing: what connections tell is noted as it comes, and what it makes of it too. All of it
// belongs to the goroutine of run.
type device struct {
	crowd  *crowd
	note   *history.Device
	token  string
	native bool
	guest  bool // it comes to the porch, and back when it was kicked
	talker

	move     chan struct{}      // to be told to go to another node
	logs     map[string]*copied // by conversation
	outbox   []*sending         // not acknowledged, in the order of sending
	last     *sending           // the last message that is stored
	next     time.Time          // when it says something new
	failures int                // attempts to connect since one worked
	lost     time.Time          // when a connection was; zero: it is in step
	node     *node              // the last one
	place    atomic.Pointer[node]
	visit
}

// copied is a conversation as far as the device has it.
type copied struct {
	known int64                   // up to which seq nothing is missing; 0: it begins with the first event
	ahead map[int64]history.Event // came, but something before them did not
	left  bool                    // the user is no member any more
	end   int64                   // the seq of its last leaving, as it was told
	head  int64                   // how far the server has said that the log goes
}

// sending is a message under way.
type sending struct {
	command     string
	payload     object
	clientMsgID string // empty: it is no message
	known       bool   // that it is stored: it is sent again to hear the same
}

// visit is what belongs to one connection.
type visit struct {
	*wire
	stream  *history.Stream
	waiting map[uint64]func(json.RawMessage) error // what to do with answers
	syncing bool
	again   bool // sync once more
	ready   bool // it has caught up, and sent again what was open
	later   []func() error
	pause   <-chan time.Time
	idle    bool // as the crowd knows
}

// Waiting times between attempts to connect double from the first to the longest.
const (
	firstWait   = 50 * time.Millisecond
	longestWait = time.Second
)

// errMove is why a device leaves a node that is well.
var errMove = errors.New("moves")

// run lives until the crowd goes home.
func (d *device) run(ctx context.Context) error {
	for {
		err := d.stay(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%s, at %s: %d messages and %d requests were not answered, missing %v: %w",
				d.note.Name, d.node.Name, len(d.outbox), len(d.waiting), d.missing(), ctx.Err())
		case err == nil:
			return nil
		case errors.As(err, new(*brokenError)):
			return err
		}
		wait := time.Duration(0)
		if !errors.Is(err, errMove) {
			d.crowd.update(func(s *state) { s.lost++ })
			wait = min(firstWait<<min(d.failures, 10), longestWait)
			d.failures++
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2+1)):
		case <-ctx.Done():
		}
	}
}

// brokenError is a server that does not keep to the protocol: nothing is to be tried again.
type brokenError struct{ error }

func broken(format string, args ...any) error { return &brokenError{fmt.Errorf(format, args...)} }

// stay is one connection, from signing in to its end; nil when all is done.
func (d *device) stay(ctx context.Context) error {
	if d.node = d.crowd.front.before(); d.node == nil {
		d.node = d.crowd.cluster.another(d.node, d.random)
	}
	d.place.Store(d.node)
	w, err := d.dial(ctx)
	if refused := new(refusedError); errors.As(err, &refused) && refused.code != "unavailable" && refused.code != "busy" && refused.code != "" {
		return broken("%s: %w", d.node.Name, err)
	}
	if err != nil {
		return err
	}
	defer w.close()
	d.failures = 0
	d.visit = visit{wire: w, waiting: make(map[uint64]func(json.RawMessage) error), stream: &history.Stream{Node: d.node.Name}}
	d.note.Streams = append(d.note.Streams, d.stream)
	disturbed := d.crowd.disturbances()
	defer func() { d.stream.Whole = d.crowd.undisturbed(disturbed) }()
	d.crowd.update(func(s *state) { s.signedIn[d.node.Name]++ })
	defer d.setIdle(false)
	defer d.fallsOut()
	come, stop := w.listen()
	defer stop()
	if err := d.sync(); err != nil {
		return err
	}
	for {
		changed := d.crowd.changes()
		if done, err := d.act(); done || err != nil {
			return err
		}
		if err := d.await(ctx, come, changed); err != nil {
			return err
		}
	}
}

// dial signs in to its node. Over Socket.IO that may be by polling, where each request goes to any node, as those do that a
// balancer sends there, and where the session may move to a WebSocket at any node.
func (d *device) dial(ctx context.Context) (*wire, error) {
	if d.crowd.front != nil { // what fails there is not this node's fault
		return dialWithin(ctx, clientsTimeout, d.node.Addr(), d.token, d.native)
	}
	way := d.random.IntN(3)
	if d.native || way == 0 {
		return dialNode(ctx, d.node.Addr(), d.token, d.native)
	}
	ctx, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	stays := 0
	if way == 1 {
		stays = 3 + d.random.IntN(20)
	}
	anyNode := rand.New(rand.NewPCG(d.random.Uint64(), 0))
	var choosing sync.Mutex
	return dialPolls(ctx, d.node.Addr(), func() string {
		choosing.Lock()
		defer choosing.Unlock()
		return d.crowd.cluster.another(nil, anyNode).Addr()
	}, d.token, stays)
}

// listen reads until the connection ends, which closes come; stop waits for that.
func (w *wire) listen() (come <-chan incoming, stop func()) {
	all, quit := make(chan incoming, 1024), make(chan struct{})
	go func() {
		defer close(all)
		for {
			in, err := w.next()
			if err != nil {
				return
			}
			select {
			case all <- in:
			case <-quit:
				return
			}
		}
	}()
	return all, func() {
		w.close()
		close(quit)
		for range all { // until it is closed
		}
	}
}

// await waits for something to do.
func (d *device) await(ctx context.Context, come <-chan incoming, changed <-chan struct{}) error {
	var speak <-chan time.Time
	if d.ready && d.crowd.orders() == talk && len(d.outbox) < window {
		speak = time.After(time.Until(d.next))
	}
	select {
	case in, open := <-come:
		if !open {
			return errors.New("the connection is lost")
		}
		return d.handle(in)
	case <-changed:
	case <-d.pause:
		return d.sendLater()
	case <-speak:
	case <-d.move:
		return errMove
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// act does what there is to do besides answering.
func (d *device) act() (done bool, err error) {
	orders := d.crowd.orders()
	if !d.ready {
		return false, nil
	}
	if len(d.missing()) > 0 && !d.syncing {
		d.crowd.update(func(s *state) { s.holes++ })
		return false, d.sync()
	}
	if orders == talk && d.guest && len(d.outbox) == 0 && !time.Now().Before(d.next) && !d.in(porch) {
		d.next = time.Now().Add(d.silence())
		return false, d.submit(&sending{command: "room:join", payload: object{"roomId": porch}})
	}
	if orders == talk && len(d.outbox) < window && !time.Now().Before(d.next) {
		d.next = time.Now().Add(d.silence())
		if err := d.submit(d.invent()); err != nil {
			return false, err
		}
	}
	quiet := len(d.outbox) == 0 && len(d.waiting) == 0 && len(d.later) == 0
	d.setIdle(orders != talk && quiet)
	return orders == goHome && quiet && d.hasAll(), nil
}

// silence is how long it says nothing new.
func (d *device) silence() time.Duration {
	wait := d.crowd.pace
	if d.crowd.front != nil {
		wait = d.crowd.waits()
	}
	return wait/2 + rand.N(wait)
}

func (d *device) setIdle(idle bool) {
	if idle == d.idle {
		return
	}
	d.idle = idle
	d.crowd.update(func(s *state) {
		if idle {
			s.idle++
		} else {
			s.idle--
		}
	})
}

// isInStep notes that it is signed in and has caught up, and fallsOut that it is not any more.
func (d *device) isInStep() {
	away := time.Duration(0)
	if !d.lost.IsZero() {
		away = time.Since(d.lost)
	}
	d.crowd.update(func(s *state) { s.inStep++; s.away = max(s.away, away) })
}

func (d *device) fallsOut() {
	if d.ready {
		d.lost = time.Now()
		d.crowd.update(func(s *state) { s.inStep-- })
	}
}

// missing are the conversations in which it knows that something is missing.
func (d *device) missing() (ids []string) {
	for id, c := range d.logs {
		if !c.left && (len(c.ahead) > 0 || c.known < c.head) && !d.ownUnderWay(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// in tells whether it is in a room, as far as it knows.
func (d *device) in(room string) bool {
	for id, c := range d.logs {
		if d.crowd.room(id) == room && !c.left {
			return true
		}
	}
	return false
}

// ownUnderWay tells whether an answer will have what is missing: a direct message of one's own is told by nothing else.
func (d *device) ownUnderWay(conversation string) bool {
	return d.crowd.room(conversation) == "" && slices.ContainsFunc(d.outbox, func(s *sending) bool { return s.command == "message:send" })
}

// hasAll tells whether it has all of what the crowd says that there is in the end.
func (d *device) hasAll() bool {
	for id, head := range d.crowd.heads(d.note.User) {
		if c := d.logs[id]; c == nil || !c.left && c.known < head {
			return false
		}
	}
	return true
}

// handle takes an event or an answer.
func (d *device) handle(in incoming) error {
	if in.name == "" {
		then := d.waiting[in.number]
		if then == nil {
			return broken("answer %d was not asked for, or came twice", in.number)
		}
		delete(d.waiting, in.number)
		return then(in.payload)
	}
	if in.name == "conversation:head" {
		var head struct {
			ConversationID string
			Seq            int64
		}
		if err := json.Unmarshal(in.payload, &head); err != nil {
			return broken("%s: %w", in.payload, err)
		}
		if c := d.logs[head.ConversationID]; c != nil {
			c.head = max(c.head, head.Seq)
		}
		return nil
	}
	h, logged, err := readEventOfLog(in.name, in.payload)
	if err != nil || !logged {
		return err
	}
	d.stream.Events = append(d.stream.Events, h.Event)
	d.crowd.heard(d.note.Name, h)
	d.learn(h.room, h.Event)
	if h.Kind == history.Left && h.About == d.note.User {
		c := d.log(h.ConversationID, h.room)
		c.left, c.end = true, h.Seq
	}
	if h.Kind == history.Joined && h.About == d.note.User {
		d.log(h.ConversationID, h.room).left = false
		return d.sync()
	}
	return nil
}

func (d *device) log(conversation, room string) *copied {
	c := d.logs[conversation]
	if c == nil {
		c = &copied{ahead: make(map[int64]history.Event)}
		d.logs[conversation] = c
		d.crowd.name(conversation, room)
	}
	return c
}

// learn takes an event from wherever it comes, and notes what the application would be told.
func (d *device) learn(room string, e history.Event) {
	c := d.log(e.ConversationID, room)
	if e.Seq <= c.known {
		return
	}
	c.ahead[e.Seq] = e
	for {
		next, there := c.ahead[c.known+1]
		if !there {
			return
		}
		delete(c.ahead, next.Seq)
		c.known = next.Seq
		d.note.Known = append(d.note.Known, next)
	}
}

// submit sends something for the first time.
func (d *device) submit(s *sending) error {
	d.outbox = append(d.outbox, s)
	return d.transmit(s)
}

func (d *device) transmit(s *sending) error {
	if s.clientMsgID != "" {
		d.crowd.recorder.Began(d.note.User, s.clientMsgID, s.payload["content"].(string))
	}
	return d.ask(s.command, s.payload, func(raw json.RawMessage) error { return d.acknowledged(s, raw) })
}

// answer is an acknowledgement.
type answer struct {
	OK    bool
	Error struct {
		Code, Message string
		RetryAfter    int
	}
	ID, ConversationID string
	Seq                int64
}

// ask sends a request; then is called with the answer, unless the connection is lost before. What the node cannot do for now
// is asked again.
func (d *device) ask(command string, payload object, then func(json.RawMessage) error) error {
	number, err := d.request(command, payload)
	if err != nil {
		return err
	}
	asked := time.Now()
	d.waiting[number] = func(raw json.RawMessage) error {
		d.crowd.answered(time.Since(asked))
		var said answer
		if err := json.Unmarshal(raw, &said); err != nil {
			return broken("%s: %w", raw, err)
		}
		switch {
		case said.OK:
			return then(raw)
		case said.Error.RetryAfter == 0:
			return broken("%s %v: refused for good: %s", command, payload, raw)
		}
		d.crowd.update(func(s *state) { s.postponed++ })
		d.later = append(d.later, func() error { return d.ask(command, payload, then) })
		if d.pause == nil {
			d.pause = time.After(time.Duration(said.Error.RetryAfter) * time.Second)
		}
		return nil
	}
	return nil
}

// sendLater asks again what could not be done, in the same order.
func (d *device) sendLater() error {
	requests := d.later
	d.later, d.pause = nil, nil
	for _, again := range requests {
		if err := again(); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) acknowledged(s *sending, raw json.RawMessage) error {
	var said answer
	if err := json.Unmarshal(raw, &said); err != nil {
		return broken("%s: %w", raw, err)
	}
	d.outbox = slices.DeleteFunc(d.outbox, func(open *sending) bool { return open == s })
	d.crowd.update(func(c *state) { c.acked[d.node.Name]++ })
	switch s.command {
	case "message:send", "room:message":
		d.crowd.recorder.Acked(d.note.User, s.clientMsgID, history.Ack{Node: d.node.Name, ID: said.ID, ConversationID: said.ConversationID, Seq: said.Seq})
		if !s.known {
			d.said(said.ID, s)
		}
		d.last = s
		if s.command == "message:send" { // no event tells this device
			d.learn("", history.Event{
				ConversationID: said.ConversationID, Seq: said.Seq, Kind: history.Created, About: said.ID, Content: s.payload["content"].(string),
			})
		}
	case "room:join":
		return d.sync()
	}
	return nil
}

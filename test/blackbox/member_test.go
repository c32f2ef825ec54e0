package blackbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"
)

// member is a client as it should be, of either protocol. It comes back by itself when its connection is lost, asks for
// what it has missed with the seqs that it has, sends again what was not acknowledged, and places everything by its seq.
// It passes over conversation:head, which would tell it of a lost last event: that comes every 30 s, and no server lives
// here for so long. All of it belongs to the goroutine of run, until that has returned.
type member struct {
	name    string // of the device
	user    string
	second  bool // it is the second device of the user
	token   string
	connect func(ctx context.Context, addr, token string) (*client, error)
	crowd   *crowd
	talker  // what it says
	pace    // how often

	transcripts map[string]*transcript // by conversation
	outbox      []*command             // not acknowledged, in the order of sending
	acked       []*command
	failures    int // attempts to connect since it last worked

	connection // what belongs to one connection
	figures
	faults []string
}

// connection is what a member forgets when it loses its connection.
type connection struct {
	*client
	waiting map[uint64]func(json.RawMessage) error // what to do with answers, by the number of the request
	since   map[string]int64                       // what the sync under way has asked about; nil: there is none
	again   bool                                   // sync once more after that
	ready   bool                                   // it has caught up and sent again what was open
	heads   map[string]summary                     // at the end; nil: not known yet
	later   []func() error                         // requests that the server could not carry out for now
	pause   <-chan time.Time                       // after which they are sent again; nil: there are none
	idle    bool                                   // as the crowd knows
}

// figures count what a member has done and seen.
type figures struct {
	received int // events of logs that came live
	synced   int // events of logs that came by sync
	resent   int // commands that were sent again
	repeated int // of these, messages that were stored before
	resets   int // times that it had missed too much and read the history
	lost     int // connections
	refused  int // attempts to connect: nobody listened
	// postponed are requests that were refused for now, and sent again on the same connection.
	postponed int
}

// lostError is a server that is not there, or no longer.
type lostError struct{ cause error }

func (e *lostError) Error() string { return "the server is gone: " + e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// Waiting times between attempts to connect double from the first to the longest; half of it is random, so that not
// everybody comes at once.
const (
	firstWait   = 50 * time.Millisecond
	longestWait = time.Second
)

// run lives until the crowd goes home, or something is wrong.
func (m *member) run(ctx context.Context, c *crowd) error {
	m.crowd = c
	for {
		err := m.visit(ctx)
		if lost := new(lostError); !errors.As(err, &lost) {
			return err
		}
		wait := min(firstWait<<min(m.failures, 10), longestWait)
		m.failures++
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// visit is one connection, from signing in to its loss.
func (m *member) visit(ctx context.Context) error {
	c, err := m.connect(ctx, m.crowd.addr, m.token)
	if refused := new(refusal); errors.As(err, &refused) {
		return err
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		m.refused++
	}
	if err != nil {
		return &lostError{err}
	}
	defer c.close()
	m.failures = 0
	m.connection = connection{client: c, waiting: make(map[uint64]func(json.RawMessage) error)}
	m.crowd.update(func(s *state) { s.signedIn++ })
	err = m.stay(ctx)
	m.setIdle(false)
	if lost := new(lostError); errors.As(err, &lost) {
		m.lost++
	}
	return err
}

func (m *member) stay(ctx context.Context) error {
	if err := m.catchUp(); err != nil {
		return err
	}
	for {
		orders, changed := m.crowd.orders()
		come, more, err := m.take()
		if err != nil {
			return &lostError{err}
		}
		for _, r := range come {
			if err := m.handle(r); err != nil {
				return err
			}
		}
		if done, err := m.act(orders); done || err != nil {
			return err
		}
		select {
		case <-more:
		case <-changed:
		case <-m.clock:
			m.clock = nil
		case <-m.pause:
			if err := m.sendLater(); err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("%d commands and %d requests were not answered, missing %v: %w", len(m.outbox), len(m.waiting), m.missing(), ctx.Err())
		}
	}
}

// act does what there is to do besides answering.
func (m *member) act(o orders) (done bool, err error) {
	if err := m.mendHoles(); err != nil || !m.ready {
		return false, err
	}
	for o == talk && m.isDue(len(m.outbox)) {
		if err := m.submit(m.invent()); err != nil {
			return false, err
		}
	}
	quiet := len(m.outbox) == 0 && len(m.waiting) == 0 && len(m.later) == 0
	m.setIdle(o != talk && quiet)
	if o == settle && m.heads == nil && quiet {
		return false, m.askHeads()
	}
	return o == settle && m.heads != nil && len(m.missing()) == 0, nil
}

func (m *member) setIdle(idle bool) {
	if idle == m.idle {
		return
	}
	m.idle = idle
	m.crowd.update(func(s *state) {
		if idle {
			s.idle++
		} else {
			s.idle--
		}
	})
}

// handle takes an event or an answer.
func (m *member) handle(r received) error {
	if r.name == "" {
		then := m.waiting[r.number]
		delete(m.waiting, r.number)
		return then(r.payload)
	}
	h, logged, err := readHappening(r.name, r.payload)
	if err != nil || !logged {
		return err
	}
	t := m.transcript(h.ConversationID, h.RoomID)
	fresh, err := t.stream(h)
	if err != nil {
		m.fault("%s, live: %v", h.ConversationID, err)
	}
	if fresh {
		m.received++
	}
	m.recognise(h)
	switch h.entry {
	case entry{"member.left", m.user}: // by another device
		t.left, t.guest = true, true
	case entry{"member.joined", m.user}:
		t.left = false
		return m.sync() // for what was between the two
	}
	return nil
}

func (m *member) transcript(conversation, room string) *transcript {
	t := m.transcripts[conversation]
	if t == nil {
		t = newTranscript(room)
		m.transcripts[conversation] = t
	}
	return t
}

// recognise notes that a message was stored although nobody has said so yet.
func (m *member) recognise(h happening) {
	for _, cmd := range m.outbox {
		if h.SenderID == m.user && h.ClientMsgID != "" && h.ClientMsgID == cmd.clientMsgID() {
			cmd.stored = h.ID
		}
	}
}

// mendHoles syncs when the stream has left something out, which it never should. What is missing may be the client's own
// doing: the answer tells of it, or, after joining a room, a sync.
func (m *member) mendHoles() error {
	for id, t := range m.transcripts {
		if !t.hole() || m.since != nil || m.underWay(t) {
			continue
		}
		m.fault("%s: seq %d was told after seq %d, without what is between", id, t.told, t.last())
		if err := m.sync(); err != nil {
			return err
		}
	}
	return nil
}

func (m *member) underWay(t *transcript) bool {
	return slices.ContainsFunc(m.outbox, func(c *command) bool {
		if t.room == "" {
			return c.name == "message:send"
		}
		return c.name == "room:join" && c.payload["roomId"] == t.room
	})
}

// submit sends a command for the first time.
func (m *member) submit(c *command) error {
	m.outbox = append(m.outbox, c)
	return m.transmit(c)
}

func (m *member) transmit(c *command) error {
	if c.sent {
		m.resent++
	}
	if c.stored != "" {
		m.repeated++
	}
	c.sent = true
	return m.request(c.name, c.payload, func(raw json.RawMessage) error { return m.acknowledged(c, raw) })
}

// request sends; then is called with the answer, unless the connection is lost before. What the server cannot carry out
// for now is sent again.
func (m *member) request(name string, payload object, then func(json.RawMessage) error) error {
	number, err := m.send(name, payload)
	if err != nil {
		return &lostError{err}
	}
	m.waiting[number] = func(raw json.RawMessage) error {
		said, err := parseAnswer(raw)
		if err != nil || said.OK || said.Error.Code != "unavailable" {
			return then(raw)
		}
		if said.Error.RetryAfter < 1 {
			return fmt.Errorf("%s: refused for now, without a time to wait: %+v", name, said.Error)
		}
		m.postponed++
		m.later = append(m.later, func() error { return m.request(name, payload, then) })
		if m.pause == nil {
			m.pause = time.After(time.Duration(said.Error.RetryAfter) * time.Second)
		}
		return nil
	}
	return nil
}

// sendLater sends what was refused for now, in the same order.
func (m *member) sendLater() error {
	requests := m.later
	m.later, m.pause = nil, nil
	for _, again := range requests {
		if err := again(); err != nil {
			return err
		}
	}
	return nil
}

func (m *member) acknowledged(c *command, raw json.RawMessage) (err error) {
	if c.result, err = parseAnswer(raw); err != nil {
		return err
	}
	if !c.result.OK {
		return fmt.Errorf("%s %v: %+v", c.name, c.payload, c.result.Error)
	}
	if c.stored != "" && c.stored != c.result.ID {
		m.fault("%s is stored as %s and was acknowledged as %s", c.clientMsgID(), c.stored, c.result.ID)
	}
	m.outbox = slices.DeleteFunc(m.outbox, func(open *command) bool { return open == c })
	m.acked = append(m.acked, c)
	m.note(c)
	m.crowd.update(func(s *state) { s.acked++ })
	return m.applyOwn(c)
}

// applyOwn does what no event tells the device that asked for it.
func (m *member) applyOwn(c *command) error {
	switch c.name {
	case "message:send":
		own := happening{entry: entry{"message.created", c.result.ID}, message: message{
			ID: c.result.ID, ConversationID: c.result.ConversationID, Seq: c.result.Seq, Content: c.content(),
		}}
		if _, err := m.transcript(own.ConversationID, "").place(own); err != nil {
			m.fault("%s, own: %v", own.ConversationID, err)
		}
	case "room:leave", "room:join":
		for _, t := range m.transcripts {
			if t.room == c.payload["roomId"] {
				t.left = c.name == "room:leave"
				t.guest = t.guest || t.left
			}
		}
		if c.name == "room:join" {
			return m.sync()
		}
	}
	return nil
}

// fault notes a broken promise.
func (m *member) fault(format string, args ...any) {
	if len(m.faults) < 10 {
		m.faults = append(m.faults, fmt.Sprintf(format, args...))
	}
}

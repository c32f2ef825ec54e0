package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Outgoing is a message that waits to be sent, to a user or to a room.
type Outgoing struct {
	RecipientID string `json:"recipientId,omitempty"`
	RoomID      string `json:"roomId,omitempty"`
	Draft
}

// queue is the part of the loop that sends messages: one at a time, because the
// server may refuse one for now and take the next one, which would be out of order.
type queue struct {
	waiting  []*queued // the first one first
	inFlight bool      // the first one is sent and not answered
	untold   int       // reports that wait for the application
}

type queued struct {
	Outgoing
	call   *call // who waits for it; nil: nobody
	faults int   // refusals that may pass
	waited time.Duration
}

// A message that is refused for what may pass is sent again after pauses that
// double, until it has waited for an hour in all: so long the server may have a
// fault, and no longer may one message hold up those behind it. Time without a
// connection does not count.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second // unless the server asks for a longer one
	faultsPass   = time.Hour
)

// Queue puts a message into the queue and returns its clientMsgId as soon as the
// store has it. What becomes of it is told by Delivered or Undelivered, which count
// against Config.QueueLimit until they are read.
func (c *Client) Queue(ctx context.Context, m Outgoing) (clientMsgID string, err error) {
	if err := m.prepare(); err != nil {
		return "", err
	}
	if _, err := c.submit(ctx, &call{message: &queued{Outgoing: m}, done: make(chan outcome, 1)}); err != nil {
		return "", fmt.Errorf("queue a message: %w", err)
	}
	return m.ClientMsgID, nil
}

func (c *Client) send(ctx context.Context, m Outgoing) (sent Sent, err error) {
	if err := m.prepare(); err != nil {
		return Sent{}, err
	}
	asked := &call{done: make(chan outcome, 1)}
	asked.message = &queued{Outgoing: m, call: asked}
	raw, err := c.submit(ctx, asked)
	if err == nil {
		err = json.Unmarshal(raw, &sent)
	}
	if err != nil {
		return Sent{}, fmt.Errorf("%s: %w", m.command(), err)
	}
	return sent, nil
}

func (m *Outgoing) prepare() error {
	if (m.RecipientID == "") == (m.RoomID == "") {
		return errors.New("client: a message has either RecipientID or RoomID")
	}
	if m.ClientMsgID == "" {
		m.ClientMsgID = rand.Text()
	}
	return nil
}

func (m *Outgoing) command() string {
	if m.RoomID != "" {
		return commandRoom
	}
	return commandDirect
}

func (m *Outgoing) payload() any {
	if m.RoomID != "" {
		return RoomDraft{m.RoomID, m.Draft}
	}
	return DirectDraft{m.RecipientID, m.Draft}
}

// enqueue takes a message from the application.
func (l *loop) enqueue(c *call) {
	m := c.message
	if len(l.waiting) >= l.cfg.QueueLimit || m.call == nil && len(l.waiting)+l.untold >= l.cfg.QueueLimit {
		c.fail(ErrQueueFull)
		return
	}
	if _, err := l.encode(m.command(), m.payload()); err != nil {
		c.fail(err)
		return
	}
	if err := l.cfg.Store.Add(m.Outgoing); err != nil {
		c.fail(fmt.Errorf("store: %w", err))
		return
	}
	l.waiting = append(l.waiting, m)
	l.countQueue()
	if m.call == nil {
		c.succeed(nil)
	}
	l.pump()
}

func (l *loop) countQueue() {
	n := len(l.waiting)
	l.client.mu.Lock()
	l.client.queued = n
	l.client.mu.Unlock()
}

// pump sends the first message, if it can be sent now. One from the store that is
// too large for that is settled at once.
func (l *loop) pump() {
	if l.link == nil || l.inFlight || len(l.waiting) == 0 || l.alarms.set(alarmQueue) {
		return
	}
	l.inFlight = true
	m := l.waiting[0]
	l.transmit(&call{command: m.command(), payload: m.payload(), then: func(answer json.RawMessage, err error) {
		if errors.Is(err, ErrConnectionLost) || l.halted != nil {
			return // it is the first one on the next connection too
		}
		l.inFlight = false
		l.settled(m, answer, err)
		l.pump()
	}})
}

// settled takes the answer to the first message.
func (l *loop) settled(m *queued, answer json.RawMessage, err error) {
	if after, ok := passing(err); ok && m.waited < faultsPass {
		pause := max(after, m.pause())
		m.faults++
		m.waited += pause
		l.alarms.in(alarmQueue, pause)
		return
	}
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	l.countQueue()
	if fault := l.cfg.Store.Remove(m.ClientMsgID); fault != nil {
		// It is sent once more by the next client, which changes nothing.
		l.cfg.Logger.Error("a message that was sent could not be taken out of the store", "clientMsgId", m.ClientMsgID, "err", fault)
	}
	switch {
	case m.call != nil && err != nil:
		m.call.fail(err)
	case m.call != nil:
		m.call.succeed(answer)
	case err != nil:
		l.tell(&Undelivered{Outgoing: m.Outgoing, Err: err})
	default:
		told := new(Delivered)
		_ = json.Unmarshal(answer, &told.Sent) // answered has looked at it
		l.tell(told)
	}
}

// isReport tells whether an event says what has become of a message.
func isReport(e Event) bool {
	switch e.(type) {
	case *Delivered, *Undelivered:
		return true
	}
	return false
}

// pause is how long to wait before the message is sent again.
func (m *queued) pause() time.Duration {
	const doublings = 5 // then it is over the longest
	return min(firstPause<<min(m.faults, doublings), longestPause)
}

func (l *loop) failQueue(err error) {
	for _, m := range l.waiting {
		if m.call != nil {
			m.call.fail(err)
		}
	}
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Names of commands that the client itself knows something about.
const (
	commandDirect      = "message:send"
	commandRoom        = "room:message"
	commandSync        = "sync"
	commandJoin        = "room:join"
	commandCreate      = "room:create"
	commandLeave       = "room:leave"
	commandSubscribe   = "notification:subscribe"
	commandUnsubscribe = "notification:unsubscribe"
	commandRefresh     = "auth:refresh"
)

// reads are the commands that change nothing: when their answer is lost they are
// sent again on the next connection.
var reads = []string{
	commandSync, "history", "thread", "message:search", "message:pins", "message:scheduled", "room:get", "room:list", "room:members", "room:bans",
	"room:search", "conversation:list", "friend:list", "user:get", "user:search", "presence:get",
}

// calls is the part of the loop that asks.
type calls struct {
	number  uint64
	pending map[uint64]*call // sent, not answered
	idle    []*call          // not sent: there is no connection, or too many are
	topics  []string         // that the device is subscribed to

	answeredAt time.Time // when the last answer came
}

// maxPending is how many commands may be sent and not answered. The server takes
// them one after the other; more would only fill the connection.
const maxPending = 100

// call is one command on its way.
type call struct {
	command string
	payload any
	message *queued // instead of these: a message for the queue
	ctx     context.Context
	done    chan outcome                            // has room for one; nil for the client's own
	then    func(answer json.RawMessage, err error) // of the client's own
	sent    time.Time
}

type outcome struct {
	answer json.RawMessage
	err    error
}

func (c *call) succeed(answer json.RawMessage) {
	if c.done != nil {
		c.done <- outcome{answer: answer}
	}
	if c.then != nil {
		c.then(answer, nil)
	}
}

func (c *call) fail(err error) {
	if c.done != nil {
		c.done <- outcome{err: err}
	}
	if c.then != nil {
		c.then(nil, err)
	}
}

// ask sends a command and waits for its answer.
func ask[A any](ctx context.Context, c *Client, command string, payload any) (answer A, err error) {
	raw, err := c.submit(ctx, &call{command: command, payload: payload, ctx: ctx, done: make(chan outcome, 1)})
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil {
		return answer, fmt.Errorf("%s: %w", command, err)
	}
	return answer, nil
}

// Call carries any command out and returns what acknowledges it, without its ok. It is for commands
// that have no method here, and for payloads that come from elsewhere. Messages go
// past the queue.
func (c *Client) Call(ctx context.Context, command string, payload json.RawMessage) (json.RawMessage, error) {
	typed, err := typedPayload(command, payload)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	answer, err := ask[map[string]json.RawMessage](ctx, c, command, typed)
	if err != nil {
		return nil, err
	}
	for _, own := range []string{"ok", "type", "ref"} { // the answer's, not what it says
		delete(answer, own)
	}
	return json.Marshal(answer)
}

// typedPayload is a payload as the methods would send it, if the client itself has
// to know what it says.
func typedPayload(command string, payload json.RawMessage) (typed any, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(payload, &object); err != nil || object == nil {
		return nil, errors.New("the payload must be a JSON object")
	}
	switch command {
	case commandCreate:
		return decodeAs[NewRoom](payload)
	case commandJoin, commandLeave:
		return decodeAs[roomQuery](payload)
	case commandSubscribe, commandUnsubscribe:
		return decodeAs[topics](payload)
	case commandRefresh:
		return decodeAs[refreshQuery](payload)
	}
	return payload, nil
}

func decodeAs[T any](payload json.RawMessage) (typed T, err error) {
	err = json.Unmarshal(payload, &typed)
	return typed, err
}

// tell is ask for a command with nothing in its answer.
func tell(ctx context.Context, c *Client, command string, payload any) error {
	_, err := ask[struct{}](ctx, c, command, payload)
	return err
}

// submit gives a call to the loop and waits for what comes of it.
func (c *Client) submit(ctx context.Context, asked *call) (json.RawMessage, error) {
	select {
	case c.calls <- asked:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.stopped:
		return nil, c.errOr(ErrClosed)
	}
	select {
	case o := <-asked.done:
		return o.answer, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// take is for calls that come from the application.
func (l *loop) take(c *call) {
	switch {
	case c.message != nil:
		l.enqueue(c)
	case l.ready():
		l.transmit(c)
	default:
		l.park(c)
	}
}

// ready tells that one more command of the application's can be sent.
func (l *loop) ready() bool { return l.link != nil && len(l.pending) < maxPending && len(l.idle) == 0 }

// park keeps a call until it can be sent. Nobody waits any more for those
// whose context has ended.
func (l *loop) park(c *call) {
	if len(l.idle) >= l.cfg.QueueLimit {
		l.idle = slices.DeleteFunc(l.idle, func(c *call) bool { return c.ctx.Err() != nil })
	}
	if len(l.idle) >= l.cfg.QueueLimit {
		c.fail(ErrQueueFull)
		return
	}
	l.idle = append(l.idle, c)
}

// transmitWaiting sends what was parked, as much as can be sent.
func (l *loop) transmitWaiting() {
	for len(l.idle) > 0 && l.link != nil && len(l.pending) < maxPending {
		c := l.idle[0]
		l.idle = slices.Delete(l.idle, 0, 1)
		if err := c.ctx.Err(); err != nil {
			c.fail(err)
			continue
		}
		l.transmit(c)
	}
}

// transmit sends a call; its answer comes in time or the connection counts as
// lost.
func (l *loop) transmit(c *call) {
	frame, err := l.encode(c.command, c.payload)
	if err != nil {
		c.fail(err)
		return
	}
	c.sent = time.Now()
	l.pending[l.number] = c
	l.number++
	if !l.alarms.set(alarmOverdue) {
		l.alarms.in(alarmOverdue, l.cfg.Timeout)
	}
	if err := l.link.send(frame); err != nil {
		_ = l.link.conn.CloseNow() // the reader tells the loop
	}
}

// encode writes the frame of the next request.
func (l *loop) encode(command string, payload any) ([]byte, error) {
	frame, err := l.speaks.request(l.number, command, payload)
	if err == nil && len(frame) > maxRequestBytes {
		return nil, fmt.Errorf("%w: it has %d bytes as JSON, at most %d are possible", ErrTooLarge, len(frame), maxRequestBytes)
	}
	return frame, err
}

// answered takes the answer to a call.
func (l *loop) answered(number uint64, payload json.RawMessage) {
	c := l.pending[number]
	if c == nil {
		return // it was not asked for
	}
	delete(l.pending, number)
	l.answeredAt = time.Now()
	defer l.transmitWaiting()
	var a struct {
		OK    bool   `json:"ok"`
		Error *Error `json:"error"`
	}
	err := json.Unmarshal(payload, &a)
	switch {
	case err != nil:
		c.fail(fmt.Errorf("%w: %w", errMalformed, err))
	case !a.OK && a.Error == nil:
		c.fail(errMalformed)
	case !a.OK:
		c.fail(a.Error)
	default:
		l.note(c, payload)
		c.succeed(payload)
	}
}

// note does what follows for the client itself from a command that was carried
// out.
func (l *loop) note(c *call, answer json.RawMessage) {
	switch p := c.payload.(type) {
	case refreshQuery:
		l.refreshed(p.Token, answer)
	case topics:
		var now topics
		if json.Unmarshal(answer, &now) == nil {
			l.topics = now.Topics
		}
	case roomQuery:
		switch c.command {
		case commandJoin:
			l.joined(answer)
		case commandLeave:
			l.forgetRoom(p.RoomID)
		}
	case NewRoom:
		l.joined(answer)
	}
}

// subscribeAgain restores what went with the last connection.
func (l *loop) subscribeAgain() {
	if len(l.topics) == 0 {
		return
	}
	l.transmit(&call{command: commandSubscribe, payload: topics{l.topics}, then: func(_ json.RawMessage, err error) {
		if err != nil {
			l.cfg.Logger.Warn("topics could not be subscribed to again", "err", err)
		}
	}})
}

// checkAnswers ends a connection on which an answer does not come.
func (l *loop) checkAnswers() {
	if len(l.pending) == 0 || l.link == nil {
		return
	}
	since := time.Now()
	for _, c := range l.pending {
		if c.sent.Before(since) {
			since = c.sent
		}
	}
	if l.answeredAt.After(since) {
		since = l.answeredAt // one after the other
	}
	if left := l.cfg.Timeout - time.Since(since); left > 0 {
		l.alarms.in(alarmOverdue, left)
		return
	}
	l.lost(fmt.Errorf("no answer for %s", l.cfg.Timeout))
}

// loseAnswers is for calls whose connection is lost: what only reads is asked
// again.
func (l *loop) loseAnswers() {
	lost := l.pending
	l.pending = make(map[uint64]*call)
	for _, number := range slices.Sorted(maps.Keys(lost)) {
		c := lost[number]
		if c.done != nil && slices.Contains(reads, c.command) {
			l.park(c)
		} else {
			c.fail(ErrConnectionLost)
		}
	}
}

func (l *loop) failCalls(err error) {
	for _, c := range l.pending {
		c.fail(err)
	}
	for _, c := range l.idle {
		c.fail(err)
	}
	l.pending, l.idle = nil, nil
}

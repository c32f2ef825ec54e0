package blackbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// client is a signed-in connection of either protocol. Its methods may be called concurrently. It keeps all that comes
// until it is taken, so that it is never a slow consumer.
type client struct {
	speaks dialect
	wire   wire
	link   *link         // the wire, if that is a WebSocket
	done   chan struct{} // closed when the connection has ended

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when something has come, closed when the connection has ended
	asked   uint64
	acks    map[uint64]chan json.RawMessage // nil: the answer is one of the events
	events  []received
	told    bool  // the server has sent a Disconnect packet
	err     error // why the connection has ended
}

// wire carries messages.
type wire interface {
	text(message string) error
	read() (ws.OpCode, []byte, error)
	close()
}

// dialect is how a client speaks. It keeps no state.
type dialect interface {
	// signIn comes first on a fresh wire.
	signIn(w wire, auth any) error
	// request writes a request whose answer bears the number.
	request(number uint64, command string, payload any) (string, error)
	// parse reads what the server has sent.
	parse(message []byte) (incoming, error)
}

// incoming is a message of the server.
type incoming struct {
	received
	kind  kind
	reply string // to be sent back at once, unless empty
}

type kind int

const (
	noise kind = iota
	event
	acknowledgement
	farewell // a Disconnect packet
)

// received is an event from the server, or the answer to what was sent with send.
type received struct {
	name    string // empty: an answer
	number  uint64 // of the request that it answers
	payload json.RawMessage
}

// enter signs in on a fresh wire, which it closes when that fails.
func enter(w wire, speaks dialect, auth any) (*client, error) {
	c := &client{
		speaks: speaks, wire: w, done: make(chan struct{}), changed: make(chan struct{}),
		acks: make(map[uint64]chan json.RawMessage),
	}
	c.link, _ = w.(*link)
	watchdog := time.AfterFunc(patience, w.close)
	defer watchdog.Stop()
	if err := speaks.signIn(w, auth); err != nil {
		w.close()
		return nil, err
	}
	go c.listen()
	return c, nil
}

func (c *client) listen() {
	defer close(c.done)
	var err error
	for err == nil {
		var message []byte
		if _, message, err = c.wire.read(); err == nil {
			err = c.handle(message)
		}
	}
	c.mu.Lock()
	c.err = err
	close(c.changed)
	c.mu.Unlock()
	c.wire.close()
}

func (c *client) handle(message []byte) error {
	in, err := c.speaks.parse(message)
	if err != nil {
		return err
	}
	if in.reply != "" {
		return c.wire.text(in.reply)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch in.kind {
	case farewell:
		c.told = true
	case event:
		c.keep(in.received)
	case acknowledgement:
		waiting, asked := c.acks[in.number]
		if !asked {
			return fmt.Errorf("acknowledgement %d was not asked for, or came twice", in.number)
		}
		delete(c.acks, in.number)
		if waiting == nil {
			c.keep(in.received)
		} else {
			waiting <- in.payload
		}
	}
	return nil
}

func (c *client) keep(r received) {
	c.events = append(c.events, r)
	close(c.changed)
	c.changed = make(chan struct{})
}

// ask sends a request; its answer comes on the channel, if it comes.
func (c *client) ask(command string, payload any) (<-chan json.RawMessage, error) {
	waiting := make(chan json.RawMessage, 1)
	_, err := c.request(command, payload, waiting)
	return waiting, err
}

// send sends a request; its answer, under the number returned, is one of what take returns, if it comes.
func (c *client) send(command string, payload any) (number uint64, err error) {
	return c.request(command, payload, nil)
}

func (c *client) request(command string, payload any, waiting chan json.RawMessage) (uint64, error) {
	c.mu.Lock()
	number := c.asked
	c.asked++
	c.acks[number] = waiting
	c.mu.Unlock()
	message, err := c.speaks.request(number, command, payload)
	if err != nil {
		return 0, err
	}
	return number, c.wire.text(message)
}

// take returns what has come since the last time, in the order in which it came, and a channel that is closed when there
// is more. The error is why the connection has ended; all that came before has been returned then.
func (c *client) take() (all []received, more <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, c.events = c.events, nil
	if len(all) == 0 {
		err = c.err
	}
	return all, c.changed, err
}

// answer is an acknowledgement of any command.
type answer struct {
	OK    bool `json:"ok"`
	Error struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		Field      string `json:"field"`
		Limit      int    `json:"limit"`
		RetryAfter int    `json:"retryAfter"`
	} `json:"error"`

	ID             string    `json:"id"`
	ConversationID string    `json:"conversationId"`
	Seq            int64     `json:"seq"`
	ClientMsgID    string    `json:"clientMsgId"`
	Timestamp      string    `json:"timestamp"`
	Messages       []message `json:"messages"`
	More           bool      `json:"more"`
}

// message is a message of a history.
type message struct {
	ID             string              `json:"id"`
	ConversationID string              `json:"conversationId"`
	RoomID         string              `json:"roomId"`
	SenderID       string              `json:"senderId"`
	Content        string              `json:"content"`
	ClientMsgID    string              `json:"clientMsgId"`
	Timestamp      string              `json:"timestamp"`
	Seq            int64               `json:"seq"`
	Deleted        bool                `json:"deleted"`
	Reactions      map[string][]string `json:"reactions"` // users by emoji
}

// call sends a request and waits for its answer.
func (c *client) call(ctx context.Context, command string, payload any) (answer, error) {
	raw, err := c.callRaw(ctx, command, payload)
	if err != nil {
		return answer{}, err
	}
	return parseAnswer(raw)
}

func (c *client) callRaw(ctx context.Context, command string, payload any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	waiting, err := c.ask(command, payload)
	if err != nil {
		return nil, err
	}
	select {
	case raw := <-waiting:
		return raw, nil
	case <-c.done:
		return nil, fmt.Errorf("%s: connection lost: %w", command, c.reason())
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: no acknowledgement: %w", command, ctx.Err())
	}
}

func parseAnswer(raw json.RawMessage) (answer, error) {
	var a answer
	err := json.Unmarshal(raw, &a)
	return a, err
}

// next waits for the next event of that name and takes it.
func (c *client) next(ctx context.Context, name string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		c.mu.Lock()
		for i, e := range c.events {
			if e.name == name {
				c.events = append(c.events[:i:i], c.events[i+1:]...)
				c.mu.Unlock()
				return e.payload, nil
			}
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-c.done:
			return nil, fmt.Errorf("event %s did not come: %w", name, c.reason())
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("event %s did not come", name)
		}
	}
}

func (c *client) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// toldToLeave tells whether the server has sent a Disconnect packet, after which stock clients do not come back.
func (c *client) toldToLeave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told
}

// close ends the connection and waits for its goroutine.
func (c *client) close() {
	c.wire.close()
	<-c.done
}

// history reads a whole conversation, oldest message first, in pages.
func (c *client) history(ctx context.Context, conversation map[string]any) ([]message, error) {
	var all []message
	for {
		query := map[string]any{"limit": 100}
		for key, value := range conversation {
			query[key] = value
		}
		if len(all) > 0 {
			query["before"] = all[0].ID
		}
		page, err := c.call(ctx, "history", query)
		if err != nil {
			return nil, err
		}
		if !page.OK {
			return nil, errors.New("history: " + page.Error.Message)
		}
		all = append(page.Messages, all...)
		if !page.More {
			return all, nil
		}
	}
}

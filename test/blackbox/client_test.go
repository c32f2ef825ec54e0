package blackbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// client is a Socket.IO client of protocol 5 in the namespace "/". Its methods may be called concurrently.
type client struct {
	link *link
	done chan struct{} // closed when the connection has ended

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when an event has come
	asked   uint64
	acks    map[uint64]chan json.RawMessage
	events  []received
	told    bool  // the server has sent a Disconnect packet
	err     error // why the connection has ended
}

// received is an event from the server.
type received struct {
	name    string
	payload json.RawMessage
}

// refusal is the server's answer to a sign-in that failed.
type refusal struct {
	Message string `json:"message"`
	Data    struct {
		Code string `json:"code"`
	} `json:"data"`
}

func (r *refusal) Error() string { return r.Message }

// signIn connects with a token.
func signIn(ctx context.Context, addr, token string) (*client, error) {
	l, err := dial(ctx, addr, dialing{})
	if err != nil {
		return nil, err
	}
	return join(l, map[string]string{"token": token})
}

// join signs in on a fresh link, which it closes when that fails.
func join(l *link, auth any) (*client, error) {
	c := &client{link: l, done: make(chan struct{}), changed: make(chan struct{}), acks: make(map[uint64]chan json.RawMessage)}
	if err := c.handshake(auth); err != nil {
		l.close()
		return nil, err
	}
	go c.listen()
	return c, nil
}

func (c *client) handshake(auth any) error {
	packet := "40"
	if auth != nil {
		encoded, err := json.Marshal(auth)
		if err != nil {
			return err
		}
		packet += string(encoded)
	}
	if err := c.link.text(packet); err != nil {
		return err
	}
	for {
		_, message, err := c.link.read()
		if err != nil {
			return err
		}
		text := string(message)
		switch {
		case strings.HasPrefix(text, "0"):
		case text == "2":
			if err := c.link.text("3"); err != nil {
				return err
			}
		case strings.HasPrefix(text, "40"):
			return nil
		case strings.HasPrefix(text, "44"):
			var r refusal
			if err := json.Unmarshal(message[2:], &r); err != nil {
				return err
			}
			return &r
		default:
			return fmt.Errorf("unexpected %q during sign-in", text)
		}
	}
}

func (c *client) listen() {
	defer close(c.done)
	var err error
	for err == nil {
		var message []byte
		if _, message, err = c.link.read(); err == nil {
			err = c.handle(string(message))
		}
	}
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
	c.link.close()
}

func (c *client) handle(message string) error {
	switch {
	case message == "2":
		return c.link.text("3")
	case message == "1": // the session ends; the socket is closed next
		return nil
	case strings.HasPrefix(message, "41"):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.told = true
		return nil
	case strings.HasPrefix(message, "42"):
		return c.handleEvent(message[2:])
	case strings.HasPrefix(message, "43"):
		return c.handleAck(message[2:])
	}
	return fmt.Errorf("unexpected message %q", message)
}

func (c *client) handleEvent(body string) error {
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(body), &args); err != nil || len(args) == 0 {
		return fmt.Errorf("event %q: %w", body, err)
	}
	e := received{payload: json.RawMessage("null")}
	if err := json.Unmarshal(args[0], &e.name); err != nil {
		return err
	}
	if len(args) > 1 {
		e.payload = args[1]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func (c *client) handleAck(body string) error {
	digits := strings.IndexByte(body, '[')
	if digits < 0 {
		return fmt.Errorf("acknowledgement %q", body)
	}
	id, err := strconv.ParseUint(body[:digits], 10, 64)
	if err != nil {
		return err
	}
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(body[digits:]), &args); err != nil || len(args) != 1 {
		return fmt.Errorf("acknowledgement %q: %w", body, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.acks[id]
	if waiting == nil {
		return fmt.Errorf("acknowledgement %d was not asked for, or came twice", id)
	}
	delete(c.acks, id)
	waiting <- args[0]
	return nil
}

// emit sends an event that asks for no acknowledgement.
func (c *client) emit(event string, payload any) error {
	encoded, err := json.Marshal([]any{event, payload})
	if err != nil {
		return err
	}
	return c.link.text("42" + string(encoded))
}

// ask sends an event; its acknowledgement comes on the channel, if it comes.
func (c *client) ask(event string, payload any) (<-chan json.RawMessage, error) {
	encoded, err := json.Marshal([]any{event, payload})
	if err != nil {
		return nil, err
	}
	waiting := make(chan json.RawMessage, 1)
	c.mu.Lock()
	id := c.asked
	c.asked++
	c.acks[id] = waiting
	c.mu.Unlock()
	return waiting, c.link.text("42" + strconv.FormatUint(id, 10) + string(encoded))
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
	ID             string `json:"id"`
	ConversationID string `json:"conversationId"`
	SenderID       string `json:"senderId"`
	Content        string `json:"content"`
	ClientMsgID    string `json:"clientMsgId"`
	Timestamp      string `json:"timestamp"`
	Seq            int64  `json:"seq"`
}

// call sends an event and waits for its acknowledgement.
func (c *client) call(ctx context.Context, event string, payload any) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	waiting, err := c.ask(event, payload)
	if err != nil {
		return answer{}, err
	}
	select {
	case raw := <-waiting:
		return parseAnswer(raw)
	case <-c.done:
		return answer{}, fmt.Errorf("%s: connection lost: %w", event, c.reason())
	case <-ctx.Done():
		return answer{}, fmt.Errorf("%s: no acknowledgement: %w", event, ctx.Err())
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
		case <-changed:
		case <-c.done:
			return nil, fmt.Errorf("event %s did not come: %w", name, c.reason())
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
	c.link.close()
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

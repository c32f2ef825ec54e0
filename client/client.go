package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
)

// State is how a client stands.
type State int

// The states.
const (
	Connecting State = iota // an attempt to connect is under way, or what was missed is being fetched
	Online                  // signed in, and nothing is missing
	Waiting                 // for the next attempt to connect
	Stopped                 // for good: closed, or not wanted back
	Idle                    // waits for Connect: see Config.NoAutoConnect and Config.NoReconnection
)

func (s State) String() string {
	switch s {
	case Connecting:
		return "connecting"
	case Online:
		return "online"
	case Waiting:
		return "waiting"
	case Idle:
		return "idle"
	}
	return "stopped"
}

// Client is one device of a user. Its methods may be called concurrently.
type Client struct {
	events chan Event
	calls  chan *call
	nudges chan struct{}
	own    *http.Transport // nil: the HTTP client is the application's

	closing chan struct{} // closed by Close
	close   func()
	stopped chan struct{} // closed when all goroutines have ended

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every change of what follows
	state   State
	userID  string
	epoch   string // of the server, as it was told last
	queued  int
	status  ConnectionStatus // but for Connected
	lost    error            // what the last connection, or attempt at one, ended with
	err     error            // why it has stopped
}

// ConnectionStatus is a connection as it is at one moment.
type ConnectionStatus struct {
	Connected bool   // the client is Online
	ID        string // the server's of the connection; empty without one
	// Node is the id of the server among those that have one database; empty without a connection, where there can be one
	// server, and over Socket.IO until it has said so, which is before the first CaughtUp.
	Node      string
	Transport string // "websocket"; empty without a connection
	Attempts  int    // how many have failed in a row
}

// New starts a client, which connects by itself. Messages that wait in the store go
// out as soon as it has. Close must be called.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	waiting, err := cfg.Store.Load()
	if err != nil {
		return nil, fmt.Errorf("client: load the messages that wait: %w", err)
	}
	c := &Client{
		events: make(chan Event), calls: make(chan *call), nudges: make(chan struct{}, 1),
		closing: make(chan struct{}), stopped: make(chan struct{}), changed: make(chan struct{}),
	}
	if cfg.NoAutoConnect {
		c.state = Idle
	}
	c.close = sync.OnceFunc(func() { close(c.closing) })
	if cfg.HTTPClient == nil {
		c.own = http.DefaultTransport.(*http.Transport).Clone()
		cfg.HTTPClient = &http.Client{Transport: c.own}
	}
	go newLoop(c, cfg, waiting).run()
	return c, nil
}

// Dial is New, Connect and Ready for callers that want to know when it does not work: it
// returns a client that is online, or what the last attempt failed with, after as many as
// Config.Backoff.Attempts says (5, which take some ten seconds where nobody listens), one
// with NoReconnection, or when ctx ends.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	c.Connect()
	if err := c.ready(ctx, cmp.Or(cfg.Backoff.Attempts, defaultAttempts)); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection and waits until everything has ended, a few seconds at
// most. Messages that were not acknowledged stay in the store; who waits for one
// gets ErrClosed, and events that were not taken are gone.
func (c *Client) Close() {
	c.close()
	<-c.stopped
}

// Events has all that happens, until the client stops or is closed; then it is
// closed and Err says why. There is one such channel. It must be read: what waits
// is bounded (Config.Buffer).
func (c *Client) Events() <-chan Event { return c.events }

// Err is why the client has stopped: ErrClosed after Close, an ErrStopped when the
// server does not want it back, nil before.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// State is how the client stands now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// ConnectionStatus is the connection of now.
func (c *Client) ConnectionStatus() ConnectionStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	status := c.status
	status.Connected = c.state == Online
	return status
}

// UserID is who the token is for; empty before there was a connection.
func (c *Client) UserID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.userID
}

// Epoch names the life of the server's database: it is another one once the server was
// restored from a backup, after which seqs of before say nothing. Applications that keep
// seqs for Config.Since keep it beside them. It is known from the first CaughtUp on.
func (c *Client) Epoch() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// Queued is how many messages wait to be acknowledged.
func (c *Client) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// Ready waits until the client is online, or has stopped, or ctx ends, however many
// attempts that takes. Of a client that is Idle after a failure it returns that.
func (c *Client) Ready(ctx context.Context) error { return c.ready(ctx, math.MaxInt) }

// ready is Ready for so many attempts.
func (c *Client) ready(ctx context.Context, attempts int) error {
	for {
		c.mu.Lock()
		state, changed, err, lost, failed := c.state, c.changed, c.err, c.lost, c.status.Attempts
		c.mu.Unlock()
		switch {
		case state == Online:
			return nil
		case state == Stopped:
			return err
		case lost != nil && (state == Idle || state == Waiting && failed >= attempts):
			return lost
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if lost != nil {
				return fmt.Errorf("%w: %w", ctx.Err(), lost)
			}
			return ctx.Err()
		}
	}
}

// Connect begins to connect if the client is Idle, and tries at once if it waits for its
// next attempt.
func (c *Client) Connect() {
	c.update(func() {
		if c.state == Idle {
			c.state, c.lost = Connecting, nil // who waits for Ready is to wait from now on
		}
	})
	c.Reconnect()
}

// Reconnect tries at once if the client waits for its next attempt. It is for
// applications that know that the network is back.
func (c *Client) Reconnect() {
	select {
	case c.nudges <- struct{}{}:
	default:
	}
}

// update changes what the application can ask for. But for Connect it is the loop's.
func (c *Client) update(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
}

// errOr is the error of calls that come too late.
func (c *Client) errOr(fallback error) error {
	if err := c.Err(); err != nil {
		return err
	}
	return fallback
}

// stoppedBy makes the error of a client that is not wanted back.
func stoppedBy(cause error) error {
	if errors.Is(cause, ErrStopped) {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrStopped, cause)
}

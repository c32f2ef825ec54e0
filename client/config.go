package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Protocol is how a client speaks with the server.
type Protocol int

// The protocols. They can do the same.
const (
	SocketIO  Protocol = iota // Socket.IO 5 over WebSocket
	WebSocket                 // JSON frames, sub-protocol sockeye.v1
)

// TokenSource gives a token that is good. It is asked when the client connects
// without a token that it believes in, before a token expires, and after the server
// has refused one. One call at a time is under way; ctx ends with the client.
type TokenSource func(ctx context.Context) (token string, err error)

// StaticToken always gives the same token. A client that has it stops when the
// server refuses it.
func StaticToken(token string) TokenSource {
	return func(context.Context) (string, error) { return token, nil }
}

// Config says where and how to connect. URL and Token are required; zero values of
// the others stand for what is said with them.
type Config struct {
	URL      string // of the server: http, https, ws or wss; a path in it is where the server is mounted
	Protocol Protocol
	Token    TokenSource

	// UserID is whose client this is, and whose messages wait in Store: a token for
	// another user ends it with ErrUserChanged. Without it the first token decides.
	UserID string

	// Since has the seq of the last event that the application has handled, by
	// conversation, as events carry it: the client begins with what came after.
	// Without it the client begins with what happens from now on.
	Since map[string]int64
	// Epoch is what Epoch of the client was when Since was noted: where the server has
	// been restored from a backup since, each conversation is told of by a
	// ConversationReset. Without it Since is taken for the server's of now.
	Epoch string

	Store      Store // where messages wait to be sent; nil: in memory
	QueueLimit int   // how many messages, and how many other commands, may wait; 1,000
	Buffer     int   // how many events may wait for the application; 1,000

	// NoAutoConnect makes New wait for Connect (autoConnect: false of other clients).
	NoAutoConnect bool
	// NoReconnection makes the client wait for Connect after a failed attempt or a lost
	// connection, instead of coming back by itself (reconnection: false). Such a client
	// is Idle.
	NoReconnection bool

	Backoff Backoff
	Timeout time.Duration // of an attempt to connect, and of an answer, after which the connection counts as lost; 20 s

	HTTPClient *http.Client // for the handshake; nil: one of its own, with the proxy of the environment
	Logger     *slog.Logger // nil: silent
}

// Backoff says how long to wait between attempts to connect.
type Backoff struct {
	First    time.Duration // before the second attempt, doubled each time; 500 ms (reconnectionDelay)
	Longest  time.Duration // of these; 10 s
	Attempts int           // after so many in a row ReconnectFailed is told; 5 (reconnectionAttempts)
	Slow     time.Duration // between the attempts after that; 30 s
}

// defaultAttempts is the default of Backoff.Attempts.
const defaultAttempts = 5

// Fixed bounds.
const (
	maxMessageBytes = 16 << 20 // of a frame from the server
	maxRequestBytes = 900_000  // of a frame to the server, which closes the connection for one over 1,000,000
	maxHeld         = 256      // events of one conversation that wait for those before them
	maxSynced       = 1000     // conversations in one sync
)

func (c Config) withDefaults() (Config, error) {
	u, err := url.Parse(c.URL)
	switch {
	case !strings.Contains(c.URL, "://"), err == nil && u.Host == "":
		return c, fmt.Errorf("client: URL is %q, it must be like https://chat.example or http://127.0.0.1:3000", c.URL)
	case err != nil:
		return c, fmt.Errorf("client: URL: %w", err)
	case c.Token == nil:
		return c, errors.New("client: Token is missing")
	case c.Protocol != SocketIO && c.Protocol != WebSocket:
		return c, fmt.Errorf("client: Protocol is %d, it must be SocketIO or WebSocket", c.Protocol)
	case c.QueueLimit < 0, c.Buffer < 0, c.Timeout < 0, c.Backoff.First < 0, c.Backoff.Longest < 0, c.Backoff.Attempts < 0, c.Backoff.Slow < 0:
		return c, errors.New("client: limits and times must not be negative")
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	case "ws", "wss":
	default:
		return c, fmt.Errorf("client: URL has the scheme %q, it must be http, https, ws or wss", u.Scheme)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	u.RawQuery, u.Fragment = "", ""
	c.URL = u.String()
	c.Since = maps.Clone(c.Since)
	setDefault(&c.QueueLimit, 1000)
	setDefault(&c.Buffer, 1000)
	setDefault(&c.Timeout, 20*time.Second)
	setDefault(&c.Backoff.First, 500*time.Millisecond)
	setDefault(&c.Backoff.Longest, 10*time.Second)
	setDefault(&c.Backoff.Attempts, defaultAttempts)
	setDefault(&c.Backoff.Slow, 30*time.Second)
	if c.Store == nil {
		c.Store = memory{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func setDefault[T comparable](to *T, value T) {
	var zero T
	if *to == zero {
		*to = value
	}
}

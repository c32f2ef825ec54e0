// Package redis carries frames between nodes by Redis: each is a message that is published
// in one channel. Redis keeps nothing of it, and may be empty, restarted or away.
//
// It may be a single server, one that Sentinels watch, or a Redis Cluster.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/sockeye-im/sockeye/internal/cluster"
)

// Config is what [New] needs.
type Config struct {
	URL     string // see [Validate]
	Channel string // of the cluster, see [cluster.Channel]
	Log     *slog.Logger
}

const (
	// connectTimeout is for each connection, until it can be used.
	connectTimeout = 2 * time.Second
	// quiet is how long a connection is silent before it is asked whether Redis is there.
	quiet = time.Second
	// answerTimeout is how long Redis may take to answer.
	answerTimeout = 3 * time.Second
	// bufferSize is of each connection's reader and writer, in bytes.
	bufferSize = 64 << 10
)

// New returns a broker that connects once somebody listens.
func New(cfg Config) (*cluster.Line, error) {
	options, err := parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, heard func([]byte)) (cluster.Conn, error) {
		c, err := connect(ctx, options, cfg.Channel, heard)
		if err != nil {
			return nil, explain(err) // not c, which would be a nil in an interface
		}
		return c, nil
	}
	return cluster.NewLine(cluster.LineConfig{Name: "redis", Dial: dial, Log: cfg.Log}), nil
}

// conn is a subscription, and a connection for publishing. The client does not try again by
// itself: what may be lost has to be noticed, and what is sent again would come twice.
type conn struct {
	channel string
	sockets *sockets
	client  rueidis.Client
	publish rueidis.DedicatedClient
	broken  <-chan error // of the subscription; closed when nothing is heard any more
}

func connect(ctx context.Context, options rueidis.ClientOption, channel string, heard func([]byte)) (_ *conn, err error) {
	c := &conn{channel: channel, sockets: &sockets{}}
	// The client does not heed ctx while it connects.
	defer context.AfterFunc(ctx, c.sockets.close)()
	options.DialCtxFn = c.sockets.dial
	if c.client, err = rueidis.NewClient(options); err != nil {
		c.sockets.close()
		if c.client != nil {
			c.client.Close()
		}
		return nil, err
	}
	c.publish, _ = c.client.Dedicate()
	subscription, _ := c.client.Dedicate()
	c.broken = subscription.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { heard([]byte(m.Message)) },
	})
	subscribe := subscription.B().Subscribe().Channel(channel).Build()
	if err := subscription.Do(ctx, subscribe).Error(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Send implements [cluster.Conn].
func (c *conn) Send(ctx context.Context, payloads [][]byte) error {
	commands := make([]rueidis.Completed, len(payloads))
	for i, payload := range payloads {
		commands[i] = c.publish.B().Publish().Channel(c.channel).Message(rueidis.BinaryString(payload)).Build()
	}
	for _, result := range c.publish.DoMulti(ctx, commands...) {
		if err := result.Error(); err != nil {
			return explain(fmt.Errorf("publish: %w", err))
		}
	}
	return nil
}

// Wait implements [cluster.Conn].
func (c *conn) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-c.broken:
		if err == nil {
			err = errors.New("the subscription has ended")
		}
		return explain(err)
	}
}

// Close implements [cluster.Conn].
func (c *conn) Close() {
	c.sockets.close() // or the client would wait for answers
	c.client.Close()
	for range c.broken { //nolint:revive // until it is closed
	}
}

// sockets are the connections of a client.
type sockets struct {
	mu     sync.Mutex
	open   []net.Conn
	closed bool
}

// close closes all of them, and those to come.
func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, socket := range s.open {
		_ = socket.Close()
	}
	s.open = nil
}

// isClosed spares what still tries to connect after close.
func (s *sockets) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *sockets) add(socket net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(net.ErrClosed, socket.Close())
	}
	s.open = append(s.open, socket)
	return nil
}

// Probe finds out whether a broker could work with an address: it connects, publishes and
// listens once. Its error says what to do, where that is known, and has no password in it.
func Probe(ctx context.Context, address string) error {
	options, err := parse(address)
	if err != nil {
		return err
	}
	c, err := connect(ctx, options, probeChannel, func([]byte) {})
	if err != nil {
		return explain(err)
	}
	defer c.Close()
	return c.Send(ctx, [][]byte{[]byte("is anybody there?")})
}

// probeChannel is one in which nobody listens for long.
const probeChannel = "sockeye-probe"

// Package gateway lets clients in and turns what they send into commands.
//
// A connection passes, in this order: the address it comes from (admission.go,
// before a WebSocket is opened), its token (signin.go), the capacity of the node
// (signin.go). Then each event is looked up in one table of commands
// (commands.go), its rate checked and its payload decoded (dispatch.go), and the
// command run by the chat service, which alone knows the rules.
package gateway

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/socketio"
)

// Config holds the limits at the door. A zero Rate and a count per IP of 0 are no
// limit.
type Config struct {
	Origins             []string // allowed beside the server's own; * is all
	TrustedProxies      []netip.Prefix
	MaxConnections      int
	MaxConnectionsPerIP int
	Events              Rate // of one kind, by one user
	Connects            Rate // from one IP address
}

// Verifier tells whose token it is. Its errors may be shown to nobody.
type Verifier interface {
	Verify(ctx context.Context, token string) (account.Identity, error)
}

// Metrics counts what passes the gateway.
type Metrics interface {
	ConnectionOpened()
	ConnectionClosed()
	ConnectionRefused(reason string)
	Message(kind string, ok bool)
	Observe(operation string, took time.Duration)
	Error(kind, code string)
}

// Gateway serves the Socket.IO clients of one node.
type Gateway struct {
	cfg      Config
	chat     *chat.Service
	verifier Verifier
	metrics  Metrics
	log      *slog.Logger
	now      func() time.Time

	admission *admission
	events    *rates[eventKey]
	expiry    *expiry
	sessions  atomic.Int64 // signed in
}

// Deps are what a Gateway works with; all are required.
type Deps struct {
	Chat     *chat.Service
	Verifier Verifier
	Metrics  Metrics
	Log      *slog.Logger
	Now      func() time.Time
}

// New makes a gateway; Stop ends it. Its Admit and Serve are still to be given
// to the Socket.IO server.
func New(cfg Config, d Deps) *Gateway {
	return &Gateway{
		cfg:       cfg,
		chat:      d.Chat,
		verifier:  d.Verifier,
		metrics:   d.Metrics,
		log:       d.Log,
		now:       d.Now,
		admission: newAdmission(cfg, d.Now),
		events:    newRates[eventKey](cfg.Events, d.Now),
		expiry:    newExpiry(d.Now),
	}
}

// Serve adds the gateway's handlers to a namespace.
func (g *Gateway) Serve(nsp *socketio.Namespace) {
	nsp.Use(g.signIn)
	nsp.OnConnect(g.connected)
	nsp.OnDisconnect(g.disconnected)
	for i := range commands {
		c := &commands[i]
		nsp.On(c.name, func(ctx context.Context, e *socketio.Event) error {
			g.run(ctx, c, e)
			return nil
		})
	}
}

// Stop ends the gateway's goroutines and waits for them.
func (g *Gateway) Stop() { g.expiry.stop() }

// Connections is the number of signed-in connections.
func (g *Gateway) Connections() int { return int(g.sessions.Load()) }

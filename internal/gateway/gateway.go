// Package gateway lets clients in and turns what they send into commands.
//
// A connection passes, in this order: the address it comes from (admission.go,
// before a WebSocket is opened), its token (signin.go), the capacity of the node
// (signin.go). Then each event is a command of package command (socketio.go).
package gateway

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// Config holds the limits at the door. A zero Rate and a count per IP of 0 are no
// limit.
type Config struct {
	Origins             []string // allowed beside the server's own; * is all
	TrustedProxies      []netip.Prefix
	MaxConnections      int
	MaxConnectionsPerIP int
	Connects            ratelimit.Rate // from one IP address
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
}

// Gateway serves the Socket.IO clients of one node.
type Gateway struct {
	Deps
	cfg Config

	admission *admission
	expiry    *expiry
	sessions  atomic.Int64 // signed in
}

// Deps are what a Gateway works with; all are required.
type Deps struct {
	Commands *command.Table
	Chat     *chat.Service
	Verifier Verifier
	Metrics  Metrics
	Log      *slog.Logger
	Now      func() time.Time
}

// New makes a gateway; Stop ends it. Its Admit and Serve are still to be given
// to the Socket.IO server.
func New(cfg Config, d Deps) *Gateway {
	return &Gateway{Deps: d, cfg: cfg, admission: newAdmission(cfg, d.Now), expiry: newExpiry(d.Now)}
}

// Stop ends the gateway's goroutines and waits for them.
func (g *Gateway) Stop() { g.expiry.stop() }

// Connections is the number of signed-in connections.
func (g *Gateway) Connections() int { return int(g.sessions.Load()) }

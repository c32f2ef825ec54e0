// Package gateway lets clients in and turns what they send into commands.
//
// A connection passes, in this order: the address it comes from (admission.go,
// before a WebSocket is opened), its token (signin.go, native.go), the capacity of
// the node (session.go). Then each event of it is a command of package command
// (socketio.go, native.go). A session knows no protocol: under it is a link, a
// socket of Socket.IO or a plain WebSocket.
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
	"github.com/sockeye-im/sockeye/internal/ordered"
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

// Accounts knows who may come in. Errors that match account.ErrUnauthenticated
// refuse a token; what they say may be shown to nobody.
type Accounts interface {
	Verify(ctx context.Context, token string) (account.Identity, error)
	SignIn(ctx context.Context, identity account.Identity) (account.User, error)
	Connect(identity account.Identity, end func(account.EndReason)) (*account.Connection, error)
}

// Presence is told who comes and goes, see presence.Tracker.
type Presence interface {
	Connect(who account.Person, device string)
	Disconnect(userID, device string)
	Devices(userID string) int
}

// Typing is told who has gone, see presence.Typing.
type Typing interface {
	EndAll(userID string)
}

// Metrics counts what passes the gateway.
type Metrics interface {
	ConnectionOpened()
	ConnectionClosed(reason string)
	ConnectionRefused(reason string)
}

// Gateway serves the clients of one node.
type Gateway struct {
	Deps
	cfg Config

	admission *admission
	door      *door
	expiry    *expiry
	sessions  atomic.Int64 // signed in
	peak      atomic.Int64 // the most of them there were
	slow      atomic.Int64 // closed because they did not read
	activity  activity
	underWay  ordered.Workers

	signIns, subscriptions turns
}

// Deps are what a Gateway works with; all are required.
type Deps struct {
	Commands *command.Table
	Chat     *chat.Service
	Accounts Accounts
	Presence Presence
	Typing   Typing
	Metrics  Metrics
	Log      *slog.Logger
	Now      func() time.Time
	// Blocked tells whether administrators keep an address out. It may be nil.
	Blocked func(netip.Addr) bool
}

// New makes a gateway; Stop ends it. Its Admit and Serve are still to be given
// to the Socket.IO server.
func New(cfg Config, d Deps) *Gateway {
	admission := newAdmission(cfg, d.Now, d.Blocked)
	return &Gateway{
		Deps: d, cfg: cfg, admission: admission, door: newDoor(admission), expiry: newExpiry(d.Now),
		signIns: make(turns, signInsAtOnce), subscriptions: make(turns, subscriptionsAtOnce),
	}
}

// Stop ends the gateway's goroutines and waits for them.
func (g *Gateway) Stop() { g.expiry.stop() }

// Connections is the number of signed-in connections.
func (g *Gateway) Connections() int { return int(g.sessions.Load()) }

// Peak is the most signed-in connections there were at a time.
func (g *Gateway) Peak() int { return int(g.peak.Load()) }

// Active is the number of signed-in connections that have sent a command in the
// last 30 seconds, or have signed in.
func (g *Gateway) Active() int { return g.activity.count(g.seconds()) }

// Slow is the number of connections that were closed because their clients did not
// read.
func (g *Gateway) Slow() int { return int(g.slow.Load()) }

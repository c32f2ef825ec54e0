// Package gateway lets clients in and turns what they send into commands.
//
// A connection passes, in this order: the address it comes from (door.go,
// before a WebSocket is opened), its token (signin.go, native.go), the capacity of
// the node (session.go). Then each event of it is a command of package command
// (socketio.go, native.go). A session knows no protocol: under it is a link, a
// socket of Socket.IO or a plain WebSocket.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/ordered"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/socketio"
)

// Accounts knows who may come in. Errors that match account.ErrUnauthenticated
// refuse a token; what they say may be shown to nobody.
type Accounts interface {
	Verify(ctx context.Context, token string) (account.Identity, error)
	SignIn(ctx context.Context, identity account.Identity) (account.User, error)
	// Revoked reports whether a token is revoked, AddressBlocked whether administrators keep an address out. They do not
	// block.
	Revoked(identity *account.Identity) bool
	AddressBlocked(address netip.Addr) bool
}

// Metrics counts what passes the gateway.
type Metrics interface {
	ConnectionOpened()
	ConnectionClosed(reason string)
	ConnectionRefused(reason string)
}

// Gateway serves the clients of one node, of both protocols.
type Gateway struct {
	deps      Deps
	cfg       Config // the door's
	admission *admission
	roster    *roster
	native    *Native

	expiry     *expiry
	complaints *complaints
	underWay   ordered.Workers

	arrivals arrivals
}

// Deps are what a Gateway works with; all are required but Peers.
type Deps struct {
	Door     *Door
	Sockets  *socketio.Server // whose main namespace is served
	Index    *Index           // of plain WebSockets
	Hub      *hub.Hub         // whose audiences are those two
	Commands *command.Table
	Chat     *chat.Service
	Accounts Accounts
	Presence *presence.Tracker
	Typing   *presence.Typing
	Peers    *cluster.Peers `need:"optional"` // nil where there is one node
	PassedOn func() int     // how many WebSockets of other nodes' sessions have come here
	Metrics  Metrics
	Log      *slog.Logger
	Now      func() time.Time
}

// New makes the gateway behind a door, which it opens; Stop ends it.
func New(native NativeConfig, d Deps) (*Gateway, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	g := &Gateway{
		deps: d, cfg: d.Door.cfg, admission: d.Door.admission, roster: newRoster(d.Door.cfg, d.Accounts, d.Presence.DevicesElsewhere), expiry: newExpiry(d.Now), complaints: newComplaints(d.Log, d.Now),
		arrivals: newArrivals(d.Sockets.Strangers),
	}
	var err error
	if g.native, err = newNative(g, native); err != nil {
		g.expiry.stop()
		return nil, err
	}
	if d.Peers != nil {
		if err = g.roster.crowd.meet(d.Peers, d.Log, d.Now); err != nil {
			g.expiry.stop()
			return nil, err
		}
	}
	d.Door.open(d.Accounts.AddressBlocked, g.roster.full, sessions{d.Sockets, g.native, d.PassedOn})
	g.serve(d.Sockets.Of("/"))
	return g, nil
}

// Native are the plain WebSockets, for an HTTP server.
func (g *Gateway) Native() *Native { return g.native }

// Quiesce takes no more connections and reads no more from those that are open. It
// returns once what was received is handled and answered, or ctx ends.
func (g *Gateway) Quiesce(ctx context.Context) error {
	err := together(ctx, g.native.Quiesce, g.deps.Sockets.Quiesce)
	return errors.Join(err, g.underWay.Wait(ctx))
}

// Shutdown closes all connections in a way that clients come back from, and drops what
// is left when ctx ends.
func (g *Gateway) Shutdown(ctx context.Context) error {
	return together(ctx, g.native.Shutdown, g.deps.Sockets.Shutdown)
}

// together does both at the same time and waits for both: clients of one protocol
// that are slow to go must not keep those of the other one from going elsewhere.
func together(ctx context.Context, one, other func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- one(ctx) }()
	return errors.Join(other(ctx), <-done)
}

// Stop ends the gateway's goroutines and waits for them. Its connections are those of
// [Gateway.Shutdown].
func (g *Gateway) Stop() {
	g.roster.crowd.stop()
	g.expiry.stop()
}

// blockedWithin is after how long the connections from a blocked address are ended that nobody has ended by then:
// who blocks it ends them first, on all nodes, and counts them.
const blockedWithin = time.Second / 2

// Heard takes in what any node has committed about accounts: it ends connections whose tokens
// are good no longer. Whoever is asked for these tokens has heard of it before.
func (g *Gateway) Heard(events []account.Event) {
	g.roster.heard(events)
	if g.deps.Peers == nil {
		return
	}
	for i := range events {
		if e := &events[i]; e.Kind == account.AddressBlocked {
			g.expiry.set(&deadline{due: func() { g.Overview().EndAddress(e.Address.Address) }}, g.deps.Now().Add(blockedWithin))
		}
	}
}

// EndAll ends all connections, whose clients may come back at once, and returns how many: it is not
// known what they have missed, nor in which rooms they should be.
func (g *Gateway) EndAll() int { return g.roster.endAll() }

// Counts are the numbers of connections that have signed in.
type Counts struct {
	Open  int
	Peak  int // the most there were at a time
	Users int // whose they are
	// Active have signed in within the last 30 seconds, or have sent a command.
	Active int
	// Slow were closed because their clients did not read.
	Slow int
}

// Counts returns the numbers of this moment.
func (g *Gateway) Counts() Counts { return g.roster.counts(g.seconds()) }

// Connections is the number of signed-in connections.
func (g *Gateway) Connections() int { return g.roster.size() }

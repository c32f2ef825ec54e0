package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
	"github.com/sockeye-im/sockeye/socketio"
)

// Config holds the limits at the door. A zero Rate and a count per IP of 0 are no
// limit.
type Config struct {
	Origins             []string // allowed beside the server's own; * is all
	TrustedProxies      []netip.Prefix
	MaxConnections      int // of one node
	MaxConnectionsPerIP int // of all nodes
	// MaxConnectionsPerUser is how many a user can have at a time on all nodes; 0 is no limit.
	MaxConnectionsPerUser int
	Connects              ratelimit.Rate // from one IP address
	// Heartbeat is after how long a Socket.IO client that is gone is noticed: the
	// ping interval and the ping timeout.
	Heartbeat time.Duration
	// Room is how many connections of every kind may be open, which a process has
	// descriptors for. Beyond it those are closed for others that have done least; a
	// sixteenth of it is for those that are no WebSockets. 0 is no bound.
	Room int
	// StrangersTime is how long nobody is sent away for others who has not signed in: when
	// everybody comes back at once, that many wait for their turn.
	StrangersTime time.Duration
	// IdleTimeout ends connections that send no event for so long, up to a second
	// later. 0 is never: heartbeats find those that are dead.
	IdleTimeout time.Duration
}

// DoorDeps are what a Door works with; all are required.
type DoorDeps struct {
	Metrics Metrics
	Now     func() time.Time
}

// Door decides who may open a connection: by address and origin, and by how much room
// there is. It is there before the servers that ask it; [New] opens it, and nobody may
// come before that. It may be used concurrently.
type Door struct {
	cfg       Config
	metrics   Metrics
	admission *admission
	guests    *guests
	sessions  *sessions
}

// NewDoor makes a door.
func NewDoor(cfg Config, d DoorDeps) (*Door, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	a, s := newAdmission(cfg, d.Now), new(sessions)
	return &Door{cfg: cfg, metrics: d.Metrics, admission: a, guests: newGuests(a, s), sessions: s}, nil
}

// open has the door ask whom administrators keep out, who has enough connections, and how many
// are there.
func (d *Door) open(barred, full func(netip.Addr) bool, s sessions) {
	d.admission.barred, d.admission.full, *d.sessions = barred, full, s
}

// Admit is asked before a session of Socket.IO is opened. Its error may be shown to the
// client.
func (d *Door) Admit(r *http.Request) error {
	if denied := d.admit(r, d.sessions.sockets.Connections()); denied != nil {
		return denied
	}
	return nil
}

// admit is Admit for a server with so many connections.
func (d *Door) admit(r *http.Request, open int) *denial {
	denied := d.admission.admit(r)
	if denied == nil && open >= d.cfg.maxOpen() && !d.sessions.endStranger(d.cfg.StrangersTime) {
		denied = deniedFull
	}
	if denied != nil {
		d.metrics.ConnectionRefused(denied.reason)
	}
	return denied
}

// maxOpen is how many WebSockets and sessions that poll may be open, signed in or not.
func (c *Config) maxOpen() int {
	most := c.MaxConnections + max(c.MaxConnections/strangersShare, strangersAtLeast)
	if c.Room > 0 {
		most = min(most, c.WebSockets())
	}
	return most
}

// WebSockets is how many of Room may be WebSockets or sessions: the others are for HTTP.
func (c *Config) WebSockets() int { return c.Room - max(1, c.Room/16) }

// ConnState is for http.Server. It closes connections from an address that has
// too many open already; those of trusted proxies are not counted so. Where there is no
// room for more connections it closes others that have done less.
func (d *Door) ConnState(conn net.Conn, state http.ConnState) { d.guests.connState(conn, state) }

// Vouch says that a request has come on the connection from that address, which is
// http.Request's, of somebody who has signed in: it is not closed for strangers.
func (d *Door) Vouch(remote string) { d.guests.vouch(remote) }

// ClientIP is the address by which a client counts: an IPv6 client owns a /64.
func (d *Door) ClientIP(remote string, header http.Header) netip.Addr {
	return d.admission.clientIP(remote, header)
}

// Ledgers are what was taken of the rate of connections, by addresses and by sites, for other nodes.
func (d *Door) Ledgers() (addresses, sites ratelimit.Ledger) { return d.admission.connects.Ledgers() }

// sessions are those of both protocols, signed in or not.
type sessions struct {
	sockets  *socketio.Server
	native   *Native
	passedOn func() int // WebSockets, to other nodes
}

// webSockets is the number of connections that those take which are on a WebSocket, and those that are passed on to other
// nodes, with one connection to each side.
func (s *sessions) webSockets() int {
	census := s.sockets.Census()
	return census.Open - census.Polling + s.native.Open() + 2*s.passedOn()
}

// strangers is the number of those that have not signed in.
func (s *sessions) strangers() int { return s.sockets.Strangers() + s.native.Strangers() }

// endStranger ends the oldest of these; false when none is as old as that.
func (s *sessions) endStranger(age time.Duration) bool {
	return s.sockets.EndStranger(age) || s.native.EndStranger(age)
}

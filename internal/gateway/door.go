package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// requestsPerSession is how many connections a session may take while it is no
// WebSocket: one that polls has a poll and a post under way.
const requestsPerSession = 2

// door counts the connections that are no WebSockets, for each address: a client
// that has not finished its first request is nobody whom other limits count.
type door struct {
	admission *admission
	most      int // for each address; 0: no limit

	mu   sync.Mutex
	open map[netip.Addr]int // no entry stands for 0
}

func newDoor(a *admission) *door {
	return &door{admission: a, most: requestsPerSession * a.cfg.MaxConnectionsPerIP, open: make(map[netip.Addr]int)}
}

// ConnState is for http.Server. It closes connections from an address that has
// too many open already. Those of trusted proxies are not counted.
func (g *Gateway) ConnState(conn net.Conn, state http.ConnState) { g.door.connState(conn, state) }

func (d *door) connState(conn net.Conn, state http.ConnState) {
	if d.most == 0 {
		return
	}
	from, ok := parseAddr(conn.RemoteAddr().String())
	if !ok || d.admission.trusted(from) {
		return
	}
	from = network(from)
	switch state {
	case http.StateNew:
		if !d.enter(from) {
			_ = conn.Close() // which the server notices, and says
		}
	case http.StateHijacked, http.StateClosed:
		d.leave(from)
	}
}

// enter counts a connection, also one that is too many: it leaves as others do.
func (d *door) enter(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[from]++
	return d.open[from] <= d.most
}

func (d *door) leave(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[from]--; d.open[from] <= 0 {
		delete(d.open, from)
	}
}

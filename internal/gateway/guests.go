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

// guests counts the connections that are no WebSockets, for each address and in all: a
// client that has not finished its first request is nobody whom other limits count.
type guests struct {
	admission *admission
	most      int // for each address; 0: no limit
	room      int // connections in all, WebSockets too; 0: no limit
	sessions  *sessions

	mu     sync.Mutex
	open   headcount
	all    map[net.Conn]*guest
	remote map[netip.AddrPort]*guest
	// unknown are the guests that nobody vouches for, in front the one that has done
	// nothing for the longest time.
	unknown line
}

// guest is a connection that is no WebSocket.
type guest struct {
	conn   net.Conn
	from   netip.AddrPort
	counts bool // for its address

	waits      bool // in unknown, until somebody vouches for it
	prev, next *guest
}

// line is a doubly linked list of guests, which are its elements themselves: there are many of them, and one of
// container/list's is as large again.
type line struct {
	first, last *guest
	length      int
}

func (l *line) pushBack(g *guest) {
	g.waits, g.prev, g.next = true, l.last, nil
	if l.last != nil {
		l.last.next = g
	} else {
		l.first = g
	}
	l.last = g
	l.length++
}

// remove takes a guest out of the line, if it is in it.
func (l *line) remove(g *guest) {
	if !g.waits {
		return
	}
	if g.prev != nil {
		g.prev.next = g.next
	} else {
		l.first = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	} else {
		l.last = g.prev
	}
	g.waits, g.prev, g.next = false, nil, nil
	l.length--
}

func newGuests(a *admission, s *sessions) *guests {
	return &guests{
		admission: a, most: requestsPerSession * a.cfg.MaxConnectionsPerIP, room: a.cfg.Room, sessions: s,
		open: newHeadcount(), all: make(map[net.Conn]*guest), remote: make(map[netip.AddrPort]*guest),
	}
}

func (d *guests) connState(conn net.Conn, state http.ConnState) {
	if d.most == 0 && d.room == 0 {
		return
	}
	switch state {
	case http.StateNew:
		if !d.enter(conn) {
			_ = conn.Close() // which the server notices, and says
		}
	case http.StateActive, http.StateIdle:
		d.stir(conn)
	case http.StateHijacked, http.StateClosed:
		d.leave(conn)
	}
}

// enter counts a connection, also one that is refused: it leaves as others do.
func (d *guests) enter(conn net.Conn) bool {
	if !d.count(conn) {
		return false
	}
	if d.room == 0 {
		return true
	}
	taken := d.sessions.webSockets()
	d.mu.Lock()
	taken += len(d.all)
	d.mu.Unlock()
	return taken <= d.room || d.makeRoom(conn)
}

// count takes a connection in; false when its address has too many.
func (d *guests) count(conn net.Conn) bool {
	g := &guest{conn: conn}
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		from := tcp.AddrPort()
		g.from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
		g.counts = d.most > 0 && !d.admission.trusted(g.from.Addr())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unknown.pushBack(g)
	d.all[conn], d.remote[g.from] = g, g
	if !g.counts {
		return true
	}
	full := d.open.full(headcount{}, g.from.Addr(), d.most)
	d.open.add(g.from.Addr(), 1)
	return !full
}

// makeRoom sends somebody away for a connection that has come: of the larger crowd of
// those who have not signed in. false when there is nobody to be sent away.
func (d *guests) makeRoom(newcomer net.Conn) bool {
	d.mu.Lock()
	crowd := d.unknown.length
	d.mu.Unlock()
	if d.sessions.strangers() > crowd && d.sessions.endStranger(d.admission.cfg.StrangersTime) {
		return true
	}
	d.mu.Lock()
	oldest := d.unknown.first
	if oldest == nil || oldest.conn == newcomer {
		d.mu.Unlock()
		return d.sessions.endStranger(d.admission.cfg.StrangersTime)
	}
	d.remove(oldest)
	d.mu.Unlock()
	_ = oldest.conn.Close()
	return true
}

// stir notes that a connection has done something.
func (d *guests) stir(conn net.Conn) {
	if d.room == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if g := d.all[conn]; g != nil && g.waits {
		d.unknown.remove(g)
		d.unknown.pushBack(g)
	}
}

func (d *guests) vouch(remote string) {
	if d.room == 0 {
		return
	}
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if g := d.remote[netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())]; g != nil {
		d.unknown.remove(g)
	}
}

func (d *guests) leave(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if g := d.all[conn]; g != nil { // else it was sent away
		d.remove(g)
	}
}

// remove forgets a connection. mu is held.
func (d *guests) remove(g *guest) {
	delete(d.all, g.conn)
	if d.remote[g.from] == g {
		delete(d.remote, g.from)
	}
	d.unknown.remove(g)
	if g.counts {
		d.open.add(g.from.Addr(), -1)
	}
}

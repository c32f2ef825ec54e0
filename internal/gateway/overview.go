package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/socketio"
)

// Overview shows the connections of the node to who administers it, and ends them.
// It may be used concurrently. It keeps nothing: a question looks at all
// connections, which takes a few milliseconds for 10,000.
type Overview struct {
	nsp    *socketio.Namespace
	native *Native
	hub    *hub.Hub
	names  func() map[string]string
}

// NewOverview makes an overview of a namespace that is served, and of native
// connections. names returns the names of the users who are connected, by their ids.
func NewOverview(nsp *socketio.Namespace, native *Native, names func() map[string]string) *Overview {
	return &Overview{nsp: nsp, native: native, hub: native.hub, names: names}
}

// shown is a connection under a session, as the overview needs it.
type shown interface {
	ID() string
	Rooms() []string
	Traffic() engineio.Traffic
	Transport() string
	protocol() monitor.Protocol
	End(why ending)
}

// entry is a connection that has signed in.
type entry struct {
	shown
	session *session
	active  uint32
	traffic engineio.Traffic
}

// entries are all connections that have signed in.
func (o *Overview) entries() []entry {
	var all []entry
	for _, s := range o.nsp.Sockets() {
		if signedIn, ok := s.Data().(*session); ok {
			all = append(all, entry{shown: socket{s}, session: signedIn})
		}
	}
	o.native.mu.Lock()
	defer o.native.mu.Unlock()
	for c := range o.native.conns {
		if c.session != nil {
			all = append(all, entry{shown: c, session: c.session})
		}
	}
	return all
}

// Connections returns a page of those that match.
func (o *Overview) Connections(q monitor.ConnectionQuery) monitor.ConnectionPage {
	names := o.names()
	wanted := strings.ToLower(strings.TrimSpace(q.Text))
	all := o.entries()
	if wanted != "" {
		all = slices.DeleteFunc(all, func(e entry) bool { return !e.contains(wanted, names) })
	}
	for i := range all {
		all[i].active, all[i].traffic = all[i].session.active.Load(), all[i].Traffic()
	}
	order := orders[q.Order]
	slices.SortFunc(all, func(a, b entry) int {
		if order != nil {
			if c := order(&a, &b); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.ID(), b.ID())
	})
	page := monitor.ConnectionPage{Total: len(all)}
	from := min(q.Offset, len(all))
	rest := all[from:min(from+q.Limit, len(all))]
	page.Connections = make([]monitor.Connection, len(rest))
	for i := range rest {
		page.Connections[i] = rest[i].connection(names)
	}
	return page
}

var orders = map[monitor.Order]func(a, b *entry) int{
	monitor.Newest:   func(a, b *entry) int { return cmp.Compare(b.session.since, a.session.since) },
	monitor.Oldest:   func(a, b *entry) int { return cmp.Compare(a.session.since, b.session.since) },
	monitor.Active:   func(a, b *entry) int { return cmp.Compare(b.active, a.active) },
	monitor.Idle:     func(a, b *entry) int { return cmp.Compare(a.active, b.active) },
	monitor.Received: func(a, b *entry) int { return cmp.Compare(b.traffic.Received, a.traffic.Received) },
	monitor.Sent:     func(a, b *entry) int { return cmp.Compare(b.traffic.Sent, a.traffic.Sent) },
	monitor.ByUser:   func(a, b *entry) int { return cmp.Compare(a.session.user, b.session.user) },
}

func (e *entry) contains(wanted string, names map[string]string) bool {
	user := string(e.session.user)
	for _, text := range [...]string{user, names[user], e.ID(), e.session.from.String()} {
		if strings.Contains(strings.ToLower(text), wanted) {
			return true
		}
	}
	return false
}

func (e *entry) connection(names map[string]string) monitor.Connection {
	user := string(e.session.user)
	rooms := slices.DeleteFunc(e.Rooms(), func(room string) bool { return room == e.ID() || room == hub.UserRoom(chat.UserID(user)) })
	slices.Sort(rooms)
	return monitor.Connection{
		ID: e.ID(), UserID: user, Name: names[user], Address: e.session.from.String(),
		Transport: e.Transport(), Protocol: e.protocol(),
		Since: time.Unix(int64(e.session.since), 0), LastActive: time.Unix(int64(max(e.active, e.session.since)), 0),
		Received: e.traffic.Received, Sent: e.traffic.Sent,
		ReceivedBytes: e.traffic.ReceivedBytes, SentBytes: e.traffic.SentBytes,
		Rooms: rooms[:min(len(rooms), monitor.ListedRooms)], RoomCount: len(rooms),
	}
}

// End ends a connection and tells whose it was; not ok if there is none of that id.
func (o *Overview) End(id string) (userID string, from netip.Addr, ok bool) {
	if s := o.nsp.Socket(id); s != nil {
		if signedIn, is := s.Data().(*session); is {
			socket{s}.End(endedByOperator)
			return string(signedIn.user), signedIn.from, true
		}
		return "", netip.Addr{}, false
	}
	for _, e := range o.entries() {
		if e.ID() == id {
			e.End(endedByOperator)
			return string(e.session.user), e.session.from, true
		}
	}
	return "", netip.Addr{}, false
}

// EndAddress ends the connections from an address and returns how many.
func (o *Overview) EndAddress(from netip.Addr) int {
	ended := 0
	for _, e := range o.entries() {
		if e.session.from == from {
			e.End(endedBlocked)
			ended++
		}
	}
	return ended
}

// Online returns who of a chat room's members is connected here.
func (o *Overview) Online(roomID string) monitor.Presence {
	room := hub.ChatRoom(roomID)
	users := make(map[chat.UserID]struct{})
	sockets := o.nsp.In(room).LocalSockets()
	count := len(sockets)
	for _, s := range sockets {
		if signedIn, ok := s.Data().(*session); ok {
			users[signedIn.user] = struct{}{}
		}
	}
	natives := o.hub.In(room)
	o.native.mu.Lock()
	defer o.native.mu.Unlock()
	for _, s := range natives {
		if c, ok := s.(*native); ok && c.session != nil {
			users[c.session.user] = struct{}{}
			count++
		}
	}
	return monitor.Presence{Users: len(users), Connections: count}
}

// protocol is what a socket's client speaks.
func (s socket) protocol() monitor.Protocol {
	if s.Protocol() == 3 {
		return monitor.LegacySocketIO
	}
	return monitor.SocketIO
}

// Transport and protocol are for the overview.
func (c *native) Transport() string { return engineio.WebSocket }

func (c *native) protocol() monitor.Protocol {
	if c.speaks == dialect(v1{}) {
		return monitor.NativeV1
	}
	return monitor.Native
}

// carried is what a connection has carried: frames and their payloads.
type carried struct {
	received, sent, receivedBytes, sentBytes atomic.Uint64
}

// Traffic is what a native connection has carried.
func (c *native) Traffic() engineio.Traffic {
	t := &c.carried
	return engineio.Traffic{
		Received: t.received.Load(), Sent: t.sent.Load(), ReceivedBytes: t.receivedBytes.Load(), SentBytes: t.sentBytes.Load(),
	}
}

// say queues a frame that is for this connection alone.
func (c *native) say(frame any) {
	c.door.answered.Add(1)
	c.Deliver(frame)
}

// Traffic is how many frames were received and sent, but for what the hub has sent.
func (n *Native) Traffic() (received, sent uint64) { return n.received.Load(), n.answered.Load() }

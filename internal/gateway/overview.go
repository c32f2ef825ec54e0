package gateway

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/monitor"
)

// Overview shows the connections of the node to who administers it, and ends them.
// It may be used concurrently. It keeps nothing: a question looks at all
// connections, which takes a few milliseconds for 10,000.
type Overview struct{ gateway *Gateway }

// Overview shows who is connected.
func (g *Gateway) Overview() *Overview { return &Overview{g} }

// Connections returns a page of those that match.
func (o *Overview) Connections(q monitor.ConnectionQuery) monitor.ConnectionPage {
	wanted := strings.ToLower(strings.TrimSpace(q.Text))
	all := o.gateway.roster.entries()
	if wanted != "" {
		all = slices.DeleteFunc(all, func(e entry) bool { return !e.contains(wanted) })
	}
	for i := range all { // once, as they change while they are sorted
		all[i].active, all[i].traffic = all[i].session.active.Load(), all[i].Traffic()
		all[i].place = all[i].placeIn(q.Order)
	}
	page := monitor.ConnectionPage{Total: len(all)}
	if q.After.ID != "" {
		all = slices.DeleteFunc(all, func(e entry) bool { return q.Order.Compare(e.place, q.After) <= 0 })
	}
	slices.SortFunc(all, func(a, b entry) int { return q.Order.Compare(a.place, b.place) })
	page.More = len(all) > q.Limit
	rest := all[:min(q.Limit, len(all))]
	page.Connections = make([]monitor.Connection, len(rest))
	for i := range rest {
		page.Connections[i] = rest[i].connection()
	}
	return page
}

// placeIn is where the connection is in an order.
func (e *entry) placeIn(order monitor.Order) monitor.Place {
	return order.Place(&monitor.Connection{
		ID: e.ID(), UserID: e.session.user, Since: e.since(), LastActive: e.lastActive(), Received: e.traffic.Received, Sent: e.traffic.Sent,
	})
}

func (e *entry) since() time.Time      { return time.Unix(int64(e.session.since), 0) }
func (e *entry) lastActive() time.Time { return time.Unix(int64(max(e.active, e.session.since)), 0) }

func (e *entry) contains(wanted string) bool {
	for _, text := range [...]string{string(e.session.user), e.name, e.ID(), e.session.from.String()} {
		if strings.Contains(strings.ToLower(text), wanted) {
			return true
		}
	}
	return false
}

func (e *entry) connection() monitor.Connection {
	rooms := e.rooms()
	return monitor.Connection{
		ID: e.ID(), UserID: e.session.user, Name: e.name, Address: e.session.from.String(),
		Transport: e.Transport(), Protocol: e.Protocol(),
		Since: e.since(), LastActive: e.lastActive(),
		Received: e.traffic.Received, Sent: e.traffic.Sent,
		ReceivedBytes: e.traffic.ReceivedBytes, SentBytes: e.traffic.SentBytes,
		Rooms: rooms[:min(len(rooms), monitor.ListedRooms)], RoomCount: len(rooms),
	}
}

// rooms are the chat rooms of its user, whether the connection is in them now or will be
// when something happens there, and the topics that it is subscribed to.
func (e *entry) rooms() []string {
	s := e.session
	chats, err := s.gateway.deps.Chat.Memberships(context.Background(), s.user)
	if err != nil {
		s.gateway.deps.Log.Error("rooms of a connection could not be read", "user", s.user, "err", err)
	}
	rooms := hub.ChatRooms(chats)
	for _, room := range e.Rooms() {
		if strings.HasPrefix(room, hub.Topic("")) {
			rooms = append(rooms, room)
		}
	}
	slices.Sort(rooms)
	return rooms
}

// End ends a connection and tells whose it was; not ok if there is none of that id.
func (o *Overview) End(id string) (userID account.UserID, from netip.Addr, ok bool) {
	for _, e := range o.gateway.roster.entries() {
		if e.ID() == id {
			e.End(endedByOperator)
			return e.session.user, e.session.from, true
		}
	}
	return "", netip.Addr{}, false
}

// EndUser ends the connections of a user and returns how many. Their tokens stay good.
func (o *Overview) EndUser(id account.UserID) int { return o.gateway.roster.endUser(id) }

// EndAddress ends the connections from an address and returns how many.
func (o *Overview) EndAddress(from netip.Addr) int {
	ended := 0
	for _, e := range o.gateway.roster.entries() {
		if e.session.from == from {
			e.End(endedBlocked)
			ended++
		}
	}
	return ended
}

// Online returns who of the members of chat rooms is connected here, in the order of the rooms.
func (o *Overview) Online(roomIDs []string) []monitor.Presence {
	all := make([]monitor.Presence, len(roomIDs))
	for i, id := range roomIDs {
		all[i] = o.online(id)
	}
	return all
}

func (o *Overview) online(roomID string) monitor.Presence {
	rooms, err := o.gateway.deps.Hub.Audience(context.Background(), roomID)
	if err != nil {
		o.gateway.deps.Log.Error("members of a room could not be read", "room", roomID, "err", err)
	}
	if len(rooms) == 0 {
		return monitor.Presence{} // no rooms would be everybody
	}
	users := make(map[account.UserID]struct{})
	sockets := o.gateway.deps.Sockets.Of("/").In(rooms...).LocalSockets()
	count := len(sockets)
	for _, s := range sockets {
		if signedIn, ok := s.Data().(*session); ok {
			users[signedIn.user] = struct{}{}
		}
	}
	natives := o.gateway.deps.Index.In(rooms...)
	o.gateway.native.mu.Lock()
	defer o.gateway.native.mu.Unlock()
	for _, s := range natives {
		if c, ok := s.(*native); ok && c.session != nil {
			users[c.session.user] = struct{}{}
			count++
		}
	}
	return monitor.Presence{Users: len(users), Connections: count}
}

// Protocol is what a socket's client speaks.
func (s socket) Protocol() monitor.Protocol {
	if s.Socket.Protocol() == 3 {
		return monitor.LegacySocketIO
	}
	return monitor.SocketIO
}

// Transport and Protocol are for the overview.
func (c *native) Transport() string { return engineio.WebSocket }

// Protocol is the dialect.
func (c *native) Protocol() monitor.Protocol {
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

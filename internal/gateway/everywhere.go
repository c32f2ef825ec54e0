package gateway

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/cluster/ask"
	"github.com/sockeye-im/sockeye/internal/monitor"
)

// Everywhere shows the connections of all nodes to who administers them, and ends them. It may be used concurrently. A
// node that does not answer within a second is left out.
type Everywhere struct {
	here  *Overview
	node  string
	asker *ask.Asker
}

// The topics of questions.
const (
	askConnections = "connections"
	askEnd         = "end"
	askEndUser     = "end-user"
	askEndAddress  = "end-address"
	askOnline      = "online"
)

// dismissed is what a node says of a connection that is to end.
type dismissed struct {
	Found bool           `json:"found"`
	User  account.UserID `json:"user"`
	From  netip.Addr     `json:"from"`
}

// Everywhere shows who is connected to any node, of which this is one. It is to be called before the nodes hear each
// other.
func (g *Gateway) Everywhere(node string, asker *ask.Asker) *Everywhere {
	e := &Everywhere{g.Overview(), node, asker}
	ask.Answer(asker, askConnections, e.connections)
	ask.Answer(asker, askEnd, func(id string) dismissed {
		user, from, ok := e.here.End(id)
		return dismissed{ok, user, from}
	})
	ask.Answer(asker, askEndUser, e.here.EndUser)
	ask.Answer(asker, askEndAddress, e.here.EndAddress)
	ask.Answer(asker, askOnline, e.here.Online)
	return e
}

// connections are those of this node.
func (e *Everywhere) connections(q monitor.ConnectionQuery) monitor.ConnectionPage {
	page := e.here.Connections(q)
	for i := range page.Connections {
		page.Connections[i].Node = e.node
	}
	return page
}

// Connections returns a page of those that match: of what each node would show as its page, the first.
func (e *Everywhere) Connections(q monitor.ConnectionQuery) monitor.ConnectionPage {
	page := e.connections(q)
	others, _ := ask.All[monitor.ConnectionPage](context.Background(), e.asker, askConnections, q)
	for _, other := range others {
		page.Connections = append(page.Connections, other.Connections...)
		page.Total += other.Total
		page.More = page.More || other.More
	}
	slices.SortFunc(page.Connections, func(a, b monitor.Connection) int {
		return q.Order.Compare(q.Order.Place(&a), q.Order.Place(&b))
	})
	if len(page.Connections) > q.Limit {
		page.Connections, page.More = page.Connections[:q.Limit], true
	}
	return page
}

// End ends a connection, wherever it is, and tells whose it was; not ok if none is found.
func (e *Everywhere) End(id string) (userID account.UserID, from netip.Addr, ok bool) {
	if userID, from, ok = e.here.End(id); ok {
		return userID, from, true
	}
	others, _ := ask.All[dismissed](context.Background(), e.asker, askEnd, id)
	for _, other := range others {
		if other.Found {
			return other.User, other.From, true
		}
	}
	return "", netip.Addr{}, false
}

// EndUser ends the connections of a user, and returns how many.
func (e *Everywhere) EndUser(id account.UserID) int {
	return sum(e.asker, askEndUser, id, e.here.EndUser(id))
}

// EndAddress ends the connections from an address, and returns how many. A node that this does not reach ends
// them when it hears that the address is blocked.
func (e *Everywhere) EndAddress(from netip.Addr) int {
	return sum(e.asker, askEndAddress, from, e.here.EndAddress(from))
}

func sum(asker *ask.Asker, topic string, about any, here int) int {
	others, _ := ask.All[int](context.Background(), asker, topic, about)
	for _, n := range others {
		here += n
	}
	return here
}

// Online returns who of the members of chat rooms is connected, in the order of the rooms. Users who are on several nodes
// count on each.
func (e *Everywhere) Online(roomIDs []string) []monitor.Presence {
	all := e.here.Online(roomIDs)
	others, _ := ask.All[[]monitor.Presence](context.Background(), e.asker, askOnline, roomIDs)
	for _, other := range others {
		for i := range min(len(all), len(other)) {
			all[i].Users += other[i].Users
			all[i].Connections += other[i].Connections
		}
	}
	return all
}

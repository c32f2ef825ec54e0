package monitor

import (
	"cmp"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Connection is a connection that has signed in, as it is shown.
type Connection struct {
	ID            string
	Node          string // on which it is; empty where there is one
	UserID        account.UserID
	Name          string
	Address       string // by which the client counts
	Transport     string // websocket or polling
	Protocol      Protocol
	Since         time.Time
	LastActive    time.Time // the last command, in whole seconds
	Received      uint64    // messages from the client
	Sent          uint64    // messages to it
	ReceivedBytes uint64
	SentBytes     uint64
	Rooms         []string // the first ListedRooms, sorted
	RoomCount     int
}

// ListedRooms is how many rooms of a connection are shown.
const ListedRooms = 20

// Protocol is what a connection speaks.
type Protocol string

// The protocols.
const (
	SocketIO       Protocol = "socket.io"
	LegacySocketIO Protocol = "socket.io-2"
	Native         Protocol = "ws"
	NativeV1       Protocol = "sockeye.v1"
)

// Order is how connections are sorted; connections that are equal come by their ids.
type Order string

// The orders.
const (
	Newest   Order = "newest"
	Oldest   Order = "oldest"
	Active   Order = "active" // whose last command is newest
	Idle     Order = "idle"   // whose last command is oldest
	Received Order = "received"
	Sent     Order = "sent"
	ByUser   Order = "user"
)

// Orders are all.
func Orders() []Order { return []Order{Newest, Oldest, Active, Idle, Received, Sent, ByUser} }

// Place is where a connection is in an order: by a number or a text, and among those that are equal by its id. It is
// one's place on every node, so that pages of all of them fit together.
type Place struct {
	Number uint64 `json:"n,omitempty"`
	Text   string `json:"t,omitempty"`
	ID     string `json:"i"`
}

// Compare orders places.
func (o Order) Compare(a, b Place) int {
	by := cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Text, b.Text))
	switch o {
	case Newest, Active, Received, Sent:
		by = -by
	}
	return cmp.Or(by, cmp.Compare(a.ID, b.ID))
}

// Place is that of a connection.
func (o Order) Place(c *Connection) Place {
	p := Place{ID: c.ID}
	switch o {
	case Newest, Oldest:
		p.Number = uint64(c.Since.Unix())
	case Active, Idle:
		p.Number = uint64(c.LastActive.Unix())
	case Received:
		p.Number = c.Received
	case Sent:
		p.Number = c.Sent
	case ByUser:
		p.Text = string(c.UserID)
	}
	return p
}

// ConnectionQuery asks for a page of the connections.
type ConnectionQuery struct {
	Text  string // in the id, the name, the address or the connection's id, whatever the case; empty is all
	Order Order
	After Place // behind which the page begins; without an id it is the first
	Limit int
}

// ConnectionPage is a part of the connections there are.
type ConnectionPage struct {
	Connections []Connection
	Total       int  // that match
	More        bool // there are some behind these
}

// Presence is who is online in a room.
type Presence struct{ Users, Connections int }

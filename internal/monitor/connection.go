package monitor

import (
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Connection is a connection that has signed in, as it is shown.
type Connection struct {
	ID            string
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

// ConnectionQuery asks for a page of the connections.
type ConnectionQuery struct {
	Text   string // in the id, the name, the address or the connection's id, whatever the case; empty is all
	Order  Order
	Offset int
	Limit  int
}

// ConnectionPage is a part of the connections there are.
type ConnectionPage struct {
	Connections []Connection
	Total       int // that match
}

// Presence is who is online in a room.
type Presence struct{ Users, Connections int }

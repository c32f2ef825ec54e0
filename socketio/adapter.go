package socketio

import (
	"context"

	"github.com/sockeye-im/sockeye/engineio"
)

// Adapter knows the sockets of a namespace and the rooms they are in, and
// carries what concerns more than one of them, to other servers too. Local is
// the one for a single server; one for many embeds it, calls it for what
// concerns this server, and adds the rest.
//
// All methods may be called concurrently. Those without a context must not
// block: they are called on the connection loop and by handlers in a hurry.
type Adapter interface {
	// Add lets s take part. welcome is called before any broadcast reaches it,
	// with what a restored session missed; session is nil for a new one. After
	// an error, the session cannot be restored any more, s takes no part.
	Add(s *Socket, session *Session, welcome func(missed []Encoded)) error
	// Remove takes s out and returns the rooms it was in. With keep its session
	// is kept for Restore.
	Remove(s *Socket, keep bool) []string
	// Restore finds a kept session of which the packets behind offset are kept
	// too; "" stands for all since it began. nil when there is none.
	Restore(id, offset string) (*Session, error)

	Join(s *Socket, rooms []string)
	Leave(s *Socket, rooms []string)
	Rooms(s *Socket) []string
	// Socket returns a socket of this server, nil when there is none.
	Socket(id string) *Socket
	// Len is the number of sockets of this server.
	Len() int

	// EmitTo sends an event to one socket of this server.
	EmitTo(s *Socket, p *Packet, how Selection) error
	Broadcast(p *Packet, to Selection) error
	// BroadcastWithAck has replies told to acks until stop is called.
	BroadcastWithAck(p *Packet, to Selection, acks AckCollector) (stop func(), err error)

	Fetch(ctx context.Context, of Selection) ([]RemoteSocket, error)
	JoinAll(of Selection, rooms []string) error
	LeaveAll(of Selection, rooms []string) error
	DisconnectAll(of Selection, closeConnection bool) error

	ServerSideEmit(event string, args []any) error
	ServerSideEmitWithAck(ctx context.Context, event string, args []any) ([]Args, error)

	Close() error
}

// Session is what a socket that lost its connection can be restored from.
type Session struct {
	ID    string
	Rooms []string // without the one of its own id
	Data  any

	// Positions in the packet log:
	joined   map[string]uint64 // where it joined its rooms, by name
	from     uint64            // behind the last packet it is known to have
	position uint64            // behind the last of missed
	missed   []Encoded         // found by Restore
}

// RemoteSocket describes a socket of any server.
type RemoteSocket struct {
	ID        string
	Rooms     []string
	Data      any
	Handshake *engineio.Handshake
}

package socketio

import (
	"context"

	"github.com/sockeye-im/sockeye/engineio"
)

// Cluster reaches the sockets of a namespace on all servers. Each server has one for each
// of its namespaces. It carries what it is asked for to those of the other servers, and
// does its own server's part by the method of the same name of [Namespace.Rooms]; so does
// whoever receives it there. It never sees a Selection that is Local.
//
// In which order it does both is up to it: one that reads back what it has written, in the
// order that all servers see, does its own part when it comes to that.
//
// All methods may be called concurrently. Those without a context must not
// block: they are called on the connection loop and by handlers in a hurry.
type Cluster interface {
	Broadcast(p *Packet, to Selection) error
	// BroadcastWithAck has the replies of all servers told to acks until stop is called. The
	// call of Expect that is final is the last of all servers'.
	BroadcastWithAck(p *Packet, to Selection, acks AckCollector) (stop func(), err error)

	Fetch(ctx context.Context, of Selection) ([]RemoteSocket, error)
	JoinAll(of Selection, rooms []string) error
	LeaveAll(of Selection, rooms []string) error
	DisconnectAll(of Selection, closeConnection bool) error

	// ServerSideEmit is for the other servers alone, which call
	// [Namespace.ReceiveServerSide].
	ServerSideEmit(event string, args []any) error
	// ServerSideEmitWithAck returns their acknowledgements. When ctx ends before all are
	// there, its error comes beside those that are.
	ServerSideEmitWithAck(ctx context.Context, event string, args []any) ([]Args, error)

	// Close is called once nothing more is asked.
	Close() error
}

// Alone is the Cluster of a namespace that no other server has.
func Alone(n *Namespace) Cluster { return alone{n.rooms} }

type alone struct{ *Rooms }

func (alone) ServerSideEmit(string, []any) error { return nil }

func (alone) ServerSideEmitWithAck(context.Context, string, []any) ([]Args, error) { return nil, nil }

func (alone) Close() error { return nil }

// RemoteSocket describes a socket of any server.
type RemoteSocket struct {
	ID        string
	Rooms     []string // its own id first
	Data      any
	Handshake *engineio.Handshake
}

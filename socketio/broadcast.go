package socketio

import (
	"context"
	"slices"
	"time"
)

// Selection says which sockets of a namespace are meant, and how they are to be
// reached.
type Selection struct {
	Rooms      []string // in any of these; none: all sockets
	Except     []string // in none of these
	Local      bool     // only on this server
	Volatile   bool     // may be lost where it cannot be written at once
	Transient  bool     // not kept for clients that lose their connection
	Uncompress bool     // not compressed

	// Socket is the id of the one socket that is meant, whatever rooms are called so; empty
	// if Rooms and Except say which. What Emit of a Socket sends has it.
	Socket string
}

// BroadcastOperator selects sockets, step by step, and acts on them. It is a
// value: every step returns a new one.
//
// One that Socket.Volatile, Compress, Timeout or Transient has made is for that
// socket alone, until a step selects: To, In, Except, Local and Broadcast turn to
// the sockets that they select, but for that one, as Socket.To does.
type BroadcastOperator struct {
	nsp     *Namespace
	to      Selection
	only    *Socket // of this server, instead of to's rooms
	timeout time.Duration
}

// others turns from the one socket that is meant to all but it, which every step
// does that selects.
func (b BroadcastOperator) others() BroadcastOperator {
	if b.only != nil {
		b.to.Except = append(slices.Clip(b.to.Except), b.only.id)
		b.only = nil
	}
	return b
}

// Broadcast selects all sockets but the one that the operator began with, if it
// began with one: s.Volatile().Broadcast() is s.Broadcast().Volatile().
func (b BroadcastOperator) Broadcast() BroadcastOperator { return b.others() }

// To adds rooms: a socket in any of them is selected, once.
func (b BroadcastOperator) To(rooms ...string) BroadcastOperator {
	b = b.others()
	b.to.Rooms = append(slices.Clip(b.to.Rooms), rooms...)
	return b
}

// In is To under its other name.
func (b BroadcastOperator) In(rooms ...string) BroadcastOperator { return b.To(rooms...) }

// Except leaves out the sockets in any of the rooms.
func (b BroadcastOperator) Except(rooms ...string) BroadcastOperator {
	b = b.others()
	b.to.Except = append(slices.Clip(b.to.Except), rooms...)
	return b
}

// Local selects only sockets of this server.
func (b BroadcastOperator) Local() BroadcastOperator {
	b = b.others()
	b.to.Local = true
	return b
}

// Volatile lets the event be lost for clients that cannot take it at once.
func (b BroadcastOperator) Volatile() BroadcastOperator {
	b.to.Volatile = true
	return b
}

// Transient keeps the event from being sent to clients that recover their
// connection, for what is outdated then. It takes no room from events that are
// not.
func (b BroadcastOperator) Transient() BroadcastOperator {
	b.to.Transient = true
	return b
}

// Compress says whether the event may be compressed, where the transport is set
// up for it. It may by default.
func (b BroadcastOperator) Compress(compress bool) BroadcastOperator {
	b.to.Uncompress = !compress
	return b
}

// Timeout bounds how long EmitWithAck and EmitAckFunc wait.
func (b BroadcastOperator) Timeout(d time.Duration) BroadcastOperator {
	b.timeout = d
	return b
}

// Emit sends an event. It is encoded once, however many sockets are selected.
func (b BroadcastOperator) Emit(event string, args ...any) error {
	if reserved(event) {
		return ErrReservedEvent
	}
	p := &Packet{Type: PacketEvent, Namespace: b.nsp.name, Event: event, Args: args}
	if b.only != nil {
		return b.nsp.rooms.emitTo(b.only, p, b.to)
	}
	return b.nsp.reach(b.to.Local).Broadcast(p, b.to)
}

// FetchSockets returns the selected sockets, of all servers.
func (b BroadcastOperator) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	if b.only == nil {
		return b.nsp.reach(b.to.Local).Fetch(ctx, b.to)
	}
	if !b.only.Connected() {
		return nil, nil
	}
	return []RemoteSocket{b.only.describe()}, nil
}

// SocketsJoin puts the selected sockets into rooms.
func (b BroadcastOperator) SocketsJoin(rooms ...string) error {
	if b.only != nil {
		b.only.Join(rooms...)
		return nil
	}
	return b.nsp.reach(b.to.Local).JoinAll(b.to, rooms)
}

// SocketsLeave takes the selected sockets out of rooms.
func (b BroadcastOperator) SocketsLeave(rooms ...string) error {
	if b.only != nil {
		b.only.Leave(rooms...)
		return nil
	}
	return b.nsp.reach(b.to.Local).LeaveAll(b.to, rooms)
}

// DisconnectSockets sends the selected sockets away; see Socket.Disconnect.
func (b BroadcastOperator) DisconnectSockets(closeConnection bool) error {
	if b.only != nil {
		b.only.Disconnect(closeConnection)
		return nil
	}
	return b.nsp.reach(b.to.Local).DisconnectAll(b.to, closeConnection)
}

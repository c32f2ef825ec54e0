package socketio

import (
	"context"
	"fmt"
	"slices"
	"sync"
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

	only string // the id of the one socket meant, whatever rooms are called so
}

// BroadcastOperator selects sockets, step by step, and acts on them. It is a
// value: every step returns a new one.
type BroadcastOperator struct {
	nsp     *Namespace
	to      Selection
	only    *Socket // of this server, instead of to's rooms
	timeout time.Duration
}

// To adds rooms: a socket in any of them is selected, once.
func (b BroadcastOperator) To(rooms ...string) BroadcastOperator {
	b.to.Rooms = append(slices.Clip(b.to.Rooms), rooms...)
	return b
}

// In is To under its other name.
func (b BroadcastOperator) In(rooms ...string) BroadcastOperator { return b.To(rooms...) }

// Except leaves out the sockets in any of the rooms.
func (b BroadcastOperator) Except(rooms ...string) BroadcastOperator {
	b.to.Except = append(slices.Clip(b.to.Except), rooms...)
	return b
}

// Local selects only sockets of this server.
func (b BroadcastOperator) Local() BroadcastOperator {
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

// Timeout bounds how long EmitWithAck waits.
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
		return b.nsp.adapter.EmitTo(b.only, p, b.to)
	}
	return b.nsp.adapter.Broadcast(p, b.to)
}

// MissingAcksError says that some clients did not acknowledge in time. The
// replies of the others are returned beside it.
type MissingAcksError struct {
	Missing int
	Err     error // context.DeadlineExceeded or context.Canceled
}

func (e *MissingAcksError) Error() string {
	return fmt.Sprintf("socketio: %d acknowledgements missing: %v", e.Missing, e.Err)
}

// Unwrap returns the context's error.
func (e *MissingAcksError) Unwrap() error { return e.Err }

// EmitWithAck sends an event and waits for the acknowledgements of all selected
// sockets, until ctx ends or Timeout has passed: then a *MissingAcksError comes
// beside the replies that are there. A socket that leaves meanwhile is missing.
func (b BroadcastOperator) EmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	if reserved(event) {
		return nil, ErrReservedEvent
	}
	if b.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.timeout)
		defer cancel()
	}
	collector := &ackCollector{done: make(chan struct{})}
	id := b.nsp.ackIDs.Add(1) - 1
	p := &Packet{Type: PacketEvent, Namespace: b.nsp.name, AckID: &id, Event: event, Args: args}
	stop, err := b.nsp.adapter.BroadcastWithAck(p, b.to, collector)
	if err != nil {
		return nil, err
	}
	defer stop()
	select {
	case <-collector.done:
	case <-ctx.Done():
	}
	return collector.result(ctx)
}

// AckCollector takes the acknowledgements of a broadcast. It may be used
// concurrently.
type AckCollector interface {
	// Expect adds to the number of acknowledgements to wait for. final tells
	// that no more calls will come.
	Expect(n int, final bool)
	// Reply takes one.
	Reply(Args)
	// Lost takes the place of one that will not come.
	Lost()
}

type ackCollector struct {
	mu       sync.Mutex
	replies  []Args
	expected int
	lost     int
	final    bool
	done     chan struct{}
	closed   bool
}

func (c *ackCollector) Expect(n int, final bool) {
	c.update(func() {
		c.expected += n
		c.final = c.final || final
	})
}

func (c *ackCollector) Reply(args Args) { c.update(func() { c.replies = append(c.replies, args) }) }

func (c *ackCollector) Lost() { c.update(func() { c.lost++ }) }

func (c *ackCollector) update(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	if c.final && !c.closed && len(c.replies)+c.lost >= c.expected {
		c.closed = true
		close(c.done)
	}
}

func (c *ackCollector) result(ctx context.Context) ([]Args, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	replies := slices.Clone(c.replies)
	if missing := c.expected - len(replies); missing > 0 || !c.final {
		err := ctx.Err()
		if err == nil {
			err = ErrDisconnected
		}
		return replies, &MissingAcksError{Missing: missing, Err: err}
	}
	return replies, nil
}

// FetchSockets returns the selected sockets, of all servers.
func (b BroadcastOperator) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	return b.nsp.adapter.Fetch(ctx, b.to)
}

// SocketsJoin puts the selected sockets into rooms.
func (b BroadcastOperator) SocketsJoin(rooms ...string) error {
	return b.nsp.adapter.JoinAll(b.to, rooms)
}

// SocketsLeave takes the selected sockets out of rooms.
func (b BroadcastOperator) SocketsLeave(rooms ...string) error {
	return b.nsp.adapter.LeaveAll(b.to, rooms)
}

// DisconnectSockets sends the selected sockets away; see Socket.Disconnect.
func (b BroadcastOperator) DisconnectSockets(closeConnection bool) error {
	return b.nsp.adapter.DisconnectAll(b.to, closeConnection)
}

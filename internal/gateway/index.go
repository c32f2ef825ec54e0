package gateway

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// Subscriber is a connection in an [Index].
type Subscriber interface {
	// ID is the connection's id, unlike that of any other connection.
	ID() string
	// Dialect says how events are written for it. Connections of one dialect get
	// the same bytes.
	Dialect() Dialect
	// Deliver queues what the dialect wrote. It must not block.
	Deliver(frame any)
}

// Dialect writes events. It must be comparable.
type Dialect interface {
	// Write returns the event as Subscriber.Deliver takes it; nil when the dialect
	// has no such event. own: it is for the connection that caused the event.
	Write(e wire.Event, own bool) any
}

// Index is the hub's audience of plain WebSockets: it knows which are in which rooms, which
// are called as those of Socket.IO. Its methods may be called concurrently.
type Index struct {
	mu    sync.RWMutex
	rooms map[string]map[Subscriber]struct{}
	in    map[Subscriber]map[string]struct{}

	sent atomic.Uint64 // frames
}

// NewIndex makes one without anybody.
func NewIndex() *Index {
	return &Index{rooms: make(map[string]map[Subscriber]struct{}), in: make(map[Subscriber]map[string]struct{})}
}

// Attach makes a subscriber known, in a room of its own that is called by its id,
// as sockets have one.
func (x *Index) Attach(s Subscriber) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.in[s] = make(map[string]struct{})
	x.join(s, s.ID())
}

// Detach forgets a subscriber.
func (x *Index) Detach(s Subscriber) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for room := range x.in[s] {
		x.leave(s, room)
	}
	delete(x.in, s)
}

// Rooms are the rooms that an attached subscriber is in.
func (x *Index) Rooms(s Subscriber) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Keys(x.in[s]))
}

// Join puts an attached subscriber into rooms, and Leave takes it out.
func (x *Index) Join(s Subscriber, rooms ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, room := range rooms {
		x.join(s, room)
	}
}

// Leave takes a subscriber out of rooms.
func (x *Index) Leave(s Subscriber, rooms ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, room := range rooms {
		x.leave(s, room)
	}
}

func (x *Index) join(s Subscriber, room string) {
	rooms, attached := x.in[s]
	if !attached {
		return
	}
	rooms[room] = struct{}{}
	if x.rooms[room] == nil {
		x.rooms[room] = make(map[Subscriber]struct{})
	}
	x.rooms[room][s] = struct{}{}
}

func (x *Index) leave(s Subscriber, room string) {
	delete(x.in[s], room)
	delete(x.rooms[room], s)
	if len(x.rooms[room]) == 0 {
		delete(x.rooms, room)
	}
}

// In returns the subscribers that are in one of the rooms, each once.
func (x *Index) In(rooms ...string) []Subscriber {
	x.mu.RLock()
	defer x.mu.RUnlock()
	in := make(map[Subscriber]struct{})
	for _, room := range rooms {
		maps.Copy(in, x.rooms[room])
	}
	return slices.Collect(maps.Keys(in))
}

// Sent is how many times something was handed to a subscriber.
func (x *Index) Sent() uint64 { return x.sent.Load() }

// JoinAll implements hub.Audience.
func (x *Index) JoinAll(of []string, room string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, from := range of {
		for s := range x.rooms[from] {
			x.join(s, room)
		}
	}
	return nil
}

// LeaveAll implements hub.Audience.
func (x *Index) LeaveAll(of, rooms []string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, from := range of {
		for s := range x.rooms[from] {
			for _, room := range rooms {
				x.leave(s, room)
			}
		}
	}
	return nil
}

// Send implements hub.Audience: it writes the event once for each dialect, and delivers it
// to each subscriber once.
func (x *Index) Send(to hub.Sending) error {
	type way struct {
		dialect Dialect
		own     bool
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	var done map[Subscriber]struct{} // who has it, or is not to have it
	if len(to.To) > 1 || len(to.Except) > 0 {
		done = make(map[Subscriber]struct{})
	}
	for _, room := range to.Except {
		for s := range x.rooms[room] {
			done[s] = struct{}{}
		}
	}
	written := make(map[way]any)
	sent := 0
	defer func() { x.sent.Add(uint64(sent)) }()
	for _, room := range to.To {
		for s := range x.rooms[room] {
			if _, already := done[s]; already {
				continue
			}
			if done != nil {
				done[s] = struct{}{}
			}
			w := way{s.Dialect(), to.Origin != "" && s.ID() == to.Origin}
			frame, ok := written[w]
			if !ok {
				frame = w.dialect.Write(to.Event, w.own)
				written[w] = frame
			}
			if frame != nil {
				sent++
				s.Deliver(frame)
			}
		}
	}
	return nil
}

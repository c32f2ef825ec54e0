package hub

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Subscriber is a connection that is no Socket.IO one.
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
	Write(e Event, own bool) any
}

// index knows which subscribers are in which rooms; the rooms are called as those
// of Socket.IO.
type index struct {
	mu    sync.RWMutex
	rooms map[string]map[Subscriber]struct{}
	in    map[Subscriber]map[string]struct{}

	sent atomic.Uint64 // frames
}

func newIndex() *index {
	return &index{rooms: make(map[string]map[Subscriber]struct{}), in: make(map[Subscriber]map[string]struct{})}
}

// Attach makes a subscriber known, in a room of its own that is called by its id,
// as sockets have one.
func (h *Hub) Attach(s Subscriber) {
	x := h.natives
	x.mu.Lock()
	defer x.mu.Unlock()
	x.in[s] = make(map[string]struct{})
	x.join(s, s.ID())
}

// Detach forgets a subscriber.
func (h *Hub) Detach(s Subscriber) {
	x := h.natives
	x.mu.Lock()
	defer x.mu.Unlock()
	for room := range x.in[s] {
		x.leave(s, room)
	}
	delete(x.in, s)
}

// Rooms are the rooms that an attached subscriber is in.
func (h *Hub) Rooms(s Subscriber) []string {
	x := h.natives
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Keys(x.in[s]))
}

// Join puts an attached subscriber into rooms, and Leave takes it out.
func (h *Hub) Join(s Subscriber, rooms ...string) {
	x := h.natives
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, room := range rooms {
		x.join(s, room)
	}
}

// Leave takes a subscriber out of rooms.
func (h *Hub) Leave(s Subscriber, rooms ...string) {
	x := h.natives
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, room := range rooms {
		x.leave(s, room)
	}
}

func (x *index) join(s Subscriber, room string) {
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

func (x *index) leave(s Subscriber, room string) {
	delete(x.in[s], room)
	delete(x.rooms[room], s)
	if len(x.rooms[room]) == 0 {
		delete(x.rooms, room)
	}
}

// joinAll puts the subscribers of some rooms into another, and leaveAll takes
// them out.
func (x *index) joinAll(of []string, room string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, from := range of {
		for s := range x.rooms[from] {
			x.join(s, room)
		}
	}
}

func (x *index) leaveAll(of []string, room string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, from := range of {
		for s := range x.rooms[from] {
			x.leave(s, room)
		}
	}
}

// send writes an event once for each dialect and delivers it to whoever is in any
// of the rooms and in none of except, once. origin is the connection that caused
// the event, if one did.
func (x *index) send(rooms, except []string, e Event, origin string) {
	type way struct {
		dialect Dialect
		own     bool
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	var done map[Subscriber]struct{} // who has it, or is not to have it
	if len(rooms) > 1 || len(except) > 0 {
		done = make(map[Subscriber]struct{})
	}
	for _, room := range except {
		for s := range x.rooms[room] {
			done[s] = struct{}{}
		}
	}
	written := make(map[way]any)
	sent := 0
	defer func() { x.sent.Add(uint64(sent)) }()
	for _, room := range rooms {
		for s := range x.rooms[room] {
			if _, already := done[s]; already {
				continue
			}
			if done != nil {
				done[s] = struct{}{}
			}
			w := way{s.Dialect(), origin != "" && s.ID() == origin}
			frame, ok := written[w]
			if !ok {
				frame = w.dialect.Write(e, w.own)
				written[w] = frame
			}
			if frame != nil {
				sent++
				s.Deliver(frame)
			}
		}
	}
}

package socketio

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// Local is the Adapter that knows one server only. Its zero value is of no use;
// NewLocal makes one.
type Local struct {
	nsp *Namespace

	// sending is held by one broadcast at a time, so that all sockets get them in
	// the same order. It is taken before mu.
	sending sync.Mutex

	// mu is held for writing while a packet is logged and queued everywhere, so
	// that no socket comes or goes between. Nothing blocks under it, and no
	// handler is called.
	mu      sync.RWMutex
	sockets map[string]*Socket
	rooms   map[string]*room
	log     *packetLog // nil without recovery

	offsets atomic.Uint64
}

// NewLocal makes the in-memory adapter of a namespace.
func NewLocal(n *Namespace) *Local {
	l := &Local{nsp: n, sockets: make(map[string]*Socket), rooms: make(map[string]*room)}
	if cfg := &n.server.cfg; cfg.Recovery != nil {
		l.log = newPacketLog(*cfg.Recovery, cfg.Engine.MaxQueuedFrames, cfg.Engine.MaxQueuedBytes)
	}
	return l
}

// room is a set of sockets. Each knows its place, so that leaving a room of
// thousands costs no search.
type room struct {
	name    string
	sockets []*Socket
}

// membership is a socket's place in a room.
type membership struct {
	room  *room
	place int
	since uint64 // where the packet log stood when the socket joined
}

// Add implements Adapter.
func (l *Local) Add(s *Socket, session *Session, welcome func([]Encoded)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missed []Encoded
	if session != nil {
		var ok bool
		if missed, ok = l.log.claim(session); !ok {
			return errSessionGone
		}
	}
	l.sockets[s.id] = s
	s.since = l.position()
	if session != nil {
		// What is on its way to the client now can be lost again.
		s.since = session.from
		for _, name := range session.Rooms {
			l.join(s, name, session.joined[name])
		}
	}
	welcome(missed)
	return nil
}

var errSessionGone = errors.New("socketio: session was restored elsewhere or has expired")

// Remove implements Adapter.
func (l *Local) Remove(s *Socket, keep bool) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets[s.id] != s {
		return nil
	}
	rooms := l.roomsOf(s)
	if keep && l.log != nil {
		joined := make(map[string]uint64, len(s.rooms))
		for i := range s.rooms {
			joined[s.rooms[i].room.name] = s.rooms[i].since
		}
		l.log.keep(&Session{ID: s.id, Rooms: rooms[1:], Data: s.Data(), joined: joined, from: s.since})
	}
	for len(s.rooms) > 0 {
		l.leave(s, len(s.rooms)-1)
	}
	s.rooms = nil
	delete(l.sockets, s.id)
	return rooms
}

// position is where the packet log stands.
func (l *Local) position() uint64 {
	if l.log == nil {
		return 0
	}
	return l.log.end()
}

// Restore implements Adapter.
func (l *Local) Restore(id, offset string) (*Session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log == nil {
		return nil, nil
	}
	return l.log.restore(id, offset), nil
}

// Join implements Adapter.
func (l *Local) Join(s *Socket, rooms []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets[s.id] != s {
		return
	}
	for _, name := range rooms {
		l.join(s, name, l.position())
	}
}

func (l *Local) join(s *Socket, name string, since uint64) {
	if name == s.id || s.in(name) >= 0 {
		return
	}
	r := l.rooms[name]
	if r == nil {
		r = &room{name: name}
		l.rooms[name] = r
	}
	s.rooms = append(s.rooms, membership{r, len(r.sockets), since})
	r.sockets = append(r.sockets, s)
}

// Leave implements Adapter.
func (l *Local) Leave(s *Socket, rooms []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range rooms {
		if i := s.in(name); i >= 0 {
			l.leave(s, i)
		}
	}
}

// leave ends the i-th membership of s. The last socket of the room takes its
// place.
func (l *Local) leave(s *Socket, i int) {
	m := s.rooms[i]
	r := m.room
	last := len(r.sockets) - 1
	moved := r.sockets[last]
	r.sockets[m.place] = moved
	moved.rooms[moved.in(r.name)].place = m.place
	r.sockets[last] = nil
	r.sockets = r.sockets[:last]
	if last == 0 {
		delete(l.rooms, r.name)
	}
	s.rooms[i] = s.rooms[len(s.rooms)-1]
	s.rooms = s.rooms[:len(s.rooms)-1]
}

// in returns which membership of s is the one in the room, -1 for none. The
// adapter's lock is held.
func (s *Socket) in(room string) int {
	for i := range s.rooms {
		if s.rooms[i].room.name == room {
			return i
		}
	}
	return -1
}

// Rooms implements Adapter.
func (l *Local) Rooms(s *Socket) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.roomsOf(s)
}

func (l *Local) roomsOf(s *Socket) []string {
	names := make([]string, 0, 1+len(s.rooms))
	names = append(names, s.id)
	for i := range s.rooms {
		names = append(names, s.rooms[i].room.name)
	}
	return names
}

// Socket implements Adapter.
func (l *Local) Socket(id string) *Socket {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sockets[id]
}

// Len implements Adapter.
func (l *Local) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.sockets)
}

// Sockets returns the selected sockets of this server.
func (l *Local) Sockets(of Selection) []*Socket { return l.selected(of) }

func (l *Local) selected(of Selection) []*Socket {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var sockets []*Socket
	l.each(of, func(s *Socket) { sockets = append(sockets, s) })
	return sockets
}

// eachKept does to kept sessions what was done to sockets, so that a client
// that comes back is where it would be had it never been away.
func (l *Local) eachKept(of Selection, f func(*Session)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log == nil {
		return
	}
	for _, kept := range l.log.sessions {
		if of.includes(kept.session, l.position()) {
			f(kept.session)
		}
	}
}

// Fetch implements Adapter.
func (l *Local) Fetch(_ context.Context, of Selection) ([]RemoteSocket, error) {
	sockets := l.selected(of)
	remote := make([]RemoteSocket, 0, len(sockets))
	for _, s := range sockets {
		remote = append(remote, RemoteSocket{ID: s.id, Rooms: s.Rooms(), Data: s.Data(), Handshake: s.Handshake()})
	}
	return remote, nil
}

// JoinAll implements Adapter.
func (l *Local) JoinAll(of Selection, rooms []string) error {
	for _, s := range l.selected(of) {
		l.Join(s, rooms)
	}
	l.eachKept(of, func(session *Session) { session.join(rooms, l.position()) })
	return nil
}

// LeaveAll implements Adapter.
func (l *Local) LeaveAll(of Selection, rooms []string) error {
	for _, s := range l.selected(of) {
		l.Leave(s, rooms)
	}
	l.eachKept(of, func(session *Session) { session.leave(rooms) })
	return nil
}

// DisconnectAll implements Adapter.
func (l *Local) DisconnectAll(of Selection, closeConnection bool) error {
	for _, s := range l.selected(of) {
		s.Disconnect(closeConnection)
	}
	return nil
}

// ServerSideEmit implements Adapter: there are no other servers.
func (l *Local) ServerSideEmit(string, []any) error { return nil }

// ServerSideEmitWithAck implements Adapter: there are no other servers.
func (l *Local) ServerSideEmitWithAck(context.Context, string, []any) ([]Args, error) {
	return nil, nil
}

// Close implements Adapter.
func (l *Local) Close() error { return nil }

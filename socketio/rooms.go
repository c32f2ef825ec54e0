package socketio

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// Rooms knows the sockets that a namespace has on this server, and the rooms they are in;
// what it does reaches these sockets alone. [Namespace.Rooms] returns it. Its methods may be
// called concurrently, and do not block.
type Rooms struct {
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
	watch   func(room string, open bool)

	offsets atomic.Uint64
}

func newRooms(n *Namespace) *Rooms {
	l := &Rooms{nsp: n, sockets: make(map[string]*Socket), rooms: make(map[string]*room)}
	if cfg := &n.server.cfg; cfg.Recovery != nil {
		l.log = newPacketLog(*cfg.Recovery, cfg.Engine.MaxQueuedBytes)
		if cfg.Recovery.Elsewhere != nil {
			l.offsets.Store(firstOffset())
		}
	}
	return l
}

// Watch has f told of each room that gets its first socket, and of each that has lost its
// last one; a socket's own room is none of them. It is for a Cluster that asks others for
// the rooms that are here alone: it must be called by Config.NewCluster. f must not block,
// and must not call Rooms.
func (l *Rooms) Watch(f func(room string, open bool)) { l.watch = f }

// room is a set of sockets. Each knows its place, so that leaving a room of
// thousands costs no search.
type room struct {
	name    string
	sockets []*Socket
}

// add lets s take part. welcome is called before any broadcast reaches it, with what a
// restored session missed; session is nil for a new one. After an error, the session cannot
// be restored any more, s takes no part.
func (l *Rooms) add(s *Socket, session *Session, welcome func([]Encoded)) error {
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
	joined, left := s.enter()
	if session != nil {
		// What is on its way to the client now can be lost again.
		s.since = session.from
		for _, name := range session.Rooms {
			if !slices.Contains(left, name) {
				l.enter(s, name, session.joined[name])
			}
		}
	}
	for _, name := range joined {
		l.enter(s, name, l.position())
	}
	welcome(missed)
	return nil
}

var errSessionGone = errors.New("socketio: session was restored elsewhere or has expired")

// drop takes s out and returns the rooms it was in. With keep its session is kept for
// restore.
func (l *Rooms) drop(s *Socket, keep bool) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets[s.id] != s {
		return nil
	}
	rooms := l.roomsOf(s)
	if keep && l.log != nil {
		joined := make(map[string]uint64, len(s.rooms.list))
		for i := range s.rooms.list {
			joined[s.rooms.list[i].room.name] = s.rooms.list[i].since
		}
		l.log.keep(&Session{ID: s.id, Rooms: rooms[1:], Data: s.Data(), joined: joined, from: s.since, foreign: s.foreign})
	}
	for len(s.rooms.list) > 0 {
		l.exit(s, len(s.rooms.list)-1)
	}
	s.rooms = memberships{}
	delete(l.sockets, s.id)
	return rooms
}

// position is where the packet log stands.
func (l *Rooms) position() uint64 {
	if l.log == nil {
		return 0
	}
	return l.log.end()
}

// restore finds a kept session of which the packets behind offset are kept too; "" stands
// for all since it began. nil when there is none.
func (l *Rooms) restore(id, offset string) *Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log == nil {
		return nil
	}
	return l.log.restore(id, offset)
}

// join puts s into rooms, unless it has left.
func (l *Rooms) join(s *Socket, rooms []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets[s.id] == s {
		l.joinRooms(s, rooms)
	}
}

func (l *Rooms) joinRooms(s *Socket, rooms []string) {
	for _, name := range rooms {
		l.enter(s, name, l.position())
	}
}

func (l *Rooms) enter(s *Socket, name string, since uint64) {
	if name == s.id {
		return
	}
	r := l.rooms[name]
	switch {
	case r == nil:
		r = &room{name: name}
		l.rooms[name] = r
		if l.watch != nil {
			l.watch(name, true)
		}
	case s.rooms.find(r) >= 0:
		return
	}
	s.rooms.add(membership{r, len(r.sockets), since})
	r.sockets = append(r.sockets, s)
}

// leave takes s out of rooms.
func (l *Rooms) leave(s *Socket, rooms []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaveRooms(s, rooms)
}

func (l *Rooms) leaveRooms(s *Socket, rooms []string) {
	for _, name := range rooms {
		r := l.rooms[name]
		if r == nil {
			continue
		}
		if i := s.rooms.find(r); i >= 0 {
			l.exit(s, i)
		}
	}
}

// exit ends the i-th membership of s. The last socket of the room takes its
// place.
func (l *Rooms) exit(s *Socket, i int) {
	m := s.rooms.list[i]
	r := m.room
	last := len(r.sockets) - 1
	moved := r.sockets[last]
	r.sockets[m.place] = moved
	moved.rooms.list[moved.rooms.find(r)].place = m.place
	r.sockets[last] = nil
	r.sockets = r.sockets[:last]
	if last == 0 {
		delete(l.rooms, r.name)
		if l.watch != nil {
			l.watch(r.name, false)
		}
	}
	s.rooms.remove(i)
}

// of returns the rooms that s is in, its own first.
func (l *Rooms) of(s *Socket) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.roomsOf(s)
}

func (l *Rooms) roomsOf(s *Socket) []string {
	names := make([]string, 0, 1+len(s.rooms.list))
	names = append(names, s.id)
	for i := range s.rooms.list {
		names = append(names, s.rooms.list[i].room.name)
	}
	return names
}

// Socket returns the socket with that id; nil when there is none.
func (l *Rooms) Socket(id string) *Socket {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sockets[id]
}

// Len is the number of sockets.
func (l *Rooms) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.sockets)
}

// Sockets returns the selected sockets.
func (l *Rooms) Sockets(of Selection) []*Socket {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.collect(of)
}

// collect returns the selected sockets. The lock is held.
func (l *Rooms) collect(of Selection) []*Socket {
	var sockets []*Socket
	l.each(of, func(s *Socket) { sockets = append(sockets, s) })
	return sockets
}

// eachKept does to kept sessions what is done to sockets, so that a client that
// comes back is where it would be had it never been away. The lock is held for
// both: a client that goes or comes back between would be missed by both.
func (l *Rooms) eachKept(of Selection, f func(*Session)) {
	if l.log == nil || len(l.log.sessions) == 0 {
		return
	}
	includes := of.sessions()
	for _, kept := range l.log.sessions {
		if includes(kept.session, l.position()) {
			f(kept.session)
		}
	}
}

// Fetch describes the selected sockets. It never fails.
func (l *Rooms) Fetch(_ context.Context, of Selection) ([]RemoteSocket, error) {
	sockets := l.Sockets(of)
	remote := make([]RemoteSocket, 0, len(sockets))
	for _, s := range sockets {
		remote = append(remote, s.describe())
	}
	return remote, nil
}

// JoinAll puts the selected sockets into rooms, those too that may come back.
func (l *Rooms) JoinAll(of Selection, rooms []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.collect(of) {
		l.joinRooms(s, rooms)
	}
	l.eachKept(of, func(session *Session) { session.join(rooms, l.position()) })
	return nil
}

// LeaveAll takes the selected sockets out of rooms, those too that may come back.
func (l *Rooms) LeaveAll(of Selection, rooms []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.collect(of) {
		l.leaveRooms(s, rooms)
	}
	l.eachKept(of, func(session *Session) { session.leave(rooms) })
	return nil
}

// DisconnectAll sends the selected sockets away, see [Socket.Disconnect].
func (l *Rooms) DisconnectAll(of Selection, closeConnection bool) error {
	for _, s := range l.Sockets(of) {
		s.Disconnect(closeConnection)
	}
	return nil
}

package socketio

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
)

// Local is the Adapter that knows one server only. Its zero value is of no use;
// NewLocal makes one.
type Local struct {
	nsp *Namespace

	// mu also keeps broadcasts in one order for all sockets: it is held while a
	// packet is logged and queued everywhere. Nothing blocks under it.
	mu      sync.RWMutex
	sockets map[string]*Socket
	rooms   map[string]*room
	log     *packetLog // nil without recovery

	offsets atomic.Uint64
}

// NewLocal makes the in-memory adapter of a namespace.
func NewLocal(n *Namespace) *Local {
	l := &Local{nsp: n, sockets: make(map[string]*Socket), rooms: make(map[string]*room)}
	if r := n.server.cfg.Recovery; r != nil {
		l.log = newPacketLog(*r)
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
	if l.log != nil {
		s.since = l.log.end()
	}
	if session != nil {
		for _, name := range session.Rooms {
			l.join(s, name)
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
	for len(s.rooms) > 0 {
		l.leave(s, len(s.rooms)-1)
	}
	s.rooms = nil
	delete(l.sockets, s.id)
	if keep && l.log != nil {
		l.log.keep(&Session{ID: s.id, Rooms: rooms[1:], Data: s.Data(), position: s.since})
	}
	return rooms
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
		l.join(s, name)
	}
}

func (l *Local) join(s *Socket, name string) {
	if name == s.id || s.in(name) >= 0 {
		return
	}
	r := l.rooms[name]
	if r == nil {
		r = &room{name: name}
		l.rooms[name] = r
	}
	s.rooms = append(s.rooms, membership{r, len(r.sockets)})
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

// EmitTo implements Adapter. An event to one socket can be recovered like a
// broadcast.
func (l *Local) EmitTo(s *Socket, p *Packet, how Selection) error {
	if l.log == nil || !s.recoverable || how.Volatile {
		if !s.Connected() {
			return ErrDisconnected
		}
		encoded, err := l.encode(p, how)
		if err != nil {
			return err
		}
		l.nsp.sent(s, p)
		s.deliver(encoded, how.Volatile)
		return nil
	}
	how.only = s.id
	return l.Broadcast(p, how)
}

// Broadcast implements Adapter.
func (l *Local) Broadcast(p *Packet, to Selection) error {
	if l.log == nil || to.Volatile {
		return l.broadcast(p, to)
	}
	return l.broadcastLogged(p, to)
}

// broadcast sends a packet that will not be recovered.
func (l *Local) broadcast(p *Packet, to Selection) error {
	encoded, err := l.encode(p, to)
	if err != nil {
		return err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	l.each(to, func(s *Socket) {
		l.nsp.sent(s, p)
		s.deliver(encoded, to.Volatile)
	})
	return nil
}

// broadcastLogged sends a packet and keeps it for clients that lose their
// connection. Those find its offset as a last argument; clients that were given
// no private id have no use for it and do not get it.
func (l *Local) broadcastLogged(p *Packet, to Selection) error {
	offset := l.offsets.Add(1)
	logged := *p
	logged.Args = append(append(make([]any, 0, len(p.Args)+1), p.Args...), formatOffset(offset))
	withOffset, err := l.encode(&logged, to)
	if err != nil {
		return err
	}
	var plain Encoded
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log.append(offset, to, withOffset)
	l.each(to, func(s *Socket) {
		l.nsp.sent(s, p)
		encoded := withOffset
		if !s.recoverable {
			if plain == nil {
				plain, _ = l.encode(p, to) // it could be encoded above
			}
			encoded = plain
		}
		s.deliver(encoded, false)
	})
	return nil
}

func (l *Local) encode(p *Packet, how Selection) (Encoded, error) {
	encoded, err := l.nsp.server.cfg.Codec.Encode(p)
	if err != nil || !how.Uncompress {
		return encoded, err
	}
	for i := range encoded {
		encoded[i] = encoded[i].Uncompressed()
	}
	return encoded, nil
}

// BroadcastWithAck implements Adapter.
func (l *Local) BroadcastWithAck(p *Packet, to Selection, acks AckCollector) (stop func(), err error) {
	encoded, err := l.encode(p, to)
	if err != nil {
		return nil, err
	}
	var asked []*Socket
	l.mu.RLock()
	l.each(to, func(s *Socket) {
		reply := func(body Value, err error) {
			if err != nil {
				acks.Lost()
				return
			}
			args, err := s.splitAck(body)
			if err != nil {
				acks.Lost()
				return
			}
			acks.Reply(args)
		}
		if s.expect(*p.AckID, reply) {
			asked = append(asked, s)
			l.nsp.sent(s, p)
			s.deliver(encoded, false)
		}
	})
	l.mu.RUnlock()
	acks.Expect(len(asked), true)
	return func() {
		for _, s := range asked {
			s.forget(*p.AckID)
		}
	}, nil
}

// each calls f for every selected socket, once. The lock is held.
func (l *Local) each(of Selection, f func(*Socket)) {
	except := l.exceptions(of.Except)
	visit := func(s *Socket) {
		if _, skip := except[s]; !skip {
			f(s)
		}
	}
	if of.only != "" {
		if s := l.sockets[of.only]; s != nil {
			f(s)
		}
		return
	}
	switch len(of.Rooms) {
	case 0:
		for _, s := range l.sockets {
			visit(s)
		}
	case 1:
		l.eachIn(of.Rooms[0], visit)
	default:
		seen := make(map[*Socket]struct{})
		for _, name := range of.Rooms {
			l.eachIn(name, func(s *Socket) {
				if _, again := seen[s]; !again {
					seen[s] = struct{}{}
					visit(s)
				}
			})
		}
	}
}

// eachIn visits a room, and the socket whose id is the room's name: its own
// room exists only in name.
func (l *Local) eachIn(name string, f func(*Socket)) {
	if s := l.sockets[name]; s != nil {
		f(s)
	}
	if r := l.rooms[name]; r != nil {
		for _, s := range r.sockets {
			f(s)
		}
	}
}

func (l *Local) exceptions(rooms []string) map[*Socket]struct{} {
	if len(rooms) == 0 {
		return nil
	}
	except := make(map[*Socket]struct{})
	for _, name := range rooms {
		l.eachIn(name, func(s *Socket) { except[s] = struct{}{} })
	}
	return except
}

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
		if of.includes(kept.session) {
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
	l.eachKept(of, func(session *Session) { session.join(rooms) })
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

// sent tells the OnAnyOutgoing handlers.
func (n *Namespace) sent(s *Socket, p *Packet) {
	n.mu.RLock()
	outgoing := n.outgoing
	n.mu.RUnlock()
	for _, f := range outgoing {
		n.contain(s, p.Event, func() error { f(s, p.Event, p.Args); return nil })
	}
}

func formatOffset(offset uint64) string { return strconv.FormatUint(offset, 36) }

var errOffset = errors.New("socketio: malformed offset")

func parseOffset(s string) (uint64, error) {
	offset, err := strconv.ParseUint(s, 36, 64)
	if err != nil {
		return 0, errOffset
	}
	return offset, nil
}

package socketio

import (
	"maps"
	"slices"
)

// Held is the number of bytes a JSON decoder keeps between two messages.
func Held(d Decoder) int {
	pending := d.(*jsonDecoder).pending
	if pending == nil {
		return 0
	}
	held := len(pending.text)
	for _, data := range pending.attachments {
		held += len(data)
	}
	return held
}

// Namespaces are the names of all namespaces there are, sorted.
func (s *Server) Namespaces() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.namespaces))
}

// Paused reports whether the connection of s is not read at the moment.
func Paused(s *Socket) bool {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.client.paused
}

// Queued is the number of events that wait for the handlers of s.
func Queued(s *Socket) int {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.client.queue.len()
}

// HeldUp reports whether so many events of s are detached that those behind wait.
func HeldUp(s *Socket) bool {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.client.held
}

// RoomNames are the rooms of a namespace that sockets are in, sorted, beside
// those of their own ids.
func RoomNames(n *Namespace) []string {
	l := n.rooms
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Sorted(maps.Keys(l.rooms))
}

// WaitingAcks is the number of acknowledgements that s is to give.
func WaitingAcks(s *Socket) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acks)
}

// KeptSessions is the number of sessions that may be restored.
func KeptSessions(n *Namespace) int {
	l := n.rooms
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.log == nil {
		return 0
	}
	return len(l.log.sessions)
}

// Idle reports whether no event is being handled.
func Idle(s *Server) bool {
	return s.work.Len() == 0
}

// ConnectTimeout is what happens when the time is up that the connection of s had to join
// a namespace, if it is still running.
func ConnectTimeout(s *Socket) {
	s.client.mu.Lock()
	running := s.client.timer != nil
	s.client.mu.Unlock()
	if running {
		s.client.connectTimeout()
	}
}

// Beat is what happens when the heartbeat of the connection of s is due.
func Beat(s *Socket) { s.client.session.Expire(nil) }

// Keep keeps a session in rooms, as of a client that was lost now, and
// KeptIn tells whether one is in a room.
func (l *Rooms) Keep(id string, rooms ...string) {
	joined := make(map[string]uint64, len(rooms))
	for _, room := range rooms {
		joined[room] = 0
	}
	l.log.keep(&Session{ID: id, Rooms: rooms, joined: joined})
}

// KeptIn is described with Keep.
func (l *Rooms) KeptIn(id, room string) bool {
	return slices.Contains(l.log.sessions[id].session.Rooms, room)
}

package socketio

import "slices"

// entrance is what the middlewares of a socket have made of its rooms. The
// socket's lock guards it.
type entrance struct {
	kept   []string // of the session that it continues
	left   []string // of those
	joined []string
}

// continues makes the socket the one of a session. Its connection may have ended by now.
func (s *Socket) continues(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.data, s.recovered, s.foreign = session.ID, session.Data, true, session.foreign
	if s.entering != nil {
		s.entering.kept = session.Rooms
	}
}

// join and leave report whether the socket is still on its way in: otherwise Rooms
// does it.
func (s *Socket) joinEarly(rooms []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entering
	if e == nil {
		return false
	}
	for _, room := range rooms {
		e.left = without(e.left, room)
		if room != s.id && !slices.Contains(e.joined, room) {
			e.joined = append(e.joined, room)
		}
	}
	return true
}

func (s *Socket) leaveEarly(rooms []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entering
	if e == nil {
		return false
	}
	for _, room := range rooms {
		e.joined = without(e.joined, room)
		if slices.Contains(e.kept, room) && !slices.Contains(e.left, room) {
			e.left = append(e.left, room)
		}
	}
	return true
}

// roomsEarly are the rooms it will be in, nil once Rooms knows.
func (s *Socket) roomsEarly() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entering
	if e == nil {
		return nil
	}
	rooms := []string{s.id}
	for _, room := range e.kept {
		if !slices.Contains(e.left, room) {
			rooms = append(rooms, room)
		}
	}
	for _, room := range e.joined {
		if !slices.Contains(rooms, room) {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

func without(rooms []string, room string) []string {
	return slices.DeleteFunc(rooms, func(other string) bool { return other == room })
}

// isNew reports whether the socket is on its way in without a session that it
// continues: nothing can be kept for it yet.
func (s *Socket) isNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entering != nil && !s.Recovered()
}

// enter ends the time in which rooms are joined early. Rooms calls it while
// it lets the socket in, and puts it into the rooms that were joined, and into
// those of the session but for what was left.
func (s *Socket) enter() (joined, left []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entering; e != nil {
		joined, left = e.joined, e.left
	}
	s.entering = nil
	return joined, left
}

package socketio

// memberships are the rooms that a socket is in. They are guarded by the lock of Rooms,
// which everybody waits for: with many rooms none of the methods looks at all of them.
type memberships struct {
	list []membership
	at   map[*room]int // where each is in the list; nil as long as a look at all costs less
}

// membership is a socket's place in a room.
type membership struct {
	room  *room
	place int
	since uint64 // where the packet log stood when the socket joined
}

// manyRooms is how many rooms are worth a map. Most sockets are in fewer.
const manyRooms = 16

// find returns where in the list the membership in a room is, -1 for none.
func (m *memberships) find(r *room) int {
	if m.at != nil {
		if i, ok := m.at[r]; ok {
			return i
		}
		return -1
	}
	for i := range m.list {
		if m.list[i].room == r {
			return i
		}
	}
	return -1
}

// add appends a membership in a room that is not among them.
func (m *memberships) add(one membership) {
	m.list = append(m.list, one)
	switch {
	case m.at != nil:
		m.at[one.room] = len(m.list) - 1
	case len(m.list) > manyRooms:
		m.at = make(map[*room]int, 2*len(m.list))
		for i := range m.list {
			m.at[m.list[i].room] = i
		}
	}
}

// remove takes out the i-th. The last one takes its place.
func (m *memberships) remove(i int) {
	gone, last := m.list[i].room, len(m.list)-1
	m.list[i] = m.list[last]
	m.list[last] = membership{}
	m.list = m.list[:last]
	if m.at == nil {
		return
	}
	if i < last {
		m.at[m.list[i].room] = i
	}
	delete(m.at, gone)
}

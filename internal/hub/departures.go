package hub

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// departures count how often devices were taken out of chat rooms because their users are
// members no longer: users by themselves, each counted among a share of all of them, and
// all of a room with its end. They change with [warmth.mu] held.
type departures struct {
	seed  maphash.Seed
	users [64]atomic.Uint64
	rooms atomic.Uint64
}

func newDepartures() departures { return departures{seed: maphash.MakeSeed()} }

func (d *departures) of(user chat.UserID) *atomic.Uint64 {
	return &d.users[maphash.String(d.seed, string(user))%uint64(len(d.users))]
}

// departs notes that a user's devices are about to be taken out of a room, and allDepart that all who are in one are.
func (w *warmth) departs(user chat.UserID) { w.note(w.departures.of(user)) }

func (w *warmth) allDepart() { w.note(&w.departures.rooms) }

func (w *warmth) note(count *atomic.Uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	count.Add(1)
}

// Departures changes before a user's devices are taken out of a chat room. Whoever has
// found out in which rooms the user is puts a device into them by Enter, or finds out again.
func (h *Hub) Departures(user chat.UserID) uint64 {
	d := &h.warmth.departures
	return d.of(user).Load() + d.rooms.Load()
}

// Enter puts a device into the Socket.IO rooms of those of its user's chat rooms that are warm, by
// enter, which must not block and is not called for none, and reports true; unless Departures has
// changed since: then it does nothing. The device is in its user's room already. A room that its user
// leaves now it is taken out of before anything else is told there.
//
// Memberships are read from the database, which is ahead of what is told here. Where a user's coming
// is still to be told, so is what was said before, which is not for the user, whatever has
// become of an earlier membership: the device is put into the room when that is told, as
// all of the user's are.
func (h *Hub) Enter(user chat.UserID, departures uint64, stays []chat.Stay, enter func(rooms ...string)) bool {
	w := h.warmth
	w.mu.RLock()
	defer w.mu.RUnlock()
	if h.Departures(user) != departures {
		return false
	}
	var rooms []string
	for i := range stays {
		if r := w.rooms[stays[i].RoomID]; r != nil && r.knows(&stays[i]) {
			rooms = append(rooms, ChatRoom(r.id))
		}
	}
	if len(rooms) > 0 {
		enter(rooms...)
	}
	return true
}

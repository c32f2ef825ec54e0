package hub

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// departures count how often devices were taken out of chat rooms because their users are
// members no longer: users by themselves, each counted among a share of all of them, and
// all of a room with its end.
type departures struct {
	seed  maphash.Seed
	users [64]atomic.Uint64
	rooms atomic.Uint64
}

func newDepartures() departures { return departures{seed: maphash.MakeSeed()} }

func (d *departures) of(user chat.UserID) *atomic.Uint64 {
	return &d.users[maphash.String(d.seed, string(user))%uint64(len(d.users))]
}

// Departures changes before a user's devices are taken out of a chat room. Whoever has
// found out in which rooms the user is, and put a device into them, has to find out again
// if it has changed meanwhile.
func (h *Hub) Departures(user chat.UserID) uint64 {
	d := &h.warmth.departures
	return d.of(user).Load() + d.rooms.Load()
}

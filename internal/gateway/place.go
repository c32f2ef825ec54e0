package gateway

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

// mostWarm is up to how many warm rooms of the whole server are looked at, rather than
// all that the user is in.
const mostWarm = 500

// joinRooms puts a device into those chat rooms of its user that are warm, and takes it
// out of those that the user has left: a recovered one may be in such, and a membership
// may end before the answer is used. From when the device is in its user's room the hub
// does both too, at its own time. So this asks until the user has left no room meanwhile,
// and enters none before, nor one to which the user has come by something that is still to
// be told; and until there is none to leave; and each time it looks first at where the device is: a room
// that the hub adds behind the question is no former one.
func (s *session) joinRooms(ctx context.Context) error {
	h := s.gateway.deps.Hub
	for s.link.Connected() {
		departures := h.Departures(s.user)
		in := s.chatRooms()
		stays, err := s.roomsToBeIn(ctx, in)
		if err != nil {
			return err
		}
		missing, former := compareRooms(in, stays)
		s.link.Leave(hub.ChatRooms(former)...)
		entered := h.Enter(s.user, departures, missing, s.link.Join)
		if entered && len(former) == 0 {
			return nil
		}
	}
	return nil // whoever is gone has no rooms
}

// roomsToBeIn are those of the user's rooms that are warm, and those that the device is
// in already. One may be named twice.
func (s *session) roomsToBeIn(ctx context.Context, in []string) ([]chat.Stay, error) {
	rules, h := s.gateway.deps.Chat, s.gateway.deps.Hub
	warm, ok := h.Warm(mostWarm)
	if !ok {
		all, err := rules.Memberships(ctx, s.user)
		if err != nil {
			return nil, err
		}
		warm = h.OnlyWarm(all)
	}
	return rules.MembershipsAmong(ctx, s.user, append(warm, in...))
}

// chatRooms are the chat rooms that the device is in.
func (s *session) chatRooms() []string {
	var chats []string
	for _, room := range s.link.Rooms() {
		if id, ok := hub.ChatRoomID(room); ok && room != s.link.ID() {
			chats = append(chats, id)
		}
	}
	return chats
}

// compareRooms returns what is missing in the rooms that a device is in, and what of
// them is none that it has to be in.
func compareRooms(in []string, wanted []chat.Stay) (missing []chat.Stay, former []string) {
	known := make(map[string]bool, len(in)+len(wanted)) // false: it is wanted
	for _, room := range in {
		known[room] = true
	}
	for _, stay := range wanted {
		if _, there := known[stay.RoomID]; !there {
			missing = append(missing, stay)
		}
		known[stay.RoomID] = false
	}
	for room, unwanted := range known {
		if unwanted {
			former = append(former, room)
		}
	}
	return missing, former
}

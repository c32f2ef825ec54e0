package hub

import (
	"errors"

	"github.com/sockeye-im/sockeye/internal/wire"
)

// Audience is the connections of one protocol, which are in rooms (see [UserRoom],
// [ChatRoom], [Topic]). Each is in one of its own too, which is called by its id. Its methods
// may be called concurrently.
type Audience interface {
	// Send queues an event for whom it is for. It must not block.
	Send(s Sending) error
	// JoinAll puts the connections that are in any of these rooms into another one, and
	// those that are away and may come back.
	JoinAll(of []string, room string) error
	// LeaveAll takes them out of rooms.
	LeaveAll(of, rooms []string) error
}

// Sending is an event on its way to everybody in one of To, and in none of Except.
type Sending struct {
	Event      wire.Event
	To, Except []string
	Origin     string // the connection that caused it, if one did
	Lasts      Lasts
}

// Lasts is for how long an event is worth sending.
type Lasts int

const (
	// Kept is for those too who come back within the time of recovery.
	Kept Lasts = iota
	// Passing is outdated, or told anew, when they do.
	Passing
	// Lossy may be lost, as it is told again.
	Lossy
)

// send tells all audiences. A Sending to no rooms is for nobody.
func (h *Hub) send(s Sending) error {
	if len(s.To) == 0 {
		return nil
	}
	var err error
	for _, a := range h.audiences {
		err = errors.Join(err, a.Send(s))
	}
	return err
}

// join puts the devices in some rooms into another room.
func (h *Hub) join(devices []string, room string) error {
	if len(devices) == 0 {
		return nil
	}
	var err error
	for _, a := range h.audiences {
		err = errors.Join(err, a.JoinAll(devices, room))
	}
	return err
}

// leave takes the devices in some rooms out of others.
func (h *Hub) leave(devices []string, rooms ...string) error {
	var err error
	for _, a := range h.audiences {
		err = errors.Join(err, a.LeaveAll(devices, rooms))
	}
	return err
}

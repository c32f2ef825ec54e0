package hub

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Members knows who is in chat rooms. Its method may block, which holds up all events,
// and may be called concurrently.
type Members interface {
	// MembersBy returns who is in a room and came by the event of that seq or before it,
	// and the seq of the last event of its log, both of one moment.
	MembersBy(ctx context.Context, room chat.ConversationRef, seq int64) (members []chat.UserID, head int64, err error)
}

const (
	// idleRounds is how many times within its idle time a room is looked at.
	idleRounds = 10
	// sweepPortion is how many rooms are looked at, and made cold, between two commits.
	sweepPortion = 100
	// sweepPause is between two portions.
	sweepPause = time.Millisecond
)

// warmth is which chat rooms are warm: the devices of a warm room's members are in its
// Socket.IO room. A room becomes warm before something is sent to it, and cold when that
// was long ago. So a device that signs in joins the few rooms in which something
// happens, instead of all that its user is in.
//
// Whoever tells, and so holds [Hub.telling], alone writes, and reads without the lock.
type warmth struct {
	members Members
	every   time.Duration // of a round

	// mu is held too for whatever must not happen while a device enters.
	mu    sync.RWMutex
	rooms map[string]*warmRoom

	all    []*warmRoom // each knows its place
	round  uint32
	cursor int // of all these, from which on down this round has still to look

	departures departures
}

// warmRoom is a chat room that is warm, or about to be.
type warmRoom struct {
	id    string
	place int
	// conversation is the one that the room has; empty where nothing of it was told yet. It
	// changes with warmth.mu held.
	conversation string
	// read is the seq by which its members have come: that of the last event told, or by which
	// they were read. Those who come later join by their own events. It goes back with
	// warmth.mu held.
	read  atomic.Int64
	heard uint32      // the round in which something was sent to it last
	ready atomic.Bool // its members' devices have joined
}

// knows tells whether a membership is among those whose devices are in the room.
func (r *warmRoom) knows(s *chat.Stay) bool {
	return r.is(s.ConversationID) && s.Since <= r.read.Load()
}

// is tells whether the room is that conversation's, as far as is known. There may have been another room of its id.
func (r *warmRoom) is(conversation string) bool {
	return r.conversation == "" || conversation == "" || r.conversation == conversation
}

func newWarmth(cfg Config, members Members) *warmth {
	return &warmth{
		members: members, every: max(cfg.Idle/idleRounds, 1), rooms: make(map[string]*warmRoom), departures: newDepartures(),
	}
}

// Warm returns the ids of all warm rooms, in which a device has to be that signs in, and
// which it may ask for after it is in its user's room: what becomes warm later has the
// device join. It reports false if there are more than most.
func (h *Hub) Warm(most int) (rooms []string, ok bool) {
	w := h.warmth
	w.mu.RLock()
	defer w.mu.RUnlock()
	if len(w.rooms) > most {
		return nil, false
	}
	rooms = make([]string, 0, len(w.rooms))
	for id := range w.rooms {
		rooms = append(rooms, id)
	}
	return rooms, true
}

// OnlyWarm returns those of the chat rooms that are warm, see Warm.
func (h *Hub) OnlyWarm(rooms []string) []string {
	w := h.warmth
	w.mu.RLock()
	defer w.mu.RUnlock()
	var warm []string
	for _, id := range rooms {
		if w.rooms[id] != nil {
			warm = append(warm, id)
		}
	}
	return warm
}

// Audience returns the Socket.IO rooms in which the devices of a chat room's members are:
// its own, or as long as it is cold those of the users. It asks the store for a cold one,
// which stays so.
func (h *Hub) Audience(ctx context.Context, roomID string) ([]string, error) {
	w := h.warmth
	w.mu.RLock()
	r := w.rooms[roomID]
	w.mu.RUnlock()
	if r != nil && r.ready.Load() {
		return []string{ChatRoom(roomID)}, nil
	}
	users, _, err := w.members.MembersBy(ctx, chat.ConversationRef{RoomID: roomID}, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	return userRooms(users), nil
}

// anySeq is that of what is in no log.
const anySeq = math.MaxInt64

// warm makes a room warm to which something is about to be sent: the event of that seq,
// or what is in no log. For a room that is warm it does no more than look so, if it is the
// event that follows.
func (h *Hub) warm(room chat.ConversationRef, seq int64) error {
	w := h.warmth
	r := w.rooms[room.RoomID]
	if r == nil || !r.is(room.ConversationID) || seq != anySeq && seq != r.read.Load()+1 {
		return h.gather(r, room, seq)
	}
	w.hear(r)
	if seq != anySeq {
		w.tellApart(r, room.ConversationID)
		r.read.Store(seq)
	}
	return nil
}

// hear notes that something is sent to a room.
func (w *warmth) hear(r *warmRoom) { r.heard = w.round }

// gather has the devices of those join who were members when the event happened. The
// room counts as warm before they are asked for: a device that signs in meanwhile joins
// by itself, or it is already in its user's room.
//
// Members can have been read too late for the event, for something that is in no log; the
// room replaces one of the same id; or events were left out, by which some may have come
// or gone: then everybody leaves first.
func (h *Hub) gather(r *warmRoom, room chat.ConversationRef, seq int64) error {
	w := h.warmth
	r, err := h.anew(r, room)
	users, head, readErr := w.members.MembersBy(context.Background(), room, seq)
	if readErr != nil {
		w.remove(r) // to be asked again
		return errors.Join(err, fmt.Errorf("read members: %w", readErr))
	}
	if seq == anySeq {
		seq = head
	}
	r.read.Store(seq) // whose device has not entered by itself until here joins now
	err = errors.Join(err, h.join(userRooms(users), ChatRoom(r.id)))
	r.ready.Store(true)
	return err
}

// anew adds a room, or has everybody leave that one.
func (h *Hub) anew(r *warmRoom, room chat.ConversationRef) (*warmRoom, error) {
	var err error
	if r == nil {
		r = h.warmth.add(room)
	} else {
		h.warmth.shut(r, room.ConversationID)
		err = h.leave([]string{ChatRoom(r.id)}, ChatRoom(r.id))
	}
	h.warmth.hear(r)
	return r, err
}

// warmFor is warm for an event. Of two the members are known: at the end of a room they
// are told with it, as the store has none any more, and the first event of a log is that
// of the only one having come.
func (h *Hub) warmFor(e *chat.Event) error {
	room := chat.ConversationRef{ConversationID: e.ConversationID, RoomID: e.Audience.RoomID}
	switch {
	case e.Kind == chat.RoomDeleted:
		return h.join(userRooms(e.Audience.Users), ChatRoom(room.RoomID))
	case e.Kind == chat.MemberJoined && e.Seq == 1:
		return h.begin(room)
	}
	return h.warm(room, e.Seq)
}

// begin makes a room warm that is new. One that it replaces may still be warm.
func (h *Hub) begin(room chat.ConversationRef) error {
	w := h.warmth
	r, err := h.anew(w.rooms[room.RoomID], room)
	r.read.Store(1)
	r.ready.Store(true)
	return err
}

// warmForHead is warm for the end of a log, which says nothing of what was told of it.
func (h *Hub) warmForHead(head *chat.Head) error {
	if head.Audience.RoomID == "" {
		return nil
	}
	return h.warm(chat.ConversationRef{ConversationID: head.ConversationID, RoomID: head.Audience.RoomID}, anySeq)
}

// chill makes a room cold that is no more.
func (w *warmth) chill(id string) {
	if r := w.rooms[id]; r != nil {
		w.remove(r)
	}
}

func (w *warmth) add(room chat.ConversationRef) *warmRoom {
	r := &warmRoom{id: room.RoomID, place: len(w.all), conversation: room.ConversationID}
	w.all = append(w.all, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rooms[r.id] = r
	return r
}

// shut has no device enter a room until its members were read anew, those of a conversation.
func (w *warmth) shut(r *warmRoom, conversation string) {
	r.ready.Store(false)
	w.mu.Lock()
	defer w.mu.Unlock()
	r.conversation = conversation
	r.read.Store(0)
}

// tellApart notes which conversation a room has, where nothing of it was told before.
func (w *warmth) tellApart(r *warmRoom, conversation string) {
	if r.conversation != "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r.conversation = conversation
}

func (w *warmth) remove(r *warmRoom) {
	last := len(w.all) - 1
	w.all[r.place] = w.all[last]
	w.all[r.place].place = r.place
	w.all[last] = nil
	w.all = w.all[:last]
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.rooms, r.id)
}

// sweep makes a portion of the rooms cold to which nothing was sent for long, and returns
// when to go on.
func (h *Hub) sweep() time.Duration {
	h.telling.Lock()
	defer h.telling.Unlock()
	w := h.warmth
	if w.cursor == 0 {
		w.round++
		w.cursor = len(w.all)
	}
	var rooms []string
	for _, r := range w.idlers() {
		w.remove(r)
		rooms = append(rooms, ChatRoom(r.id))
	}
	if len(rooms) > 0 {
		if err := h.leave(rooms, rooms...); err != nil {
			h.log.Error("rooms could not be left", "err", err)
		}
	}
	if w.cursor > 0 {
		return sweepPause
	}
	return w.every
}

// idlers returns those of the next portion that have become cold.
func (w *warmth) idlers() []*warmRoom {
	var idle []*warmRoom
	from := min(w.cursor, len(w.all)) // some may have gone since
	w.cursor = max(from-sweepPortion, 0)
	for _, r := range w.all[w.cursor:from] {
		if w.round-r.heard > idleRounds {
			idle = append(idle, r)
		}
	}
	return idle
}

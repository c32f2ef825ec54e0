// Package hub tells the connections of this node what has happened. It is the
// one place where chat events become Socket.IO events: every committed event
// passes through [Hub.Publish], in the order of commits, and is encoded once for
// all who get it.
//
// Who gets it is an index of Socket.IO rooms: user:ID holds the devices of a
// user, and a chat room's id those of its members (see [ChatRoom]). The index
// follows the events too: a device is subscribed by the event of its user having
// joined, so that it gets exactly what comes after.
package hub

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/socketio"
)

// queueSize is how many commits may wait to be told. When the queue is full the
// store waits with its next commit: senders are slowed down rather than events
// lost.
const queueSize = 1024

// Hub fans events out to the sockets of one namespace. Its methods may be called
// concurrently.
type Hub struct {
	nsp *socketio.Namespace
	log *slog.Logger

	natives *index
	observe func(took time.Duration) // see Observe

	queue chan batch
	done  sync.WaitGroup
}

// batch is the events of one commit, or ends of logs to announce, or what is to be
// done once all before it were told.
type batch struct {
	events   []chat.Event
	accounts []account.Event
	heads    []chat.Head
	then     func()
	at       time.Time // when it was committed
}

// New starts a hub; Stop ends it.
func New(nsp *socketio.Namespace, log *slog.Logger) *Hub {
	h := &Hub{nsp: nsp, log: log, natives: newIndex(), queue: make(chan batch, queueSize)}
	h.done.Go(h.run)
	return h
}

// Publish takes the events of one commit. It is a chat.Sink.
func (h *Hub) Publish(events []chat.Event) { h.queue <- batch{events: events, at: time.Now()} }

// Observe has f told of every commit how long it took until its events were queued
// for all who get them. It must be called before anything is published; f must not
// block.
func (h *Hub) Observe(f func(took time.Duration)) { h.observe = f }

// Sent is how many times something was handed to a subscriber that is no Socket.IO
// connection.
func (h *Hub) Sent() uint64 { return h.natives.sent.Load() }

// In returns the subscribers in a room.
func (h *Hub) In(room string) []Subscriber {
	x := h.natives
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Keys(x.rooms[room]))
}

// Announce tells the audiences of conversations how far their logs go, behind all
// that was published before: who has less has missed something.
func (h *Hub) Announce(heads []chat.Head) {
	if len(heads) > 0 {
		h.queue <- batch{heads: heads}
	}
}

// After has something done once everything published before has been told. It must
// not block, nor publish: nothing is told meanwhile.
func (h *Hub) After(then func()) { h.queue <- batch{then: then} }

// Flush returns once everything published before has been told, or when ctx
// ends.
func (h *Hub) Flush(ctx context.Context) error {
	told := make(chan struct{})
	select {
	case h.queue <- batch{then: func() { close(told) }}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-told:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Waiting is the number of commits that wait to be told.
func (h *Hub) Waiting() int { return len(h.queue) }

// Stop tells what is queued and returns. Nothing may be published after it was
// called.
func (h *Hub) Stop() {
	close(h.queue)
	h.done.Wait()
}

func (h *Hub) run() {
	for b := range h.queue {
		if b.then != nil {
			b.then()
			continue
		}
		h.announce(b.heads)
		for i := range b.events {
			if err := h.tell(&b.events[i]); err != nil {
				h.log.Error("event could not be sent", "kind", string(b.events[i].Kind), "conversation", b.events[i].ConversationID, "err", err)
			}
		}
		if h.observe != nil && len(b.events) > 0 {
			h.observe(time.Since(b.at))
		}
		for i := range b.accounts {
			if err := h.tellAccount(&b.accounts[i]); err != nil {
				h.log.Error("event could not be sent", "kind", string(b.accounts[i].Kind), "err", err)
			}
		}
	}
}

// UserRoom is the Socket.IO room of a user's devices.
func UserRoom(id chat.UserID) string { return "user:" + string(id) }

// socketIDLength is the length of the ids that servers give to sockets: 15
// random bytes in base64, here and in Node.
const socketIDLength = 20

// ChatRoom is the Socket.IO room of a chat room's members: the one of its id,
// unless the id could be a socket's. That socket would get what is said in the
// room, member or not, and clients choose the ids of rooms.
func ChatRoom(id string) string {
	if len(id) == socketIDLength {
		return "room:" + id
	}
	return id
}

// ChatRooms are the Socket.IO rooms of chat rooms.
func ChatRooms(ids []string) []string {
	rooms := make([]string, len(ids))
	for i, id := range ids {
		rooms[i] = ChatRoom(id)
	}
	return rooms
}

// tell sends one event to its audience. Who becomes a member is subscribed before,
// who is none any more after.
func (h *Hub) tell(e *chat.Event) error {
	if e.Kind == chat.MessageRead {
		return h.tellReceipts(e)
	}
	out, ok := EventOf(e)
	if !ok {
		return errors.New("unknown kind of event")
	}
	rooms := roomsOf(e.Audience)
	var except []string
	if e.Origin != "" && answered(e) {
		except = []string{e.Origin}
	}
	err := h.subscribe(e)
	err = errors.Join(err, h.nsp.To(rooms...).Except(except...).Emit(out.Name, out.Payload))
	h.natives.send(rooms, except, out, e.Origin)
	return errors.Join(err, h.unsubscribe(e))
}

// answered tells whether the connection that caused the event knows all that it
// says, seq and all, from the answer to its command.
func answered(e *chat.Event) bool {
	switch e.Kind {
	case chat.MessageCreated:
		return e.Message.RoomID == "" // a room message goes to its sender too
	case chat.MemberJoined, chat.MemberLeft:
		return e.By == e.Membership.UserID // who ends another's remains, and needs the seq
	case chat.ConversationRead:
		return true
	}
	return false
}

func (h *Hub) subscribe(e *chat.Event) error {
	switch e.Kind {
	case chat.MemberJoined:
		return h.join([]string{UserRoom(e.Membership.UserID)}, ChatRoom(e.Membership.RoomID))
	case chat.MembersAdded:
		devices := make([]string, len(e.Added.Users))
		for i, user := range e.Added.Users {
			devices[i] = UserRoom(user)
		}
		return h.join(devices, ChatRoom(e.Added.RoomID))
	}
	return nil
}

func (h *Hub) unsubscribe(e *chat.Event) error {
	switch e.Kind {
	case chat.MemberLeft:
		return h.leave(UserRoom(e.Membership.UserID), ChatRoom(e.Membership.RoomID))
	case chat.RoomDeleted:
		room := ChatRoom(e.Room.ID)
		return h.leave(room, room)
	}
	return nil
}

// join puts the devices in some rooms into another room.
func (h *Hub) join(devices []string, room string) error {
	if len(devices) == 0 {
		return nil // no rooms would be everybody
	}
	h.natives.joinAll(devices, room)
	return h.nsp.In(devices...).SocketsJoin(room)
}

// leave takes the devices in one room out of another.
func (h *Hub) leave(devices, room string) error {
	h.natives.leaveAll([]string{devices}, room)
	return h.nsp.In(devices).SocketsLeave(room)
}

func (h *Hub) tellReceipts(e *chat.Event) error {
	var err error
	rooms := roomsOf(e.Audience)
	for i := range e.Receipts {
		out := Event{"message:read", receiptOf(&e.Receipts[i])}
		err = errors.Join(err, h.nsp.To(rooms...).Emit(out.Name, out.Payload))
		h.natives.send(rooms, nil, out, e.Origin)
	}
	return err
}

// announce may be lost: the next round tells again.
func (h *Hub) announce(heads []chat.Head) {
	for i := range heads {
		rooms := roomsOf(heads[i].Audience)
		out := Event{"conversation:head", HeadOf(&heads[i])}
		h.natives.send(rooms, nil, out, "")
		if err := h.nsp.To(rooms...).Volatile().Emit(out.Name, out.Payload); err != nil {
			h.log.Error("head could not be announced", "conversation", heads[i].ConversationID, "err", err)
		}
	}
}

func roomsOf(to chat.Audience) []string {
	rooms := make([]string, 0, 1+len(to.Users))
	if to.RoomID != "" {
		rooms = append(rooms, ChatRoom(to.RoomID))
	}
	for _, user := range to.Users {
		rooms = append(rooms, UserRoom(user))
	}
	return rooms
}

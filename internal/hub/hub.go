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
	"sync"

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

	queue chan batch
	done  sync.WaitGroup
}

// batch is the events of one commit, or a question whether all before it were
// told.
type batch struct {
	events []chat.Event
	told   chan struct{}
}

// New starts a hub; Stop ends it.
func New(nsp *socketio.Namespace, log *slog.Logger) *Hub {
	h := &Hub{nsp: nsp, log: log, queue: make(chan batch, queueSize)}
	h.done.Go(h.run)
	return h
}

// Publish takes the events of one commit. It is a chat.Sink.
func (h *Hub) Publish(events []chat.Event) { h.queue <- batch{events: events} }

// Flush returns once everything published before has been told, or when ctx
// ends.
func (h *Hub) Flush(ctx context.Context) error {
	told := make(chan struct{})
	select {
	case h.queue <- batch{told: told}:
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
		if b.told != nil {
			close(b.told)
			continue
		}
		events := b.events
		for i := range events {
			if err := h.tell(&events[i]); err != nil {
				h.log.Error("event could not be sent", "kind", string(events[i].Kind), "conversation", events[i].ConversationID, "err", err)
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

// tell sends one event to its audience.
func (h *Hub) tell(e *chat.Event) error {
	switch e.Kind {
	case chat.MessageCreated:
		return h.tellMessage(e)
	case chat.MemberJoined:
		devices := h.nsp.In(UserRoom(e.Membership.UserID))
		err := devices.SocketsJoin(ChatRoom(e.Membership.RoomID))
		return errors.Join(err, h.others(e).Emit("room:user_joined", membershipOf(e)))
	case chat.MemberLeft:
		err := h.others(e).Emit("room:user_left", membershipOf(e))
		devices := h.nsp.In(UserRoom(e.Membership.UserID))
		return errors.Join(err, devices.SocketsLeave(ChatRoom(e.Membership.RoomID)))
	case chat.MemberRole:
		return h.audience(e).Emit("room:role", roleOf(e))
	case chat.MessageRead:
		return h.tellReceipts(e)
	case chat.ConversationRead:
		return h.others(e).Emit("conversation:read", markOf(e))
	default:
		return errors.New("unknown kind of event")
	}
}

// tellMessage sends a room message to all members, and a direct one to all
// devices of both sides but the one it came from, which has its own answer.
func (h *Hub) tellMessage(e *chat.Event) error {
	m := MessageOf(e.Message)
	if e.Message.RoomID != "" {
		return h.audience(e).Emit("room:message", m)
	}
	return h.others(e).Emit("message:received", m)
}

func (h *Hub) tellReceipts(e *chat.Event) error {
	var err error
	for i := range e.Receipts {
		err = errors.Join(err, h.audience(e).Emit("message:read", receiptOf(&e.Receipts[i])))
	}
	return err
}

// audience selects all who are to be told.
func (h *Hub) audience(e *chat.Event) socketio.BroadcastOperator {
	rooms := make([]string, 0, 1+len(e.Audience.Users))
	if e.Audience.RoomID != "" {
		rooms = append(rooms, ChatRoom(e.Audience.RoomID))
	}
	for _, user := range e.Audience.Users {
		rooms = append(rooms, UserRoom(user))
	}
	return h.nsp.To(rooms...)
}

// others selects the audience without the connection that caused the event.
func (h *Hub) others(e *chat.Event) socketio.BroadcastOperator {
	if e.Origin == "" {
		return h.audience(e)
	}
	return h.audience(e).Except(e.Origin)
}

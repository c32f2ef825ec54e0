// Package hub tells the connections of this node what has happened. It is the
// one place where facts become events for clients: it follows the feed by [Hub.Tell], and
// hands each event to the [Audience] of each protocol once.
//
// Who gets it is a matter of rooms, as Socket.IO has them: user:ID holds the devices of a
// user, and a chat room's id those of its members (see [ChatRoom]), as long as something
// happens in it (see [Config.Idle]). The index follows the events too: a device is
// subscribed by the event of its user having joined, so that it gets exactly what comes
// after.
package hub

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// Config is what may be chosen about a hub.
type Config struct {
	// Idle is for how long nothing is sent to a chat room until its devices leave it, or
	// up to a tenth more. It must be longer than clients can be away and recover: those
	// that come back are sent nothing that was missed in a room that is cold by then.
	Idle time.Duration
}

// DefaultConfig returns the defaults: 10 minutes.
func DefaultConfig() Config { return Config{Idle: 10 * time.Minute} }

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	if c.Idle <= 0 {
		return fmt.Errorf("hub: idle is %s, it must be more than 0s", c.Idle)
	}
	return nil
}

// Deps are what a Hub works with; all are required, but for Observe.
type Deps struct {
	Audiences []Audience
	Members   Members
	Log       *slog.Logger
	// Observe is told of every commit how long it took until its events were queued for
	// all who get them. It must not block.
	Observe func(took time.Duration) `need:"optional"`
}

// Hub fans facts out to its audiences. Its methods may be called concurrently.
type Hub struct {
	audiences []Audience
	log       *slog.Logger
	observe   func(took time.Duration)

	// telling is held while something is told and while rooms become cold: one thing
	// happens at a time.
	telling sync.Mutex
	warmth  *warmth

	quit chan struct{}
	done sync.WaitGroup
}

// New starts a hub; Stop ends it.
func New(cfg Config, d Deps) (*Hub, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Hub{audiences: d.Audiences, log: d.Log, observe: d.Observe, warmth: newWarmth(cfg, d.Members), quit: make(chan struct{})}
	h.done.Go(h.run)
	return h, nil
}

// Stop has no rooms become cold any more. The hub can still tell.
func (h *Hub) Stop() {
	close(h.quit)
	h.done.Wait()
}

func (h *Hub) run() {
	sweeps := time.NewTimer(h.warmth.every)
	defer sweeps.Stop()
	for {
		select {
		case <-h.quit:
			return
		case <-sweeps.C:
			sweeps.Reset(h.sweep())
		}
	}
}

// Tell tells facts to those connections that they are for. It follows the feed.
func (h *Hub) Tell(facts *feed.Facts) {
	h.telling.Lock()
	defer h.telling.Unlock()
	h.announce(facts.Heads)
	for i := range facts.Chat {
		if err := h.tell(&facts.Chat[i]); err != nil {
			h.log.Error("event could not be sent", "kind", string(facts.Chat[i].Kind), "conversation", facts.Chat[i].ConversationID, "err", err)
		}
	}
	if h.observe != nil && len(facts.Chat) > 0 {
		h.observe(time.Since(facts.At))
	}
	for i := range facts.Accounts {
		if err := h.tellAccount(&facts.Accounts[i]); err != nil {
			h.log.Error("event could not be sent", "kind", string(facts.Accounts[i].Kind), "err", err)
		}
	}
	for i := range facts.Notices {
		h.notify(&facts.Notices[i])
	}
	for i := range facts.Passing {
		h.pass(&facts.Passing[i])
	}
	for i := range facts.Files {
		h.tellFile(&facts.Files[i])
	}
}

// tellFile tells what was made of a file to those who have a message with it, and to who has uploaded it.
func (h *Hub) tellFile(f *feed.FileMade) {
	for _, room := range f.Rooms {
		if err := h.warm(chat.ConversationRef{RoomID: room}, anySeq); err != nil {
			h.log.Error("what was made of a file could not be told", "room", room, "err", err)
		}
	}
	h.emit(Sending{Event: wire.FileMade.Of(&f.File), To: append(ChatRooms(f.Rooms), userRooms(f.Users)...)})
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

// ChatRoomID is the id of the chat room whose Socket.IO room is called so; false for one
// of another kind. A socket's own room looks like a chat room's.
func ChatRoomID(room string) (id string, ok bool) {
	id = strings.TrimPrefix(room, "room:")
	return id, !strings.Contains(id, ":")
}

// ChatRooms are the Socket.IO rooms of chat rooms.
func ChatRooms(ids []string) []string {
	rooms := make([]string, len(ids))
	for i, id := range ids {
		rooms[i] = ChatRoom(id)
	}
	return rooms
}

// tell sends one event to its audience, whose room is warm by then. Who becomes a member
// is subscribed before, who is none any more after.
func (h *Hub) tell(e *chat.Event) error {
	if e.Kind == chat.MessageRead {
		return h.tellReceipts(e)
	}
	out, ok := wire.EventOf(e)
	if !ok {
		return errors.New("unknown kind of event")
	}
	rooms := roomsOf(audienceOf(e))
	var except []string
	if e.Origin != "" && answered(e) {
		except = []string{e.Origin}
	}
	var err error
	if e.Audience.RoomID != "" {
		err = h.warmFor(e)
	}
	err = errors.Join(err, h.subscribe(e))
	err = errors.Join(err, h.send(Sending{Event: out, To: rooms, Except: except, Origin: e.Origin}))
	return errors.Join(err, h.unsubscribe(e))
}

// audienceOf is who gets an event by the rooms they are in: at the end of a chat room its
// members still are in it.
func audienceOf(e *chat.Event) chat.Audience {
	if e.Kind == chat.RoomDeleted {
		return chat.Audience{RoomID: e.Audience.RoomID}
	}
	return e.Audience
}

// answered tells whether the connection that caused the event knows all that it
// says, seq and all, from the answer to its command.
func answered(e *chat.Event) bool {
	switch e.Kind {
	case chat.MessageCreated:
		return e.Message.RoomID == "" // a room message goes to its sender too
	case chat.MemberJoined, chat.MemberLeft:
		return e.By == e.Membership.UserID // who ends another's remains, and needs the seq
	case chat.ConversationRead, chat.ScheduledChanged:
		return true
	}
	return false
}

func (h *Hub) subscribe(e *chat.Event) error {
	switch e.Kind {
	case chat.MemberJoined:
		return h.join([]string{UserRoom(e.Membership.UserID)}, ChatRoom(e.Membership.RoomID))
	case chat.MembersAdded:
		return h.join(userRooms(e.Added.Users), ChatRoom(e.Added.RoomID))
	}
	return nil
}

func (h *Hub) unsubscribe(e *chat.Event) error {
	switch e.Kind {
	case chat.MemberLeft:
		h.warmth.departs(e.Membership.UserID)
		return h.leave([]string{UserRoom(e.Membership.UserID)}, ChatRoom(e.Membership.RoomID))
	case chat.RoomDeleted:
		h.warmth.allDepart()
		h.warmth.chill(e.Room.ID)
		room := ChatRoom(e.Room.ID)
		return h.leave([]string{room}, room)
	}
	return nil
}

func (h *Hub) tellReceipts(e *chat.Event) error {
	var err error
	rooms := roomsOf(e.Audience)
	for i := range e.Receipts {
		out := wire.MessageRead.Of(&e.Receipts[i])
		err = errors.Join(err, h.send(Sending{Event: out, To: rooms, Origin: e.Origin}))
	}
	return err
}

// announce may be lost: the next round tells again.
func (h *Hub) announce(heads []chat.Head) {
	for i := range heads {
		if err := h.warmForHead(&heads[i]); err != nil {
			h.log.Error("head could not be announced", "conversation", heads[i].ConversationID, "err", err)
		}
		h.emit(Sending{Event: wire.ConversationHead.Of(&heads[i]), To: roomsOf(heads[i].Audience), Lasts: Lossy})
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

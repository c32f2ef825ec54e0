package hub

import (
	"errors"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// pass tells what is outdated soon.
func (h *Hub) pass(p *feed.Passing) {
	var out wire.Event
	//exhaustive:enforce
	switch p.Kind {
	case feed.TypingStarted:
		out = wire.TypingStart.Of(wire.Passing{UserID: p.Who.ID, Username: p.Who.Name, RoomID: p.RoomID})
	case feed.TypingStopped:
		out = wire.TypingStop.Of(wire.Passing{UserID: p.Who.ID, RoomID: p.RoomID})
	default:
		h.log.Error("unknown kind of news", "kind", string(p.Kind))
		return
	}
	if p.RoomID == "" {
		h.emit(Sending{Event: out, To: userRooms(p.To), Lasts: Passing})
		return
	}
	if err := h.warm(chat.ConversationRef{RoomID: p.RoomID}, anySeq); err != nil {
		h.log.Error("typing could not be told", "room", p.RoomID, "err", err)
	}
	except := append(userRooms(p.Except), UserRoom(p.Who.ID))
	h.emit(Sending{Event: out, To: []string{ChatRoom(p.RoomID)}, Except: except, Lasts: Passing})
}

// Online tells the devices that users have on this node that somebody is online. No other node needs to know: each tells
// its own.
func (h *Hub) Online(to []account.UserID, who account.Person) {
	h.emit(Sending{Event: wire.UserOnline.Of(wire.Passing{UserID: who.ID, Username: who.Name}), To: userRooms(to), Lasts: Passing})
}

// Offline is the opposite of Online.
func (h *Hub) Offline(to []account.UserID, who account.Person) {
	h.emit(Sending{Event: wire.UserOffline.Of(wire.Passing{UserID: who.ID}), To: userRooms(to), Lasts: Passing})
}

// Present tells a device of this node which friends of its user are online. It may be empty.
func (h *Hub) Present(device string, online []account.UserID) {
	h.emit(Sending{Event: wire.Present.Of(wire.PresentFriends{Online: online}), To: []string{device}, Lasts: Passing})
}

func userRooms(ids []account.UserID) []string {
	rooms := make([]string, len(ids))
	for i, id := range ids {
		rooms[i] = UserRoom(id)
	}
	return rooms
}

func (h *Hub) tellAccount(e *account.Event) error {
	var except []string
	if e.Origin != "" {
		except = []string{e.Origin} // which has its answer
	}
	if e.Kind == account.UserChanged { // the same for all, who may be thousands
		return h.tellRelation(e, e.Audience(), except, e.Actor)
	}
	for _, user := range e.Audience() {
		if err := h.tellRelation(e, []account.UserID{user}, except, e.Counterpart(user)); err != nil {
			return err
		}
	}
	return nil
}

// tellRelation tells users what happened between them and another.
func (h *Hub) tellRelation(e *account.Event, to []account.UserID, except []string, other account.Person) error {
	out, ok := wire.RelationEventOf(e, other)
	if !ok {
		return errors.New("unknown kind of event")
	}
	h.emit(Sending{Event: out, To: userRooms(to), Except: except})
	return nil
}

// Topic is the Socket.IO room of a topic's subscribers, as Node servers call it.
func Topic(name string) string { return topicPrefix + name }

const topicPrefix = "notification:"

// notify brings a notification to the subscribers of topics and to the devices of users,
// to each device once.
func (h *Hub) notify(n *feed.Notice) {
	rooms := userRooms(n.Users)
	for _, topic := range n.Topics {
		rooms = append(rooms, Topic(topic))
	}
	h.emit(Sending{Event: wire.Notification.Of(n.Body), To: rooms})
}

// emit sends an event to whoever is in one of the rooms.
func (h *Hub) emit(s Sending) {
	if err := h.send(s); err != nil {
		h.log.Error("event could not be sent", "event", s.Event.Name, "err", err)
	}
}

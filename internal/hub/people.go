package hub

import (
	"errors"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/socketio"
)

// User is a user as it travels.
type User struct {
	UserID    string `json:"userId"`
	Username  string `json:"username"`        // for display
	Login     string `json:"login,omitempty"` // the login name of a local account
	CreatedAt Time   `json:"createdAt"`
}

// UserOf is u as it travels.
func UserOf(u *account.User) User {
	return User{UserID: u.ID, Username: u.Name, Login: u.Username, CreatedAt: Time(u.CreatedAt)}
}

// UsersOf are users as they travel.
func UsersOf(users []account.User) []User {
	out := make([]User, len(users))
	for i := range users {
		out[i] = UserOf(&users[i])
	}
	return out
}

// Contact is a user in a list of friends, requests or blocks, as it travels.
type Contact struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Since    Time   `json:"since"`
	Online   *bool  `json:"online,omitempty"` // of friends
}

// ContactsOf are contacts as they travel.
func ContactsOf(contacts []account.Contact) []Contact {
	out := make([]Contact, len(contacts))
	for i := range contacts {
		c := &contacts[i]
		out[i] = Contact{UserID: c.User.ID, Username: c.User.Name, Since: Time(c.Since)}
	}
	return out
}

// Presence is whether a user is here, as it travels.
type Presence struct {
	UserID   string `json:"userId"`
	Online   bool   `json:"online"`
	LastSeen *Time  `json:"lastSeen,omitempty"` // of who is not online
}

// TimeOrNone is a time as it travels; nothing if it is zero.
func TimeOrNone(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	out := Time(t)
	return &out
}

// person is a user whom something happens to or comes from.
type person struct {
	UserID   string `json:"userId"`
	Username string `json:"username,omitempty"`
	RoomID   string `json:"roomId,omitempty"`
}

// Online tells devices that a friend has come, Offline that one has gone. They
// are for the presence.Tracker.
func (h *Hub) Online(to []string, who account.Person) {
	h.emitPassing(userRooms(to), nil, Event{"user:online", person{UserID: who.ID, Username: who.Name}})
}

// Offline is the opposite of Online.
func (h *Hub) Offline(to []string, who account.Person) {
	h.emitPassing(userRooms(to), nil, Event{"user:offline", person{UserID: who.ID}})
}

// Present tells a device which friends are online.
func (h *Hub) Present(device string, online []string) {
	h.emitPassing([]string{device}, nil, Event{"presence", present{online}})
}

// present is presence: the friends who are online.
type present struct {
	Online []string `json:"online"`
}

// TypingStarted and TypingStopped are for presence.Typing.
func (h *Hub) TypingStarted(at presence.Place, who account.Person, except []string) {
	h.emitPassing(placeRooms(at), exceptRooms(at, who, except), Event{"typing:start", person{who.ID, who.Name, at.RoomID}})
}

// TypingStopped is the opposite of TypingStarted.
func (h *Hub) TypingStopped(at presence.Place, who account.Person, except []string) {
	h.emitPassing(placeRooms(at), exceptRooms(at, who, except), Event{"typing:stop", person{who.ID, "", at.RoomID}})
}

func placeRooms(at presence.Place) []string {
	if at.RoomID != "" {
		return []string{ChatRoom(at.RoomID)}
	}
	return []string{UserRoom(chat.UserID(at.UserID))}
}

func exceptRooms(at presence.Place, who account.Person, except []string) []string {
	if at.RoomID == "" {
		return nil
	}
	return append(userRooms(except), UserRoom(chat.UserID(who.ID)))
}

func userRooms(ids []string) []string {
	rooms := make([]string, len(ids))
	for i, id := range ids {
		rooms[i] = UserRoom(chat.UserID(id))
	}
	return rooms
}

// relationEvents are the names of what happens between users.
var relationEvents = map[account.EventKind]string{
	account.FriendRequested: "friend:requested",
	account.FriendCancelled: "friend:cancelled",
	account.FriendAccepted:  "friend:accepted",
	account.FriendDeclined:  "friend:declined",
	account.FriendRemoved:   "friend:removed",
	account.UserBlocked:     "user:blocked",
	account.UserUnblocked:   "user:unblocked",
	account.UserChanged:     "user:changed",
}

// relation is what happened between two users, for one of them: who the other one
// is, and whose doing it is.
type relation struct {
	UserID    string `json:"userId"`
	Username  string `json:"username"`
	By        string `json:"by"`
	Timestamp Time   `json:"timestamp"`
}

// PublishAccounts takes the events of one command. It is an account.Sink.
func (h *Hub) PublishAccounts(events []account.Event) { h.queue <- batch{accounts: events} }

func (h *Hub) tellAccount(e *account.Event) error {
	name, ok := relationEvents[e.Kind]
	if !ok {
		return errors.New("unknown kind of event")
	}
	var except []string
	if e.Origin != "" {
		except = []string{e.Origin} // which has its answer
	}
	if e.Kind == account.UserChanged { // the same for all, who may be thousands
		h.emit(userRooms(e.Audience()), except, Event{name, relationOf(e, e.Actor)})
		return nil
	}
	for _, user := range e.Audience() {
		h.emit(userRooms([]string{user}), except, Event{name, relationOf(e, e.Counterpart(user))})
	}
	return nil
}

func relationOf(e *account.Event, other account.Person) relation {
	return relation{UserID: other.ID, Username: other.Name, By: e.Actor.ID, Timestamp: Time(e.At)}
}

// Topic is the Socket.IO room of a topic's subscribers, as Node servers call it.
func Topic(name string) string { return topicPrefix + name }

const topicPrefix = "notification:"

// Notify brings a notification to the subscribers of topics and to the devices of
// users, to each device once. The payload is the application's own.
func (h *Hub) Notify(topics, users []string, notification any) {
	rooms := userRooms(users)
	for _, topic := range topics {
		rooms = append(rooms, Topic(topic))
	}
	h.emit(rooms, nil, Event{"notification", notification})
}

// emit sends an event to whoever is in one of the rooms and in none of except.
func (h *Hub) emit(rooms, except []string, e Event) { h.emitBy(h.nsp.To(rooms...), rooms, except, e) }

// emitPassing sends what is outdated, or told anew, when a client comes back.
func (h *Hub) emitPassing(rooms, except []string, e Event) {
	h.emitBy(h.nsp.To(rooms...).Transient(), rooms, except, e)
}

func (h *Hub) emitBy(sockets socketio.BroadcastOperator, rooms, except []string, e Event) {
	if len(rooms) == 0 {
		return // to Socket.IO that would be everybody
	}
	h.natives.send(rooms, except, e, "")
	if err := sockets.Except(except...).Emit(e.Name, e.Payload); err != nil {
		h.log.Error("event could not be sent", "event", e.Name, "err", err)
	}
}

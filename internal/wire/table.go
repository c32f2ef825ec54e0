package wire

import (
	"reflect"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// Event is an event as it travels: its name, and what it carries. It is the same
// when it is told live and when a client catches up with it.
type Event struct {
	Name    string `json:"event"`
	Payload any    `json:"payload"`
}

// Kind is a row of the table of events: what an event is called, and how what it
// tells of is written.
type Kind[Fact any] struct {
	name  string
	shape reflect.Type // nil: the application's own
	write func(Fact) any
}

// Of returns the event that tells of fact.
func (k Kind[Fact]) Of(fact Fact) Event { return Event{Name: k.name, Payload: k.write(fact)} }

// kind makes a row of the function that writes its payload.
func kind[Fact, Shape any](name string, write func(Fact) Shape) Kind[Fact] {
	return Kind[Fact]{name: name, shape: reflect.TypeFor[Shape](), write: func(fact Fact) any { return write(fact) }}
}

// as makes a row of an event that carries what it is told of.
func as[Shape any](name string) Kind[Shape] {
	return kind(name, func(s Shape) Shape { return s })
}

// chatEvents are the events of conversations.
var chatEvents = map[chat.EventKind]Kind[*chat.Event]{
	chat.MessageCreated:   kind("room:message", messageIn),
	chat.MessageEdited:    kind("message:edited", changeOf),
	chat.MessagePinned:    kind("message:pinned", changeOf),
	chat.MessageUnpinned:  kind("message:unpinned", changeOf),
	chat.MessageDeleted:   kind("message:deleted", deletionOf),
	chat.ReactionAdded:    kind("reaction:added", reactionOf),
	chat.ReactionRemoved:  kind("reaction:removed", reactionOf),
	chat.MemberJoined:     kind("room:user_joined", membershipOf),
	chat.MemberLeft:       kind("room:user_left", membershipOf),
	chat.MemberBanned:     kind("room:user_banned", membershipOf),
	chat.MemberUnbanned:   kind("room:user_unbanned", membershipOf),
	chat.MemberInvited:    kind("room:invited", membershipOf),
	chat.MemberRole:       kind("room:role", roleOf),
	chat.MembersAdded:     kind("room:members_added", addedOf),
	chat.RoomUpdated:      kind("room:updated", roomChangeOf),
	chat.RoomDeleted:      kind("room:deleted", roomDeletionOf),
	chat.ConversationRead: kind("conversation:read", markOf),
	chat.ScheduledChanged: kind("scheduled:changed", scheduledChangeOf),
}

// received is a chat.MessageCreated that has no room.
var received = kind("message:received", messageIn)

// accountEvents are the events between users.
var accountEvents = map[account.EventKind]Kind[RelationChange]{
	account.FriendRequested: as[RelationChange]("friend:requested"),
	account.FriendCancelled: as[RelationChange]("friend:cancelled"),
	account.FriendAccepted:  as[RelationChange]("friend:accepted"),
	account.FriendDeclined:  as[RelationChange]("friend:declined"),
	account.FriendRemoved:   as[RelationChange]("friend:removed"),
	account.UserBlocked:     as[RelationChange]("user:blocked"),
	account.UserUnblocked:   as[RelationChange]("user:unblocked"),
	account.UserChanged:     as[RelationChange]("user:changed"),
}

// The events that come from elsewhere.
var (
	MessageRead       = kind("message:read", receiptOf)
	ConversationHead  = kind("conversation:head", HeadOf)
	UserOnline        = as[Passing]("user:online")
	UserOffline       = as[Passing]("user:offline")
	TypingStart       = as[Passing]("typing:start")
	TypingStop        = as[Passing]("typing:stop")
	FileMade          = kind("file:processed", processedOf)
	Present           = as[PresentFriends]("presence")
	MessagesUnread    = kind("messages:unread", MessagesOf) // for one device, as are those below
	RoomMessages      = as[[]Message]("room:messages")
	ConversationHeads = kind("conversation:heads", HeadsOf)
	ServerEpoch       = as[Epoch]("server:epoch")
	ServerLeaving     = as[Leaving]("server:leaving")
	// Notification carries what is the application's own.
	Notification = Kind[any]{name: "notification", write: func(notification any) any { return notification }}
)

// EventOf is e as it travels; not ok for a kind that does not travel.
func EventOf(e *chat.Event) (out Event, ok bool) {
	k, ok := chatEvents[e.Kind]
	if !ok {
		return Event{}, false
	}
	if e.Kind == chat.MessageCreated && e.Message.RoomID == "" {
		k = received
	}
	return k.Of(e), true
}

// RelationEventOf is e as it travels to those for whom it is about other; not ok
// for a kind that does not travel.
func RelationEventOf(e *account.Event, other account.Person) (out Event, ok bool) {
	k, ok := accountEvents[e.Kind]
	if !ok {
		return Event{}, false
	}
	return k.Of(RelationChange{UserID: other.ID, Username: other.Name, By: e.Actor.ID, Timestamp: Time(e.At)}), true
}

// Describe returns what events carry, as encoding/json sees it, by their names: for
// those who describe them to others. It is nil for a notification, which is the
// application's own.
func Describe() map[string]reflect.Type {
	rows := []row{
		received, MessageRead, ConversationHead, UserOnline, UserOffline, TypingStart, TypingStop, FileMade, Present,
		MessagesUnread, RoomMessages, ConversationHeads, ServerEpoch, ServerLeaving, Notification,
	}
	for _, k := range chatEvents {
		rows = append(rows, k)
	}
	for _, k := range accountEvents {
		rows = append(rows, k)
	}
	shapes := make(map[string]reflect.Type, len(rows))
	for _, r := range rows {
		name, shape := r.described()
		shapes[name] = shape
	}
	return shapes
}

type row interface {
	described() (name string, shape reflect.Type)
}

func (k Kind[Fact]) described() (name string, shape reflect.Type) { return k.name, k.shape }

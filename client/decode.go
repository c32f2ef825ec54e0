package client

import (
	"encoding/json"
	"fmt"
)

// Names of the events that the client handles itself.
const (
	eventHeads   = "conversation:heads"
	eventHead    = "conversation:head"
	eventEpoch   = "server:epoch"
	eventLeaving = "server:leaving"
	eventUnread  = "messages:unread"
	eventError   = "error"
)

// Names of events. Those of the client's own are not the server's.
func (*RoomMessage) name() string       { return "room:message" }
func (*MessageReceived) name() string   { return "message:received" }
func (*MessageSent) name() string       { return "message:sent" }
func (*MessageEdited) name() string     { return "message:edited" }
func (*MessagePinned) name() string     { return "message:pinned" }
func (*MessageUnpinned) name() string   { return "message:unpinned" }
func (*MessageDeleted) name() string    { return "message:deleted" }
func (*ReactionAdded) name() string     { return "reaction:added" }
func (*ReactionRemoved) name() string   { return "reaction:removed" }
func (*UserJoined) name() string        { return "room:user_joined" }
func (*UserLeft) name() string          { return "room:user_left" }
func (*UserBanned) name() string        { return "room:user_banned" }
func (*UserUnbanned) name() string      { return "room:user_unbanned" }
func (*RoleChanged) name() string       { return "room:role" }
func (*MembersAdded) name() string      { return "room:members_added" }
func (*RoomUpdated) name() string       { return "room:updated" }
func (*RoomDeleted) name() string       { return "room:deleted" }
func (*RoomInvited) name() string       { return "room:invited" }
func (*RoomMessages) name() string      { return "room:messages" }
func (*UnreadMessages) name() string    { return eventUnread }
func (*MessageRead) name() string       { return "message:read" }
func (*ConversationRead) name() string  { return "conversation:read" }
func (*ScheduledChanged) name() string  { return "scheduled:changed" }
func (*FileProcessed) name() string     { return "file:processed" }
func (*FriendsOnline) name() string     { return "presence" }
func (*UserOnline) name() string        { return "user:online" }
func (*UserOffline) name() string       { return "user:offline" }
func (*TypingStarted) name() string     { return "typing:start" }
func (*TypingStopped) name() string     { return "typing:stop" }
func (*FriendRequested) name() string   { return "friend:requested" }
func (*FriendCancelled) name() string   { return "friend:cancelled" }
func (*FriendAccepted) name() string    { return "friend:accepted" }
func (*FriendDeclined) name() string    { return "friend:declined" }
func (*FriendRemoved) name() string     { return "friend:removed" }
func (*UserBlocked) name() string       { return "user:blocked" }
func (*UserUnblocked) name() string     { return "user:unblocked" }
func (*UserChanged) name() string       { return "user:changed" }
func (*Notification) name() string      { return "notification" }
func (*Failure) name() string           { return eventError }
func (*Connected) name() string         { return "client:connected" }
func (*CaughtUp) name() string          { return "client:caught_up" }
func (*Disconnected) name() string      { return "client:disconnected" }
func (*ReconnectFailed) name() string   { return "client:reconnect_failed" }
func (*ConversationAdded) name() string { return "client:conversation_added" }
func (*ConversationReset) name() string { return "client:conversation_reset" }
func (*ConversationGone) name() string  { return "client:conversation_gone" }
func (*Delivered) name() string         { return "client:delivered" }
func (*Undelivered) name() string       { return "client:undelivered" }
func (*Dropped) name() string           { return "client:dropped" }
func (u *Unknown) name() string         { return u.Event }

// Name is what docs/protocol.md calls an event. The client's own events have names
// that begin with "client:".
func Name(e Event) string { return e.name() }

// serverEvents makes the events of the server, by name, to be decoded into.
var serverEvents = byName(
	of[RoomMessage], of[MessageReceived], of[MessageSent], of[MessageEdited],
	of[MessagePinned], of[MessageUnpinned], of[MessageDeleted], of[ReactionAdded],
	of[ReactionRemoved], of[UserJoined], of[UserLeft], of[UserBanned],
	of[UserUnbanned], of[RoleChanged], of[MembersAdded], of[RoomUpdated],
	of[RoomDeleted], of[RoomInvited], of[RoomMessages], of[UnreadMessages],
	of[MessageRead], of[ConversationRead], of[ScheduledChanged], of[FileProcessed], of[FriendsOnline], of[UserOnline],
	of[UserOffline], of[TypingStarted], of[TypingStopped], of[FriendRequested],
	of[FriendCancelled], of[FriendAccepted], of[FriendDeclined], of[FriendRemoved],
	of[UserBlocked], of[UserUnblocked], of[UserChanged], of[Notification],
	of[Failure],
)

func of[T any, P interface {
	*T
	Event
}]() Event {
	return P(new(T))
}

func byName(makers ...func() Event) map[string]func() Event {
	all := make(map[string]func() Event, len(makers))
	for _, maker := range makers {
		all[maker().name()] = maker
	}
	return all
}

// newEvent makes the event of a name; nil if there is none.
func newEvent(name string) Event {
	if maker := serverEvents[name]; maker != nil {
		return maker()
	}
	return nil
}

// decodeEvent reads an event. One of a name that is not known has a place if it
// carries one: it counts in its log.
func decodeEvent(name string, payload json.RawMessage) (Event, error) {
	e := newEvent(name)
	var err error
	switch e := e.(type) {
	case nil:
		unknown := &Unknown{Event: name, Payload: payload}
		_ = json.Unmarshal(payload, &unknown.Logged) // what has no such fields has no place
		return unknown, nil
	case *Notification:
		e.Payload = payload
	case *RoomMessages:
		err = json.Unmarshal(payload, &e.Messages)
	case *UnreadMessages:
		err = json.Unmarshal(payload, &e.Messages)
	default:
		err = json.Unmarshal(payload, e)
	}
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", name, err)
	}
	return e, nil
}

// placed is an event of a log.
type placed interface {
	Place() (conversation string, seq int64)
}

// placeOf is where an event belongs; not ok if it has no place.
func placeOf(e Event) (conversation string, seq int64, ok bool) {
	p, ok := e.(placed)
	if !ok {
		return "", 0, false
	}
	conversation, seq = p.Place()
	return conversation, seq, conversation != "" && seq > 0
}

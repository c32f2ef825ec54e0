package client

import (
	"encoding/json"
	"fmt"
)

// Names of the events that the client handles itself.
const (
	eventHeads  = "conversation:heads"
	eventHead   = "conversation:head"
	eventUnread = "messages:unread"
	eventError  = "error"
)

// Name implements Event; so do all that follow.
func (*RoomMessage) Name() string       { return "room:message" }
func (*MessageReceived) Name() string   { return "message:received" } //nolint:revive // as above, to the end
func (*MessageSent) Name() string       { return "message:sent" }
func (*MessageEdited) Name() string     { return "message:edited" }
func (*MessagePinned) Name() string     { return "message:pinned" }
func (*MessageUnpinned) Name() string   { return "message:unpinned" }
func (*MessageDeleted) Name() string    { return "message:deleted" }
func (*ReactionAdded) Name() string     { return "reaction:added" }
func (*ReactionRemoved) Name() string   { return "reaction:removed" }
func (*UserJoined) Name() string        { return "room:user_joined" }
func (*UserLeft) Name() string          { return "room:user_left" }
func (*UserBanned) Name() string        { return "room:user_banned" }
func (*UserUnbanned) Name() string      { return "room:user_unbanned" }
func (*RoleChanged) Name() string       { return "room:role" }
func (*MembersAdded) Name() string      { return "room:members_added" }
func (*RoomUpdated) Name() string       { return "room:updated" }
func (*RoomDeleted) Name() string       { return "room:deleted" }
func (*RoomInvited) Name() string       { return "room:invited" }
func (*RoomMessages) Name() string      { return "room:messages" }
func (*UnreadMessages) Name() string    { return eventUnread }
func (*MessageRead) Name() string       { return "message:read" }
func (*ConversationRead) Name() string  { return "conversation:read" }
func (*FriendsOnline) Name() string     { return "presence" }
func (*UserOnline) Name() string        { return "user:online" }
func (*UserOffline) Name() string       { return "user:offline" }
func (*TypingStarted) Name() string     { return "typing:start" }
func (*TypingStopped) Name() string     { return "typing:stop" }
func (*FriendRequested) Name() string   { return "friend:requested" }
func (*FriendCancelled) Name() string   { return "friend:cancelled" }
func (*FriendAccepted) Name() string    { return "friend:accepted" }
func (*FriendDeclined) Name() string    { return "friend:declined" }
func (*FriendRemoved) Name() string     { return "friend:removed" }
func (*UserBlocked) Name() string       { return "user:blocked" }
func (*UserUnblocked) Name() string     { return "user:unblocked" }
func (*UserChanged) Name() string       { return "user:changed" }
func (*Notification) Name() string      { return "notification" }
func (*Failure) Name() string           { return eventError }
func (u *Unknown) Name() string         { return u.Event }
func (*Connected) Name() string         { return "client:connected" }
func (*CaughtUp) Name() string          { return "client:caught_up" }
func (*Disconnected) Name() string      { return "client:disconnected" }
func (*ReconnectFailed) Name() string   { return "client:reconnect_failed" }
func (*ConversationAdded) Name() string { return "client:conversation_added" }
func (*ConversationReset) Name() string { return "client:conversation_reset" }
func (*ConversationGone) Name() string  { return "client:conversation_gone" }
func (*Delivered) Name() string         { return "client:delivered" }
func (*Undelivered) Name() string       { return "client:undelivered" }
func (*Dropped) Name() string           { return "client:dropped" }

// newEvent makes the event of a name, to be decoded into; nil if there is none.
func newEvent(name string) Event {
	switch name {
	case "room:message":
		return new(RoomMessage)
	case "message:received":
		return new(MessageReceived)
	case "message:sent":
		return new(MessageSent)
	case "message:edited":
		return new(MessageEdited)
	case "message:pinned":
		return new(MessagePinned)
	case "message:unpinned":
		return new(MessageUnpinned)
	case "message:deleted":
		return new(MessageDeleted)
	case "reaction:added":
		return new(ReactionAdded)
	case "reaction:removed":
		return new(ReactionRemoved)
	case "message:read":
		return new(MessageRead)
	case "conversation:read":
		return new(ConversationRead)
	case "notification":
		return new(Notification)
	case eventUnread:
		return new(UnreadMessages)
	case eventError:
		return new(Failure)
	}
	if e := newRoomEvent(name); e != nil {
		return e
	}
	return newPersonEvent(name)
}

func newRoomEvent(name string) Event {
	switch name {
	case "room:user_joined":
		return new(UserJoined)
	case "room:user_left":
		return new(UserLeft)
	case "room:user_banned":
		return new(UserBanned)
	case "room:user_unbanned":
		return new(UserUnbanned)
	case "room:role":
		return new(RoleChanged)
	case "room:members_added":
		return new(MembersAdded)
	case "room:updated":
		return new(RoomUpdated)
	case "room:deleted":
		return new(RoomDeleted)
	case "room:invited":
		return new(RoomInvited)
	case "room:messages":
		return new(RoomMessages)
	}
	return nil
}

func newPersonEvent(name string) Event {
	switch name {
	case "presence":
		return new(FriendsOnline)
	case "user:online":
		return new(UserOnline)
	case "user:offline":
		return new(UserOffline)
	case "typing:start":
		return new(TypingStarted)
	case "typing:stop":
		return new(TypingStopped)
	case "friend:requested":
		return new(FriendRequested)
	case "friend:cancelled":
		return new(FriendCancelled)
	case "friend:accepted":
		return new(FriendAccepted)
	case "friend:declined":
		return new(FriendDeclined)
	case "friend:removed":
		return new(FriendRemoved)
	case "user:blocked":
		return new(UserBlocked)
	case "user:unblocked":
		return new(UserUnblocked)
	case "user:changed":
		return new(UserChanged)
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

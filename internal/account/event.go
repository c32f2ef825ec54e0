package account

import "time"

// EventKind names what happened.
type EventKind string

// The kinds. All but UserChanged, UserBlocked and UserUnblocked concern two users.
const (
	FriendRequested EventKind = "friend.requested"
	FriendCancelled EventKind = "friend.cancelled" // a request was taken back
	FriendAccepted  EventKind = "friend.accepted"
	FriendDeclined  EventKind = "friend.declined"
	FriendRemoved   EventKind = "friend.removed"
	UserBlocked     EventKind = "user.blocked"
	UserUnblocked   EventKind = "user.unblocked"
	UserChanged     EventKind = "user.changed" // a new name
)

// Event is something that was committed.
type Event struct {
	Kind EventKind
	At   time.Time
	// Actor is whose doing it is, Other whom it is about; with UserChanged there is no Other.
	Actor, Other Person
	// Friends are the ids of those who see the new name of a UserChanged.
	Friends []string
	// Private events are told to the devices of the actor alone; Other must not learn of them.
	Private bool
	// Origin is the connection that caused the event. It may be empty.
	Origin string
}

// Person is a user as others see them.
type Person struct{ ID, Name string }

// Audience returns the ids of those who are told: all devices of each.
func (e *Event) Audience() []string {
	switch {
	case e.Private:
		return []string{e.Actor.ID}
	case e.Other.ID == "":
		return append([]string{e.Actor.ID}, e.Friends...)
	}
	return []string{e.Other.ID, e.Actor.ID}
}

// Counterpart is whom the event is about for one of its audience: the other one of the two.
func (e *Event) Counterpart(userID string) Person {
	if e.Other.ID == "" || userID == e.Other.ID {
		return e.Actor
	}
	return e.Other
}

// Sink receives the events of each command, in the order of commits, before the caller of that command is released. It is
// called by one goroutine at a time, with no transaction open, and must not block for long: later commands of the account
// store wait for it. It may keep the slice.
type Sink func(events []Event)

package account

import "time"

// EventKind names what happened.
type EventKind string

// The kinds of what stands between two users, and of a user's new name.
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

// The kinds that nobody is told of: they say who is let in.
const (
	TokensRevoked    EventKind = "tokens.revoked"
	UserReassigned   EventKind = "user.reassigned" // to another issuer
	UserDisabled     EventKind = "user.disabled"
	UserEnabled      EventKind = "user.enabled" // again
	AddressBlocked   EventKind = "address.blocked"
	AddressUnblocked EventKind = "address.unblocked"
	// WebhooksChanged is that somebody else than before wants to be told of events: nodes read again who does.
	WebhooksChanged EventKind = "webhooks.changed"
)

// Event is something that was committed.
type Event struct {
	Kind EventKind
	At   time.Time
	// Actor is whose doing it is, Other whom it is about; with UserChanged there is no Other, and a UserReassigned,
	// UserDisabled or UserEnabled has only the id of the user as the Actor's.
	Actor, Other Person
	// Friends are the ids of those who see the new name of a UserChanged.
	Friends []UserID
	// Private events are told to the devices of the actor alone; Other must not learn of them.
	Private bool
	// Origin is the connection that caused the event. It may be empty.
	Origin string

	// One of these is set, according to Kind.
	Revocation *Revocation     // TokensRevoked
	Issuer     string          // UserReassigned: to whom the user belongs now
	Address    *BlockedAddress // AddressBlocked, and AddressUnblocked with no more than the address
}

// Audience returns the ids of those who are told: all devices of each. Of some kinds nobody is.
func (e *Event) Audience() []UserID {
	switch e.Kind {
	case TokensRevoked, UserReassigned, UserDisabled, UserEnabled, AddressBlocked, AddressUnblocked, WebhooksChanged:
		return nil
	}
	switch {
	case e.Private:
		return []UserID{e.Actor.ID}
	case e.Other.ID == "":
		return append([]UserID{e.Actor.ID}, e.Friends...)
	}
	return []UserID{e.Other.ID, e.Actor.ID}
}

// Counterpart is whom the event is about for one of its audience: the other one of the two.
func (e *Event) Counterpart(userID UserID) Person {
	if e.Other.ID == "" || userID == e.Other.ID {
		return e.Actor
	}
	return e.Other
}

// Sink receives the events of each command, in the order of commits, before the caller of that command is released. It is
// called by one goroutine at a time, with no transaction open, and must not block for long: later commands of the account
// store wait for it. It may keep the slice.
type Sink func(events []Event)

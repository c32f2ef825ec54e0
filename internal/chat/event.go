package chat

import "time"

// EventKind names what happened. The kinds of logged events are stored and never
// change their meaning.
type EventKind string

// The logged kinds: each event takes a seq of its conversation.
const (
	MessageCreated EventKind = "message.created"
	MemberJoined   EventKind = "member.joined"
	MemberLeft     EventKind = "member.left"
	MemberRole     EventKind = "member.role"
)

// The kinds that are not logged: Seq is 0.
const (
	MessageRead      EventKind = "message.read"
	ConversationRead EventKind = "conversation.read"
)

// Event is something that was committed. What it points to is shared by all who
// receive it and must not be changed.
type Event struct {
	Kind           EventKind
	ConversationID string
	// Seq is the event's place in the conversation's log, 0 if it is not logged.
	Seq int64
	At  time.Time
	// Audience is who is to be told, connected or not: whoever is not can still
	// get a push notification.
	Audience Audience
	// Origin is the connection that caused the event, see [Actor].
	Origin string

	// One of these is set, according to Kind.
	Message    *Message    // MessageCreated
	Membership *Membership // MemberJoined, MemberLeft, MemberRole
	Receipts   []Receipt   // MessageRead: those of one sender
	Mark       *Mark       // ConversationRead
}

// Audience is the members of RoomID, if it is set, and each of Users, members or
// not. Whoever is both is told once.
type Audience struct {
	RoomID string
	Users  []UserID
}

// Membership is a change of one user's membership of a room. After a MemberLeft
// the Role is the one that the user had.
type Membership struct {
	RoomID   string
	UserID   UserID
	UserName string
	Role     Role
}

// Sink receives the events of each commit, in the order of commits, before the
// callers of that commit are released. It is called by one goroutine at a time,
// with no transaction open, and must not block: the store writes nothing
// meanwhile. It may keep the slice.
type Sink func(events []Event)

// NewMessageEvent is the event of m having been stored. A room message goes to
// the room, a direct one to all devices of both sides.
func NewMessageEvent(m *Message, origin string) Event {
	e := Event{
		Kind:           MessageCreated,
		ConversationID: m.ConversationID,
		Seq:            m.Seq,
		At:             m.Timestamp,
		Origin:         origin,
		Message:        m,
	}
	if m.RoomID != "" {
		e.Audience.RoomID = m.RoomID
	} else {
		e.Audience.Users = []UserID{m.SenderID, m.RecipientID}
	}
	return e
}

// NewMembershipEvent is the event of a membership having changed. It goes to the
// room and to the user concerned, who may be in it no longer.
func NewMembershipEvent(kind EventKind, conversationID string, seq int64, at time.Time, m Membership, origin string) Event {
	return Event{
		Kind:           kind,
		ConversationID: conversationID,
		Seq:            seq,
		At:             at,
		Audience:       Audience{RoomID: m.RoomID, Users: []UserID{m.UserID}},
		Origin:         origin,
		Membership:     &m,
	}
}

// NewReceiptEvent tells one sender which messages in a conversation were read.
// The receipts are all of that sender and conversation; there is at least one.
func NewReceiptEvent(receipts []Receipt, origin string) Event {
	first := receipts[0]
	return Event{
		Kind:           MessageRead,
		ConversationID: first.ConversationID,
		At:             first.ReadAt,
		Audience:       Audience{Users: []UserID{first.SenderID}},
		Origin:         origin,
		Receipts:       receipts,
	}
}

// NewMarkEvent tells the reader's own devices that a mark has moved.
func NewMarkEvent(m Mark, origin string) Event {
	return Event{
		Kind:           ConversationRead,
		ConversationID: m.ConversationID,
		At:             m.ReadAt,
		Audience:       Audience{Users: []UserID{m.UserID}},
		Origin:         origin,
		Mark:           &m,
	}
}

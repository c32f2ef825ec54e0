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

	MessageEdited   EventKind = "message.edited"
	MessageDeleted  EventKind = "message.deleted"
	MessagePinned   EventKind = "message.pinned"
	MessageUnpinned EventKind = "message.unpinned"
	ReactionAdded   EventKind = "reaction.added"
	ReactionRemoved EventKind = "reaction.removed"
	// MembersAdded is many who became members at once.
	MembersAdded EventKind = "members.added"
	// MemberBanned is of who was no member; a member's ban is a MemberLeft.
	MemberBanned   EventKind = "member.banned"
	MemberUnbanned EventKind = "member.unbanned"
	RoomUpdated    EventKind = "room.updated"
	// RoomDeleted ends a log. All members have left by it.
	RoomDeleted EventKind = "room.deleted"
)

// The kinds that are not logged: Seq is 0.
const (
	MessageRead      EventKind = "message.read"
	ConversationRead EventKind = "conversation.read"
	// MemberInvited is for the invited user, who is no member yet.
	MemberInvited EventKind = "member.invited"
	// ScheduledChanged is for the author of a scheduled message alone.
	ScheduledChanged EventKind = "scheduled.changed"
)

// Event is something that was committed. What it points to is shared by all who
// receive it and must not be changed.
type Event struct {
	Kind           EventKind
	ConversationID string
	// Seq is the event's place in the conversation's log, 0 if it is not logged.
	Seq int64
	At  time.Time
	// By is who caused it.
	By UserID
	// Audience is who is to be told, connected or not: whoever is not can still
	// get a push notification.
	Audience Audience
	// Origin is the connection that caused the event, see [Actor].
	Origin string
	// Names are those of By and of whom else the event has by an id alone, see
	// [Event.Nameless].
	Names Names

	// One of these is set, according to Kind.
	Message    *Message         // MessageCreated, -Edited, -Deleted (a tombstone), -Pinned, -Unpinned
	Reaction   *Reaction        // ReactionAdded, ReactionRemoved
	Membership *Membership      // MemberJoined, -Left, -Role, -Banned, -Unbanned, -Invited
	Added      *Added           // MembersAdded
	Room       *Room            // RoomUpdated, RoomDeleted: without lists
	Receipts   []Receipt        // MessageRead: those of one sender
	Mark       *Mark            // ConversationRead
	Scheduled  *ScheduledChange // ScheduledChanged
}

// Audience is the members of RoomID, if it is set, and each of Users, members or
// not. Whoever is both is told once.
type Audience struct {
	RoomID string
	Users  []UserID
}

// Membership is a change of one user's membership of a room. With a MemberLeft
// the Role is the one that the user had, and Reason tells why it ended.
type Membership struct {
	RoomID   string
	UserID   UserID
	UserName string
	Role     Role
	Reason   LeaveReason
}

// LeaveReason is why a membership ended.
type LeaveReason string

// The reasons of leaving; the first is the user's own wish.
const (
	LeftWilling LeaveReason = ""
	LeftKicked  LeaveReason = "kicked"
	LeftBanned  LeaveReason = "banned"
)

// Reaction is one user's reaction to a message. Its Emoji is empty once the
// message is deleted.
type Reaction struct {
	MessageID string
	RoomID    string
	UserID    UserID
	UserName  string
	Emoji     string
}

// Added is who became members of a room at once, by their ids. In a live event
// Users are all of them; in one read from the log they are up to [ListedMembers]
// of those who still are members by it.
type Added struct {
	RoomID string
	Count  int
	Users  []UserID
}

// Sink receives the events of each commit, in the order of commits, before the
// callers of that commit are released. It is called by one goroutine at a time,
// with no transaction open, and must not block: the store writes nothing
// meanwhile. It may keep the slice.
type Sink func(events []Event)

// Place is where an event stands in the log of its conversation, when it happened
// and who caused it from which connection.
type Place struct {
	ConversationID string
	Seq            int64
	At             time.Time
	By             UserID
	Origin         string
}

func (p Place) event(kind EventKind, to Audience) Event {
	return Event{
		Kind: kind, ConversationID: p.ConversationID, Seq: p.Seq, At: p.At, By: p.By, Audience: to, Origin: p.Origin,
	}
}

// NewMessageEvent is the event of m having been stored.
func NewMessageEvent(m *Message, origin string) Event {
	return NewChangeEvent(MessageCreated, Place{m.ConversationID, m.Seq, m.Timestamp, m.SenderID, origin}, m)
}

// NewChangeEvent is the event of something having happened to a message, which is
// given as it is now.
func NewChangeEvent(kind EventKind, at Place, m *Message) Event {
	e := at.event(kind, m.Audience())
	e.Message = m
	return e
}

// NewReactionEvent is the event of a reaction to m having come or gone.
func NewReactionEvent(kind EventKind, at Place, m *Message, r Reaction) Event {
	e := at.event(kind, m.Audience())
	e.Reaction = &r
	return e
}

// Audience is who is told of a message: its room, or all devices of both sides.
func (m *Message) Audience() Audience {
	if m.RoomID != "" {
		return Audience{RoomID: m.RoomID}
	}
	return Audience{Users: []UserID{m.SenderID, m.RecipientID}}
}

// NewAddedEvent tells a room and the new members that they have come.
func NewAddedEvent(at Place, a Added) Event {
	e := at.event(MembersAdded, Audience{RoomID: a.RoomID, Users: a.Users})
	e.Added = &a
	return e
}

// NewRoomEvent tells a room about itself. With a RoomDeleted the users are those who
// were its members.
func NewRoomEvent(kind EventKind, at Place, r Room, users ...UserID) Event {
	r.Members, r.Admins, r.Banned, r.Names = nil, nil, nil, nil
	e := at.event(kind, Audience{RoomID: r.ID, Users: users})
	e.Room = &r
	return e
}

// NewMembershipEvent is the event of a membership having changed. It goes to the
// room and to the user concerned, who may be in it no longer; an invitation goes
// to the user alone.
func NewMembershipEvent(kind EventKind, at Place, m Membership) Event {
	to := Audience{RoomID: m.RoomID, Users: []UserID{m.UserID}}
	if kind == MemberInvited {
		to.RoomID = ""
	}
	e := at.event(kind, to)
	e.Membership = &m
	return e
}

// NewReceiptEvent tells one sender which messages in a conversation were read.
// The receipts are all of that sender and conversation; there is at least one.
func NewReceiptEvent(receipts []Receipt, origin string) Event {
	first := receipts[0]
	return Event{
		Kind:           MessageRead,
		ConversationID: first.ConversationID,
		At:             first.ReadAt,
		By:             first.ReadBy,
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
		By:             m.UserID,
		Audience:       Audience{Users: []UserID{m.UserID}},
		Origin:         origin,
		Mark:           &m,
	}
}

// ScheduledChange is what has become of a scheduled message. What it says is not in it: its author's devices ask for that.
type ScheduledChange struct {
	ID          string
	RoomID      string
	RecipientID UserID
	State       ScheduledState
	SendAt      time.Time
	MessageID   string // of what was sent
}

// NewScheduledEvent tells the author's own devices what has become of a scheduled message, and of which message it has become
// if it was sent.
func NewScheduledEvent(m *Scheduled, state ScheduledState, messageID string, at time.Time, origin string) Event {
	return Event{
		Kind:           ScheduledChanged,
		ConversationID: m.ConversationID,
		At:             at,
		By:             m.AuthorID,
		Audience:       Audience{Users: []UserID{m.AuthorID}},
		Origin:         origin,
		Scheduled: &ScheduledChange{
			ID: m.ID, RoomID: m.RoomID, RecipientID: m.RecipientID, State: state, SendAt: m.SendAt, MessageID: messageID,
		},
	}
}

package chat

import (
	"context"
	"time"
)

// Store keeps conversations. A driver is responsible for atomicity: every
// command is one transaction, of which all or nothing is stored and which is
// durable before the method returns; refusals leave no trace, not even a seq.
// The events of a commit go to the [Sink] that the driver was opened with.
//
// Refusals are this package's errors; anything else is a fault. A command whose
// ctx ends before its transaction has begun is not carried out; after that its
// outcome is waited for. All methods may be called concurrently.
//
// The package storetest holds the tests that every driver must pass.
type Store interface {
	Blocks
	Messages
	Changes
	Later
	Rooms
	Directory
	Moderation
	Reads
	CatchUp
	Search
	Upkeep
}

// Blocks knows who does not want to hear of whom.
type Blocks interface {
	// Blocked tells whether one of the two has blocked the other.
	Blocked(ctx context.Context, a, b UserID) (bool, error)
}

// Messages keeps messages and answers questions about them.
type Messages interface {
	// AppendMessage stores a message with the next seq of its conversation and
	// returns it. A direct conversation is made with its first message. In this
	// order:
	//   - a clientMsgId that the sender has used: the stored message and no event
	//     if [Append.Repeats] agrees, else its error;
	//   - to a room: ErrRoomNotFound, ErrNotInRoom (not for [TypeSystem]), and what
	//     [RoomSettings.MayPost] says;
	//   - to a user: ErrNotFriends if friendship is required and there is none, or
	//     if one of the two has blocked the other;
	//   - ReplyTo must be a message of the same conversation: ErrMessageNotFound
	//     with the field replyTo;
	//   - Attachments must be files, as [Append.Attach] says: ErrFileNotFound. They
	//     are kept as long as a message carries them.
	// The timestamp is moved forward to that of the conversation's last event if
	// it lies before it. Of Mentions those that are in the conversation stay. A
	// reply belongs to the thread of what it replies to.
	AppendMessage(ctx context.Context, cmd Append) (Message, error)
	// StartAppend is AppendMessage for who does not wait: done gets what it would have
	// returned, in the order of commits and, of messages started one after the other, in
	// theirs. done must not block. It is called by one goroutine at a time, or by
	// StartAppend itself for a command that is not taken.
	StartAppend(ctx context.Context, cmd Append, done func(Message, error))
	// Sent returns the message stored under a sender's clientMsgId, if any.
	Sent(ctx context.Context, sender UserID, clientMsgID string) (Sent, bool, error)
	// Messages returns a page of a conversation: the newest messages, or those
	// next to a cursor. A cursor that is not in it: ErrMessageNotFound.
	Messages(ctx context.Context, q MessageQuery) (Page, error)
	// Unread returns the newest messages of others after the user's marks that
	// are not deleted, oldest first: by timestamp, and by seq within a
	// conversation. All of it is from one state of the database.
	Unread(ctx context.Context, q UnreadQuery) (Unread, error)
	// Message returns a message and what the user is in its conversation.
	// ErrMessageNotFound.
	Message(ctx context.Context, id string, user UserID) (Message, Standing, error)
	// Thread returns a page of replies: the newest, or those next to a cursor, which
	// is one of them or the root. Root is nil if it is gone. ErrMessageNotFound, with
	// the field of the cursor if it is at fault, also for who is not in it.
	Thread(ctx context.Context, user UserID, q ThreadQuery) (Thread, error)
	// Pinned returns the pinned messages of a conversation, oldest first.
	Pinned(ctx context.Context, conversationID string, limit int) ([]Message, error)
}

// Changes is what happens to messages later. Each change is logged as one event.
// The message comes back as it is then. ErrMessageNotFound if there is none; the
// other refusals are those of the command's Permit, which also says when there is
// nothing to do.
type Changes interface {
	EditMessage(ctx context.Context, cmd Edit) (Message, error)
	// DeleteMessage leaves nothing of the content, wherever it was kept.
	DeleteMessage(ctx context.Context, cmd Delete) (Message, error)
	PinMessage(ctx context.Context, cmd Pin) (Message, error)
	React(ctx context.Context, cmd React) error
}

// Later keeps messages that are to be sent later, and enqueues the job that sends one (see [Scheduled.Job]) in the transaction that
// stores it. Each change has one ScheduledChanged.
type Later interface {
	// ScheduleMessage stores a message to be sent later. In this order:
	//   - a clientMsgId under which the author has scheduled one that is there: that one and no event if [Schedule.Repeats]
	//     agrees, else its error;
	//   - ErrTooManyScheduled if the author has as many as there may be;
	//   - what AppendMessage would refuse. Nothing is appended.
	ScheduleMessage(ctx context.Context, cmd Schedule) (Scheduled, error)
	// RescheduleMessage stores what [Reschedule.Apply] makes of a scheduled message. A job of the version before that has not
	// begun is removed. ErrScheduledNotFound.
	RescheduleMessage(ctx context.Context, cmd Reschedule) (Scheduled, error)
	// UnscheduleMessage removes a scheduled message, and its job if that has not begun. ErrScheduledNotFound, also for who is
	// not its author.
	UnscheduleMessage(ctx context.Context, cmd Unschedule) error
	// ScheduledMessage returns a scheduled message. ErrScheduledNotFound.
	ScheduledMessage(ctx context.Context, id string) (Scheduled, error)
	// ScheduledMessages returns those of an author by the time at which they are to be sent, then by their ids.
	ScheduledMessages(ctx context.Context, author UserID) ([]Scheduled, error)
	// SendScheduled does what AppendMessage does, and removes the scheduled message with it. ErrScheduledNotFound, if there is
	// none of that version that waits; ErrRoomNotFound too if another room has the id by now.
	SendScheduled(ctx context.Context, cmd SendScheduled) (Message, error)
	// FailScheduled notes why a version that waits was not sent. If there is none it does nothing.
	FailScheduled(ctx context.Context, cmd FailScheduled) error
}

// Rooms keeps rooms and who is in them.
type Rooms interface {
	// CreateRoom stores a room with its creator as first member and admin, which
	// is the first event of its log. ErrRoomExists if the id is taken, or what
	// [Quota.MayMake] says.
	CreateRoom(ctx context.Context, cmd NewRoom) error
	// Join adds a member, using up the invitation, and moves the member's mark to
	// the head of the log: what was said before is not unread. False, without an
	// event, if the user is a member. ErrRoomNotFound, or what [Entry.MayJoin] and
	// [Quota.MayEnter] say.
	Join(ctx context.Context, cmd Join) (bool, error)
	// Leave removes a member; without an admin left the one who joined first of
	// those who remain becomes one, by an event of its own. The last to leave a
	// room of type direct removes it. False, without an event, if the user is no
	// member. ErrRoomNotFound.
	Leave(ctx context.Context, cmd Leave) (bool, error)
	// UpdateRoom carries out [UpdateRoom.Apply] for who may administer the room; a
	// change is one RoomUpdated. ErrRoomNotFound.
	UpdateRoom(ctx context.Context, cmd UpdateRoom) error
	// DeleteRoom ends the room for who may administer it, by one RoomDeleted, whose
	// audience has those who were members by their ids, sorted: nobody could look them
	// up any more. No message of it is seen again. ErrRoomNotFound.
	DeleteRoom(ctx context.Context, cmd DeleteRoom) error
	// Room returns a room, or ErrRoomNotFound.
	Room(ctx context.Context, id string) (Room, error)
	// Memberships returns the ids of the user's rooms, sorted.
	Memberships(ctx context.Context, user UserID) ([]string, error)
	// MembershipsAmong returns the user's memberships of those of the rooms that are the user's, in
	// the order given. It costs what the list is long, however many rooms the user is in.
	MembershipsAmong(ctx context.Context, user UserID, rooms []string) ([]Stay, error)
	// MembersBy returns who is in a room and came by the event of that seq or before it,
	// and the seq of the last event of its log, from one state of the database. Of a
	// room that is no more nobody, and 0.
	MembersBy(ctx context.Context, room ConversationRef, seq int64) (members []UserID, head int64, err error)
}

// Directory answers questions about rooms and who is in them. Pages are by ids.
type Directory interface {
	Rooms(ctx context.Context, user UserID, q RoomQuery) (RoomPage, error)
	// AllRooms returns a page of all rooms, with the folded text in their folded
	// name or description, or in their id whatever the case.
	AllRooms(ctx context.Context, q AllRoomsQuery) (RoomPage, error)
	// Members is for who is in the room: ErrRoomNotFound, ErrNotInRoom.
	Members(ctx context.Context, user UserID, q MemberQuery) (MemberPage, error)
	// Bans is for who may administer the room: ErrRoomNotFound, and what
	// [Standing.MayAdminister] says.
	Bans(ctx context.Context, user UserID, q BanQuery) (BanPage, error)
	// SearchRooms returns public rooms with the folded text in their folded name or
	// description, by their ids.
	SearchRooms(ctx context.Context, folded string, limit int) ([]Room, error)
	// RoomsAmong returns those of some ids that are of rooms, in any order. MembersOf returns who is in any of some rooms, each
	// once, by their ids, those after one: it costs what the list and the page are long, however many are in the rooms.
	RoomsAmong(ctx context.Context, ids []string) ([]string, error)
	MembersOf(ctx context.Context, rooms []string, after UserID, limit int) ([]UserID, error)
	// Names returns how users are called. Who is not known is not in it.
	Names(ctx context.Context, ids []UserID) (Names, error)
}

// Moderation is what admins do about users. ErrRoomNotFound, and what
// [Standing.MayAdminister] says of the actor, inside the transaction. What is so
// already changes nothing and has no event; the rest is as the methods of
// [Service] say.
type Moderation interface {
	// Invite is not logged. ErrBanned.
	Invite(ctx context.Context, cmd Moderate) error
	Kick(ctx context.Context, cmd Moderate) error
	Ban(ctx context.Context, cmd Moderate) error
	Unban(ctx context.Context, cmd Moderate) error
	SetRole(ctx context.Context, cmd SetRole) error
	// AddMembers asks nobody. Invitations and former kicks of who is added are used
	// up, marks moved to the head of the log.
	AddMembers(ctx context.Context, cmd AddMembers) ([]UserID, error)
}

// Reads keeps how far users have read, and knows what they may read.
type Reads interface {
	// MarkRead moves marks forward as [Service.MarkRead] says. Per conversation
	// and sender with receipts there is one MessageRead, per mark moved one
	// ConversationRead. ErrMessageNotFound if none of the messages is in a
	// conversation of the reader's.
	MarkRead(ctx context.Context, cmd MarkRead) ([]Receipt, error)
	// Access tells whether a conversation exists and whether the user is in it.
	Access(ctx context.Context, ref ConversationRef, user UserID) (Access, bool, error)
	// MarkConversation moves one mark, as its Permit says, by one ConversationRead.
	// ErrConversationNotFound.
	MarkConversation(ctx context.Context, cmd MarkConversation) error
	// Conversations returns up to q.Limit of the user's conversations by the time of
	// their last event, newest first, then by their ids, the last first.
	Conversations(ctx context.Context, q ConversationQuery) ([]Summary, error)
}

// CatchUp tells what was missed.
type CatchUp interface {
	// Sync answers from one state of the database, see [Service.Sync]. At least one
	// event is sent if there are any, whatever its size.
	Sync(ctx context.Context, q SyncQuery) (Synced, error)
	// Epoch names the life of the database: it is another one after a restore. It is
	// cheap to ask for.
	Epoch(ctx context.Context) (string, error)
	// Changed and Heads return the conversations that changed last, newest first.
	Changed(ctx context.Context, since time.Time, limit int) ([]Head, error)
	Heads(ctx context.Context, user UserID, since time.Time, limit int) ([]Head, error)
}

// Search finds messages by their words. A new message is found within a second, a
// change of one at once. What waits to be indexed when the process dies is indexed
// by the next.
type Search interface {
	// SearchMessages returns messages of conversations that the user is in, the
	// newest first. A cursor that the user cannot see: ErrMessageNotFound.
	SearchMessages(ctx context.Context, q MessageSearch) (Page, error)
}

// Upkeep removes what is kept no longer.
type Upkeep interface {
	// Retain removes what is due, each conversation's oldest entries first, and tells
	// how many log entries went; it is the one command that is many transactions. A
	// conversation whose room is no more goes whole. No seq is used again.
	Retain(ctx context.Context, cmd Retain) (removed int, err error)
}

// Append is the command to store a message. Seq is not set yet, and
// ConversationID is set for direct messages only.
type Append struct {
	Message Message
	// Fingerprint tells contents apart under one clientMsgId.
	Fingerprint    []byte
	RequireFriends bool
	// RequireFiles refuses attachments that are no files of the sender's, see [Append.Attach].
	RequireFiles bool
	Origin       string
}

// Sent is a stored message with its fingerprint, which is empty once the message
// is deleted.
type Sent struct {
	Message     Message
	Fingerprint []byte
	// Replaced tells that the message's room was deleted and another one has its id.
	Replaced bool
}

// MessageQuery asks for up to Limit messages of a conversation: before or after
// the message of that id, or the newest if neither is set.
type MessageQuery struct {
	ConversationID string
	Before         string
	After          string
	Limit          int
}

// UnreadQuery asks for up to Limit unread messages. With Since only those conversations
// are looked at that are Among the listed ones, or in which something was logged then
// or later; without it all of the user's.
type UnreadQuery struct {
	User  UserID
	Limit int
	Since time.Time
	Among []string
}

// Unread is what a user has not read: the newest messages, and the ids of all
// conversations that have any.
type Unread struct {
	Messages      []Message
	Conversations []string
}

// NewRoom is the command to store a room. Its lists are not stored from Room.
type NewRoom struct {
	Room    Room
	Creator Actor
	Quota   Quota
}

// Join is the command to become a member.
type Join struct {
	RoomID string
	Actor  Actor
	At     time.Time
	Quota  Quota
}

// Leave is the command to be a member no longer.
type Leave struct {
	RoomID string
	Actor  Actor
	At     time.Time
}

// MarkRead is the command to move marks. MaxReceiptMembers is the largest
// conversation in which receipts are given.
type MarkRead struct {
	Reader            Actor
	MessageIDs        []string
	At                time.Time
	MaxReceiptMembers int
}

// ConversationRef names a conversation by one of its two ids.
type ConversationRef struct {
	ConversationID string
	RoomID         string
}

// Access is what a user has to do with a conversation.
type Access struct {
	ConversationID string
	RoomID         string
	// FirstSeq and Seq are where its log begins and ends.
	FirstSeq, Seq int64
	Member        bool
	// Invited is of who is no member.
	Invited bool
}

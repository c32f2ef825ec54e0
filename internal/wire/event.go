package wire

import "github.com/sockeye-im/sockeye/internal/chat"

// logged is what every event of a conversation's log carries.
type logged struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq,omitempty"`
	Timestamp      Time   `json:"timestamp"`
}

func loggedOf(e *chat.Event) logged {
	return logged{ConversationID: e.ConversationID, Seq: e.Seq, Timestamp: Time(e.At)}
}

func messageIn(e *chat.Event) Message { return MessageOf(e.Message) }

// MessageChange is message:edited, message:pinned and message:unpinned: the message
// as it is now. Its own seq is that of its creation.
type MessageChange struct {
	Message Message     `json:"message"`
	By      chat.UserID `json:"by"`
	Names   Names       `json:"names,omitempty"`
	logged
}

func changeOf(e *chat.Event) MessageChange {
	return MessageChange{Message: MessageOf(e.Message), By: e.By, Names: NamesOf(e.Names), logged: loggedOf(e)}
}

// MessageDeletion is message:deleted.
type MessageDeletion struct {
	MessageID string      `json:"messageId"`
	DeletedBy chat.UserID `json:"deletedBy"`
	RoomID    string      `json:"roomId,omitempty"`
	Names     Names       `json:"names,omitempty"`
	logged
}

func deletionOf(e *chat.Event) MessageDeletion {
	return MessageDeletion{
		MessageID: e.Message.ID, DeletedBy: e.By, RoomID: e.Message.RoomID, Names: NamesOf(e.Names), logged: loggedOf(e),
	}
}

// ReactionChange is reaction:added and reaction:removed. The emoji is empty once
// the message is deleted.
type ReactionChange struct {
	MessageID string      `json:"messageId"`
	RoomID    string      `json:"roomId,omitempty"`
	UserID    chat.UserID `json:"userId"`
	Username  string      `json:"username"`
	Emoji     string      `json:"emoji"`
	logged
}

func reactionOf(e *chat.Event) ReactionChange {
	r := e.Reaction
	return ReactionChange{MessageID: r.MessageID, RoomID: r.RoomID, UserID: r.UserID, Username: r.UserName, Emoji: r.Emoji, logged: loggedOf(e)}
}

// Membership is room:user_joined, room:user_left and what else happens to one
// user of a room.
type Membership struct {
	RoomID   string           `json:"roomId"`
	UserID   chat.UserID      `json:"userId"`
	Username string           `json:"username"`
	Reason   chat.LeaveReason `json:"reason,omitempty"` // why a membership ended
	By       chat.UserID      `json:"by,omitempty"`     // who did it, if another
	Names    Names            `json:"names,omitempty"`  // of By
	logged
}

func membershipOf(e *chat.Event) Membership {
	m := e.Membership
	out := Membership{RoomID: m.RoomID, UserID: m.UserID, Username: m.UserName, Reason: m.Reason, logged: loggedOf(e)}
	if e.By != m.UserID {
		out.By, out.Names = e.By, NamesOf(e.Names)
	}
	return out
}

// RoleChange is room:role: what a member may do in the room has changed.
type RoleChange struct {
	RoomID   string      `json:"roomId"`
	UserID   chat.UserID `json:"userId"`
	Username string      `json:"username"`
	Role     chat.Role   `json:"role"`
	logged
}

func roleOf(e *chat.Event) RoleChange {
	m := e.Membership
	return RoleChange{RoomID: m.RoomID, UserID: m.UserID, Username: m.UserName, Role: m.Role, logged: loggedOf(e)}
}

// MembersAdded is room:members_added: many became members at once. UserIDs are the
// first of them.
type MembersAdded struct {
	RoomID  string        `json:"roomId"`
	Count   int           `json:"count"`
	UserIDs []chat.UserID `json:"userIds"`
	Names   Names         `json:"names,omitempty"`
	logged
}

func addedOf(e *chat.Event) MembersAdded {
	users := e.Added.Users
	if len(users) > chat.ListedMembers {
		users = users[:chat.ListedMembers]
	}
	return MembersAdded{RoomID: e.Added.RoomID, Count: e.Added.Count, UserIDs: users, Names: NamesOf(e.Names), logged: loggedOf(e)}
}

// RoomChange is room:updated.
type RoomChange struct {
	Room  Room        `json:"room"`
	By    chat.UserID `json:"by"`
	Names Names       `json:"names,omitempty"`
	logged
}

func roomChangeOf(e *chat.Event) RoomChange {
	return RoomChange{Room: RoomOf(e.Room), By: e.By, Names: NamesOf(e.Names), logged: loggedOf(e)}
}

// RoomDeletion is room:deleted.
type RoomDeletion struct {
	RoomID    string      `json:"roomId"`
	DeletedBy chat.UserID `json:"deletedBy"`
	Names     Names       `json:"names,omitempty"`
	logged
}

func roomDeletionOf(e *chat.Event) RoomDeletion {
	return RoomDeletion{RoomID: e.Room.ID, DeletedBy: e.By, Names: NamesOf(e.Names), logged: loggedOf(e)}
}

// ReadReceipt is message:read.
type ReadReceipt struct {
	MessageID      string      `json:"messageId"`
	ConversationID string      `json:"conversationId"`
	ReadBy         chat.UserID `json:"readBy"`
	Names          Names       `json:"names,omitempty"`
	ReadAt         Time        `json:"readAt"`
}

func receiptOf(r *chat.Receipt) ReadReceipt {
	out := ReadReceipt{MessageID: r.MessageID, ConversationID: r.ConversationID, ReadBy: r.ReadBy, ReadAt: Time(r.ReadAt)}
	if r.ReaderName != "" {
		out.Names = Names{r.ReadBy: {Username: r.ReaderName}}
	}
	return out
}

// ReadMark is conversation:read.
type ReadMark struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"`
}

func markOf(e *chat.Event) ReadMark {
	return ReadMark{ConversationID: e.ConversationID, Seq: e.Mark.Seq}
}

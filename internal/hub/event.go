package hub

import (
	"github.com/sockeye-im/sockeye/internal/chat"
)

// Event is an event as it travels: its name, and what it carries. It is the same
// when it is told live and when it is caught up with.
type Event struct {
	Name    string `json:"event"`
	Payload any    `json:"payload"`
}

// EventOf is e as it travels; not ok for a kind that does not.
func EventOf(e *chat.Event) (out Event, ok bool) {
	switch e.Kind {
	case chat.MessageCreated:
		if e.Message.RoomID != "" {
			return Event{"room:message", MessageOf(e.Message)}, true
		}
		return Event{"message:received", MessageOf(e.Message)}, true
	case chat.MessageEdited:
		return Event{"message:edited", changeOf(e)}, true
	case chat.MessagePinned:
		return Event{"message:pinned", changeOf(e)}, true
	case chat.MessageUnpinned:
		return Event{"message:unpinned", changeOf(e)}, true
	case chat.MessageDeleted:
		return Event{"message:deleted", deletionOf(e)}, true
	case chat.ReactionAdded:
		return Event{"reaction:added", reactionOf(e)}, true
	case chat.ReactionRemoved:
		return Event{"reaction:removed", reactionOf(e)}, true
	case chat.MemberJoined:
		return Event{"room:user_joined", membershipOf(e)}, true
	case chat.MemberLeft:
		return Event{"room:user_left", membershipOf(e)}, true
	case chat.MemberBanned:
		return Event{"room:user_banned", membershipOf(e)}, true
	case chat.MemberUnbanned:
		return Event{"room:user_unbanned", membershipOf(e)}, true
	case chat.MemberInvited:
		return Event{"room:invited", membershipOf(e)}, true
	case chat.MemberRole:
		return Event{"room:role", roleOf(e)}, true
	case chat.MembersAdded:
		return Event{"room:members_added", addedOf(e)}, true
	case chat.RoomUpdated:
		return Event{"room:updated", roomChangeOf(e)}, true
	case chat.RoomDeleted:
		return Event{"room:deleted", roomEndOf(e)}, true
	case chat.ConversationRead:
		return Event{"conversation:read", markOf(e)}, true
	}
	return Event{}, false
}

// logged is what every event of a conversation's log carries.
type logged struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq,omitempty"`
	Timestamp      Time   `json:"timestamp"`
}

func loggedOf(e *chat.Event) logged {
	return logged{ConversationID: e.ConversationID, Seq: e.Seq, Timestamp: Time(e.At)}
}

// change is message:edited, message:pinned and message:unpinned: the message as
// it is now. Its own seq is that of its creation.
type change struct {
	Message Message     `json:"message"`
	By      chat.UserID `json:"by"`
	logged
}

func changeOf(e *chat.Event) change {
	return change{Message: MessageOf(e.Message), By: e.By, logged: loggedOf(e)}
}

// deletion is message:deleted.
type deletion struct {
	MessageID string      `json:"messageId"`
	DeletedBy chat.UserID `json:"deletedBy"`
	RoomID    string      `json:"roomId,omitempty"`
	logged
}

func deletionOf(e *chat.Event) deletion {
	return deletion{MessageID: e.Message.ID, DeletedBy: e.By, RoomID: e.Message.RoomID, logged: loggedOf(e)}
}

// reaction is reaction:added and reaction:removed. The emoji is empty once the
// message is deleted.
type reaction struct {
	MessageID string      `json:"messageId"`
	RoomID    string      `json:"roomId,omitempty"`
	UserID    chat.UserID `json:"userId"`
	Username  string      `json:"username"`
	Emoji     string      `json:"emoji"`
	logged
}

func reactionOf(e *chat.Event) reaction {
	r := e.Reaction
	return reaction{MessageID: r.MessageID, RoomID: r.RoomID, UserID: r.UserID, Username: r.UserName, Emoji: r.Emoji, logged: loggedOf(e)}
}

// membership is room:user_joined, room:user_left and what else happens to one
// user of a room.
type membership struct {
	RoomID   string           `json:"roomId"`
	UserID   chat.UserID      `json:"userId"`
	Username string           `json:"username"`
	Reason   chat.LeaveReason `json:"reason,omitempty"` // why a membership ended
	By       chat.UserID      `json:"by,omitempty"`     // who did it, if another
	logged
}

func membershipOf(e *chat.Event) membership {
	m := e.Membership
	out := membership{RoomID: m.RoomID, UserID: m.UserID, Username: m.UserName, Reason: m.Reason, logged: loggedOf(e)}
	if e.By != m.UserID {
		out.By = e.By
	}
	return out
}

// role is room:role: what a member may do in the room has changed.
type role struct {
	RoomID string      `json:"roomId"`
	UserID chat.UserID `json:"userId"`
	Role   chat.Role   `json:"role"`
	logged
}

func roleOf(e *chat.Event) role {
	m := e.Membership
	return role{RoomID: m.RoomID, UserID: m.UserID, Role: m.Role, logged: loggedOf(e)}
}

// added is room:members_added: many became members at once. UserIDs are the first
// of them.
type added struct {
	RoomID  string        `json:"roomId"`
	Count   int           `json:"count"`
	UserIDs []chat.UserID `json:"userIds"`
	logged
}

func addedOf(e *chat.Event) added {
	users := e.Added.Users
	if len(users) > chat.ListedMembers {
		users = users[:chat.ListedMembers]
	}
	return added{RoomID: e.Added.RoomID, Count: e.Added.Count, UserIDs: users, logged: loggedOf(e)}
}

// roomChange is room:updated.
type roomChange struct {
	Room Room        `json:"room"`
	By   chat.UserID `json:"by"`
	logged
}

func roomChangeOf(e *chat.Event) roomChange {
	return roomChange{Room: RoomOf(e.Room), By: e.By, logged: loggedOf(e)}
}

// roomEnd is room:deleted.
type roomEnd struct {
	RoomID    string      `json:"roomId"`
	DeletedBy chat.UserID `json:"deletedBy"`
	logged
}

func roomEndOf(e *chat.Event) roomEnd {
	return roomEnd{RoomID: e.Room.ID, DeletedBy: e.By, logged: loggedOf(e)}
}

// receipt is message:read.
type receipt struct {
	MessageID      string      `json:"messageId"`
	ConversationID string      `json:"conversationId"`
	ReadBy         chat.UserID `json:"readBy"`
	ReadAt         Time        `json:"readAt"`
}

func receiptOf(r *chat.Receipt) receipt {
	return receipt{MessageID: r.MessageID, ConversationID: r.ConversationID, ReadBy: r.ReadBy, ReadAt: Time(r.ReadAt)}
}

// mark is conversation:read.
type mark struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"`
}

func markOf(e *chat.Event) mark {
	return mark{ConversationID: e.ConversationID, Seq: e.Mark.Seq}
}

package client

import (
	"encoding/json"
	"time"
)

// Event is something that has happened: one of the types of this file, or Unknown.
// Types that embed Message or Logged have a place in a conversation's log.
type Event interface{ name() string }

// Logged is an event's place in the log of a conversation.
type Logged struct {
	ConversationID string    `json:"conversationId"`
	Seq            int64     `json:"seq"`
	Timestamp      time.Time `json:"timestamp"`
}

// Place is the conversation and the event's seq in it.
func (l *Logged) Place() (conversation string, seq int64) { return l.ConversationID, l.Seq }

// What happens to messages. Each is told to all devices of the members.
type (
	// RoomMessage tells that somebody, perhaps you, has written in a room of yours.
	RoomMessage struct{ Message }
	// MessageReceived tells that somebody has written to you, or another device of yours to
	// somebody. After a lost connection it may also be what you wrote.
	MessageReceived struct{ Message }
	// MessageSent tells that this client has written to somebody.
	MessageSent struct {
		ID          string `json:"id"`
		RecipientID string `json:"recipientId"`
		ClientMsgID string `json:"clientMsgId,omitempty"`
		Logged
	}
	// MessageEdited has the message as it is now.
	MessageEdited struct{ MessageChange }
	// MessagePinned has the message as it is now.
	MessagePinned struct{ MessageChange }
	// MessageUnpinned has the message as it is now.
	MessageUnpinned struct{ MessageChange }
	// MessageDeleted leaves a tombstone.
	MessageDeleted struct {
		MessageID string `json:"messageId"`
		DeletedBy string `json:"deletedBy"`
		RoomID    string `json:"roomId,omitempty"`
		Names     Names  `json:"names,omitempty"`
		Logged
	}
	// ReactionAdded has an empty emoji when the message was deleted since.
	ReactionAdded struct{ Reaction }
	// ReactionRemoved is the opposite.
	ReactionRemoved struct{ Reaction }
)

// MessageChange is what happened to a message.
type MessageChange struct {
	Message Message `json:"message"`
	By      string  `json:"by"`
	Names   Names   `json:"names,omitempty"` // of By
	Logged
}

// Reaction is one user's emoji on a message.
type Reaction struct {
	MessageID string `json:"messageId"`
	RoomID    string `json:"roomId,omitempty"`
	UserID    string `json:"userId"`
	Username  string `json:"username"`
	Emoji     string `json:"emoji"`
	Logged
}

// What happens to rooms and their members.
type (
	// UserJoined tells that a user is a member now.
	UserJoined struct{ Membership }
	// UserLeft tells that a user is a member no longer; Reason is empty, kicked or banned.
	UserLeft struct{ Membership }
	// UserBanned tells that a user who was no member cannot join.
	UserBanned struct{ Membership }
	// UserUnbanned is the opposite.
	UserUnbanned struct{ Membership }
	// RoleChanged tells that Role is now admin or member.
	RoleChanged struct {
		RoomID   string `json:"roomId"`
		UserID   string `json:"userId"`
		Username string `json:"username"`
		Role     string `json:"role"`
		Logged
	}
	// MembersAdded tells that the server has added many at once. UserIDs are some of them.
	MembersAdded struct {
		RoomID  string   `json:"roomId"`
		Count   int      `json:"count"`
		UserIDs []string `json:"userIds"`
		Names   Names    `json:"names,omitempty"`
		Logged
	}
	// RoomUpdated has the room as it is now.
	RoomUpdated struct {
		Room  Room   `json:"room"`
		By    string `json:"by"`
		Names Names  `json:"names,omitempty"`
		Logged
	}
	// RoomDeleted is the last event of a room.
	RoomDeleted struct {
		RoomID    string `json:"roomId"`
		DeletedBy string `json:"deletedBy"`
		Names     Names  `json:"names,omitempty"`
		Logged
	}
	// RoomInvited tells that you may join now.
	RoomInvited struct {
		RoomID         string    `json:"roomId"`
		UserID         string    `json:"userId"`
		Username       string    `json:"username"`
		By             string    `json:"by"`
		Names          Names     `json:"names,omitempty"` // of By
		ConversationID string    `json:"conversationId"`
		Timestamp      time.Time `json:"timestamp"`
	}
)

// Membership is what happened to one user of a room; By is who did it, if another.
type Membership struct {
	RoomID   string `json:"roomId"`
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Reason   string `json:"reason,omitempty"`
	By       string `json:"by,omitempty"`
	Names    Names  `json:"names,omitempty"` // of By
	Logged
}

// What is read from the store, beside the stream.
type (
	// FileProcessed has a file of a message, or one of your own, as it is once all is made of it: thumbnails, previews.
	FileProcessed struct {
		File File `json:"file"`
	}
	// RoomMessages are the last messages of a room that this client has joined.
	RoomMessages struct{ Messages []Message }
	// UnreadMessages are the newest unread messages, when a client begins.
	UnreadMessages struct{ Messages []Message }
	// MessageRead tells that somebody has read a message of yours.
	MessageRead struct {
		MessageID      string    `json:"messageId"`
		ConversationID string    `json:"conversationId"`
		ReadBy         string    `json:"readBy"`
		Names          Names     `json:"names,omitempty"`
		ReadAt         time.Time `json:"readAt"`
	}
	// ScheduledChanged tells what has become of a message that you have scheduled, here or on another device: State is waiting
	// (it is new, or was changed), failed, sent or cancelled. [Client.Scheduled] has what waits.
	ScheduledChanged struct {
		ScheduledID string    `json:"scheduledId"`
		RoomID      string    `json:"roomId,omitempty"`
		RecipientID string    `json:"recipientId,omitempty"`
		State       string    `json:"state"`
		SendAt      time.Time `json:"sendAt"`
		MessageID   string    `json:"messageId,omitempty"` // of what was sent
		Timestamp   time.Time `json:"timestamp"`
	}
	// ConversationRead tells that another device of yours has read up to Seq.
	ConversationRead struct {
		ConversationID string `json:"conversationId"`
		Seq            int64  `json:"seq"`
	}
)

// What passes. It has no place in a log, and is not told again.
type (
	// FriendsOnline are the friends who are online when a client connects.
	FriendsOnline struct {
		Online []string `json:"online"`
	}
	// UserOnline tells that the first device of a friend has come.
	UserOnline struct{ Person }
	// UserOffline tells that the last device of a friend has gone. Username is empty.
	UserOffline struct{ Person }
	// TypingStarted tells that somebody types, in a room or to you.
	TypingStarted struct{ Person }
	// TypingStopped is the opposite. Username is empty.
	TypingStopped struct{ Person }

	// FriendRequested and the rest: what happened between you and a user.
	FriendRequested struct{ RelationChange }
	// FriendCancelled takes a request back.
	FriendCancelled struct{ RelationChange }
	// FriendAccepted tells that you are friends.
	FriendAccepted struct{ RelationChange }
	// FriendDeclined refuses a request.
	FriendDeclined struct{ RelationChange }
	// FriendRemoved ends a friendship.
	FriendRemoved struct{ RelationChange }
	// UserBlocked tells that another device of yours has blocked a user.
	UserBlocked struct{ RelationChange }
	// UserUnblocked is the opposite.
	UserUnblocked struct{ RelationChange }
	// UserChanged tells that you or a friend has a new name.
	UserChanged struct{ RelationChange }

	// Notification is for a topic that was subscribed to, or for you. Payload is
	// the application's own.
	Notification struct{ Payload json.RawMessage }
	// Failure is what the server has to say without being asked.
	Failure struct{ Error }
	// Unknown is an event that this version of the client does not know. It has a
	// place if the server gave it one.
	Unknown struct {
		Event   string
		Payload json.RawMessage
		Logged  `json:"-"`
	}
)

// Person is who it is about.
type Person struct {
	UserID   string `json:"userId"`
	Username string `json:"username,omitempty"`
	RoomID   string `json:"roomId,omitempty"` // of typing in a room
}

// RelationChange is what happened between you and the user, and whose doing it is.
type RelationChange struct {
	UserID    string    `json:"userId"`
	Username  string    `json:"username"`
	By        string    `json:"by"`
	Timestamp time.Time `json:"timestamp"`
}

// The client's own events.
type (
	// Connected tells that the client is signed in; what it has missed is still to come.
	Connected struct {
		UserID string `json:"userId"`
	}
	// CaughtUp tells that all that was missed has been told.
	CaughtUp struct{}
	// Disconnected tells that the connection was lost. The client comes back by itself.
	Disconnected struct{ Err error }
	// ReconnectFailed tells that so many attempts in a row have failed. The client goes on
	// trying, more slowly.
	ReconnectFailed struct {
		Attempts int
		Err      error // of the last one
	}
	// ConversationAdded tells that a conversation has come while the client was away. What
	// the user has not read in it follows.
	ConversationAdded struct{ Conversation }
	// ConversationReset tells that too much was missed to tell it. The application forgets
	// what it knows of the conversation and reads the history; events go on after
	// Seq.
	ConversationReset struct {
		ConversationID string `json:"conversationId"`
		FirstSeq       int64  `json:"firstSeq"`
		Seq            int64  `json:"seq"`
	}
	// ConversationGone tells that the user is in it no longer.
	ConversationGone struct {
		ConversationID string `json:"conversationId"`
	}
	// Delivered tells that a message of Client.Queue, or of an earlier client with the same
	// Store, is stored.
	Delivered struct{ Sent }
	// Undelivered tells that such a message was refused, or met faults for an hour.
	Undelivered struct {
		Outgoing Outgoing
		Err      error
	}
	// Dropped tells that the application has read too slowly, so that events without a place
	// were not told.
	Dropped struct {
		Count int `json:"count"`
	}
)

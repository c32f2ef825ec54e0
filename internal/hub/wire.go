package hub

import (
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Time is a point in time as it travels: RFC 3339, UTC, milliseconds.
type Time time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z07:00"), nil
}

// Message is a message as it travels.
type Message struct {
	ID             string              `json:"id"`
	ConversationID string              `json:"conversationId"`
	RoomID         string              `json:"roomId,omitempty"`
	RecipientID    chat.UserID         `json:"recipientId,omitempty"`
	SenderID       chat.UserID         `json:"senderId"`
	SenderUsername string              `json:"senderUsername"`
	Content        string              `json:"content"`
	Type           chat.MessageType    `json:"type"`
	Timestamp      Time                `json:"timestamp"`
	Seq            int64               `json:"seq"`
	Edited         bool                `json:"edited"`
	EditedAt       *Time               `json:"editedAt,omitempty"`
	Deleted        bool                `json:"deleted,omitempty"`
	Reactions      map[string][]string `json:"reactions"`
	ReplyTo        *string             `json:"replyTo"`
	Attachments    []string            `json:"attachments"`
	ClientMsgID    string              `json:"clientMsgId,omitempty"`
}

// MessageOf is m as it travels.
func MessageOf(m *chat.Message) Message {
	out := Message{
		ID:             m.ID,
		ConversationID: m.ConversationID,
		RoomID:         m.RoomID,
		RecipientID:    m.RecipientID,
		SenderID:       m.SenderID,
		SenderUsername: m.SenderName,
		Content:        m.Content,
		Type:           m.Type,
		Timestamp:      Time(m.Timestamp),
		Seq:            m.Seq,
		Edited:         !m.EditedAt.IsZero(),
		Deleted:        !m.DeletedAt.IsZero(),
		Reactions:      map[string][]string{},
		Attachments:    m.Attachments,
		ClientMsgID:    m.ClientMsgID,
	}
	if out.Edited {
		edited := Time(m.EditedAt)
		out.EditedAt = &edited
	}
	if m.ReplyTo != "" {
		out.ReplyTo = &m.ReplyTo
	}
	if out.Attachments == nil {
		out.Attachments = []string{}
	}
	return out
}

// MessagesOf are messages as they travel.
func MessagesOf(messages []chat.Message) []Message {
	out := make([]Message, len(messages))
	for i := range messages {
		out[i] = MessageOf(&messages[i])
	}
	return out
}

// Room is a room as it travels. Above chat.ListedMembers members the count
// stands for the lists.
type Room struct {
	ID             string        `json:"id"`
	ConversationID string        `json:"conversationId"`
	Name           string        `json:"name"`
	Description    string        `json:"description"`
	Type           chat.RoomType `json:"type"`
	MaxMembers     int           `json:"maxMembers"`
	CreatedBy      chat.UserID   `json:"createdBy"`
	CreatedAt      Time          `json:"createdAt"`
	MemberCount    int           `json:"memberCount"`
	Members        []chat.UserID `json:"members,omitzero"`
	Admins         []chat.UserID `json:"admins,omitzero"`
	Banned         []chat.UserID `json:"banned,omitzero"`
	Settings       RoomSettings  `json:"settings"`
}

// RoomSettings are a room's settings as they travel.
type RoomSettings struct {
	AllowFileUpload   bool `json:"allowFileUpload"`
	AllowVoiceMessage bool `json:"allowVoiceMessage"`
	MessageRetention  int  `json:"messageRetention"` // days
}

// RoomOf is r as it travels.
func RoomOf(r *chat.Room) Room {
	const day = 24 * time.Hour
	return Room{
		ID:             r.ID,
		ConversationID: r.ConversationID,
		Name:           r.Name,
		Description:    r.Description,
		Type:           r.Type,
		MaxMembers:     r.MaxMembers,
		CreatedBy:      r.CreatedBy,
		CreatedAt:      Time(r.CreatedAt),
		MemberCount:    r.MemberCount,
		Members:        r.Members,
		Admins:         r.Admins,
		Banned:         r.Banned,
		Settings: RoomSettings{
			AllowFileUpload:   r.Settings.AllowFileUpload,
			AllowVoiceMessage: r.Settings.AllowVoiceMessage,
			MessageRetention:  int(r.Settings.MessageRetention / day),
		},
	}
}

// logged is what every event of a conversation's log carries.
type logged struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"`
	Timestamp      Time   `json:"timestamp"`
}

func loggedOf(e *chat.Event) logged {
	return logged{ConversationID: e.ConversationID, Seq: e.Seq, Timestamp: Time(e.At)}
}

// membership is room:user_joined and room:user_left.
type membership struct {
	RoomID   string      `json:"roomId"`
	UserID   chat.UserID `json:"userId"`
	Username string      `json:"username"`
	logged
}

func membershipOf(e *chat.Event) membership {
	m := e.Membership
	return membership{RoomID: m.RoomID, UserID: m.UserID, Username: m.UserName, logged: loggedOf(e)}
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

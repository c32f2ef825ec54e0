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
	Reactions      map[string]reactors `json:"reactions"`
	ReplyTo        *string             `json:"replyTo"`
	ThreadID       string              `json:"threadId,omitempty"`
	Attachments    []string            `json:"attachments"`
	Mentions       []chat.UserID       `json:"mentions,omitempty"`
	PinnedAt       *Time               `json:"pinnedAt,omitempty"`
	PinnedBy       chat.UserID         `json:"pinnedBy,omitempty"`
	ClientMsgID    string              `json:"clientMsgId,omitempty"`
}

// reactors are who reacted with one emoji, the first of them.
type reactors []chat.UserID

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
		Reactions:      make(map[string]reactors, len(m.Reactions)),
		ThreadID:       m.ThreadID,
		Attachments:    m.Attachments,
		Mentions:       m.Mentions,
		PinnedBy:       m.PinnedBy,
		ClientMsgID:    m.ClientMsgID,
	}
	for _, r := range m.Reactions {
		out.Reactions[r.Emoji] = r.Users
	}
	if !m.PinnedAt.IsZero() {
		pinned := Time(m.PinnedAt)
		out.PinnedAt = &pinned
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

// RoomsOf are rooms as they travel.
func RoomsOf(rooms []chat.Room) []Room {
	out := make([]Room, len(rooms))
	for i := range rooms {
		out[i] = RoomOf(&rooms[i])
	}
	return out
}

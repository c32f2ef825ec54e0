// Package wire has the shapes that travel between clients and server, beside what
// commands take and answer: messages, rooms, conversations and people as JSON, and the
// table of events. It knows the types of chat and account, and no connection.
//
//	table.go    Kind: what every event is called and carries
//	wire.go     messages and rooms
//	file.go     files that messages carry
//	schedule.go messages that are to be sent later
//	event.go    what events of conversations carry
//	catchup.go  lists of conversations, and catching up with them
//	people.go   users, friends, presence
package wire

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

// TimeOrNone is a time as it travels; nothing if it is zero.
func TimeOrNone(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return new(Time(t))
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
	Attachments    []FileInfo          `json:"attachments"`
	Mentions       []chat.UserID       `json:"mentions,omitempty"`
	PinnedAt       *Time               `json:"pinnedAt,omitempty"`
	PinnedBy       chat.UserID         `json:"pinnedBy,omitempty"`
	ClientMsgID    string              `json:"clientMsgId,omitempty"`
	Names          Names               `json:"names,omitempty"` // of mentions, reactors and pinnedBy
}

// Named is how a user is called, as it travels.
type Named struct {
	Username string `json:"username"`        // for display
	Login    string `json:"login,omitempty"` // the login name of a local account
}

// Names are how users are called who stand beside them by their ids alone.
type Names map[chat.UserID]Named

// NamesOf are names as they travel.
func NamesOf(names chat.Names) Names {
	if len(names) == 0 {
		return nil
	}
	out := make(Names, len(names))
	for id, named := range names {
		out[id] = Named{Username: named.Name, Login: named.Login}
	}
	return out
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
		Attachments:    attachmentsOf(m),
		Mentions:       m.Mentions,
		PinnedBy:       m.PinnedBy,
		PinnedAt:       TimeOrNone(m.PinnedAt),
		EditedAt:       TimeOrNone(m.EditedAt),
		ClientMsgID:    m.ClientMsgID,
		Names:          NamesOf(m.Names),
	}
	for _, r := range m.Reactions {
		out.Reactions[r.Emoji] = r.Users
	}
	if m.ReplyTo != "" {
		out.ReplyTo = &m.ReplyTo
	}
	return out
}

// allOf writes a list, one after the other.
func allOf[Fact, Shape any](list []Fact, write func(*Fact) Shape) []Shape {
	out := make([]Shape, len(list))
	for i := range list {
		out[i] = write(&list[i])
	}
	return out
}

// MessagesOf are messages as they travel.
func MessagesOf(messages []chat.Message) []Message {
	return allOf(messages, MessageOf)
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
	Names          Names         `json:"names,omitempty"` // of who made it and who is in the lists; not in lists of rooms
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
		Names: NamesOf(r.Names),
	}
}

// RoomsOf are rooms as they travel.
func RoomsOf(rooms []chat.Room) []Room {
	return allOf(rooms, RoomOf)
}

package wire

import "github.com/sockeye-im/sockeye/internal/chat"

// Scheduled is a message that is to be sent later, as its author has it.
type Scheduled struct {
	ID          string              `json:"id"`
	RoomID      string              `json:"roomId,omitempty"`
	RecipientID chat.UserID         `json:"recipientId,omitempty"`
	Content     string              `json:"content"`
	Type        chat.MessageType    `json:"type"`
	ReplyTo     *string             `json:"replyTo"`
	Attachments []string            `json:"attachments"`
	SendAt      Time                `json:"sendAt"`
	CreatedAt   Time                `json:"createdAt"`
	ClientMsgID string              `json:"clientMsgId,omitempty"`
	State       chat.ScheduledState `json:"state"`             // waiting or failed
	Failure     *Failure            `json:"failure,omitempty"` // of who could not be sent
}

// Failure is the refusal for which a scheduled message was not sent.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// ScheduledOf is m as it travels.
func ScheduledOf(m *chat.Scheduled) Scheduled {
	out := Scheduled{
		ID: m.ID, RoomID: m.RoomID, RecipientID: m.RecipientID, Content: m.Content, Type: m.Type, Attachments: m.Attachments,
		SendAt: Time(m.SendAt), CreatedAt: Time(m.CreatedAt), ClientMsgID: m.ClientMsgID, State: m.State(),
	}
	if m.ReplyTo != "" {
		out.ReplyTo = &m.ReplyTo
	}
	if out.Attachments == nil {
		out.Attachments = []string{}
	}
	if m.Failure.Code != "" {
		out.Failure = &Failure{Code: string(m.Failure.Code), Message: m.Failure.Message}
	}
	return out
}

// ScheduledsOf are scheduled messages as they travel.
func ScheduledsOf(all []chat.Scheduled) []Scheduled { return allOf(all, ScheduledOf) }

// ScheduledChange is scheduled:changed.
type ScheduledChange struct {
	ScheduledID string              `json:"scheduledId"`
	RoomID      string              `json:"roomId,omitempty"`
	RecipientID chat.UserID         `json:"recipientId,omitempty"`
	State       chat.ScheduledState `json:"state"`
	SendAt      Time                `json:"sendAt"`
	MessageID   string              `json:"messageId,omitempty"` // of what was sent
	Timestamp   Time                `json:"timestamp"`
}

func scheduledChangeOf(e *chat.Event) ScheduledChange {
	s := e.Scheduled
	return ScheduledChange{
		ScheduledID: s.ID, RoomID: s.RoomID, RecipientID: s.RecipientID, State: s.State, SendAt: Time(s.SendAt), MessageID: s.MessageID,
		Timestamp: Time(e.At),
	}
}

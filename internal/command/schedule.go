package command

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var scheduleRows = []row{
	declare("message:schedule", "Failed to schedule message", scheduleMessage),
	declare("message:scheduled", "Failed to list scheduled messages", listScheduled),
	declare("message:reschedule", "Failed to reschedule message", rescheduleMessage),
	declare("message:unschedule", "Failed to cancel scheduled message", unscheduleMessage),
}

// maxTimeText is longer than any time that could be meant.
const maxTimeText = 64

// TimeOf reads a time that a client has sent: RFC 3339, in any zone. An empty text is none.
func TimeOf(field, text string) (at time.Time, err error) {
	if text == "" {
		return at, nil
	}
	if len(text) <= maxTimeText {
		at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil || at.IsZero() {
		return time.Time{}, refusal.Invalid(field, "must be a time as of RFC 3339, such as 2026-12-24T18:00:00Z")
	}
	return at, nil
}

type schedulePayload struct {
	RoomID      string           `json:"roomId" need:"one"`
	RecipientID chat.UserID      `json:"recipientId" need:"one"`
	Content     string           `json:"content"`
	Type        chat.MessageType `json:"type" default:"text" doc:"What it is; system is the server's own."`
	SendAt      string           `json:"sendAt" doc:"When to send it: RFC 3339, in the future, at most 366 days from now."`
	ClientMsgID string           `json:"clientMsgId" need:"optional"`
	ReplyTo     string           `json:"replyTo" need:"optional"`
	Attachments []string         `json:"attachments" need:"optional" max:"10"`
}

type scheduledAck struct {
	accepted
	Scheduled wire.Scheduled `json:"scheduled"`
}

func scheduledAckOf(m chat.Scheduled, err error) (scheduledAck, error) {
	return scheduledAck{done, wire.ScheduledOf(&m)}, err
}

func scheduleMessage(ctx context.Context, c *call, p schedulePayload) (scheduledAck, error) {
	at, err := TimeOf("sendAt", p.SendAt)
	if err != nil {
		return scheduledAck{}, err
	}
	return scheduledAckOf(c.table.deps.Chat.Schedule(ctx, c.Actor, chat.ScheduleMessage{
		RoomID: p.RoomID, RecipientID: p.RecipientID, Content: p.Content, Type: p.Type, ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo,
		Attachments: p.Attachments, SendAt: at,
	}))
}

type scheduledListAck struct {
	accepted
	Scheduled []wire.Scheduled `json:"scheduled"`
}

func listScheduled(ctx context.Context, c *call, _ struct{}) (scheduledListAck, error) {
	list, err := c.table.deps.Chat.Scheduled(ctx, c.Actor)
	return scheduledListAck{done, wire.ScheduledsOf(list)}, err
}

type reschedulePayload struct {
	ScheduledID string  `json:"scheduledId"`
	Content     *string `json:"content" need:"any"`
	SendAt      *string `json:"sendAt" need:"any" doc:"When to send it: RFC 3339, in the future, at most 366 days from now."`
	Now         bool    `json:"now" need:"any" doc:"True sends it at once, instead of sendAt: no clock of the client's is asked."`
}

func rescheduleMessage(ctx context.Context, c *call, p reschedulePayload) (scheduledAck, error) {
	var sendAt *time.Time
	switch {
	case p.Now && p.SendAt != nil:
		return scheduledAck{}, refusal.Invalid("now", "must not be given together with sendAt")
	case p.Now:
		return scheduledAckOf(c.table.deps.Chat.RescheduleNow(ctx, c.Actor, p.ScheduledID, p.Content))
	case p.SendAt != nil:
		at, err := TimeOf("sendAt", *p.SendAt)
		if err != nil {
			return scheduledAck{}, err
		}
		sendAt = &at
	}
	return scheduledAckOf(c.table.deps.Chat.Reschedule(ctx, c.Actor, p.ScheduledID, p.Content, sendAt))
}

type scheduledPayload struct {
	ScheduledID string `json:"scheduledId"`
}

func unscheduleMessage(ctx context.Context, c *call, p scheduledPayload) (accepted, error) {
	return done, c.table.deps.Chat.Unschedule(ctx, c.Actor, p.ScheduledID)
}

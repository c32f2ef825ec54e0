package client

import (
	"context"
	"time"
)

// Scheduled is a message that is to be sent later. Nobody else knows of it before.
type Scheduled struct {
	ID          string            `json:"id"`
	RoomID      string            `json:"roomId,omitempty"`
	RecipientID string            `json:"recipientId,omitempty"`
	Content     string            `json:"content"`
	Type        string            `json:"type"`
	ReplyTo     *string           `json:"replyTo"`
	Attachments []string          `json:"attachments"`
	SendAt      time.Time         `json:"sendAt"`
	CreatedAt   time.Time         `json:"createdAt"`
	ClientMsgID string            `json:"clientMsgId,omitempty"`
	State       string            `json:"state"`             // waiting or failed
	Failure     *ScheduledFailure `json:"failure,omitempty"` // why it was not sent
}

// ScheduledFailure is the refusal for which a scheduled message was not sent.
type ScheduledFailure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Scheduling is a message to a room or to a user, one of the two, and when to send it.
type Scheduling struct {
	RoomID      string    `json:"roomId,omitempty"`
	RecipientID string    `json:"recipientId,omitempty"`
	SendAt      time.Time `json:"sendAt"` // at most 366 days ahead
	Draft                 // its ClientMsgID, if there is one, keeps a repetition from scheduling it twice
}

type scheduledAnswer struct {
	Scheduled Scheduled `json:"scheduled"`
}

// ScheduleMessage has the server send a message later, whether this client is connected then or not.
func (c *Client) ScheduleMessage(ctx context.Context, s Scheduling) (Scheduled, error) {
	a, err := ask[scheduledAnswer](ctx, c, "message:schedule", s)
	return a.Scheduled, err
}

// Scheduled returns one's own scheduled messages, by the time at which they are to be sent.
func (c *Client) Scheduled(ctx context.Context) ([]Scheduled, error) {
	a, err := ask[struct {
		Scheduled []Scheduled `json:"scheduled"`
	}](ctx, c, "message:scheduled", struct{}{})
	return a.Scheduled, err
}

// Rescheduling is what to change about a scheduled message, at least one of the three.
type Rescheduling struct {
	ScheduledID string     `json:"scheduledId"`
	Content     *string    `json:"content,omitempty"`
	SendAt      *time.Time `json:"sendAt,omitempty"`
	Now         bool       `json:"now,omitempty"` // send it at once, instead of SendAt
}

// RescheduleMessage changes a scheduled message. One that could not be sent waits again, and needs another time,
// or Now.
func (c *Client) RescheduleMessage(ctx context.Context, r Rescheduling) (Scheduled, error) {
	a, err := ask[scheduledAnswer](ctx, c, "message:reschedule", r)
	return a.Scheduled, err
}

// UnscheduleMessage has a scheduled message not be sent.
func (c *Client) UnscheduleMessage(ctx context.Context, scheduledID string) error {
	return tell(ctx, c, "message:unschedule", struct {
		ScheduledID string `json:"scheduledId"`
	}{scheduledID})
}

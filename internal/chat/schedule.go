package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The bounds of messages that are to be sent later.
const (
	// MaxScheduled is how many of them a user has at most, those among them that could not be sent.
	MaxScheduled = 100
	// MaxScheduleAhead is how far ahead one can be scheduled, and scheduleDays the same in days.
	MaxScheduleAhead = job.MaxAhead
	scheduleDays     = int(MaxScheduleAhead / (24 * time.Hour))
)

// Scheduled is a message that is to be sent later. It is not in its conversation before: nobody but its author knows of it.
type Scheduled struct {
	ID         string
	AuthorID   UserID
	AuthorName string // when it was scheduled
	// ConversationID is where it goes. A direct conversation need not be there yet.
	ConversationID string
	RoomID         string
	RecipientID    UserID
	Content        string
	Type           MessageType
	ReplyTo        string
	Attachments    []string
	// ClientMsgID is the one that it was scheduled under. The message itself gets another, see [Scheduled.Sending].
	ClientMsgID string
	SendAt      time.Time
	CreatedAt   time.Time
	// Version counts its changes from 1 on: who comes to send an earlier one has nothing to do.
	Version int64
	// Failure is why it was not sent at its time; its Code is empty where it was not tried.
	Failure Failure
}

// Failure is the refusal for which a message was not sent.
type Failure struct {
	Code    refusal.Code
	Message string
}

// ScheduledState is what has become of a scheduled message.
type ScheduledState string

// The states. What is sent or cancelled is scheduled no longer.
const (
	ScheduledWaiting   ScheduledState = "waiting"
	ScheduledFailed    ScheduledState = "failed"
	ScheduledSent      ScheduledState = "sent"
	ScheduledCancelled ScheduledState = "cancelled"
)

// State is that of a message that is scheduled.
func (m *Scheduled) State() ScheduledState {
	if m.Failure.Code != "" {
		return ScheduledFailed
	}
	return ScheduledWaiting
}

// Sending is the clientMsgId under which the message is sent: whoever sends it again gets the message that is there.
func (m *Scheduled) Sending() string { return "scheduled:" + m.ID }

// draft is the message as its author would send it now.
func (m *Scheduled) draft(author Actor) Draft {
	return Draft{
		Sender: author, RoomID: m.RoomID, RecipientID: m.RecipientID, Content: m.Content, Type: m.Type, ReplyTo: m.ReplyTo,
		Attachments: m.Attachments,
	}
}

// ScheduledKind is the kind of the jobs that send scheduled messages.
const ScheduledKind = "scheduled"

// Due is the payload of such a job: a version of a scheduled message.
type Due struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
}

// DueOf reads the payload of a job.
func DueOf(j *job.Job) (due Due, err error) {
	if err = json.Unmarshal(j.Payload, &due); err == nil && (due.ID == "" || due.Version < 1) {
		err = fmt.Errorf("the payload of job %s names no message", j.ID)
	}
	return due, err
}

// JobID is the id of the job that sends this version of the message.
func (m *Scheduled) JobID() string { return m.ID + "." + strconv.FormatInt(m.Version, 10) }

// Job is what sends this version of the message, when it is due. A driver stores it in the transaction that stores the version.
func (m *Scheduled) Job(at time.Time) (job.Job, error) {
	payload, err := json.Marshal(Due{m.ID, m.Version})
	return job.Job{ID: m.JobID(), Kind: ScheduledKind, Payload: payload, State: job.Waiting, RunAt: m.SendAt, CreatedAt: at}, err
}

// Schedule is the command to send a message later.
type Schedule struct {
	Scheduled Scheduled
	// Append is what would send it now: whoever may not do that cannot schedule it either.
	Append Append
	// Fingerprint tells commands apart under one clientMsgId.
	Fingerprint []byte
	Origin      string
	// Most is how many the author may have: ErrTooManyScheduled.
	Most int
}

// Repeats decides what a second use of a clientMsgId means, as [Append.Repeats] does.
func (c *Schedule) Repeats(fingerprint []byte) error {
	if string(c.Fingerprint) == string(fingerprint) {
		return nil
	}
	return ErrClientMsgIDReused
}

// Reschedule is the command to change a scheduled message. What is nil stays as it is.
type Reschedule struct {
	ID      string
	Author  Actor
	Content *string
	SendAt  *time.Time
	At      time.Time
}

// Apply is the rule for changes, which a driver asks inside the transaction. It makes the next version of m, which waits, also
// where the one before could not be sent.
func (c *Reschedule) Apply(m *Scheduled) error {
	if m.AuthorID != c.Author.ID {
		return ErrScheduledNotFound
	}
	if c.Content != nil {
		m.Content = *c.Content
	}
	if c.SendAt != nil {
		m.SendAt = *c.SendAt
	}
	if !m.SendAt.After(c.At) {
		return refusal.Invalid("sendAt", "must be given, as the message was due before now")
	}
	m.Version++
	m.Failure = Failure{}
	return nil
}

// Unschedule is the command not to send a message.
type Unschedule struct {
	ID     string
	Author Actor
	At     time.Time
}

// SendScheduled is the command to send a version of a scheduled message.
type SendScheduled struct {
	Due
	Append Append
}

// FailScheduled is the command to note why a version of a scheduled message was not sent.
type FailScheduled struct {
	Due
	Failure Failure
	At      time.Time
}

// ScheduleMessage is a message to a user or to a room, as [SendDirect] and [SendToRoom] are, and when it is to be sent.
type ScheduleMessage struct {
	RecipientID UserID // this or RoomID
	RoomID      string
	Content     string
	Type        MessageType
	ClientMsgID string
	ReplyTo     string
	Attachments []string
	SendAt      time.Time
}

// Schedule has a message sent later, if it could be sent now. The same ClientMsgID again returns the message that is scheduled
// under it, as it is by then, until it is sent or cancelled.
func (s *Service) Schedule(ctx context.Context, a Actor, cmd ScheduleMessage) (Scheduled, error) {
	d, err := cmd.draft(a)
	if err != nil {
		return Scheduled{}, err
	}
	now := s.timestamp()
	if err := checkSendAt(cmd.SendAt, now); err != nil {
		return Scheduled{}, err
	}
	appended, err := s.compose(cmd.ClientMsgID, &d)
	if err != nil {
		return Scheduled{}, err
	}
	if err := s.ask(ctx, d); err != nil {
		return Scheduled{}, err
	}
	sendAt := cmd.SendAt.UTC().Truncate(time.Millisecond)
	digest := digestOf(string(appended.Fingerprint), d.RoomID, string(d.RecipientID), strconv.FormatInt(sendAt.UnixMilli(), 10))
	stored, err := s.store.ScheduleMessage(ctx, Schedule{
		Scheduled: Scheduled{
			ID: s.newID(), AuthorID: a.ID, AuthorName: a.Name, RoomID: d.RoomID, RecipientID: d.RecipientID, Content: d.Content, Type: d.Type,
			ReplyTo: d.ReplyTo, Attachments: d.Attachments, ClientMsgID: cmd.ClientMsgID, SendAt: sendAt, CreatedAt: now, Version: 1,
		},
		Append: appended, Fingerprint: digest[:16], Origin: a.Origin, Most: MaxScheduled,
	})
	if err != nil {
		return Scheduled{}, fmt.Errorf("schedule message: %w", err)
	}
	return stored, nil
}

func (cmd *ScheduleMessage) draft(a Actor) (d Draft, err error) {
	switch {
	case cmd.RoomID != "" && cmd.RecipientID != "":
		return d, refusal.Invalid("recipientId", "must not be given together with roomId")
	case cmd.RoomID != "":
		room := SendToRoom{RoomID: cmd.RoomID}
		d, err = room.draft(a)
	default:
		direct := SendDirect{RecipientID: cmd.RecipientID}
		d, err = direct.draft(a)
	}
	d.Content, d.Type, d.ReplyTo, d.Attachments = cmd.Content, cmd.Type, cmd.ReplyTo, cmd.Attachments
	return d, err
}

func checkSendAt(at, now time.Time) error {
	switch {
	case at.IsZero():
		return refusal.Missing("sendAt")
	case !at.Truncate(time.Millisecond).After(now):
		return refusal.Invalid("sendAt", "must be in the future")
	case at.Sub(now) > MaxScheduleAhead:
		return refusal.Beyond("sendAt", scheduleDays, fmt.Sprintf("must be at most %d days from now", scheduleDays))
	}
	return nil
}

// ask asks the filter about a message that is sent later. What it changes it changes when the message is sent.
func (s *Service) ask(ctx context.Context, d Draft) error {
	if s.filter == nil {
		return nil
	}
	if err := s.filter(ctx, &d); err != nil {
		return fmt.Errorf("filter scheduled message: %w", err)
	}
	return nil
}

// Scheduled returns the messages that the caller has scheduled, by the time at which they are to be sent.
func (s *Service) Scheduled(ctx context.Context, a Actor) ([]Scheduled, error) {
	scheduled, err := s.store.ScheduledMessages(ctx, a.ID)
	if err != nil {
		return nil, fmt.Errorf("read scheduled messages: %w", err)
	}
	return scheduled, nil
}

// Reschedule changes the text of a scheduled message, its time, or both. One that could not be sent waits again, and needs
// another time. Who may write where it goes is asked when it is sent.
func (s *Service) Reschedule(ctx context.Context, a Actor, id string, content *string, sendAt *time.Time) (Scheduled, error) {
	if err := requireScheduledID(id); err != nil {
		return Scheduled{}, err
	}
	cmd := Reschedule{ID: id, Author: a, Content: content, At: s.timestamp()}
	if content == nil && sendAt == nil {
		return Scheduled{}, &refusal.Error{Code: refusal.MissingFields, Message: "There must be content, sendAt or now", Field: "sendAt"}
	}
	if sendAt != nil {
		if err := checkSendAt(*sendAt, cmd.At); err != nil {
			return Scheduled{}, err
		}
		at := sendAt.UTC().Truncate(time.Millisecond)
		cmd.SendAt = &at
	}
	return s.reschedule(ctx, cmd)
}

// RescheduleNow has a scheduled message sent at once, with another text if one is given, by the job that would have sent it at
// its time: by the same rules, and one that they refuse stays with the reason.
func (s *Service) RescheduleNow(ctx context.Context, a Actor, id string, content *string) (Scheduled, error) {
	if err := requireScheduledID(id); err != nil {
		return Scheduled{}, err
	}
	cmd := Reschedule{ID: id, Author: a, Content: content, At: s.timestamp()}
	soon := cmd.At.Add(time.Millisecond) // the next moment that there is
	cmd.SendAt = &soon
	return s.reschedule(ctx, cmd)
}

func (s *Service) reschedule(ctx context.Context, cmd Reschedule) (Scheduled, error) {
	if cmd.Content != nil {
		if err := checkContent(*cmd.Content, s.cfg.MaxText); err != nil {
			return Scheduled{}, err
		}
	}
	if err := s.askAgain(ctx, &cmd); err != nil {
		return Scheduled{}, err
	}
	changed, err := s.store.RescheduleMessage(ctx, cmd)
	if err != nil {
		return Scheduled{}, fmt.Errorf("reschedule message: %w", err)
	}
	return changed, nil
}

// askAgain asks the filter about another text.
func (s *Service) askAgain(ctx context.Context, cmd *Reschedule) error {
	if s.filter == nil || cmd.Content == nil {
		return nil
	}
	m, err := s.store.ScheduledMessage(ctx, cmd.ID)
	if err != nil {
		return fmt.Errorf("read scheduled message: %w", err)
	}
	if err := cmd.Apply(&m); err != nil {
		return err
	}
	return s.ask(ctx, m.draft(cmd.Author))
}

// Unschedule has a scheduled message of the caller's not be sent. One that is sent meanwhile is an ErrScheduledNotFound.
func (s *Service) Unschedule(ctx context.Context, a Actor, id string) error {
	if err := requireScheduledID(id); err != nil {
		return err
	}
	if err := s.store.UnscheduleMessage(ctx, Unschedule{ID: id, Author: a, At: s.timestamp()}); err != nil {
		return fmt.Errorf("unschedule message: %w", err)
	}
	return nil
}

// SendScheduled sends a scheduled message, which is scheduled no longer by the same commit. Where the rules refuse it by now,
// that is noted and it stays scheduled, for its author to see. A version that was changed, cancelled or sent meanwhile is nothing
// to do. An error is a fault: it was not sent and can be tried again.
func (s *Service) SendScheduled(ctx context.Context, due Due) error {
	m, err := s.store.ScheduledMessage(ctx, due.ID)
	switch {
	case errors.Is(err, ErrScheduledNotFound) || err == nil && (m.Version != due.Version || m.State() != ScheduledWaiting):
		return nil
	case err != nil:
		return fmt.Errorf("read scheduled message: %w", err)
	}
	why := s.sendNow(ctx, due, &m)
	refused := refusal.Of(why)
	switch {
	case why == nil || errors.Is(why, ErrScheduledNotFound):
		return nil
	case refused == nil || refused.Code == refusal.Unavailable || refused.Code == refusal.Internal:
		return fmt.Errorf("send scheduled message: %w", why)
	}
	err = s.store.FailScheduled(ctx, FailScheduled{due, Failure{refused.Code, refused.Message}, s.timestamp()})
	if err != nil {
		return fmt.Errorf("note why a scheduled message was not sent: %w", err)
	}
	return nil
}

// sendNow sends what is due, as what its author is called by now.
func (s *Service) sendNow(ctx context.Context, due Due, m *Scheduled) error {
	author := Actor{ID: m.AuthorID, Name: m.AuthorName}
	names, err := s.store.Names(ctx, []UserID{m.AuthorID})
	if err != nil {
		return fmt.Errorf("look up author: %w", err)
	}
	if named, known := names[m.AuthorID]; known {
		author.Name = named.Name
	}
	d := m.draft(author)
	cmd, err := s.compose(m.Sending(), &d)
	if err != nil {
		return err
	}
	if s.filter != nil {
		if err := s.review(ctx, &cmd, &d); err != nil {
			return err
		}
	}
	cmd.Message.Mentions = mentioned(cmd.Message.Content)
	_, err = s.store.SendScheduled(ctx, SendScheduled{due, cmd})
	return err
}

func requireScheduledID(id string) error {
	if id == "" {
		return refusal.Missing("scheduledId")
	}
	return checkID("scheduledId", id, MaxMessageID)
}

package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Edit is the command to replace the text of a message.
type Edit struct {
	MessageID string
	Editor    Actor
	Content   string
	// Mentions are the ids that Content names, members or not.
	Mentions []UserID
	At       time.Time
	// Window is how long after its creation a message may be edited.
	Window time.Duration
}

// Permit is the rule for edits, which a driver asks inside the transaction. It
// tells whether there is anything to do: the same text again is no change.
func (c *Edit) Permit(m *Message, s Standing) (change bool, err error) {
	switch {
	case visible(s) != nil || !m.DeletedAt.IsZero():
		return false, ErrMessageNotFound
	case m.SenderID != c.Editor.ID:
		return false, ErrNotOwnMessage
	case m.Content == c.Content:
		return false, nil
	case c.At.Sub(m.Timestamp) > c.Window:
		return false, ErrEditWindowExceeded
	default:
		return true, nil
	}
}

// EditMessage replaces the text of a message of the caller's, within the edit
// window, and returns the message. The same text again is ok and emits nothing.
func (s *Service) EditMessage(ctx context.Context, a Actor, messageID, content string) (Message, error) {
	if err := requireMessageID(messageID); err != nil {
		return Message{}, err
	}
	if err := checkContent(content, s.cfg.MaxText); err != nil {
		return Message{}, err
	}
	cmd := Edit{MessageID: messageID, Editor: a, Content: content, At: s.timestamp(), Window: s.cfg.EditWindow}
	m, change, err := s.reviewChange(ctx, messageID, a.ID, cmd.Permit)
	if !change || err != nil {
		return m, err
	}
	if err := s.filterEdit(ctx, &cmd, &m); err != nil {
		return Message{}, err
	}
	cmd.Mentions = mentioned(cmd.Content)
	m, err = s.store.EditMessage(ctx, cmd)
	if err != nil {
		return Message{}, fmt.Errorf("edit message: %w", err)
	}
	return m, nil
}

// reviewChange looks at a message before something is done to it: not change if
// it is so already. It refuses what the rule does not permit, which the driver
// asks again inside its transaction, and what would reach a user with whom there
// is a block.
func (s *Service) reviewChange(
	ctx context.Context, messageID string, by UserID, permit func(*Message, Standing) (bool, error),
) (m Message, change bool, err error) {
	m, standing, err := s.store.Message(ctx, messageID, by)
	if err != nil {
		return Message{}, false, fmt.Errorf("read message: %w", err)
	}
	change, err = permit(&m, standing)
	if err == nil && change {
		err = s.refuseBlocked(ctx, &m)
	}
	if err != nil {
		return Message{}, false, err
	}
	return m, change, nil
}

// filterEdit asks the filter, as for a new message, before anything is written.
func (s *Service) filterEdit(ctx context.Context, cmd *Edit, m *Message) error {
	if s.filter == nil {
		return nil
	}
	d := Draft{
		Sender: cmd.Editor, RoomID: m.RoomID, RecipientID: m.RecipientID, Content: cmd.Content, Type: m.Type,
		ReplyTo: m.ReplyTo, Attachments: m.Attachments,
	}
	if err := s.filter(ctx, &d); err != nil {
		return fmt.Errorf("filter edit: %w", err)
	}
	cmd.Content = d.Content
	return checkContent(d.Content, s.cfg.MaxText)
}

// Delete is the command to wipe a message.
type Delete struct {
	MessageID string
	Actor     Actor
	At        time.Time
}

// Permit is the rule for deletes, which a driver asks inside the transaction. It
// tells whether there is anything to do.
func (c *Delete) Permit(m *Message, s Standing) (change bool, err error) {
	switch {
	case visible(s) != nil:
		return false, ErrMessageNotFound
	case m.SenderID != c.Actor.ID && s.Role != RoleAdmin:
		return false, ErrDeleteNotPermitted
	default:
		return m.DeletedAt.IsZero(), nil
	}
}

// DeleteMessage wipes a message of the caller's, or any message of a room whose
// admin the caller is: its text, attachments, mentions, reactions and pin, and
// what a search would find it by. A tombstone stays, which is returned. Deleting
// again is ok and emits nothing.
func (s *Service) DeleteMessage(ctx context.Context, a Actor, messageID string) (Message, error) {
	if err := requireMessageID(messageID); err != nil {
		return Message{}, err
	}
	m, err := s.store.DeleteMessage(ctx, Delete{MessageID: messageID, Actor: a, At: s.timestamp()})
	if err != nil {
		return Message{}, fmt.Errorf("delete message: %w", err)
	}
	return m, nil
}

func requireMessageID(id string) error {
	if id == "" {
		return refusal.Missing("messageId")
	}
	return checkID("messageId", id, MaxMessageID)
}

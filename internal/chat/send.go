package chat

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// SendDirect is a message to one user. Type is text when empty; ClientMsgID,
// ReplyTo (a message id) and Attachments (file ids) are optional.
type SendDirect struct {
	RecipientID UserID
	Content     string
	Type        MessageType
	ClientMsgID string
	ReplyTo     string
	Attachments []string
}

// SendToRoom is a message to a room that the sender is a member of; the fields
// are those of [SendDirect].
type SendToRoom struct {
	RoomID      string
	Content     string
	Type        MessageType
	ClientMsgID string
	ReplyTo     string
	Attachments []string
}

// SendDirect stores a message to another user, who need not have signed in yet.
// When it returns the message is durable. The same ClientMsgID again returns the
// message that is stored under it and emits nothing.
func (s *Service) SendDirect(ctx context.Context, a Actor, cmd SendDirect) (Message, error) {
	draft, err := cmd.draft(a)
	if err != nil {
		return Message{}, err
	}
	return s.send(ctx, cmd.ClientMsgID, draft)
}

// StartDirect is SendDirect for who does not wait: done gets what it would have
// returned, see [Messages.StartAppend].
func (s *Service) StartDirect(ctx context.Context, a Actor, cmd SendDirect, done func(Message, error)) {
	draft, err := cmd.draft(a)
	if err != nil {
		done(Message{}, err)
		return
	}
	s.start(ctx, cmd.ClientMsgID, draft, done)
}

func (cmd *SendDirect) draft(a Actor) (Draft, error) {
	if cmd.RecipientID == "" {
		return Draft{}, refusal.Missing("recipientId")
	}
	if err := checkUserID("recipientId", cmd.RecipientID); err != nil {
		return Draft{}, err
	}
	if cmd.RecipientID == a.ID {
		return Draft{}, refusal.Invalid("recipientId", "must be another user")
	}
	return Draft{
		Sender:      a,
		RecipientID: cmd.RecipientID,
		Content:     cmd.Content,
		Type:        cmd.Type,
		ReplyTo:     cmd.ReplyTo,
		Attachments: cmd.Attachments,
	}, nil
}

// SendToRoom stores a message to a room of the sender's. When it returns the
// message is durable. The same ClientMsgID again returns the message that is
// stored under it, even if the sender has left since, and emits nothing.
func (s *Service) SendToRoom(ctx context.Context, a Actor, cmd SendToRoom) (Message, error) {
	draft, err := cmd.draft(a)
	if err != nil {
		return Message{}, err
	}
	return s.send(ctx, cmd.ClientMsgID, draft)
}

// StartToRoom is SendToRoom for who does not wait, as StartDirect is SendDirect.
func (s *Service) StartToRoom(ctx context.Context, a Actor, cmd SendToRoom, done func(Message, error)) {
	draft, err := cmd.draft(a)
	if err != nil {
		done(Message{}, err)
		return
	}
	s.start(ctx, cmd.ClientMsgID, draft, done)
}

func (cmd *SendToRoom) draft(a Actor) (Draft, error) {
	if cmd.RoomID == "" {
		return Draft{}, refusal.Missing("roomId")
	}
	if err := checkRoomID("roomId", cmd.RoomID); err != nil {
		return Draft{}, err
	}
	return Draft{
		Sender:      a,
		RoomID:      cmd.RoomID,
		Content:     cmd.Content,
		Type:        cmd.Type,
		ReplyTo:     cmd.ReplyTo,
		Attachments: cmd.Attachments,
	}, nil
}

// send takes a draft with a valid target from validation to the store.
func (s *Service) send(ctx context.Context, clientMsgID string, d Draft) (Message, error) {
	cmd, stored, err := s.prepare(ctx, clientMsgID, d)
	if err != nil {
		return Message{}, err
	}
	if stored != nil {
		return *stored, nil
	}
	return appended(s.store.AppendMessage(ctx, cmd))
}

// start is send for who does not wait.
func (s *Service) start(ctx context.Context, clientMsgID string, d Draft, done func(Message, error)) {
	cmd, stored, err := s.prepare(ctx, clientMsgID, d)
	switch {
	case err != nil:
		done(Message{}, err)
	case stored != nil:
		done(*stored, nil)
	default:
		s.store.StartAppend(ctx, cmd, func(m Message, err error) { done(appended(m, err)) })
	}
}

func appended(m Message, err error) (Message, error) {
	if err != nil {
		return Message{}, fmt.Errorf("append message: %w", err)
	}
	return m, nil
}

// prepare makes what is to be stored of a draft with a valid target. stored is the
// message that it repeats, where that had to be looked up already.
func (s *Service) prepare(ctx context.Context, clientMsgID string, d Draft) (cmd Append, stored *Message, err error) {
	if cmd, err = s.compose(clientMsgID, &d); err != nil {
		return Append{}, nil, err
	}
	if s.filter != nil {
		repeated, found, err := s.repeated(ctx, &cmd)
		if err != nil {
			return Append{}, nil, err
		}
		if found {
			return Append{}, &repeated, nil
		}
		if err := s.review(ctx, &cmd, &d); err != nil {
			return Append{}, nil, err
		}
	}
	cmd.Message.Mentions = mentioned(cmd.Message.Content)
	return cmd, nil, nil
}

// compose is the part of prepare that asks nobody. It gives the draft its type, if it has none.
func (s *Service) compose(clientMsgID string, d *Draft) (Append, error) {
	if d.Type == "" {
		d.Type = TypeText
	}
	if err := s.checkDraft(clientMsgID, d); err != nil {
		return Append{}, err
	}
	return Append{
		Message:        s.message(clientMsgID, d),
		Fingerprint:    d.fingerprint(),
		RequireFriends: d.RecipientID != "" && s.cfg.DirectPolicy == DirectFriends,
		RequireFiles:   s.cfg.Files,
		Origin:         d.Sender.Origin,
	}, nil
}

// review asks the filter, which may refuse a new message or change it.
func (s *Service) review(ctx context.Context, cmd *Append, d *Draft) error {
	if err := s.filter(ctx, d); err != nil {
		return fmt.Errorf("filter message: %w", err)
	}
	cmd.Message.Content = d.Content
	return d.checkContent(s.cfg.MaxText)
}

// repeated looks for the message that already has the command's clientMsgId, so
// that the filter does not judge it a second time. The driver looks again inside
// its transaction, which is what makes the id unique.
func (s *Service) repeated(ctx context.Context, cmd *Append) (Message, bool, error) {
	if cmd.Message.ClientMsgID == "" {
		return Message{}, false, nil
	}
	sent, found, err := s.store.Sent(ctx, cmd.Message.SenderID, cmd.Message.ClientMsgID)
	if err != nil {
		return Message{}, false, fmt.Errorf("look up clientMsgId: %w", err)
	}
	if !found {
		return Message{}, false, nil
	}
	if err := cmd.Repeats(&sent); err != nil {
		return Message{}, false, err
	}
	return sent.Message, true, nil
}

func (s *Service) message(clientMsgID string, d *Draft) Message {
	m := Message{
		ID:          s.newID(),
		RoomID:      d.RoomID,
		RecipientID: d.RecipientID,
		SenderID:    d.Sender.ID,
		SenderName:  d.Sender.Name,
		Content:     d.Content,
		Type:        d.Type,
		ClientMsgID: clientMsgID,
		ReplyTo:     d.ReplyTo,
		Attachments: d.Attachments,
		Timestamp:   s.timestamp(),
	}
	if d.RecipientID != "" {
		m.ConversationID = DirectID(d.Sender.ID, d.RecipientID)
	}
	return m
}

package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
)

// messageTTL is for how long a message is worth telling.
const messageTTL = DefaultTTL

// Chats are what is known of messages: a [chat.Store].
type Chats interface {
	// Message returns a message, and what a user is in its conversation. chat.ErrMessageNotFound.
	Message(ctx context.Context, id string, user chat.UserID) (chat.Message, chat.Standing, error)
	// Room returns a room, or chat.ErrRoomNotFound.
	Room(ctx context.Context, id string) (chat.Room, error)
}

// said names the message that a task is about. The job has no more of it: what is told is read when it is told, so that a delete
// need not look for it here.
type said struct {
	ID   string        `json:"id"`
	Room string        `json:"room,omitempty"`
	To   []chat.UserID `json:"to,omitempty"` // those whom it is for in any case: who was written to, who is mentioned
}

// Follow returns the jobs that are to follow events: those that tell of a message. It looks into memory alone.
func (s *Service) Follow(events []chat.Event) (jobs []job.Job) {
	if !s.known.Load() {
		return nil
	}
	for i := range events {
		m := events[i].Message
		if events[i].Kind != chat.MessageCreated || m.Type == chat.TypeSystem {
			continue
		}
		about := said{ID: m.ID, Room: m.RoomID}
		if m.RoomID == "" {
			about.To = []chat.UserID{m.RecipientID}
		} else if about.To = m.Mentions; len(m.Mentions) == 0 && m.ReplyTo == "" {
			continue // nobody in particular
		}
		now := s.timestamp()
		t := task{ID: m.ID, Said: &about, At: m.Timestamp, Until: m.Timestamp.Add(messageTTL)}
		if j, err := t.job(s.NewID(), job.Normal, now, now); err == nil { // it always is
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// messageTargets are the devices that are told of a message: of those whom it is for, who are not connected, may see it, and have not
// read it.
func (s *Service) messageTargets(ctx context.Context, t *task) ([]target, error) {
	m, _, err := s.Chats.Message(ctx, t.Said.ID, "")
	switch {
	case errors.Is(err, chat.ErrMessageNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read a message: %w", err)
	case !m.DeletedAt.IsZero():
		return nil, nil
	}
	users, err := s.concerned(ctx, &m, t.Said.To)
	if err != nil {
		return nil, err
	}
	devices, err := s.devices(ctx, t, users)
	if err != nil || len(devices) == 0 {
		return nil, err
	}
	title := m.SenderName
	if m.RoomID != "" {
		room, err := s.Chats.Room(ctx, m.RoomID)
		switch {
		case errors.Is(err, chat.ErrRoomNotFound):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("read a room: %w", err)
		}
		title = room.Name
	}
	told := make(map[account.UserID]Fields) // nil where a user is not
	var targets []target
	for i := range devices {
		user := devices[i].UserID
		fields, known := told[user]
		if !known {
			if fields, err = s.messageFields(ctx, &m, title, user); err != nil {
				return nil, err
			}
			told[user] = fields
		}
		if fields != nil {
			targets = append(targets, target{devices[i], fields})
		}
	}
	return targets, nil
}

// concerned are those whom a message is for: who was written to, is mentioned, or is replied to; but not who says it.
func (s *Service) concerned(ctx context.Context, m *chat.Message, to []chat.UserID) ([]account.UserID, error) {
	users := slices.Clone(to)
	for _, id := range []string{m.ReplyTo, m.ThreadID} {
		if id == "" || m.RoomID == "" {
			continue
		}
		before, _, err := s.Chats.Message(ctx, id, "")
		switch {
		case err == nil:
			users = append(users, before.SenderID)
		case !errors.Is(err, chat.ErrMessageNotFound):
			return nil, fmt.Errorf("read what is replied to: %w", err)
		}
	}
	slices.Sort(users)
	return slices.DeleteFunc(slices.Compact(users), func(id chat.UserID) bool { return id == m.SenderID || id == "" }), nil
}

// messageFields are what a user is told of a message; none if the user is not to be told.
func (s *Service) messageFields(ctx context.Context, m *chat.Message, title string, user account.UserID) (Fields, error) {
	if may, err := s.mayHear(ctx, m, user); err != nil || !may {
		return nil, err
	}
	mark, unread, err := s.Store.PushUnread(ctx, user, m.ConversationID)
	if err != nil || mark >= m.Seq {
		return nil, err
	}
	body := m.Content
	if m.RoomID != "" {
		body = m.SenderName + ": " + body
	}
	return fieldsOf(map[string]any{
		"title": title, "body": body, "tag": m.ConversationID, "unread": unread,
		"data": map[string]any{
			"type": "message", "conversationId": m.ConversationID, "roomId": m.RoomID, "messageId": m.ID, "senderId": m.SenderID, "seq": m.Seq,
		},
	})
}

// mayHear tells whether a user is in the conversation of a message, and there is no block between its sender and the user.
func (s *Service) mayHear(ctx context.Context, m *chat.Message, user account.UserID) (bool, error) {
	blocked, err := s.Blocks.Blocked(ctx, m.SenderID, user)
	if err != nil {
		return false, fmt.Errorf("look up blocks: %w", err)
	}
	if blocked || m.RoomID == "" {
		return !blocked, nil
	}
	_, standing, err := s.Chats.Message(ctx, m.ID, user)
	if err != nil && !errors.Is(err, chat.ErrMessageNotFound) {
		return false, fmt.Errorf("look up a membership: %w", err)
	}
	return err == nil && standing.Member(), nil
}

// fieldsOf makes fields of values that are always JSON.
func fieldsOf(values map[string]any) (Fields, error) {
	f := make(Fields, len(values))
	for name, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encode %s of a notification: %w", name, err)
		}
		f[name] = text
	}
	return f, nil
}

// refreshEvery is how often a node looks whether somebody has subscribed at another one, as long as nobody has.
const refreshEvery = 5 * time.Second

// keep refreshes until ctx ends.
func (s *Service) keep(ctx context.Context) {
	for !s.known.Load() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(refreshEvery):
		}
		if err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("it is not known whether anybody has subscribed", "err", err)
		}
	}
}

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
	// Access tells whether a conversation exists and whether a user is in it.
	Access(ctx context.Context, ref chat.ConversationRef, user chat.UserID) (chat.Access, bool, error)
	// Room returns a room, or chat.ErrRoomNotFound.
	Room(ctx context.Context, id string) (chat.Room, error)
}

// said names the message that a task is about. The job has no more of it: what is told is read when it is told, so that a delete
// need not look for it here.
type said struct {
	ID string        `json:"id"`
	To []chat.UserID `json:"to,omitempty"` // who was written to
	// After is the last of those who want to be told of everything in a room of whom that was done.
	After chat.UserID `json:"after,omitempty"`
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
		about := said{ID: m.ID}
		if m.RoomID == "" {
			about.To = []chat.UserID{m.RecipientID}
		} else if len(m.Mentions) == 0 && m.ReplyTo == "" && !s.rooms.Load() {
			continue // it is for nobody in particular
		}
		now := s.timestamp()
		t := task{ID: m.ID, Said: &about, At: m.Timestamp, Until: m.Timestamp.Add(messageTTL)}
		if j, err := t.job(s.NewID(), job.Normal, now, now); err == nil { // it always is
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// messageTargets are the devices that are told of a message: of those whom it is for, or who want to be told of everything in its room;
// who do not look, may see it, and have not read it. The followers are for others of them.
func (s *Service) messageTargets(ctx context.Context, t *task) (targets []target, followers []*task, err error) {
	m, _, err := s.Chats.Message(ctx, t.Said.ID, "")
	switch {
	case errors.Is(err, chat.ErrMessageNotFound):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("read a message: %w", err)
	case !m.DeletedAt.IsZero():
		return nil, nil, nil
	}
	particular, users, err := s.concerned(ctx, &m, t.Said.To)
	if err != nil {
		return nil, nil, err
	}
	if m.RoomID != "" && len(t.Devices) == 0 && t.Hidden == nil {
		var further *task
		if users, further, err = s.withWanting(ctx, t, &m, users); err != nil {
			return nil, nil, err
		}
		if further != nil {
			followers = append(followers, further)
		}
	}
	devices, later, err := s.devices(ctx, t, users)
	if later != nil {
		followers = append(followers, later)
	}
	if err != nil || len(devices) == 0 {
		return nil, followers, err
	}
	title, err := s.titleOf(ctx, &m)
	if err != nil || title == "" {
		return nil, nil, err
	}
	wishes, err := s.wishesOf(ctx, usersOf(devices), m.ConversationID)
	if err != nil {
		return nil, nil, err
	}
	told, now := make(map[account.UserID]Fields), s.Now() // nil where a user is not
	for i := range devices {
		user := devices[i].UserID
		fields, known := told[user]
		if w := wishes[user]; !known && w.told(m.RoomID == "", slices.Contains(particular, user), now) {
			if fields, err = s.messageFields(ctx, &m, title, user, w.own.WithoutContent); err != nil {
				return nil, nil, err
			}
		}
		told[user] = fields
		if fields != nil {
			targets = append(targets, target{Subscription: devices[i], fields: fields, conversation: m.ConversationID, seq: m.Seq})
		}
	}
	return targets, followers, nil
}

// withWanting are the users whom a message is for, the first time, and a page of those who want to be told of everything in its room.
func (s *Service) withWanting(ctx context.Context, t *task, m *chat.Message, concerned []account.UserID) ([]account.UserID, *task, error) {
	wanting, err := s.Store.PushWanting(ctx, m.ConversationID, t.Said.After, MaxUsers)
	if err != nil {
		return nil, nil, err
	}
	var further *task
	if len(wanting) == MaxUsers {
		next, about := *t, *t.Said
		about.After = wanting[len(wanting)-1]
		next.Said, further = &about, &next
	}
	wanting = slices.DeleteFunc(wanting, func(id account.UserID) bool { return id == m.SenderID || slices.Contains(concerned, id) })
	if t.Said.After == "" {
		wanting = append(concerned, wanting...)
	}
	return wanting, further, nil
}

// titleOf is who says something, or the room in which it is said; empty of a room that is no more.
func (s *Service) titleOf(ctx context.Context, m *chat.Message) (string, error) {
	if m.RoomID == "" {
		return m.SenderName, nil
	}
	room, err := s.Chats.Room(ctx, m.RoomID)
	switch {
	case errors.Is(err, chat.ErrRoomNotFound):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("read a room: %w", err)
	}
	return room.Name, nil
}

// concerned are those to whom something is said in particular, by a mention or a reply, and all whom a message is for: those, and who
// was written to; but not who says it.
func (s *Service) concerned(ctx context.Context, m *chat.Message, to []chat.UserID) (particular, all []account.UserID, err error) {
	particular = slices.Clone(m.Mentions)
	for _, id := range []string{m.ReplyTo, m.ThreadID} {
		if id == "" {
			continue
		}
		before, _, err := s.Chats.Message(ctx, id, "")
		switch {
		case err == nil:
			particular = append(particular, before.SenderID)
		case !errors.Is(err, chat.ErrMessageNotFound):
			return nil, nil, fmt.Errorf("read what is replied to: %w", err)
		}
	}
	all = slices.Concat(particular, to)
	slices.Sort(all)
	return particular, slices.DeleteFunc(slices.Compact(all), func(id chat.UserID) bool { return id == m.SenderID || id == "" }), nil
}

// messageFields are what a user is told of a message; none if the user is not to be told. Without content they say that there is one.
func (s *Service) messageFields(ctx context.Context, m *chat.Message, title string, user account.UserID, withoutContent bool) (Fields, error) {
	if may, err := s.mayHear(ctx, m, user); err != nil || !may {
		return nil, err
	}
	mark, unread, err := s.Store.PushUnread(ctx, user, m.ConversationID)
	if err != nil || mark >= m.Seq {
		return nil, err
	}
	if withoutContent {
		return fieldsOf(map[string]any{
			"title": "New message", "tag": m.ConversationID, "unread": unread,
			"data": map[string]any{"type": "message", "conversationId": m.ConversationID, "messageId": m.ID, "seq": m.Seq},
		})
	}
	said := Said{RoomID: m.RoomID, RoomName: title, SenderID: string(m.SenderID), SenderName: m.SenderName, Content: m.Content}
	return saidFields(&said, &saidAt{m.ConversationID, m.ID, m.Seq}, map[string]any{"unread": unread})
}

// mayHear tells whether a user is in the conversation of a message, and there is no block between its sender and the user.
func (s *Service) mayHear(ctx context.Context, m *chat.Message, user account.UserID) (bool, error) {
	blocked, err := s.Blocks.Blocked(ctx, m.SenderID, user)
	if err != nil {
		return false, fmt.Errorf("look up blocks: %w", err)
	}
	if blocked || m.RoomID == "" {
		return !blocked && user == m.RecipientID, nil
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

// refreshEvery is how often a node looks whether somebody has subscribed at another one, as long as nobody has, or wants all messages
// of a room.
const refreshEvery = 5 * time.Second

// keep refreshes until ctx ends, or there is nothing to find out.
func (s *Service) keep(ctx context.Context) {
	for !s.known.Load() || !s.rooms.Load() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(refreshEvery):
		}
		if err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("it is not known whether anybody is to be told", "err", err)
		}
	}
}

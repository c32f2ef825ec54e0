package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// talk is a conversation under way.
type talk struct {
	*Session
	at           Place
	conversation string // id; empty for a user with whom nothing was said yet
	seen         map[string]int64
	said         map[string]*saying // by clientMsgId: what waits to be stored and shown
	failed       error              // the last message that was refused
	ended        bool               // the input has
	patience     *time.Timer        // for the events of what is stored, once that is all there is to wait for
	name         string             // one's own
	notices      *notifier
}

// saying is a message of one's own. In a room it comes back as an event, before or
// after it is known to be stored.
type saying struct {
	content       string
	stored, shown bool
}

// maxEcho is how long to wait for that event at the end: who was kicked gets none.
const maxEcho = 2 * time.Second

// maxUnstored is how many messages may wait before more input is read.
const maxUnstored = 100

// Talk joins a room or opens a conversation with a user, shows what happens there,
// and sends what is typed. At the end of the input it waits until all of it is
// stored. The error is why not.
func (s *Session) Talk(ctx context.Context, at Place) error {
	t := &talk{Session: s, at: at, seen: make(map[string]int64), said: make(map[string]*saying)}
	input, err := s.openInput(at)
	if err != nil {
		return err
	}
	defer input.restore()
	if err := t.open(ctx); err != nil {
		return err
	}
	t.notices = s.startNotifying(ctx)
	defer t.notices.stop()
	if input.person {
		defer t.markRead(context.WithoutCancel(ctx))
	}
	for !t.ended || len(t.said) > 0 {
		if err := t.step(ctx, input.lines); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return t.unstored()
		}
	}
	return t.failed
}

// step does one thing that comes.
func (t *talk) step(ctx context.Context, input <-chan inputLine) error {
	if t.ended || len(t.said) >= maxUnstored {
		input = nil
	}
	var echo <-chan time.Time
	if t.ended && t.unstoredCount() == 0 {
		if t.patience == nil {
			t.patience = time.NewTimer(maxEcho)
		}
		echo = t.patience.C
	}
	select {
	case <-ctx.Done():
		return t.unstored()
	case <-echo:
		clear(t.said)
		return nil
	case err := <-t.notices.failure():
		return t.view.problem(err)
	case e, open := <-t.client.Events():
		if !open {
			return t.client.Err()
		}
		return t.happened(e)
	case line, open := <-input:
		if !open {
			t.ended = true
			return nil
		}
		if line.err != nil {
			return line.err
		}
		return t.entered(ctx, line.text)
	}
}

// unstored is what to say when a user leaves.
func (t *talk) unstored() error {
	if count := t.unstoredCount(); count > 0 {
		return fmt.Errorf("%d messages were not acknowledged", count)
	}
	return t.failed
}

func (t *talk) unstoredCount() (count int) {
	for _, s := range t.said {
		if !s.stored {
			count++
		}
	}
	return count
}

// markRead marks as read what a person has seen.
func (t *talk) markRead(ctx context.Context) {
	seq := t.seen[t.conversation]
	if seq == 0 || t.client.State() != client.Online {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = t.client.MarkConversation(ctx, t.conversation, seq) // it is read the next time
}

// open shows what was said before.
func (t *talk) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if t.at.RoomID != "" {
		joined, err := t.client.JoinRoom(ctx, t.at.RoomID)
		if err != nil {
			return fmt.Errorf("room %s: %w", t.at.RoomID, err)
		}
		t.conversation = joined.Room.ConversationID
		t.view.opened(t.at, joined.Room.Name, t.at.RoomID)
		t.past(joined.Messages, t.seen)
		return nil
	}
	profile, err := t.client.User(ctx, t.at.UserID)
	switch {
	case client.Code(err) == codeUserNotFound:
		profile.User.Username = t.at.UserID // a user who can be written to all the same
	case err != nil:
		return fmt.Errorf("user %s: %w", t.at.UserID, err)
	}
	me, err := t.client.User(ctx, t.client.UserID())
	if err != nil {
		return fmt.Errorf("user %s: %w", t.client.UserID(), err)
	}
	t.name = me.User.Username
	handle := t.at.UserID
	if profile.User.Login != "" {
		handle = "@" + profile.User.Login
	}
	t.view.opened(t.at, profile.User.Username, handle)
	page, err := t.client.History(ctx, client.Where{UserID: t.at.UserID}, client.Span{Limit: max(1, min(t.options.History, 100))})
	if client.Code(err) == "conversation_not_found" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("history with %s: %w", t.at.UserID, err)
	}
	t.past(page.Messages, t.seen)
	for i := range page.Messages {
		t.conversation = page.Messages[i].ConversationID
	}
	return nil
}

// happened shows an event, if it is of this conversation.
func (t *talk) happened(e client.Event) error {
	switch e := e.(type) {
	case *client.Delivered:
		return t.stored(e)
	case *client.Undelivered:
		delete(t.said, e.Outgoing.ClientMsgID)
		t.failed = fmt.Errorf("not sent: %w", e.Err)
		return t.view.happened(e)
	}
	if old(e, t.seen) {
		return nil
	}
	if notice, is := t.client.NoticeOf(e); is {
		t.notices.tell(notice)
	}
	if !t.here(e) {
		return nil
	}
	if m, ok := e.(*client.RoomMessage); ok && t.said[m.ClientMsgID] != nil {
		t.said[m.ClientMsgID].shown = true
		t.settle(m.ClientMsgID)
	}
	if p, ok := e.(interface{ Place() (string, int64) }); ok {
		conversation, seq := p.Place()
		t.seen[conversation] = max(t.seen[conversation], seq)
	}
	return t.view.happened(e)
}

// stored notes that a message of one's own is. A direct one is shown now: no event
// tells this device of it.
func (t *talk) stored(e *client.Delivered) error {
	s := t.said[e.ClientMsgID]
	if s == nil {
		return nil // of an earlier time
	}
	s.stored = true
	if t.at.UserID != "" {
		s.shown = true
		t.conversation = e.ConversationID
		if !t.options.JSON {
			t.view.message(t.own(&e.Sent, s.content))
		}
	}
	t.settle(e.ClientMsgID)
	return t.view.delivered(e)
}

func (t *talk) settle(clientMsgID string) {
	if s := t.said[clientMsgID]; s.stored && s.shown {
		delete(t.said, clientMsgID)
	}
}

// own is one's own direct message, of which no event tells this device.
func (t *talk) own(s *client.Sent, content string) *client.Message {
	return &client.Message{
		ID: s.ID, ConversationID: s.ConversationID, RecipientID: s.RecipientID, SenderID: t.client.UserID(),
		SenderUsername: t.name, Content: content, Timestamp: s.Timestamp, Seq: s.Seq,
	}
}

// here tells whether an event is of this conversation, or of the connection.
func (t *talk) here(e client.Event) bool {
	if room, ok := roomOf(e); ok {
		return t.at.RoomID != "" && room == t.at.RoomID
	}
	switch e := e.(type) {
	case *client.MessageReceived:
		if e.SenderID == t.at.UserID || e.SenderID == t.client.UserID() && e.RecipientID == t.at.UserID {
			t.conversation = e.ConversationID
			_, waits := t.said[e.ClientMsgID]
			return !waits // it is shown when it is acknowledged
		}
		return false
	case *client.TypingStarted:
		return t.at.UserID == e.UserID
	case *client.TypingStopped:
		return t.at.UserID == e.UserID
	case *client.UserOnline:
		return t.at.UserID == e.UserID
	case *client.UserOffline:
		return t.at.UserID == e.UserID
	case *client.MessageSent:
		return t.options.JSON && e.RecipientID == t.at.UserID
	case interface{ Place() (string, int64) }:
		id, _ := e.Place()
		return id == t.conversation && id != ""
	}
	return ofConnection(e)
}

// entered does what a line says.
func (t *talk) entered(ctx context.Context, line string) error {
	if t.options.JSON {
		return t.requested(ctx, line)
	}
	switch {
	case strings.TrimSpace(line) == "":
		return nil
	case strings.HasPrefix(line, "//"):
		line = line[1:]
	case strings.HasPrefix(line, "/"):
		return t.command(ctx, line)
	}
	return t.submit(ctx, client.Draft{Content: line})
}

func (t *talk) submit(ctx context.Context, d client.Draft) error {
	id, err := t.client.Queue(ctx, client.Outgoing{RoomID: t.at.RoomID, RecipientID: t.at.UserID, Draft: d})
	if errors.Is(err, client.ErrQueueFull) {
		return t.view.problem(err)
	}
	if err == nil {
		t.said[id] = &saying{content: d.Content}
	}
	return err
}

// requested does what a line of JSON says. One that cannot be read ends the program:
// what writes it is at fault, and has to know.
func (t *talk) requested(ctx context.Context, line string) error {
	if strings.TrimSpace(line) == "" {
		return nil
	}
	r, err := readRequest(line)
	if err != nil {
		return err
	}
	if r.Command == "" {
		return t.submit(ctx, r.Draft)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := t.client.Call(ctx, r.Command, r.Payload)
	return t.view.answered(r, answer, err)
}

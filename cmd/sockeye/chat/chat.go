// Package chat is a chat client for a terminal and for pipes.
//
//	chat.go      what it can do: Talk, Follow, Send
//	talk.go      a conversation: what is typed goes out, what happens is shown
//	commands.go  what can be typed beside messages
//	view.go      how things are shown; lines.go for people, objects.go for programs
//	notify.go    a command that is run for what a person is to be told
//	input.go     lines from a pipe; terminal.go from a terminal
package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// Place is where one talks: in a room or with a user.
type Place struct {
	RoomID string
	UserID string
}

// Options say how things are shown. History is how many of the last messages come
// first.
type Options struct {
	JSON    bool
	History int
	Joins   bool // who comes to rooms and goes
	Typing  bool
	// Notify is a command of the shell that is run for what [client.Client.NoticeOf] says; none if it is empty.
	Notify string
}

// Streams are what a user sees and types. In is only a terminal if Out is one too.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// patience is how long one answer may take before the user is told.
const patience = 20 * time.Second

// Session is one use of a client.
type Session struct {
	client  *client.Client
	streams Streams
	options Options
	view    view
}

// New makes a session of a client that is online.
func New(c *client.Client, s Streams, o Options) *Session {
	session := &Session{client: c, streams: s, options: o}
	session.show(s.Out)
	return session
}

// show changes where things are shown.
func (s *Session) show(out io.Writer) {
	if s.options.JSON {
		s.view = &objects{out: out}
		return
	}
	s.view = &lines{out: out, me: s.client.UserID(), options: s.options, now: time.Now, peers: make(map[string]string)}
}

// Follow shows what happens in rooms, which it joins, or in all conversations if none
// is named, until ctx ends.
func (s *Session) Follow(ctx context.Context, rooms []string) error {
	wanted := make(map[string]bool, len(rooms))
	seen := make(map[string]int64)
	for _, room := range rooms {
		joined, err := s.client.JoinRoom(ctx, room)
		if err != nil {
			return fmt.Errorf("room %s: %w", room, err)
		}
		wanted[room] = true
		s.view.opened(Place{RoomID: room}, joined.Room.Name, room)
		s.past(joined.Messages, seen)
	}
	if err := s.peers(ctx); err != nil {
		return err
	}
	notices := s.startNotifying(ctx)
	defer notices.stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-notices.failure():
			if err := s.view.problem(err); err != nil {
				return err
			}
		case e, open := <-s.client.Events():
			if !open {
				return s.client.Err()
			}
			if room, ok := roomOf(e); len(wanted) > 0 && ok && !wanted[room] || old(e, seen) {
				continue
			}
			if notice, is := s.client.NoticeOf(e); is {
				notices.tell(notice)
			}
			if err := s.view.happened(e); err != nil {
				return err
			}
		}
	}
}

// peers tells the view who the direct conversations are with, which their events do
// not say.
func (s *Session) peers(ctx context.Context) error {
	v, ok := s.view.(*lines)
	if !ok {
		return nil
	}
	page, err := s.client.Conversations(ctx, "", 100)
	for i := range page.Conversations {
		if c := &page.Conversations[i]; c.Peer != nil {
			v.peers[c.ConversationID] = c.Peer.UserID
		}
	}
	return err
}

// past shows messages that were there before, as many as wanted.
func (s *Session) past(messages []client.Message, seen map[string]int64) {
	for i := range messages {
		m := &messages[i]
		seen[m.ConversationID] = max(seen[m.ConversationID], m.Seq)
		if len(messages)-i <= s.options.History {
			s.view.message(m)
		}
	}
}

// old tells that a message has been shown.
func old(e client.Event, seen map[string]int64) bool {
	var m *client.Message
	switch e := e.(type) {
	case *client.RoomMessage:
		m = &e.Message
	case *client.MessageReceived:
		m = &e.Message
	case *client.RoomMessages, *client.UnreadMessages:
		return true
	default:
		return false
	}
	return m.Seq <= seen[m.ConversationID]
}

// User finds a user by the id, or by the login name of an account, with or without @ before it; an id goes before a
// login. A name that the server does not know is taken for an id: users of another application are not known before
// they sign in for the first time. known reports whether it does.
func (s *Session) User(ctx context.Context, idOrLogin string) (id string, known bool, err error) {
	login, isLogin := strings.CutPrefix(idOrLogin, "@")
	if !isLogin {
		if _, err := s.client.User(ctx, idOrLogin); client.Code(err) != codeUserNotFound {
			return idOrLogin, true, err
		}
	}
	found, err := s.client.SearchUsers(ctx, login, 0)
	if err != nil {
		return "", false, err
	}
	for i := range found {
		if strings.EqualFold(found[i].Login, login) {
			return found[i].UserID, true, nil
		}
	}
	return idOrLogin, false, nil
}

const codeUserNotFound = "user_not_found"

// Send sends text, or each line of the input if it is empty, and returns when all of
// it is stored.
func (s *Session) Send(ctx context.Context, to Place, text string) error {
	if text != "" {
		return s.say(ctx, to, client.Draft{Content: text})
	}
	for line := range readLines(s.streams.In) {
		if line.err != nil {
			return line.err
		}
		draft, err := s.draft(line.text)
		if err == nil && draft.Content != "" {
			err = s.say(ctx, to, draft)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) say(ctx context.Context, to Place, d client.Draft) error {
	var sent client.Sent
	var err error
	if to.RoomID != "" {
		sent, err = s.client.SendToRoom(ctx, client.RoomDraft{RoomID: to.RoomID, Draft: d})
	} else {
		sent, err = s.client.SendDirect(ctx, client.DirectDraft{RecipientID: to.UserID, Draft: d})
	}
	if err != nil {
		return err
	}
	return s.view.stored(&sent)
}

// draft reads one line of input as a message.
func (s *Session) draft(line string) (client.Draft, error) {
	if !s.options.JSON {
		return client.Draft{Content: line}, nil
	}
	if strings.TrimSpace(line) == "" {
		return client.Draft{}, nil
	}
	r, err := readRequest(line)
	if err == nil && r.Command != "" {
		err = errors.New(`only messages can be sent: {"content": …}`)
	}
	return r.Draft, err
}

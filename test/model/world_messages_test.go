package model_test

import (
	"slices"
	"strings"
	"time"
)

// draft is what a message is sent with.
type draft struct {
	content     string
	named       []string // who the content names
	kind        string   // its type; empty is text
	clientMsgID string
	replyTo     string
	attachments []string
}

// same tells whether two drafts are one message sent twice.
func (d *draft) same(other *draft) bool {
	return d.content == other.content && orText(d.kind) == orText(other.kind) && d.replyTo == other.replyTo &&
		slices.Equal(d.attachments, other.attachments)
}

func orText(kind string) string {
	if kind == "" {
		return "text"
	}
	return kind
}

// maySend is about a message to a room, or else to a user; c is nil if there is no such conversation. It returns the
// message that was sent under that clientMsgId before.
func (w *world) maySend(c *conversation, roomID, recipient, sender string, d *draft) (again *said, code string) {
	if recipient == sender {
		return nil, invalidField
	}
	if d.content == "" {
		return nil, missingFields
	}
	if s := w.sent[[2]string{sender, d.clientMsgID}]; d.clientMsgID != "" && s != nil {
		there := s.conv == c || c == nil && roomID != "" && s.RoomID == roomID // a room that was deleted answers too
		if there && (s.Deleted || d.same(&s.as)) {
			return s, ""
		}
		return nil, clientMsgIDReused
	}
	if roomID != "" {
		switch {
		case c == nil:
			return nil, roomNotFound
		case !c.has(sender):
			return nil, notInRoom
		case d.kind == "voice" && !c.room.Settings.AllowVoiceMessage:
			return nil, voiceNotAllowed
		case d.kind != "voice" && !c.room.Settings.AllowFileUpload && (orText(d.kind) != "text" || len(d.attachments) > 0):
			return nil, uploadsNotAllowed
		}
	}
	if d.replyTo != "" && (c == nil || c.find(d.replyTo) == nil) {
		return nil, messageNotFound
	}
	if len(d.attachments) > 0 {
		return nil, fileNotFound // nobody has uploaded any
	}
	return nil, ""
}

// find returns a message that is kept.
func (c *conversation) find(id string) *said {
	for _, s := range c.messages {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// between is the direct conversation of two users, made if need be.
func (w *world) between(a, b, id string) *conversation {
	pair := pairOf(a, b)
	c := w.direct[pair]
	if c == nil {
		c = &conversation{id: id, sides: pair[:], first: 1, lastAt: w.now, marks: make(map[string]int64)}
		w.direct[pair] = c
		w.logs = append(w.logs, c)
	}
	return c
}

func pairOf(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

// send stores a message under the id that it was given.
func (w *world) send(c *conversation, id, sender string, d *draft, by *device) *said {
	s := &said{conv: c, as: *d, message: message{
		ID: id, ConversationID: c.id, RoomID: c.roomID, SenderID: sender, SenderUsername: w.nameOf(sender),
		Content: d.content, Type: orText(d.kind), Reactions: map[string][]string{}, ReplyTo: d.replyTo,
		Attachments: []any{}, Mentions: w.mentions(c, sender, d.named), ClientMsgID: d.clientMsgID,
	}}
	if d.replyTo != "" {
		root := c.find(d.replyTo)
		if s.ThreadID = root.ThreadID; s.ThreadID == "" {
			s.ThreadID = root.ID
		}
	}
	name := "room:message"
	if c.roomID == "" {
		name = "message:received"
		s.RecipientID = c.sides[0]
		if sender == c.sides[0] {
			s.RecipientID = c.sides[1]
		}
	} else {
		by = nil // a room's message goes to its sender too
	}
	e := w.record(c, &entry{said: s, fact: fact{Name: name, Message: id, Room: c.roomID}}, nil, by)
	s.Seq, s.Timestamp = e.Seq, e.At
	c.messages = append(c.messages, s)
	w.said = append(w.said, s)
	if d.clientMsgID != "" {
		w.sent[[2]string{sender, d.clientMsgID}] = s
	}
	return s
}

// mentions are those named who are in the conversation, but for the sender.
func (w *world) mentions(c *conversation, sender string, named []string) []string {
	var users []string
	for _, user := range named {
		if user != sender && c.has(user) && !slices.Contains(users, user) {
			users = append(users, user)
		}
	}
	return users
}

// postSystem is a message of the server's own.
func (w *world) postSystem(c *conversation, id, content string) *said {
	s := w.send(c, id, "system", &draft{content: content}, nil)
	s.Type = "system"
	return s
}

const editWindow = 5 * time.Minute

func (w *world) mayEdit(user, id, content string) (*said, string) {
	s := w.message(user, id)
	switch {
	case content == "":
		return nil, missingFields
	case s == nil || s.Deleted:
		return nil, messageNotFound
	case s.SenderID != user:
		return nil, notOwnMessage
	case s.Content != content && w.now-s.Timestamp > stamp(editWindow.Milliseconds()):
		return nil, editWindowExceeded
	}
	return s, ""
}

func (w *world) edit(s *said, d *draft, by string) {
	if s.Content == d.content {
		return
	}
	s.Content, s.Mentions, s.Edited = d.content, w.mentions(s.conv, s.SenderID, d.named), true
	s.EditedAt = w.change(s, "message:edited", by).At
}

func (w *world) mayDelete(user, id string) (*said, string) {
	s := w.message(user, id)
	switch {
	case s == nil:
		return nil, messageNotFound
	case s.SenderID != user && !s.conv.admin(user):
		return nil, deleteNotPermitted
	}
	return s, ""
}

func (w *world) remove(s *said, by string) {
	if s.Deleted {
		return
	}
	s.wipe()
	w.record(s.conv, &entry{said: s, fact: fact{Name: "message:deleted", Message: s.ID, Room: s.RoomID, By: by}}, nil, nil)
}

func (w *world) mayPin(user, id string) (*said, string) {
	s := w.message(user, id)
	switch {
	case s == nil || s.Deleted:
		return nil, messageNotFound
	case s.RoomID != "" && !s.conv.admin(user):
		return nil, pinNotPermitted
	}
	return s, ""
}

func (w *world) pin(s *said, user string, pinned bool) {
	switch {
	case pinned == (s.PinnedAt != 0):
	case pinned:
		s.PinnedBy = user
		s.PinnedAt = w.change(s, "message:pinned", user).At
	default:
		s.PinnedBy, s.PinnedAt = "", 0
		w.change(s, "message:unpinned", user)
	}
}

func (w *world) change(s *said, name, by string) *entry {
	return w.record(s.conv, &entry{said: s, fact: fact{Name: name, Message: s.ID, By: by}}, nil, nil)
}

func (w *world) mayReact(user, id, emoji string) (*said, string) {
	s := w.message(user, id)
	switch {
	case emoji == "":
		return nil, missingFields
	case emoji == noEmoji:
		return nil, invalidField
	case s == nil || s.Deleted:
		return nil, messageNotFound
	}
	return s, ""
}

func (w *world) react(s *said, user, emoji string, added bool) {
	if slices.Contains(s.Reactions[emoji], user) == added {
		return
	}
	s.react(user, emoji, added)
	name := "reaction:removed"
	if added {
		name = "reaction:added"
	}
	w.record(s.conv, &entry{said: s, fact: fact{
		Name: name, Message: s.ID, Room: s.RoomID, User: user, Username: w.nameOf(user), Emoji: emoji,
	}}, nil, nil)
}

// found tells whether a search for all of the words finds the message. Texts of this test are words between spaces.
func (s *said) found(words []string) bool {
	has := strings.Fields(s.Content)
	for _, word := range words {
		if !slices.Contains(has, word) {
			return false
		}
	}
	return !s.Deleted
}

package model_test

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// noEmoji is refused as a reaction.
const noEmoji = "yes"

// vocabulary is what messages are made of. A search looks for whole words, and for those without spaces anywhere.
var vocabulary = []string{"alpha", "beta", "gamma", "会议", "明天"}

// draft draws a message.
func (m *machine) draft(t *rapid.T, c *conversation) *draft {
	d := &draft{}
	words := []string{}
	for range 1 + uniform(t, "words", 3) {
		words = append(words, pick(t, "word", vocabulary))
	}
	for range max(0, uniform(t, "mentions", 5)-2) {
		user := m.someone(t)
		d.named = append(d.named, user)
		words = append(words, "@"+user)
	}
	d.content = strings.Join(words, " ")
	if chance(t, "with clientMsgId", 2) {
		d.clientMsgID = m.clientMsgID()
	}
	switch uniform(t, "special", 12) {
	case 8:
		d.kind = "voice"
	case 9:
		d.kind = "image"
	case 10:
		d.attachments = []string{"file-1", "file-2"}
	case 11:
		d.content = ""
	case 7, 6:
		if c != nil && c.roomID != "" && !c.room.Settings.AllowVoiceMessage {
			d.kind = "voice"
		}
	case 5, 4:
		if c != nil && c.roomID != "" && !c.room.Settings.AllowFileUpload {
			d.kind = "file"
		}
	}
	if c != nil && len(c.messages) > 0 && chance(t, "reply", 3) {
		recent := c.messages[max(0, len(c.messages)-5):]
		d.replyTo = pick(t, "to", recent).ID
	} else if len(m.world.said) > 0 && chance(t, "reply to anything", 12) {
		d.replyTo = pick(t, "to", m.world.said).ID
	}
	return d
}

func (d *draft) payload(more map[string]any) map[string]any {
	more["content"] = d.content
	for name, value := range map[string]string{"type": d.kind, "clientMsgId": d.clientMsgID, "replyTo": d.replyTo} {
		if value != "" {
			more[name] = value
		}
	}
	if d.attachments != nil {
		more["attachments"] = d.attachments
	}
	return more
}

func (m *machine) sendToRoom(t *rapid.T) {
	d := m.actor(t)
	roomID := m.roomID(t, with(d.user.id))
	m.post(d, roomID, m.draft(t, m.world.rooms[roomID]))
}

func (m *machine) post(d *device, roomID string, what *draft) {
	m.Helper()
	c := m.world.rooms[roomID]
	again, code := m.world.maySend(c, roomID, "", d.user.id, what)
	var answer sent
	if !m.do(d, "room:message", what.payload(map[string]any{"roomId": roomID}), code, &answer) {
		return
	}
	if again == nil {
		again = m.world.send(c, answer.ID, d.user.id, what, d)
	}
	same(m, d.label+": answer", again.answer(), answer)
}

// answer is what the sender of a message is told.
func (s *said) answer() sent {
	return sent{
		ID: s.ID, RecipientID: s.RecipientID, RoomID: s.RoomID, Timestamp: s.Timestamp, ConversationID: s.ConversationID,
		Seq: s.Seq, ClientMsgID: s.ClientMsgID,
	}
}

func (m *machine) sendDirect(t *rapid.T) {
	d := m.actor(t)
	to := m.someone(t)
	m.write(d, to, m.draft(t, m.world.direct[pairOf(d.user.id, to)]))
}

func (m *machine) write(d *device, to string, what *draft) {
	m.Helper()
	c := m.world.direct[pairOf(d.user.id, to)]
	again, code := m.world.maySend(c, "", to, d.user.id, what)
	var answer sent
	d.echo = nil
	if !m.do(d, "message:send", what.payload(map[string]any{"recipientId": to}), code, &answer) {
		return
	}
	m.wrote(d, to, what, &answer, again)
}

// wrote takes the answer to a direct message, on both sides.
func (m *machine) wrote(d *device, to string, what *draft, answer *sent, again *said) {
	m.Helper()
	if again == nil {
		c := m.world.between(d.user.id, to, answer.ConversationID)
		again = m.world.send(c, answer.ID, d.user.id, what, d)
	}
	same(m, d.label+": answer", again.answer(), *answer)
	if d.echo == nil {
		m.stop("%s: no message:sent before the answer", d.label)
	}
	same(m, d.label+": message:sent", again.answer(), *d.echo)
	m.hear(d, func(r *replica) { m.must(r.wrote(what, answer, d.user.name)) })
}

// wrote places a message of one's own by what its answer tells.
func (r *replica) wrote(what *draft, answer *sent, name string) error {
	k := r.convs[answer.ConversationID]
	if k == nil {
		r.lost = true
		return nil
	}
	if answer.Seq <= k.seq {
		return nil
	}
	one := &message{
		ID: answer.ID, ConversationID: answer.ConversationID, RecipientID: answer.RecipientID, SenderID: r.user, SenderUsername: name,
		Content: what.content, Type: orText(what.kind), Timestamp: answer.Timestamp, Seq: answer.Seq,
		Reactions: map[string][]string{}, ReplyTo: what.replyTo, Attachments: []any{},
		ClientMsgID: answer.ClientMsgID,
	}
	guessed := what.named != nil
	if root := k.messages[what.replyTo]; root != nil && !k.guessed[root.ID] {
		if one.ThreadID = root.ThreadID; one.ThreadID == "" {
			one.ThreadID = root.ID
		}
	} else if what.replyTo != "" {
		guessed = true
	}
	return r.place(k, event{Name: "message:received", ConversationID: k.id, Seq: answer.Seq, Message: one, guessed: guessed})
}

// sendAgain repeats a clientMsgId: the same message, or for something else.
func (m *machine) sendAgain(t *rapid.T) {
	d := m.actor(t)
	var mine []*said
	for _, s := range m.world.said {
		if s.SenderID == d.user.id && s.ClientMsgID != "" {
			mine = append(mine, s)
		}
	}
	if len(mine) == 0 {
		return
	}
	s := pick(t, "message", mine)
	what := s.as
	if chance(t, "other content", 4) {
		what.content, what.named = "other", nil
	}
	roomID, to := s.RoomID, s.RecipientID
	if chance(t, "elsewhere", 5) {
		if roomID, to = m.roomID(t, with(d.user.id)), ""; chance(t, "to a user", 2) {
			roomID, to = "", m.someone(t)
		}
	}
	if roomID != "" {
		m.post(d, roomID, &what)
		return
	}
	m.write(d, to, &what)
}

// postSystem is what the app's own backend does.
func (m *machine) postSystem(t *rapid.T) {
	roomID := m.roomID(t, func(*conversation) bool { return true })
	c := m.world.rooms[roomID]
	content := pick(t, "word", vocabulary)
	posted, err := m.server.chat.PostSystem(m.ctx(), chat.PostSystem{RoomID: roomID, Content: content})
	m.note("backend: posts %s in %s", content, roomID)
	code := ""
	if c == nil {
		code = roomNotFound
	}
	same(m, "system message", orOK(code), outcome(err))
	if err == nil {
		same(m, "seq of the system message", m.world.postSystem(c, posted.ID, content).Seq, posted.Seq)
	}
}

// messageID draws a message, a late one that the user can see and that is as wanted if there is one.
func (m *machine) messageID(t *rapid.T, user string, wanted func(*said) bool) string {
	var good, anything []string
	for _, s := range m.world.said {
		anything = append(anything, s.ID)
		if m.world.message(user, s.ID) != nil && wanted(s) {
			good = append(good, s.ID)
		}
	}
	good, anything = good[max(0, len(good)-12):], anything[max(0, len(anything)-20):]
	return prefer(t, "message", good, append(anything, m.server.prefix+"-none"))
}

func anyMessage(*said) bool { return true }

func (m *machine) editMessage(t *rapid.T) {
	d := m.actor(t)
	id := m.messageID(t, d.user.id, func(s *said) bool { return s.SenderID == d.user.id && !s.Deleted })
	what := m.draft(t, nil)
	if s := m.world.message(d.user.id, id); s != nil {
		if chance(t, "the same", 6) {
			what.content = s.Content
		}
		if chance(t, "at the last moment", 4) {
			m.waitUntil(s.Timestamp+stamp(editWindow.Milliseconds()), uniform(t, "too late", 2))
		}
	}
	s, code := m.world.mayEdit(d.user.id, id, what.content)
	var answer struct {
		Message message `json:"message"`
	}
	if m.do(d, "message:edit", map[string]any{"messageId": id, "content": what.content}, code, &answer) {
		m.world.edit(s, what, d.user.id)
		same(m, d.label+": edited message", s.message, answer.Message)
	}
}

// waitUntil lets time go by until then, and some milliseconds more.
func (m *machine) waitUntil(then stamp, more int) {
	if wait := time.Duration(then-m.world.now)*time.Millisecond + time.Duration(more)*time.Millisecond; wait > 0 {
		m.note("%v pass", wait)
		m.pass(wait)
	}
}

func (m *machine) deleteMessage(t *rapid.T) {
	d := m.actor(t)
	id := m.messageID(t, d.user.id, func(s *said) bool { return s.SenderID == d.user.id || s.conv.admin(d.user.id) })
	s, code := m.world.mayDelete(d.user.id, id)
	var answer struct {
		Message message `json:"message"`
	}
	if m.do(d, "message:delete", map[string]any{"messageId": id}, code, &answer) {
		m.world.remove(s, d.user.id)
		same(m, d.label+": deleted message", s.message, answer.Message)
	}
}

func (m *machine) pinMessage(t *rapid.T) {
	d := m.actor(t)
	name := pick(t, "command", []string{"message:pin", "message:pin", "message:unpin"})
	id := m.messageID(t, d.user.id, func(s *said) bool {
		return (s.PinnedAt == 0) == (name == "message:pin") && (s.RoomID == "" || s.conv.admin(d.user.id))
	})
	s, code := m.world.mayPin(d.user.id, id)
	var answer struct {
		Message message `json:"message"`
	}
	if m.do(d, name, map[string]any{"messageId": id}, code, &answer) {
		m.world.pin(s, d.user.id, name == "message:pin")
		same(m, d.label+": pinned message", s.message, answer.Message)
	}
}

func (m *machine) react(t *rapid.T) {
	d := m.actor(t)
	name := pick(t, "command", []string{"reaction:add", "reaction:add", "reaction:remove"})
	emoji := pick(t, "emoji", []string{"👍", "👍", "👍", "🎉", "🎉", "👩‍🚒", noEmoji})
	id := m.messageID(t, d.user.id, func(s *said) bool {
		return !s.Deleted && slices.Contains(s.Reactions[emoji], d.user.id) == (name == "reaction:remove")
	})
	s, code := m.world.mayReact(d.user.id, id, emoji)
	if m.do(d, name, map[string]any{"messageId": id, "emoji": emoji}, code, nil) {
		m.world.react(s, d.user.id, emoji, name == "reaction:add")
	}
}

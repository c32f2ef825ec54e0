package model_test

import (
	"cmp"
	"slices"
	"strings"
)

func joined(users []string) string { return strings.Join(users, " ") }

func compare(a, b string) int { return cmp.Compare(a, b) }

func (w *world) mayMark(user, conversation string, seq int64) (*conversation, string) {
	c := w.byID(user, conversation)
	switch {
	case conversation == "":
		return nil, missingFields
	case seq < 1:
		return nil, invalidField
	case c == nil:
		return nil, conversationNotFound
	case seq > c.head:
		return nil, invalidField
	}
	return c, ""
}

// mark moves a mark, never back.
func (w *world) mark(c *conversation, user string, seq int64, by *device) {
	if seq <= c.marks[user] {
		return
	}
	c.marks[user] = seq
	w.tell([]string{user}, by, fact{Name: "conversation:read", Conversation: c.id, Seq: seq})
}

func (w *world) mayRead(user string, ids []string) string {
	if len(ids) == 0 {
		return missingFields
	}
	for _, id := range ids {
		if w.message(user, id) != nil {
			return ""
		}
	}
	return messageNotFound
}

// read marks messages as read; what one may not see is passed over. Senders that are still there get receipts.
func (w *world) read(user string, ids []string, by *device) {
	listed := make(map[*conversation][]*said)
	var convs []*conversation
	for _, c := range w.of(user) {
		for _, s := range c.messages {
			if slices.Contains(ids, s.ID) && s.Seq > c.marks[user] {
				listed[c] = append(listed[c], s)
			}
		}
		if listed[c] != nil {
			convs = append(convs, c)
		}
	}
	slices.SortFunc(convs, func(a, b *conversation) int { return compare(a.id, b.id) })
	for _, c := range convs {
		messages := listed[c]
		w.mark(c, user, messages[len(messages)-1].Seq, by)
		w.receipts(c, user, messages)
	}
}

// receipts go to each sender in turn.
func (w *world) receipts(c *conversation, reader string, messages []*said) {
	var senders []string
	for _, s := range messages {
		if !slices.Contains(senders, s.SenderID) {
			senders = append(senders, s.SenderID)
		}
	}
	for _, sender := range senders {
		for _, s := range messages {
			if s.SenderID == sender && sender != reader && !s.Deleted && c.has(sender) {
				w.tell([]string{sender}, nil, fact{Name: "message:read", Conversation: c.id, At: w.now, Message: s.ID, By: reader})
			}
		}
	}
}

// unread are others' messages after the mark.
func (c *conversation) unread(user string) []*said {
	var list []*said
	for _, s := range c.messages {
		if s.Seq > c.marks[user] && s.SenderID != user && !s.Deleted {
			list = append(list, s)
		}
	}
	return list
}

// greeting is what a user is shown on connecting: the newest 100 unread messages, oldest first.
func (w *world) greeting(user string) []message {
	var all []*said
	for _, c := range w.of(user) {
		all = append(all, c.unread(user)...)
	}
	slices.SortFunc(all, func(a, b *said) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), compare(a.conv.id, b.conv.id), cmp.Compare(a.Seq, b.Seq))
	})
	return plain(all[max(0, len(all)-100):])
}

// plain are the messages as they travel.
func plain(list []*said) []message {
	out := make([]message, len(list))
	for i, s := range list {
		out[i] = s.message
	}
	return out
}

// summary is a conversation in a user's list.
func (w *world) summary(c *conversation, user string) summary {
	s := summary{ConversationID: c.id, FirstSeq: c.first, Seq: c.head, ReadSeq: c.marks[user], LastAt: c.lastAt}
	if c.roomID != "" {
		r := c.view(false)
		s.Room = &r
	} else {
		other := c.sides[0]
		if other == user {
			other = c.sides[1]
		}
		s.Peer = &peer{UserID: other, Username: w.nameOf(other)}
	}
	if len(c.messages) > 0 {
		s.LastMessage = &c.messages[len(c.messages)-1].message
	}
	unread := c.unread(user)
	for _, m := range unread {
		if slices.Contains(m.Mentions, user) {
			s.Mentions++
		}
	}
	s.Unread, s.Mentions = min(len(unread), 1000), min(s.Mentions, 1000)
	return s
}

// paging is how a page of messages is asked for.
type paging struct {
	before, after string
	limit         int // 0 is the default
}

// mayPage is about what is wrong with it in itself.
func (p *paging) mayPage() string {
	switch {
	case p.before != "" && p.after != "":
		return invalidField
	case p.limit < 0 || p.limit > 100:
		return limitExceeded
	}
	return ""
}

// cut is a page of messages by their seq; the cursor is one of those that may be.
func (p *paging) cut(messages, cursors []*said) ([]message, bool, string) {
	limit := p.limit
	if limit == 0 {
		limit = 50
	}
	if cursor := p.before + p.after; cursor != "" {
		i := slices.IndexFunc(cursors, func(s *said) bool { return s.ID == cursor })
		if i < 0 {
			return nil, false, messageNotFound
		}
		at := cursors[i].Seq
		messages = slices.DeleteFunc(slices.Clone(messages), func(s *said) bool {
			return p.before != "" && s.Seq >= at || p.after != "" && s.Seq <= at
		})
	}
	if len(messages) <= limit {
		return plain(messages), false, ""
	}
	if p.after != "" {
		return plain(messages[:limit]), true, ""
	}
	return plain(messages[len(messages)-limit:]), true, ""
}

// thread are the root, if it is kept, and the replies of the thread of a message.
func (c *conversation) thread(of *said) (root *said, replies []*said) {
	id := of.ThreadID
	if id == "" {
		id = of.ID
	}
	for _, s := range c.messages {
		if s.ThreadID == id {
			replies = append(replies, s)
		}
	}
	return c.find(id), replies
}

func (c *conversation) pins() []message {
	return plain(slices.DeleteFunc(slices.Clone(c.messages), func(s *said) bool { return s.PinnedAt == 0 }))
}

// later is a line of the log as a sync tells it, which is as things are now.
func (w *world) later(c *conversation, e *entry) fact {
	f := e.fact
	if f.Emoji != "" && e.said.Deleted {
		f.Emoji = ""
	}
	if e.added != nil {
		f.Users = joined(slices.DeleteFunc(slices.Clone(e.added), func(user string) bool {
			m := c.member(user)
			return m == nil || m.seq != e.Seq
		}))
	}
	if f.User != "" {
		f.Username = w.nameOf(f.User)
	}
	return f
}

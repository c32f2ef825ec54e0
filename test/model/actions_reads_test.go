package model_test

import (
	"slices"

	"pgregory.net/rapid"
)

func (m *machine) markRead(t *rapid.T) {
	d := m.actor(t)
	ids := []string{}
	for range 1 + uniform(t, "how many", 4) {
		ids = append(ids, m.messageID(t, d.user.id, anyMessage))
	}
	if !m.do(d, "message:read", map[string]any{"messageIds": ids}, m.world.mayRead(d.user.id, ids), nil) {
		return
	}
	m.world.read(d.user.id, ids, d)
	m.hear(d, func(r *replica) {
		for _, k := range r.convs {
			for _, id := range ids {
				// What is kept no longer moves no mark, of which the answer does not tell.
				if one := k.messages[id]; one != nil && m.world.message(d.user.id, id) != nil {
					k.read = max(k.read, one.Seq)
				}
			}
		}
	})
}

// conversationID draws one of a user's conversations, or more seldom another.
func (m *machine) conversationID(t *rapid.T, user string) string {
	var mine []string
	anything := []string{"none"}
	for _, c := range m.world.logs {
		anything = append(anything, c.id)
		if !c.over && c.has(user) {
			mine = append(mine, c.id)
		}
	}
	return prefer(t, "conversation", mine, anything)
}

func (m *machine) markConversation(t *rapid.T) {
	d := m.actor(t)
	id := m.conversationID(t, d.user.id)
	most := int64(3)
	if c := m.world.byID(d.user.id, id); c != nil {
		most = c.head + 1
	}
	seq := int64(uniform(t, "seq", int(most)+1))
	c, code := m.world.mayMark(d.user.id, id, seq)
	if !m.do(d, "conversation:read", map[string]any{"conversationId": id, "seq": seq}, code, nil) {
		return
	}
	m.world.mark(c, d.user.id, seq, d)
	m.hear(d, func(r *replica) {
		if k := r.convs[id]; k != nil {
			k.read = max(k.read, seq)
		}
	})
}

func (m *machine) listConversations(t *rapid.T) {
	m.listAll(m.actor(t), 1+uniform(t, "limit", 4))
}

// address draws a conversation in one of the ways to name it. c is nil for a direct one that is not there yet.
func (m *machine) address(t *rapid.T, user string) (payload map[string]any, c *conversation, code string) {
	w := m.world
	switch uniform(t, "by", 3) {
	case 0:
		id := m.conversationID(t, user)
		if c = w.byID(user, id); c == nil {
			code = conversationNotFound
		}
		return map[string]any{"conversationId": id}, c, code
	case 1:
		id := m.roomID(t, with(user))
		if c = w.rooms[id]; c == nil {
			code = roomNotFound
		} else if !c.has(user) {
			code = notInRoom
		}
		return map[string]any{"roomId": id}, c, code
	}
	other := m.someone(t)
	if other == user {
		code = invalidField
	}
	return map[string]any{"userId": other}, w.direct[pairOf(user, other)], code
}

// paging draws a page, with cursors that are more often good.
func (m *machine) paging(t *rapid.T, user string, good []*said, payload map[string]any) paging {
	p := paging{limit: pick(t, "limit", []int{2, 1, 3, 0, 101})}
	cursor := func() string {
		if len(good) > 0 && !chance(t, "any cursor", 5) {
			return pick(t, "cursor", good).ID
		}
		return m.messageID(t, user, anyMessage)
	}
	way := uniform(t, "from", 7)
	if way == 1 || way == 2 || way == 6 {
		p.before = cursor()
		payload["before"] = p.before
	}
	if way >= 4 {
		p.after = cursor()
		payload["after"] = p.after
	}
	if p.limit != 0 {
		payload["limit"] = p.limit
	}
	return p
}

func (m *machine) history(t *rapid.T) {
	d := m.actor(t)
	payload, c, code := m.address(t, d.user.id)
	var all []*said
	if c != nil {
		all = c.messages
	}
	p := m.paging(t, d.user.id, all, payload)
	var want []message
	var more bool
	if wrong := p.mayPage(); wrong != "" && code != invalidField {
		code = wrong
	}
	if code == "" && c != nil {
		want, more, code = p.cut(all, all)
	}
	m.page(d, "history", payload, code, nil, want, more)
}

// page asks for a page and holds it against the reference.
func (m *machine) page(d *device, name string, payload map[string]any, code string, root *said, want []message, more bool) {
	m.Helper()
	var got page
	if !m.do(d, name, payload, code, &got) {
		return
	}
	expect := page{Messages: append([]message{}, want...), More: more}
	if root != nil {
		expect.Root = &root.message
	}
	same(m, d.label+": "+name, expect, got)
}

func (m *machine) thread(t *rapid.T) {
	d := m.actor(t)
	id := m.messageID(t, d.user.id, anyMessage)
	payload := map[string]any{"messageId": id}
	of := m.world.message(d.user.id, id)
	var root *said
	var replies, cursors []*said
	if of != nil {
		root, replies = of.conv.thread(of)
		if cursors = replies; root != nil {
			cursors = append(slices.Clone(replies), root)
		}
	}
	p := m.paging(t, d.user.id, cursors, payload)
	code := p.mayPage()
	var want []message
	var more bool
	switch {
	case code != "":
	case of == nil:
		code = messageNotFound
	default:
		want, more, code = p.cut(replies, cursors)
	}
	m.page(d, "thread", payload, code, root, want, more)
}

func (m *machine) pins(t *rapid.T) {
	d := m.actor(t)
	payload, c, code := m.address(t, d.user.id)
	want := []message{}
	if c != nil && code == "" {
		want = c.pins()
	}
	m.page(d, "message:pins", payload, code, nil, want, false)
}

// search looks for words in what is indexed, which is a little behind: what is found must be right, and in order.
func (m *machine) search(t *rapid.T) {
	d := m.actor(t)
	words := []string{pick(t, "word", vocabulary)}
	if chance(t, "two words", 2) {
		words = append(words, pick(t, "word", vocabulary))
	}
	payload := map[string]any{"query": joined(words)}
	code, only := "", ""
	if chance(t, "in one conversation", 3) {
		only = m.conversationID(t, d.user.id)
		payload["conversationId"] = only
		if m.world.byID(d.user.id, only) == nil {
			code = conversationNotFound
		}
	}
	var got page
	if !m.do(d, "message:search", payload, code, &got) {
		return
	}
	right := m.found(d.user.id, words, only)
	for _, one := range got.Messages {
		i := slices.IndexFunc(right, func(r message) bool { return r.ID == one.ID })
		if i < 0 {
			m.stop("%s: search for %s finds %s", d.label, joined(words), one.ID)
		}
		same(m, d.label+": found message", right[i], one)
		right = right[i+1:]
	}
}

// found are the messages with all of the words that a user may see, the newest first.
func (m *machine) found(user string, words []string, only string) []message {
	var list []*said
	for _, s := range slices.Backward(m.world.said) {
		if m.world.message(user, s.ID) != nil && s.found(words) && (only == "" || only == s.conv.id) {
			list = append(list, s)
		}
	}
	return plain(list)
}

// syncAnything asks a sync about conversations and places that no honest client would name.
func (m *machine) syncAnything(t *rapid.T) {
	d := m.actor(t)
	since := make(map[string]int64)
	for range uniform(t, "how many", 4) {
		id := m.conversationID(t, d.user.id)
		since[id] = 0
		if c := m.world.byID(d.user.id, id); c != nil {
			since[id] = int64(uniform(t, "since", int(c.head)+2))
		}
	}
	var answer synced
	m.do(d, "sync", map[string]any{"conversations": since}, "", &answer)
	m.compareSync(d, since, &answer)
}

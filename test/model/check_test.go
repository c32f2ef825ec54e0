package model_test

import (
	"reflect"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// check compares all devices that are there with the reference: when they have noticed by themselves what they have
// missed in the logs, and again when those that have missed something have synced.
func (m *machine) check(all bool) {
	m.Helper()
	m.settle(true)
	m.announce()
	for _, d := range m.online() {
		m.compareKept(d, false)
		if d.missed || all {
			m.catchUp(d)
		}
		m.compareKept(d, true)
		if all {
			m.compareFirst(d)
		}
	}
}

// announce does what the server does every 30 s: all are told how far logs go that have changed, which shows who has
// missed the last event of one.
func (m *machine) announce() {
	m.Helper()
	heads, err := m.server.chat.Changed(m.ctx(), time.UnixMilli(int64(m.began)).Add(-time.Hour))
	m.must(err)
	heads = slices.DeleteFunc(heads, func(h chat.Head) bool { // those of other sequences concern nobody here
		return !slices.ContainsFunc(m.world.logs, func(c *conversation) bool { return c.id == h.ConversationID })
	})
	m.server.announce(heads)
	m.flush()
	for _, d := range m.online() {
		clear(d.heads)
		m.must(d.ping())
		same(m, d.label+": announced heads", m.world.heads(d.user.id), d.heads)
		if d.kept.behind() {
			m.catchUp(d)
		}
	}
}

// finish ends a sequence: all devices come back, and all that can be read is read.
func (m *machine) finish() {
	m.Helper()
	m.check(chance(m.T, "all sync", 4))
	for i, d := range m.devices {
		first := i == 0 || m.devices[i-1].user != d.user
		if !d.online() && (first || d.used) {
			m.connect(d)
			m.compareKept(d, true)
			m.compareFirst(d)
		}
		if first {
			m.listAll(d, pick(m.T, "limit", []int{100, 100, 2}))
		}
	}
	m.listRooms(m.devices[0], "", 100)
	m.listRooms(m.first(pick(m.T, "invited", m.world.people).id), "invited", 100)
	for i, c := range m.world.logs {
		m.logged(c)
		if c.over || len(c.audience()) == 0 {
			continue
		}
		d := m.first(c.audience()[i%len(c.audience())])
		m.readHistory(d, c, min(4+len(c.messages)/4, 100), i%2 == 0)
		m.page(d, "message:pins", map[string]any{"conversationId": c.id}, "", nil, c.pins(), false)
		if c.roomID != "" {
			m.getRoom(d, c.roomID)
			m.listMembers(d, c.roomID, 100)
		}
	}
	if chance(m.T, "search", 8) {
		m.searchAll()
	}
}

// first is the first device of a user.
func (m *machine) first(user string) *device {
	return m.devices[slices.IndexFunc(m.devices, func(d *device) bool { return d.user.id == user })]
}

// logged makes sure that the reference itself has no holes in a log.
func (m *machine) logged(c *conversation) {
	m.Helper()
	for i, e := range c.log {
		same(m, "seq in the log of the reference", c.first+int64(i), e.Seq)
	}
	same(m, "end of the log of the reference", c.head, c.first+int64(len(c.log))-1)
}

// searchAll waits until the index is not behind any more, and looks for every word.
func (m *machine) searchAll() {
	m.Helper()
	for _, p := range m.world.people {
		d := m.first(p.id)
		for _, word := range []string{"alpha", "会议"} {
			want := m.found(p.id, []string{word}, "")
			want = want[:min(100, len(want))]
			deadline := time.Now().Add(patience)
			for {
				var got page
				m.do(d, "message:search", map[string]any{"query": word, "limit": 100}, "", &got)
				if reflect.DeepEqual(want, got.Messages) || time.Now().After(deadline) {
					same(m, d.label+": search for "+word, want, got.Messages)
					break
				}
				time.Sleep(10 * time.Millisecond) // no event tells when the index is there
			}
		}
	}
}

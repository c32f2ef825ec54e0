package model_test

import (
	"reflect"
	"slices"
	"time"
)

// check compares all devices that are there with the reference: when they have noticed by themselves what they have
// missed, and again when all have synced.
func (m *machine) check() {
	m.Helper()
	m.settle(true)
	m.announce()
	for _, d := range m.online() {
		m.compareKept(d, false)
		m.catchUp(d)
		m.compareKept(d, true)
	}
}

// announce does what the server does every 30 s: all are told how far logs go that have changed, which shows who has
// missed the last event of one.
func (m *machine) announce() {
	m.Helper()
	heads, err := m.server.chat.Changed(m.ctx(), beginning.Add(-time.Hour))
	m.must(err)
	m.server.hub.Announce(heads)
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

// finish ends a sequence: all devices come back, and all that can be read is read by everybody.
func (m *machine) finish() {
	m.Helper()
	for _, d := range m.devices {
		if !d.online() {
			m.connect(d)
		}
	}
	m.check()
	for _, p := range m.world.people {
		d := m.devices[slices.IndexFunc(m.devices, func(d *device) bool { return d.user == p })]
		m.listAll(d, 2)
		m.listRooms(d, "mine", 100)
		m.listRooms(d, "invited", 100)
		m.listRooms(d, "", 100)
		for i, c := range m.world.of(p.id) {
			m.readHistory(d, c, min(4+len(c.messages)/4, 100), i%2 == 0)
			m.page(d, "message:pins", map[string]any{"conversationId": c.id}, "", nil, c.pins(), false)
			m.logged(c)
			if c.roomID != "" {
				m.getRoom(d, c.roomID)
				m.listMembers(d, c.roomID, 100)
			}
		}
	}
	if chance(m.T, "search", 8) {
		m.searchAll()
	}
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
		d := m.devices[slices.IndexFunc(m.devices, func(d *device) bool { return d.user == p })]
		for _, word := range vocabulary {
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

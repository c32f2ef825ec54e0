package model_test

import (
	"maps"
	"slices"
)

// compareSync holds the answer to a sync against the reference.
func (m *machine) compareSync(d *device, since map[string]int64, answer *synced) {
	m.Helper()
	w, user := m.world, d.user.id
	want, got := make(map[string]catchup), make(map[string]catchup)
	for id := range since {
		want[id] = catchup{Gone: true}
		if c := w.byID(user, id); c != nil {
			want[id] = catchup{
				FirstSeq: c.first, Seq: c.head, ReadSeq: c.marks[user],
				Reset: c.head-since[id] > 1000 || since[id]+1 < c.first || since[id] > c.head,
			}
		}
	}
	for id, c := range answer.Conversations {
		c.Events = nil
		got[id] = c
	}
	same(m, d.label+": sync", want, got)
	total, cut := m.compareEvents(d, since, answer)
	fresh := []summary{}
	for _, c := range w.of(user) {
		if _, named := since[c.id]; !named {
			fresh = append(fresh, w.summary(c, user))
		}
	}
	if got := len(answer.New); got > 0 && got < len(fresh) {
		fresh, cut = fresh[:got:got], true
	}
	same(m, d.label+": new in a sync", fresh, answer.New)
	same(m, d.label+": more of a sync", cut, answer.More)
	const full, most = 400, 500 // events, which are small here: 512 KiB are 450 and more
	if total > most || cut && total < full {
		m.stop("%s: a sync tells %d events, and there is more: %v", d.label, total, answer.More)
	}
}

// compareEvents holds what a sync tells against the logs, and returns how many events that are, and whether there are
// fewer than are missing: the answer was full.
func (m *machine) compareEvents(d *device, since map[string]int64, answer *synced) (total int, cut bool) {
	m.Helper()
	for _, id := range slices.Sorted(maps.Keys(since)) {
		told := answer.Conversations[id]
		events, err := told.events()
		m.must(err)
		want, got := []fact{}, []fact{}
		if c := m.world.byID(d.user.id, id); c != nil && !told.Reset {
			for _, e := range c.log {
				if e.Seq > since[id] {
					want = append(want, m.world.later(c, e))
				}
			}
		}
		for i := range events {
			got = append(got, events[i].fact())
		}
		total += len(got)
		if len(got) < len(want) {
			want, cut = want[:len(got):len(got)], true
		}
		same(m, d.label+": events of a sync", want, got)
	}
	return total, cut
}

// compareFirst holds against the reference what only a sync tells: where logs begin.
func (m *machine) compareFirst(d *device) {
	m.Helper()
	for _, c := range m.world.of(d.user.id) {
		same(m, d.label+" knows of "+c.id+": first seq", c.first, d.kept.convs[c.id].first)
	}
}

// compareKept holds what a device knows against the reference. Who has missed something knows what is not in the logs
// (marks, and where one is in no longer) only after a sync.
func (m *machine) compareKept(d *device, all bool) {
	m.Helper()
	w, user := m.world, d.user.id
	for _, c := range w.of(user) {
		k := d.kept.convs[c.id]
		if k == nil {
			m.stop("%s does not know %s", d.label, c.id)
		}
		what := d.label + " knows of " + c.id + ": "
		same(m, what+"seq", c.head, k.seq)
		if all {
			same(m, what+"mark", c.marks[user], k.read)
		}
		m.compareMessages(what, c, k)
		if c.roomID == "" {
			same(m, what+"peer", w.summary(c, user).Peer.UserID, k.peer)
			continue
		}
		about := c.room
		same(m, what+"room", about, *k.room)
		members := make(map[string]string)
		for _, member := range c.members {
			members[member.user] = "member"
			if member.admin {
				members[member.user] = "admin"
			}
		}
		same(m, what+"members", members, k.members)
		same(m, what+"banned", c.banned, k.banned)
	}
	if all {
		same(m, d.label+": conversations", w.heads(user), d.known())
	}
}

func (m *machine) compareMessages(what string, c *conversation, k *kept) {
	m.Helper()
	want, got := make(map[string]message), make(map[string]message)
	for _, s := range c.messages {
		want[s.ID] = s.message
	}
	for id, message := range k.messages {
		if message.Seq < c.first {
			continue // a device is not told of what is kept no longer, until it syncs
		}
		one := *message
		if k.guessed[id] {
			one.Mentions, one.ThreadID = want[id].Mentions, want[id].ThreadID
		}
		got[id] = one
	}
	same(m, what+"messages", want, got)
}

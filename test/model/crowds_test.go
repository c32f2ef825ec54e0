package model_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"pgregory.net/rapid"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// burst has several devices write at the same time, in a room or to each other, while another one connects and one
// that is there syncs. The order of the messages is what the answers say.
func (m *machine) burst(t *rapid.T) {
	c, writers := m.crowd(t)
	if c == nil {
		return
	}
	m.crowded = true
	each := 1 + uniform(t, "messages each", 3)
	var comer *device
	for _, d := range m.devices {
		if !d.online() && chance(t, "comes meanwhile", 2) {
			comer = d
			break
		}
	}
	var reader *device
	for _, d := range m.online() {
		if !slices.Contains(writers, d) {
			reader = d
		}
	}
	var wait sync.WaitGroup
	spoken := make([][]spoken, len(writers))
	faults := make([]error, len(writers)+2)
	for i, d := range writers {
		wait.Go(func() { spoken[i], faults[i] = m.speak(c, d, i, each) })
	}
	if comer != nil {
		comer.unsure = true
		comer.user.name = "Name of " + comer.user.id
		token, err := m.server.token(comer.user.id, comer.user.name)
		m.must(err)
		url := m.url()
		wait.Go(func() { faults[len(writers)] = comer.arrive(url, token) })
	}
	if reader != nil {
		wait.Go(func() { faults[len(writers)+1] = syncBlindly(reader) })
	}
	wait.Wait()
	m.must(errors.Join(faults...))
	m.agree(c, slices.Concat(spoken...))
	if comer != nil {
		m.settle(true)
		m.compareKept(comer, false)
		m.catchUp(comer) // for what is not in the logs
	}
}

// arrive connects, and syncs only if the heads tell that something was missed: the rest must come by itself.
func (d *device) arrive(url, token string) error {
	if err := d.connect(url, token); err != nil {
		return err
	}
	d.kept.heads(d.greet.heads)
	if d.kept.behind() {
		return syncBlindly(d)
	}
	return nil
}

// crowd draws a conversation and those who will write in it.
func (m *machine) crowd(t *rapid.T) (*conversation, []*device) {
	var crowded []*conversation
	for _, c := range m.world.logs {
		if !c.over && len(m.present(c)) > 1 {
			crowded = append(crowded, c)
		}
	}
	if len(crowded) == 0 {
		return nil, nil
	}
	c := pick(t, "conversation", crowded)
	present := m.present(c)
	return c, present[:2+uniform(t, "devices", len(present)-1)]
}

// present are the devices that can write in a conversation.
func (m *machine) present(c *conversation) []*device {
	return slices.DeleteFunc(m.online(), func(d *device) bool { return !c.has(d.user.id) })
}

// spoken is a message with its answer.
type spoken struct {
	by     *device
	to     string
	what   draft
	answer sent
}

// speak writes some messages, one after the other.
func (m *machine) speak(c *conversation, d *device, number, times int) (all []spoken, err error) {
	for i := range times {
		s := spoken{by: d, what: draft{
			content:     vocabulary[(number+i)%len(vocabulary)],
			clientMsgID: fmt.Sprintf("%s.%d.%d", m.clientMsgID(), number, i),
		}}
		name, payload := "room:message", map[string]any{"roomId": c.roomID}
		if c.roomID == "" {
			if s.to = c.sides[0]; s.to == d.user.id {
				s.to = c.sides[1]
			}
			name, payload = "message:send", map[string]any{"recipientId": s.to}
		}
		refused, err := d.read(name, s.what.payload(payload), &s.answer)
		if err == nil && refused {
			err = fmt.Errorf("%s: %s is refused", d.label, name)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// syncBlindly syncs while nobody can say what the answer will be.
func syncBlindly(d *device) error {
	for again := true; again || d.kept.behind(); {
		since := d.prepareSync()
		var answer synced
		if refused, err := d.read("sync", map[string]any{"conversations": since}, &answer); refused || err != nil {
			return errors.Join(err, fmt.Errorf("%s: refused: %v", d.label, refused))
		}
		var err error
		if again, err = d.absorb(since, &answer); err != nil {
			return err
		}
	}
	return nil
}

// agree tells the reference what was written at the same time.
func (m *machine) agree(c *conversation, all []spoken) {
	m.Helper()
	slices.SortFunc(all, func(a, b spoken) int { return int(a.answer.Seq - b.answer.Seq) })
	for i := range all {
		s := &all[i]
		m.note("%v", lazy(func() string {
			return m.scrub(fmt.Sprintf("%s: writes at the same time %s %d", s.by.label, c.id, s.answer.Seq))
		}))
		by := m.world.send(c, s.answer.ID, s.by.user.id, &s.what, s.by)
		same(m, s.by.label+": answer", by.answer(), s.answer)
		if c.roomID == "" {
			m.hear(s.by, func(r *replica) { m.must(r.wrote(&s.what, &s.answer, s.by.user.name)) })
		}
	}
}

// flood is more than a sync tells at once, while all are away: now and then, as it takes long.
func (m *machine) flood(t *rapid.T) {
	if !chance(t, "flood", 60) {
		return
	}
	var c *conversation
	for _, one := range m.world.logs {
		if one.roomID != "" && !one.over && len(one.members) > 0 {
			c = one
		}
	}
	if c == nil {
		return
	}
	for _, d := range m.online() {
		d.disconnect(false)
	}
	count := pick(t, "messages", []int{600, 1100})
	sender := c.members[0].user
	m.note("%d messages while all are away", count)
	posted := make([]chat.Message, count)
	faults := make([]error, count)
	var wait sync.WaitGroup
	for i := range count {
		wait.Go(func() {
			posted[i], faults[i] = m.server.chat.SendToRoom(m.ctx(),
				chat.Actor{ID: chat.UserID(sender), Name: m.world.nameOf(sender)}, chat.SendToRoom{RoomID: c.roomID, Content: "flood"})
		})
	}
	wait.Wait()
	m.must(errors.Join(faults...))
	slices.SortFunc(posted, func(a, b chat.Message) int { return int(a.Seq - b.Seq) })
	for _, p := range posted {
		s := m.world.send(c, p.ID, sender, &draft{content: "flood"}, nil)
		same(m, "seq of a flood", s.Seq, p.Seq)
	}
}

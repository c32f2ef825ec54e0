package client

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// retrySync is how long to wait after a sync that failed for another reason than
// the rate.
const retrySync = 2 * time.Second

// sync asks what was missed. One at a time is under way.
func (l *loop) sync() {
	if l.link == nil || l.syncing || l.starved || l.alarms.set(alarmSync) {
		return
	}
	l.syncing = true
	asked, epoch := l.names()
	l.transmit(&call{command: commandSync, payload: syncQuery{asked, epoch}, then: func(raw json.RawMessage, err error) {
		if errors.Is(err, ErrConnectionLost) || l.halted != nil {
			return
		}
		l.syncing = false
		var a Synced
		if err == nil {
			err = json.Unmarshal(raw, &a)
		}
		if err == nil {
			l.enterEpoch(epoch, a.Epoch)
			err = l.synced(asked, &a)
		}
		if err != nil {
			l.cfg.Logger.Warn("sync failed", "err", err)
			after, _ := passing(err)
			l.alarms.in(alarmSync, max(after, retrySync))
		}
	}})
}

// names chooses the conversations of a sync, with the epoch of which their seqs are:
// those that are outdated alone, else those that are behind first, and the others so
// that the server does not introduce them again.
func (l *loop) names() (asked map[string]int64, epoch string) {
	asked = make(map[string]int64)
	name := func(which func(p *place) bool) {
		for id, p := range l.all {
			if p.known && which(p) && len(asked) < maxSynced {
				asked[id] = p.seq
			}
		}
	}
	if name(func(p *place) bool { return p.outdated }); len(asked) > 0 {
		return asked, l.former
	}
	name(func(p *place) bool { return p.behind })
	name(func(p *place) bool { return !p.behind })
	return asked, l.epoch
}

// enterEpoch takes the epoch of an answer to a question of an epoch. Where it is
// another one the server was restored from a backup: all that is known is outdated, and
// what waits for events before it never happened, or comes again.
func (l *loop) enterEpoch(asked, now string) {
	if now == "" || now == l.epoch {
		return
	}
	l.epoch = now
	l.client.update(func() { l.client.epoch = now })
	if asked == "" {
		return
	}
	l.former = asked
	for _, p := range l.all {
		p.outdated = p.known
		l.held -= len(p.held)
		p.held = nil
	}
}

// synced takes the answer to a sync. That there is more is believed only of one that
// has changed something: who is in more conversations than a sync can name is told so
// each time.
func (l *loop) synced(asked map[string]int64, a *Synced) error {
	advanced, outdated := false, false
	for _, id := range slices.Sorted(maps.Keys(a.Conversations)) {
		p, c := l.all[id], a.Conversations[id]
		if p == nil {
			continue // it was left meanwhile
		}
		seq, behind := p.seq, p.behind
		outdated = outdated || p.outdated
		if err := l.caught(id, p, &c, asked[id], a.More); err != nil {
			return err
		}
		p.outdated = false
		advanced = advanced || p.seq != seq || p.behind != behind || l.all[id] != p
	}
	for i := range a.New {
		advanced = l.introduced(&a.New[i]) || advanced
	}
	switch {
	case l.starved: // it goes on when there is room
	case outdated, advanced && a.More, l.missing(asked):
		l.sync()
	default:
		l.complete()
	}
	return nil
}

// missing tells that a conversation is behind which was not asked for: it is new, or
// over the number of one sync.
func (l *loop) missing(asked map[string]int64) bool {
	for id, p := range l.all {
		if _, named := asked[id]; p.behind && !named && p.known {
			return true
		}
	}
	return false
}

// caught takes what was missed in one conversation since a seq.
func (l *loop) caught(id string, p *place, c *Catchup, since int64, more bool) error {
	switch {
	case c.Gone:
		l.forget(id)
		l.tell(&ConversationGone{ConversationID: id})
		return nil
	case c.Reset && p.outdated:
		l.reset(id, p, c)
		p.behind = true // what has come since may have been dropped
		return nil
	case c.Reset && since <= c.Seq && p.seq >= c.Seq:
		p.behind = false // all of it has come meanwhile, as by a recovery
		l.watch(p)
		return nil
	case c.Reset:
		l.reset(id, p, c)
		return nil
	}
	for i, missed := range c.Events {
		e, err := decodeEvent(missed.Event, missed.Payload)
		if err != nil {
			return err
		}
		seq := since + int64(i) + 1
		if _, own, ok := placeOf(e); ok {
			seq = own
		}
		if seq > p.seq && !l.advance(p, e, seq) {
			return nil
		}
	}
	if l.all[id] != p {
		return nil // the last event was the room's end
	}
	l.release(p)
	if p.seq < c.Seq && !more && !l.starved {
		l.reset(id, p, c) // there is nothing to wait for
	}
	if p.behind = p.seq < c.Seq; !p.behind && len(p.held) == 0 {
		p.head = p.seq // what was announced beyond is announced again
	}
	l.watch(p)
	return nil
}

// reset goes on from where the server says, and tells that there is a gap. What
// has come live meanwhile may be further.
func (l *loop) reset(id string, p *place, c *Catchup) {
	l.tell(&ConversationReset{ConversationID: id, FirstSeq: c.FirstSeq, Seq: c.Seq})
	p.seq, p.head, p.behind = c.Seq, c.Seq, false
	for seq := range p.held {
		p.head = max(p.head, seq)
	}
	l.release(p)
	l.watch(p)
}

// introduced takes a conversation that was not named; it is true for one that is
// new.
func (l *loop) introduced(c *Conversation) bool {
	p := l.all[c.ConversationID]
	if p != nil && p.known {
		return false
	}
	if p == nil {
		p = new(place)
		l.all[c.ConversationID] = p
	}
	p.known, p.head = true, max(p.head, c.Seq)
	switch {
	case l.fresh:
		p.seq = c.Seq
	case c.Room != nil:
		p.seq = c.ReadSeq // which joining has set
	default:
		p.seq = 0
	}
	if c.Room != nil {
		p.room = c.Room.ID
	}
	if !l.fresh {
		l.tell(&ConversationAdded{Conversation: *c})
	}
	p.behind = p.seq < c.Seq
	l.release(p)
	return true
}

// complete is when nothing is missing. What has come of conversations that the
// server did not introduce begins where it began.
func (l *loop) complete() {
	if l.caughtUp {
		return
	}
	l.caughtUp, l.fresh, l.failures = true, false, 0
	for id, p := range l.all {
		if p.known {
			continue
		}
		if len(p.held) == 0 {
			delete(l.all, id)
			continue
		}
		p.known, p.seq = true, slices.Min(slices.Collect(maps.Keys(p.held)))-1
		l.release(p)
		l.watch(p)
	}
	l.tell(new(CaughtUp))
	l.client.update(func() { l.client.state, l.client.status.Attempts = Online, 0 })
}

package client

import (
	"encoding/json"
	"maps"
	"time"
)

// places is the part of the loop that knows how far the application has been told
// of each conversation.
type places struct {
	all      map[string]*place
	fresh    bool // it never was online: it begins with what happens from now on
	caughtUp bool // on this connection, or since it was lost
	starved  bool // there was no room for an event: the application reads slowly
	syncing  bool // a sync is under way
	held     int  // events that wait for those before them, of all conversations
	limit    int  // of these

	epoch  string // of the server, as it was told last; empty: it was not
	former string // the one before, of which the seqs of outdated places are
}

// place is one conversation.
type place struct {
	room   string // id of the room, if it is known to be one
	known  bool   // seq is; until the first sync has been answered it may not be
	seq    int64  // of the last event told
	head   int64  // how far the log is known to go
	behind bool   // to be synced
	// outdated: seq is of the former epoch, and says nothing of the log as it is now.
	outdated bool
	held     map[int64]Event // by seq: came, but not those before
}

// mendAfter is how long a hole may stay that fills by itself: answers to one's own
// messages come beside the stream, and announced heads before their events.
const mendAfter = 500 * time.Millisecond

func newPlaces(since map[string]int64, epoch string, limit int) places {
	p := places{all: make(map[string]*place), fresh: since == nil, limit: limit, epoch: epoch}
	for id, seq := range since {
		p.all[id] = &place{known: true, seq: seq}
	}
	return p
}

// greeted notes which server this is.
func (l *loop) greeted(payload json.RawMessage) {
	var greeting struct {
		Node string `json:"node"`
	}
	if json.Unmarshal(payload, &greeting) == nil { // for display: a client can do without
		l.client.update(func() { l.client.status.Node = greeting.Node })
	}
}

// happened takes an event of the stream.
func (l *loop) happened(name string, payload json.RawMessage) {
	switch name {
	case eventHeads:
		var heads []head
		if err := json.Unmarshal(payload, &heads); err == nil {
			l.announced(heads...)
		}
		return
	case eventEpoch:
		l.greeted(payload) // the epoch is told by the sync that begins each connection
		return
	case eventLeaving:
		l.advised(payload)
		return
	case eventHead:
		var one head
		if err := json.Unmarshal(payload, &one); err == nil {
			l.announced(one)
		}
		return
	}
	e, err := decodeEvent(name, payload)
	if err != nil {
		l.cfg.Logger.Error("an event could not be read", "event", name, "err", err)
		return
	}
	if conversation, seq, ok := placeOf(e); ok {
		l.place(e, conversation, seq)
		return
	}
	switch e := e.(type) {
	case *Failure:
		if e.Event == "" {
			l.refusal = &e.Error
		}
	case *UnreadMessages:
		if !l.fresh {
			return // they come by sync, or have been told
		}
	}
	if l.full() {
		l.missed++
		return
	}
	l.tell(e)
}

// place tells an event where it belongs, or keeps it until it does.
func (l *loop) place(e Event, conversation string, seq int64) {
	p := l.all[conversation]
	if p == nil {
		// Before the first sync is answered it may be one that has come while the
		// client was away, with more before this event.
		p = &place{known: l.caughtUp, seq: seq - 1}
		if direct(e) && len(l.all) < maxSynced {
			p.seq = 0 // it is new, and one's own message may have overtaken the first one
		}
		l.all[conversation] = p
	}
	if m, ok := e.(*RoomMessage); ok {
		p.room = m.RoomID
	}
	switch {
	case p.known && seq <= p.seq:
		return
	case p.known && seq == p.seq+1:
		if !l.advance(p, e, seq) {
			return
		}
	default:
		l.hold(p, e, seq)
	}
	l.release(p)
	l.watch(p)
}

func direct(e Event) bool {
	switch e.(type) {
	case *MessageSent, *MessageReceived:
		return true
	}
	return false
}

// advance tells the next event of a conversation. Without room for it the
// conversation is behind.
func (l *loop) advance(p *place, e Event, seq int64) bool {
	if l.full() {
		p.behind, l.starved = true, true
		p.head = max(p.head, seq)
		return false
	}
	p.seq = seq
	l.tell(e)
	if end, ok := e.(*RoomDeleted); ok {
		l.forget(end.ConversationID)
	}
	return true
}

func (l *loop) hold(p *place, e Event, seq int64) {
	p.head = max(p.head, seq)
	if p.held[seq] != nil || len(p.held) >= maxHeld || l.held >= l.limit {
		return // a sync brings it
	}
	if p.held == nil {
		p.held = make(map[int64]Event)
	}
	p.held[seq] = e
	l.held++
}

// release tells what waits and belongs next, and forgets what has been told.
func (l *loop) release(p *place) {
	if !p.known || len(p.held) == 0 {
		return
	}
	for e := p.held[p.seq+1]; e != nil && l.advance(p, e, p.seq+1); e = p.held[p.seq+1] {
	}
	maps.DeleteFunc(p.held, func(seq int64, _ Event) bool {
		old := seq <= p.seq
		if old {
			l.held--
		}
		return old
	})
}

// watch sees that a hole is mended, if it does not fill by itself.
func (l *loop) watch(p *place) {
	if p.known && p.head > p.seq && !l.alarms.set(alarmMend) {
		l.alarms.in(alarmMend, mendAfter)
	}
}

// head is how far a log goes.
type head struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"`
}

// announced takes how far logs go.
func (l *loop) announced(heads ...head) {
	for _, h := range heads {
		p := l.all[h.ConversationID]
		switch {
		case p != nil:
			p.head = max(p.head, h.Seq)
			l.watch(p)
		case l.fresh && !l.caughtUp:
			l.all[h.ConversationID] = &place{known: true, seq: h.Seq, head: h.Seq}
		case l.caughtUp:
			l.sync() // which tells what conversation that is
		}
	}
}

// mend syncs what has holes.
func (l *loop) mend() {
	holes := false
	for _, p := range l.all {
		if p.known && p.head > p.seq {
			p.behind, holes = true, true
		}
	}
	if holes {
		l.sync()
	}
}

// suspect begins a connection: all conversations may have gone on.
func (l *loop) suspect() {
	l.caughtUp = false
	for _, p := range l.all {
		p.behind = true
	}
}

// joined takes the answer to a command that has made the user a member of a room:
// this device gets no event of that, so it syncs.
func (l *loop) joined(answer json.RawMessage) {
	var a Joined
	if json.Unmarshal(answer, &a) != nil || a.Room.ConversationID == "" {
		return
	}
	p := l.all[a.Room.ConversationID]
	if p == nil || !p.known {
		if p == nil {
			p = new(place)
			l.all[a.Room.ConversationID] = p
		}
		p.known, p.seq = true, 0
		for i := range a.Messages {
			p.seq = max(p.seq, a.Messages[i].Seq)
		}
		l.release(p)
	}
	p.room, p.behind = a.Room.ID, true
	l.sync()
}

func (l *loop) forgetRoom(room string) {
	for id, p := range l.all {
		if p.room == room {
			l.forget(id)
		}
	}
}

func (l *loop) forget(conversation string) {
	if p := l.all[conversation]; p != nil {
		l.held -= len(p.held)
		p.held = nil
		delete(l.all, conversation)
	}
}

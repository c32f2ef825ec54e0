package relay

import (
	"cmp"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// order puts the events of each conversation into the order of their seqs, whichever nodes
// they come from. It has no goroutines and no lock.
//
// The next event is told at once, one that was told already is dropped. What comes too early
// is held: an event whose seq is not the next, and one of a conversation of which nothing is
// known here. Whatever has a lower seq is committed by then, as the seqs of a conversation are
// given under a lock. So a reading of the log of commits that begins from then on shows it, and
// when all is taken in that it has shown, nothing stands before the event any more.
type order struct {
	// told are the seqs of the last events told, of the conversations that were heard of last:
	// the more recent half and the one before. Who is in neither costs a reading.
	told, before map[string]int64
	most         int // in each

	held  map[string][]held // by conversation, in the order of seqs
	count int               // of all that are held
	room  int               // for them
	// loose has nothing held: while there is no log to read.
	loose bool
}

// held is an event that waits for those before it.
type held struct {
	// seq is the event's, or that of the one that it stands behind if it is not logged.
	seq int64
	// reading is the first reading of the log that shows what is missing.
	reading uint64
	event   chat.Event
}

// need is how soon the log has to be read.
type need int

const (
	nothing need = iota
	soon         // unless what is missing comes meanwhile
	now
)

func newOrder(conversations, room int) *order {
	return &order{
		told: make(map[string]int64), before: make(map[string]int64), most: max(conversations/2, 1), held: make(map[string][]held), room: room,
		loose: true,
	}
}

// take returns what of the events of a commit is to be told now, and what was held behind it.
// A reading that begins from now on is at least that one.
func (o *order) take(events []chat.Event, reading uint64) (ready []chat.Event, log need) {
	for i := range events {
		if !o.next(&events[i]) {
			return o.sort(events, i, reading)
		}
	}
	return events, nothing
}

// next is the case of an event that just follows: it tells so, and notes it.
func (o *order) next(e *chat.Event) bool {
	if len(o.held[e.ConversationID]) > 0 {
		return false
	}
	if e.Seq == 0 {
		return true
	}
	last, known := o.last(e.ConversationID)
	follows := e.Seq == last+1 // the first of its log, where nothing is known
	if !follows && (known || !o.loose) {
		return false
	}
	o.note(e.ConversationID, e.Seq)
	return true
}

// sort is take for events of which those from an index on have to be looked at one by one.
func (o *order) sort(events []chat.Event, from int, reading uint64) (ready []chat.Event, log need) {
	ready = slices.Clone(events[:from])
	for i := from; i < len(events); i++ {
		e := &events[i]
		if o.next(e) {
			ready = append(ready, *e)
			continue
		}
		last, known := o.last(e.ConversationID)
		switch {
		case e.Seq == 0:
			o.hold(e, reading)
		case known && e.Seq <= last:
			// It was told.
		case known && e.Seq == last+1:
			o.note(e.ConversationID, e.Seq)
			ready = append(ready, *e)
			ready = o.follow(ready, e.ConversationID)
		case o.loose || o.count >= o.room:
			// With a hole, which devices see: they ask for what is missing.
			o.hold(e, reading)
			ready = o.release(ready, e.ConversationID, e.Seq)
		case known:
			o.hold(e, reading)
			log = max(log, soon)
		default:
			o.hold(e, reading)
			log = now
		}
	}
	return ready, log
}

// hold keeps an event for later. One that is held already is dropped.
func (o *order) hold(e *chat.Event, reading uint64) {
	list := o.held[e.ConversationID]
	one := held{seq: e.Seq, reading: reading, event: *e}
	place := len(list)
	if e.Seq == 0 {
		one.seq = list[len(list)-1].seq
	} else {
		var there bool
		place, there = slices.BinarySearchFunc(list, e.Seq, func(h held, seq int64) int { return cmp.Compare(h.seq, seq) })
		if there {
			return
		}
	}
	o.held[e.ConversationID] = slices.Insert(list, place, one)
	o.count++
}

// shown returns what nothing stands before any more, once all is taken in that a reading of the
// log has shown, but for conversations that untaken tells: of them something is to be taken in
// still.
func (o *order) shown(reading uint64, untaken func(conversation string) bool) (ready []chat.Event) {
	for conversation, list := range o.held {
		upTo := int64(-1)
		for i := range list {
			if list[i].reading <= reading {
				upTo = max(upTo, list[i].seq)
			}
		}
		if upTo >= 0 && !untaken(conversation) {
			ready = o.release(ready, conversation, upTo)
		}
	}
	return ready
}

// all releases whatever is held, with holes, and holds nothing from then on.
func (o *order) all() (ready []chat.Event) {
	o.loose = true
	for conversation, list := range o.held {
		ready = o.release(ready, conversation, list[len(list)-1].seq)
	}
	return ready
}

// release adds what is held of a conversation up to a seq, and what follows it.
func (o *order) release(ready []chat.Event, conversation string, upTo int64) []chat.Event {
	list := o.held[conversation]
	n := 0
	for n < len(list) && list[n].seq <= upTo {
		ready = append(ready, list[n].event)
		n++
	}
	o.drop(conversation, n)
	o.note(conversation, upTo)
	return o.follow(ready, conversation)
}

// follow adds what is held and follows what was told last.
func (o *order) follow(ready []chat.Event, conversation string) []chat.Event {
	list := o.held[conversation]
	if len(list) == 0 {
		return ready
	}
	last, _ := o.last(conversation)
	n := 0
	for n < len(list) && list[n].seq <= last+1 {
		if e := &list[n].event; e.Seq == 0 || list[n].seq == last+1 {
			ready = append(ready, *e)
		}
		last = max(last, list[n].seq)
		n++
	}
	o.drop(conversation, n)
	o.note(conversation, last)
	return ready
}

// drop removes the first n that are held of a conversation.
func (o *order) drop(conversation string, n int) {
	o.count -= n
	rest := o.held[conversation][n:]
	if len(rest) == 0 {
		delete(o.held, conversation)
		return
	}
	o.held[conversation] = rest
}

// last is the seq of the last event told of a conversation.
func (o *order) last(conversation string) (seq int64, known bool) {
	seq, known = o.told[conversation]
	if known {
		return seq, true
	}
	seq, known = o.before[conversation]
	return seq, known
}

// note notes the last event told of a conversation.
func (o *order) note(conversation string, seq int64) {
	o.told[conversation] = seq
	if len(o.told) > o.most {
		o.told, o.before = make(map[string]int64, o.most), o.told
	}
}

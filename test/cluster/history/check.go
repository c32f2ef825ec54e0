package history

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// The kinds of events that the checker knows, as the store calls them.
const (
	Created = "message.created"
	Joined  = "member.joined"
	Left    = "member.left"
)

// checker goes through a history.
type checker struct {
	*History
	faults  []string
	order   []string                     // conversations, by id
	spans   map[string]map[string][]span // when users were members, by conversation
	stored  map[string]stored            // by message id
	changed map[string]bool              // messages that were edited or deleted, by sender and its id
}

// stored is a message where it is.
type stored struct {
	Entry
	conversation string
}

// span is from which seq of a log to which a user was a member.
type span struct{ first, last int64 }

// Check returns each promise that was broken, in words; none if all were kept.
func (h *History) Check() []string {
	c := &checker{
		History: h, order: slices.Sorted(maps.Keys(h.Conversations)), spans: make(map[string]map[string][]span),
		stored: make(map[string]stored), changed: make(map[string]bool),
	}
	for _, s := range h.Sends {
		c.changed[keyOf(s.Sender, s.ClientMsgID)] = s.Changed
	}
	c.logs()
	c.sends()
	c.realTime()
	for _, d := range h.Devices {
		c.streams(d)
		c.known(d)
	}
	return c.faults
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// logs: every log has seq 1, 2, 3, … without a hole, and every message of a sender is stored once.
func (c *checker) logs() {
	once := make(map[string]string) // conversation and seq, by sender and its id
	for _, id := range c.order {
		for i, e := range c.Conversations[id].Log {
			if want := int64(i) + 1; e.Seq != want {
				c.fault("%s: the log has seq %d where %d belongs", id, e.Seq, want)
			}
			if e.Kind != Created {
				continue
			}
			where := fmt.Sprintf("%s seq %d", id, e.Seq)
			if e.ClientMsgID != "" {
				key := keyOf(e.Sender, e.ClientMsgID)
				if before, twice := once[key]; twice {
					c.fault("doubled: %s of %s is stored at %s and at %s", e.ClientMsgID, e.Sender, before, where)
				}
				once[key] = where
			}
			if _, twice := c.stored[e.About]; twice {
				c.fault("doubled: message %s is stored twice, also at %s", e.About, where)
				continue
			}
			c.stored[e.About] = stored{e, id}
		}
		c.spans[id] = spansOf(c.Conversations[id])
	}
}

// spansOf reads out of a log who was a member when.
func spansOf(conversation *Conversation) map[string][]span {
	spans := make(map[string][]span)
	for _, e := range conversation.Log {
		of := spans[e.About]
		switch e.Kind {
		case Joined:
			spans[e.About] = append(of, span{e.Seq, 1<<63 - 1})
		case Left:
			if len(of) > 0 {
				of[len(of)-1].last = e.Seq
			}
		}
	}
	return spans
}

// member tells whether a user was to be told of a place in a log.
func (c *checker) member(conversation, user string, seq int64) bool {
	if !c.Conversations[conversation].Room {
		return slices.Contains(c.Conversations[conversation].Members, user)
	}
	return slices.ContainsFunc(c.spans[conversation][user], func(s span) bool { return s.first <= seq && seq <= s.last })
}

// sends: what was acknowledged is stored as it was sent, where the server has said, however often it was acknowledged.
// What was not may be stored or not.
func (c *checker) sends() {
	for _, s := range c.Sends {
		for _, ack := range s.Acks {
			e, found := c.stored[ack.ID]
			switch {
			case !found:
				c.fault("lost: %s of %s was acknowledged by %s as %s, %s seq %d, and is not stored",
					s.ClientMsgID, s.Sender, ack.Node, ack.ID, ack.ConversationID, ack.Seq)
			case e.Seq != ack.Seq || e.conversation != ack.ConversationID:
				c.fault("%s of %s was acknowledged by %s at %s seq %d, and is stored at %s seq %d",
					s.ClientMsgID, s.Sender, ack.Node, ack.ConversationID, ack.Seq, e.conversation, e.Seq)
			case e.Sender != s.Sender || e.ClientMsgID != s.ClientMsgID || !s.Changed && e.Content != s.Content:
				c.fault("%s of %s, %q, is stored as %s of %s, %q", s.ClientMsgID, s.Sender, s.Content, e.ClientMsgID, e.Sender, e.Content)
			}
		}
	}
}

// realTime: a message that was acknowledged before another one was sent stands before it, whichever nodes took them.
func (c *checker) realTime() {
	type moment struct {
		at    time.Time
		began bool
		seq   int64
		of    *Send
	}
	moments := make(map[string][]moment)
	for _, s := range c.Sends {
		if len(s.Acks) > 0 {
			first := s.Acks[0]
			moments[first.ConversationID] = append(moments[first.ConversationID],
				moment{s.Began, true, first.Seq, s}, moment{first.At, false, first.Seq, s})
		}
	}
	for id, all := range moments {
		slices.SortStableFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
		var newest moment // that was acknowledged
		for _, m := range all {
			switch {
			case !m.began && m.seq > newest.seq:
				newest = m
			case m.began && m.seq < newest.seq && m.at.After(newest.at):
				c.fault("%s: %s has seq %d, although it was sent after %s was acknowledged with seq %d",
					id, m.of.ClientMsgID, m.seq, newest.of.ClientMsgID, newest.seq)
			}
		}
	}
}

// streams: each connection tells of a conversation in its order, nothing twice, and nothing to who is no member. Where no
// fault was under way it leaves nothing out either.
func (c *checker) streams(d *Device) {
	for number, s := range d.Streams {
		at := make(map[string]int64)
		for _, e := range s.Events {
			name := fmt.Sprintf("%s, connection %d, to %s: %s", d.Name, number+1, s.Node, e.ConversationID)
			last, told := at[e.ConversationID]
			at[e.ConversationID] = max(last, e.Seq)
			c.sameAsLog(name, e)
			conversation := c.Conversations[e.ConversationID]
			switch {
			case conversation == nil: // said already
			case told && e.Seq == last:
				c.fault("doubled: %s: seq %d was told twice in a row", name, e.Seq)
			case told && e.Seq < last:
				c.fault("reordered: %s: seq %d was told after seq %d", name, e.Seq, last)
			case s.Whole && told && conversation.Room && e.Seq > last+1 && c.throughout(e.ConversationID, d.User, last, e.Seq):
				c.fault("missing: %s: seq %d was told after seq %d, and no fault was under way", name, e.Seq, last)
			}
			if conversation != nil && !c.member(e.ConversationID, d.User, e.Seq) {
				c.fault("%s: seq %d was told to %s, who is no member there", name, e.Seq, d.User)
			}
		}
	}
}

// throughout tells whether a user was a member all the way.
func (c *checker) throughout(conversation, user string, first, last int64) bool {
	return slices.ContainsFunc(c.spans[conversation][user], func(s span) bool { return s.first <= first && last <= s.last })
}

// known: what a device has in the end is the log as far as it was a member, each event once, in order, without a hole, up
// to its end.
func (c *checker) known(d *Device) {
	last := make(map[string]int64)
	for _, e := range d.Known {
		before, begun := last[e.ConversationID]
		last[e.ConversationID] = max(before, e.Seq)
		name := d.Name + ": " + e.ConversationID
		if e.Kind == Reset {
			if e.Seq-before < ResetBehind {
				c.fault("missing: %s: it was not told what is between seq %d and seq %d, which is not too much", name, before, e.Seq)
			}
			continue
		}
		c.sameAsLog(name, e)
		if c.Conversations[e.ConversationID] == nil {
			continue
		}
		switch {
		case !begun || e.Seq == before+1:
		case e.Seq == before:
			c.fault("doubled: %s: it has seq %d twice", name, e.Seq)
		case e.Seq < before:
			c.fault("reordered: %s: it has seq %d after seq %d", name, e.Seq, before)
		case c.throughout(e.ConversationID, d.User, before, e.Seq) || !c.Conversations[e.ConversationID].Room:
			c.fault("missing: %s: it has seq %d after seq %d, and nothing between", name, e.Seq, before)
		}
	}
	for _, id := range c.order {
		conversation := c.Conversations[id]
		if !slices.Contains(conversation.Members, d.User) || len(conversation.Log) == 0 {
			continue
		}
		if head := conversation.Log[len(conversation.Log)-1].Seq; last[id] < head {
			c.fault("missing: %s: %s: it ends at seq %d, the log at seq %d", d.Name, id, last[id], head)
		}
	}
}

// sameAsLog compares an event as it was told with the log: of a message that was never changed the content too.
func (c *checker) sameAsLog(name string, e Event) {
	conversation := c.Conversations[e.ConversationID]
	if conversation == nil {
		c.fault("%s: there is no such conversation", name)
		return
	}
	if e.Seq < 1 || e.Seq > int64(len(conversation.Log)) {
		c.fault("%s: seq %d was told, and the log ends at seq %d", name, e.Seq, len(conversation.Log))
		return
	}
	is := conversation.Log[e.Seq-1]
	switch {
	case is.Kind != e.Kind || is.About != e.About:
		c.fault("%s: seq %d was told as %s of %s, and is %s of %s", name, e.Seq, e.Kind, e.About, is.Kind, is.About)
	case e.Kind == Created && e.Content != is.Content && !c.changed[keyOf(is.Sender, is.ClientMsgID)]:
		c.fault("%s: seq %d was told with %q, and is %q", name, e.Seq, e.Content, is.Content)
	}
}

func keyOf(sender, clientMsgID string) string { return sender + "\x00" + clientMsgID }

//go:build linux

package cluster_test

import (
	"encoding/json"

	"github.com/sockeye-im/sockeye/test/cluster/history"
)

// eventNames are the names that the store has for the events of logs.
var eventNames = map[string]string{
	"room:message":     history.Created,
	"message:received": history.Created,
	"message:edited":   "message.edited",
	"message:deleted":  "message.deleted",
	"room:user_joined": history.Joined,
	"room:user_left":   history.Left,
}

// logged is an event of a log as it travels.
type logged struct {
	history.Event
	room string // its id; empty: the conversation is a direct one
}

// readEventOfLog reads an event, if it is one of a log.
func readEventOfLog(name string, payload json.RawMessage) (h logged, found bool, err error) {
	kind, found := eventNames[name]
	if !found {
		return h, false, nil
	}
	var fields struct {
		ConversationID, RoomID, ID, MessageID, UserID, Content string
		Seq                                                    int64
		Message                                                struct{ ID, RoomID string }
	}
	if err := json.Unmarshal(payload, &fields); err != nil {
		return h, true, broken("%s %s: %w", name, payload, err)
	}
	h = logged{history.Event{ConversationID: fields.ConversationID, Seq: fields.Seq, Kind: kind}, fields.RoomID}
	switch name {
	case "room:message", "message:received":
		h.About, h.Content = fields.ID, fields.Content
	case "message:edited":
		h.About, h.room = fields.Message.ID, fields.Message.RoomID
	case "message:deleted":
		h.About = fields.MessageID
	default:
		h.About = fields.UserID
	}
	if h.ConversationID == "" || h.Seq < 1 || h.About == "" {
		return h, true, broken("%s %s lacks something", name, payload)
	}
	return h, true, nil
}

// catchup is the answer to a sync.
type catchup struct {
	More          bool
	Conversations map[string]struct {
		Gone, Reset bool
		Seq         int64
		Events      []struct {
			Event   string
			Payload json.RawMessage
		}
	}
	New []struct {
		ConversationID string
		Room           struct{ ID string }
	}
}

// sync asks for what was missed. One at a time is under way.
func (d *device) sync() error {
	if d.syncing {
		d.again = true
		return nil
	}
	d.syncing, d.again = true, false
	since := make(map[string]int64)
	for id, c := range d.logs {
		since[id] = c.known
	}
	return d.ask("sync", object{"conversations": since}, func(raw json.RawMessage) error { return d.caughtUp(since, raw) })
}

func (d *device) caughtUp(since map[string]int64, raw json.RawMessage) error {
	var a catchup
	if err := json.Unmarshal(raw, &a); err != nil {
		return broken("sync: %s: %w", raw, err)
	}
	for id, missed := range a.Conversations {
		c := d.logs[id]
		c.left = missed.Gone || c.left && missed.Seq < c.end // it was kicked behind this answer
		if missed.Gone {
			continue
		}
		if missed.Reset {
			d.startOver(id, missed.Seq)
			continue
		}
		next := since[id]
		for _, e := range missed.Events {
			next++
			h, found, err := readEventOfLog(e.Event, e.Payload)
			if err != nil {
				return err
			}
			if !found || h.ConversationID != id || h.Seq != next {
				return broken("%s: a sync tells %s %s where seq %d belongs", id, e.Event, e.Payload, next)
			}
			d.learn(h.room, h.Event)
		}
		if !a.More && next < missed.Seq {
			return broken("%s: a sync ends at seq %d, the log goes to seq %d", id, next, missed.Seq)
		}
		c.head = max(c.head, missed.Seq)
	}
	for _, conversation := range a.New {
		d.log(conversation.ConversationID, conversation.Room.ID)
	}
	d.syncing = false
	if a.More || len(a.New) > 0 || d.again {
		return d.sync()
	}
	return d.resend()
}

// resend sends what was open when the last connection was lost, in the same order. Now and then it sends a message again that is
// stored: the answer, whichever node gives it, must be that of then.
func (d *device) resend() error {
	if d.ready {
		return nil
	}
	d.ready = true
	d.isInStep()
	if d.last != nil && d.random.IntN(3) == 0 {
		again := *d.last
		again.known = true
		d.outbox = append([]*sending{&again}, d.outbox...)
	}
	for _, s := range d.outbox {
		if err := d.transmit(s); err != nil {
			return err
		}
	}
	return nil
}

// startOver goes on where the server says, because too much was missed.
func (d *device) startOver(conversation string, seq int64) {
	c := d.logs[conversation]
	if seq <= c.known {
		return // all of it has come meanwhile
	}
	c.known = seq
	d.note.Known = append(d.note.Known, history.Event{ConversationID: conversation, Seq: seq, Kind: history.Reset})
	for ahead := range c.ahead {
		if ahead <= seq {
			delete(c.ahead, ahead)
		}
	}
	d.again = true
}

package blackbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// transcript is a client's copy of a conversation: the log as far as it has come without a hole, and what the messages
// look like by then.
type transcript struct {
	room   string              // its id; empty: a direct conversation
	base   int64               // the log begins behind it; what is before was read from the history
	log    []entry             // seq base+1, base+2, …
	ahead  map[int64]happening // by seq: came, but something before it did not
	views  map[string]view     // by message id
	told   int64               // the last seq on the stream of this connection, 0 for none
	paused bool                // the history is being read: the log waits
	left   bool                // the client is no member any more
	guest  bool                // the client comes and goes, and misses what is between
}

// entry is a line of a log.
type entry struct {
	event string // as the store calls it
	about string // the id of the message, or of the member
}

// view is what a message looks like.
type view struct {
	content   string
	deleted   bool
	reactions map[reaction]bool // nil once it is deleted
}

type reaction struct{ user, emoji string }

// happening is a logged event as it travels, live or in a sync, with the fields of all kinds.
type happening struct {
	entry     entry
	message            // the message that is new; of other events the place in the log
	Edited    *message `json:"message"`
	MessageID string   `json:"messageId"`
	UserID    string   `json:"userId"`
	Emoji     string   `json:"emoji"`
}

// logNames are the names that the store has for the events of logs.
var logNames = map[string]string{
	"room:message":     "message.created",
	"message:received": "message.created",
	"message:edited":   "message.edited",
	"message:deleted":  "message.deleted",
	"reaction:added":   "reaction.added",
	"reaction:removed": "reaction.removed",
	"room:user_joined": "member.joined",
	"room:user_left":   "member.left",
}

// readHappening reads an event, if it is one of a log.
func readHappening(name string, payload json.RawMessage) (h happening, logged bool, err error) {
	if h.entry.event, logged = logNames[name]; !logged {
		return h, false, nil
	}
	if err := json.Unmarshal(payload, &h); err != nil {
		return h, true, fmt.Errorf("%s %s: %w", name, payload, err)
	}
	switch {
	case h.Edited != nil:
		h.entry.about, h.RoomID = h.Edited.ID, h.Edited.RoomID
	case h.MessageID != "":
		h.entry.about = h.MessageID
	case h.ID != "":
		h.entry.about = h.ID
	default:
		h.entry.about = h.UserID
	}
	if h.ConversationID == "" || h.Seq < 1 || h.entry.about == "" {
		return h, true, fmt.Errorf("%s %s lacks something", name, payload)
	}
	return h, true, nil
}

func newTranscript(room string) *transcript {
	return &transcript{room: room, ahead: make(map[int64]happening), views: make(map[string]view)}
}

// last is the seq up to which nothing is missing.
func (t *transcript) last() int64 { return t.base + int64(len(t.log)) }

// hole tells whether the stream has passed over something. What came beside it may be further than the stream is.
func (t *transcript) hole() bool { return t.told > t.last() && !t.paused && !t.left }

// stream takes an event from the stream of a connection, which goes up by 1; in a direct conversation one's own messages
// are not in it.
func (t *transcript) stream(h happening) (fresh bool, err error) {
	before := t.told
	t.told = max(h.Seq, before)
	fresh, err = t.place(h)
	if h.Seq <= before || before > 0 && h.Seq > before+1 && t.room != "" && !t.guest {
		err = errors.Join(err, fmt.Errorf("seq %d was told next to seq %d", h.Seq, before))
	}
	return fresh, err
}

// place takes an event from wherever it comes. The same again is nothing new, another one with its seq is an error.
func (t *transcript) place(h happening) (fresh bool, err error) {
	if h.Seq <= t.base {
		return false, nil
	}
	if known, again := t.at(h.Seq); again {
		if known != h.entry {
			err = fmt.Errorf("seq %d is %v and then %v", h.Seq, known, h.entry)
		}
		return false, err
	}
	t.ahead[h.Seq] = h
	t.advance()
	return true, nil
}

func (t *transcript) at(seq int64) (e entry, there bool) {
	if seq <= t.last() {
		return t.log[seq-t.base-1], true
	}
	h, there := t.ahead[seq]
	return h.entry, there
}

// advance moves what has nothing missing before it to the log.
func (t *transcript) advance() {
	for !t.paused {
		h, there := t.ahead[t.last()+1]
		if !there {
			return
		}
		delete(t.ahead, h.Seq)
		t.log = append(t.log, h.entry)
		t.show(h)
	}
}

func (t *transcript) show(h happening) {
	about := h.entry.about
	switch h.entry.event {
	case "message.created":
		t.views[about] = viewOf(h.message)
	case "message.edited":
		t.views[about] = viewOf(*h.Edited)
	case "message.deleted":
		t.views[about] = view{deleted: true}
	case "reaction.added":
		// A sync may tell of it after the message was deleted.
		if reactions := t.views[about].reactions; reactions != nil {
			reactions[reaction{h.UserID, h.Emoji}] = true
		}
	case "reaction.removed":
		delete(t.views[about].reactions, reaction{h.UserID, h.Emoji})
	}
}

func viewOf(m message) view {
	v := view{content: m.Content, deleted: m.Deleted}
	if m.Deleted {
		return v
	}
	v.reactions = make(map[reaction]bool)
	for emoji, users := range m.Reactions {
		for _, user := range users {
			v.reactions[reaction{user, emoji}] = true
		}
	}
	return v
}

func (v view) equals(w view) bool {
	return v.content == w.content && v.deleted == w.deleted && maps.Equal(v.reactions, w.reactions)
}

// restart forgets everything and goes on behind seq, once the history has been read and resume is called.
func (t *transcript) restart(seq int64) {
	t.base, t.log, t.paused = seq, nil, true
	t.views = make(map[string]view)
	maps.DeleteFunc(t.ahead, func(ahead int64, _ happening) bool { return ahead <= seq })
}

// remember takes a page of the history.
func (t *transcript) remember(messages []message) {
	for _, m := range messages {
		t.views[m.ID] = viewOf(m)
	}
}

func (t *transcript) resume() {
	t.paused = false
	t.advance()
}

// recent returns ids of messages that came lately and are not deleted.
func (t *transcript) recent() []string {
	var ids []string
	for _, e := range t.log[max(0, len(t.log)-20):] {
		if e.event == "message.created" && !t.views[e.about].deleted {
			ids = append(ids, e.about)
		}
	}
	return ids
}

// follows compares with the log: nothing else, and nothing in another order. Whoever has left may have less.
func (t *transcript) follows(log []entry) error {
	if t.last() > int64(len(log)) || t.last() < int64(len(log)) && !t.left {
		return fmt.Errorf("it goes to seq %d, the log to seq %d", t.last(), len(log))
	}
	for i, e := range t.log {
		if seq := t.base + int64(i) + 1; e != log[seq-1] {
			return fmt.Errorf("seq %d is %v, in the log %v", seq, e, log[seq-1])
		}
	}
	return nil
}

// shows compares what the messages look like with the history.
func (t *transcript) shows(history []message) error {
	if len(t.views) != len(history) {
		return fmt.Errorf("it has %d messages, the history %d", len(t.views), len(history))
	}
	for _, m := range history {
		if v, there := t.views[m.ID]; !there || !v.equals(viewOf(m)) {
			return fmt.Errorf("message %s is %+v (%t), in the history %+v", m.ID, v, there, viewOf(m))
		}
	}
	return nil
}

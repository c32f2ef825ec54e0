package blackbox_test

import (
	"encoding/json"
	"fmt"
)

// catchup is the answer to a sync.
type catchup struct {
	answer
	Conversations map[string]missed `json:"conversations"`
	New           []summary         `json:"new"`
}

// missed is what was missed in one conversation.
type missed struct {
	Gone   bool  `json:"gone"`
	Reset  bool  `json:"reset"`
	Seq    int64 `json:"seq"`
	Events []struct {
		Event   string          `json:"event"`
		Payload json.RawMessage `json:"payload"`
	} `json:"events"`
}

// summary is a conversation of a list.
type summary struct {
	ConversationID string `json:"conversationId"`
	Room           struct {
		ID string `json:"id"`
	} `json:"room"`
	Seq     int64 `json:"seq"`
	ReadSeq int64 `json:"readSeq"`
}

// catchUp begins a connection.
func (m *member) catchUp() error {
	for id, t := range m.transcripts {
		t.told = 0
		if !t.paused {
			continue
		}
		if err := m.readBack(id, t, ""); err != nil { // the last connection was lost over it
			return err
		}
	}
	return m.sync()
}

// sync asks for what was missed. One at a time is under way.
func (m *member) sync() error {
	if m.since != nil {
		m.again = true
		return nil
	}
	m.since, m.again = make(map[string]int64), false
	for id, t := range m.transcripts {
		m.since[id] = t.last()
	}
	return m.request("sync", object{"conversations": m.since}, m.caughtUp)
}

func (m *member) caughtUp(raw json.RawMessage) error {
	var a catchup
	if err := json.Unmarshal(raw, &a); err != nil {
		return err
	}
	if !a.OK {
		return &refusal{Message: "sync: " + a.Error.Message}
	}
	for id, c := range a.Conversations {
		t := m.transcripts[id]
		switch {
		case c.Gone:
			t.left = true
		case c.Reset:
			if err := m.startOver(id, t, c.Seq); err != nil {
				return err
			}
		default:
			t.left = t.left && c.Seq < t.told // left again behind this answer
			if err := m.fillIn(id, t, &c, a.More); err != nil {
				return err
			}
		}
	}
	for _, c := range a.New {
		m.transcript(c.ConversationID, c.Room.ID)
	}
	m.since = nil
	if a.More || len(a.New) > 0 || m.again {
		return m.sync()
	}
	return m.resend()
}

// fillIn places what was missed of one conversation.
func (m *member) fillIn(id string, t *transcript, c *missed, more bool) error {
	next := m.since[id]
	for _, e := range c.Events {
		next++
		h, logged, err := readHappening(e.Event, e.Payload)
		if err != nil {
			return err
		}
		if !logged || h.ConversationID != id || h.Seq != next {
			return fmt.Errorf("%s: a sync tells %s %s where seq %d belongs", id, e.Event, e.Payload, next)
		}
		fresh, err := t.place(h)
		if err != nil {
			m.fault("%s, missed: %v", id, err)
		}
		if fresh {
			m.synced++
		}
		m.recognise(h)
	}
	if !more && next < c.Seq {
		m.fault("%s: a sync ends at seq %d, the log goes to seq %d", id, next, c.Seq)
	}
	return nil
}

// resend sends what was open when the last connection was lost, in the same order.
func (m *member) resend() error {
	if m.ready {
		return nil
	}
	m.ready = true
	for _, c := range m.outbox {
		if err := m.transmit(c); err != nil {
			return err
		}
	}
	return nil
}

// startOver reads the history, because too much was missed.
func (m *member) startOver(conversation string, t *transcript, seq int64) error {
	if t.paused {
		return nil // it is under way
	}
	m.resets++
	t.restart(seq)
	return m.readBack(conversation, t, "")
}

func (m *member) readBack(conversation string, t *transcript, before string) error {
	query := object{"conversationId": conversation, "limit": 100}
	if before != "" {
		query["before"] = before
	}
	return m.request("history", query, func(raw json.RawMessage) error {
		page, err := parseAnswer(raw)
		if err != nil {
			return err
		}
		if !page.OK {
			return &refusal{Message: "history: " + page.Error.Message}
		}
		t.remember(page.Messages)
		if page.More {
			return m.readBack(conversation, t, page.Messages[0].ID)
		}
		t.resume()
		return nil
	})
}

// askHeads asks how far the logs go. It is the end: no more is said.
func (m *member) askHeads() error {
	return m.request("conversation:list", object{"limit": 100}, func(raw json.RawMessage) error {
		var list struct {
			Conversations []summary `json:"conversations"`
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		m.heads = make(map[string]summary, len(list.Conversations))
		for _, c := range list.Conversations {
			m.heads[c.ConversationID] = c
			if c.ReadSeq < m.marks[c.ConversationID] {
				m.fault("%s is read up to seq %d, seq %d was acknowledged", c.ConversationID, c.ReadSeq, m.marks[c.ConversationID])
			}
		}
		return nil
	})
}

// missing tells what has not come of what there is by heads. It may still be on its way.
func (m *member) missing() (all []string) {
	for id, head := range m.heads {
		if t := m.transcript(id, head.Room.ID); t.paused || t.last() < head.Seq {
			all = append(all, fmt.Sprintf("%s from seq %d to seq %d", id, t.last()+1, head.Seq))
		}
	}
	return all
}

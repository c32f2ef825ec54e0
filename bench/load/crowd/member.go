//go:build linux

package crowd

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// member is a user in one room, on one connection after the other.
type member struct {
	number int
	token  string
	room   string
	speech speech
	conn   *conn // nil while there is none

	conversation string // id of the room's; from the answer to create or join

	seen    int64 // 0 until the first message comes; how far it knows the log of its room: it has all up to there
	syncing bool  // it asks what it has missed
	inStep  bool  // since it last came in it was told that nothing is missing
	caught  int   // events that sync has told it
}

// The calls.
const (
	callJoin = iota + 1
	callSync
	callSend
)

func (m *member) say(id int, event, fields string) error {
	return m.conn.write(m.speech.call(id, event, fields))
}

// create makes the room, of which the member is the first, and join makes it one of the others.
func (m *member) create(size int) error {
	return m.say(callJoin, "room:create", fmt.Sprintf(`"id":%q,"name":%q,"maxMembers":%d`, m.room, m.room, size))
}

func (m *member) join() error { return m.say(callJoin, "room:join", `"roomId":"`+m.room+`"`) }

// sync asks what has happened since.
func (m *member) sync() error {
	m.syncing = true
	return m.say(callSync, "sync", fmt.Sprintf(`"conversations":{%q:%d}`, m.conversation, m.seen))
}

func (m *member) send(content string) error {
	return m.say(callSend, "room:message", `"roomId":"`+m.room+`","content":"`+content+`"`)
}

// logged notes an event that came by itself. Whoever is not in step knows that there is a hole, and asks.
func (m *member) logged(e heardEvent) error {
	seq := seqOf(e.body)
	switch {
	case seq <= m.seen:
		return nil
	case m.seen == 0:
		if e.name == "room:message" {
			m.seen = seq
		}
		return nil
	case seq == m.seen+1 && !m.syncing:
		m.seen = seq
		return nil
	case m.syncing || !m.inStep:
		return nil // the answer has it, or the next one
	}
	return fmt.Errorf("member %d has a hole in its room: %d came after %d", m.number, seq, m.seen)
}

// syncAnswer is what is looked at of the answer to a sync.
type syncAnswer struct {
	OK            bool
	More          bool
	Conversations map[string]struct {
		Reset, Gone bool
		Seq         int64
		Events      []struct {
			Payload json.RawMessage
		}
	}
}

// synced takes the answer, asks for more if there is, and tells whether the member is in step now.
func (m *member) synced(body []byte) (done bool, err error) {
	var answer syncAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return false, fmt.Errorf("answer to sync: %w: %.200q", err, body)
	}
	found, ok := answer.Conversations[m.conversation]
	if !answer.OK || !ok || found.Reset || found.Gone {
		return false, fmt.Errorf("member %d cannot sync from %d: %.200q", m.number, m.seen, body)
	}
	for _, event := range found.Events {
		seq := seqOf(event.Payload)
		if seq != m.seen+1 {
			return false, fmt.Errorf("member %d syncs with a hole: %d after %d", m.number, seq, m.seen)
		}
		m.seen = seq
		m.caught++
	}
	if answer.More || m.seen < found.Seq {
		return false, m.sync()
	}
	m.syncing, m.inStep = false, true
	return true, nil
}

// failed reads an answer that refuses.
func failed(body []byte) error {
	if bytes.Contains(body, []byte(`"ok":true`)) {
		return nil
	}
	return fmt.Errorf("the server refused: %.200q", body)
}

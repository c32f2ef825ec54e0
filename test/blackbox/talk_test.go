package blackbox_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// talker is what a member knows of what it has said.
type talker struct {
	random *rand.Rand
	rooms  []string // that it stays in
	peers  []string // whom it writes to
	guest  bool     // it comes to the porch and leaves it
	emoji  []string // no other device of the user has them

	said    int
	onPorch bool
	own     []string         // the last of its messages, to be edited
	doomed  []string         // messages to be deleted
	reacted []reactionTo     // to be taken back
	marks   map[string]int64 // how far it has read, by conversation
}

// command is something that a member wants done.
type command struct {
	name    string
	payload object
	sent    bool   // if only to a server that died
	stored  string // the id of the message, if that was seen before the answer came
	result  answer
}

func newCommand(name string, payload object) *command { return &command{name: name, payload: payload} }

// text is a field of the payload; empty if there is none.
func (c *command) text(field string) string {
	text, _ := c.payload[field].(string)
	return text
}

func (c *command) content() string     { return c.text("content") }
func (c *command) clientMsgID() string { return c.text("clientMsgId") }

type reactionTo struct{ message, emoji string }

// doom ends messages that will be deleted, which nobody can react to then.
const doom = ", for a moment only"

// invent makes the next command. Nothing that it asks for may be refused, whatever others do meanwhile.
func (m *member) invent() *command {
	switch dice := m.random.IntN(100); {
	case m.every > 0 && dice < 60:
		return m.toRoom(pick(m.random, m.rooms))
	case m.every > 0:
		return m.toPeer(pick(m.random, m.peers))
	case dice < 6 && m.guest:
		m.onPorch = !m.onPorch
		if m.onPorch {
			return joining("porch")
		}
		return newCommand("room:leave", object{"roomId": "porch"})
	case dice < 16 && m.onPorch:
		return m.toRoom("porch")
	case dice < 40:
		return m.toRoom(pick(m.random, m.rooms))
	case dice < 72:
		return m.toPeer(pick(m.random, m.peers))
	case dice < 80 && len(m.own) > 0:
		m.said++
		return newCommand("message:edit", object{
			"messageId": pick(m.random, m.own), "content": fmt.Sprintf("%s/%d, edited", m.name, m.said),
		})
	case dice < 84 && len(m.doomed) > 0:
		first := m.doomed[0]
		m.doomed = m.doomed[1:]
		return newCommand("message:delete", object{"messageId": first})
	case dice < 87 && len(m.reacted) > 0:
		last := m.reacted[len(m.reacted)-1]
		m.reacted = m.reacted[:len(m.reacted)-1]
		return newCommand("reaction:remove", object{"messageId": last.message, "emoji": last.emoji})
	case dice < 96:
		return m.react()
	default:
		return m.markRead()
	}
}

func joining(room string) *command {
	return newCommand("room:join", object{"roomId": room})
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }

func (m *member) toRoom(room string) *command {
	return m.say("room:message", object{"roomId": room})
}

func (m *member) toPeer(user string) *command {
	return m.say("message:send", object{"recipientId": user})
}

func (m *member) say(command string, payload object) *command {
	m.said++
	id := fmt.Sprintf("%s/%d", m.name, m.said)
	payload["clientMsgId"], payload["content"] = id, id
	if m.random.IntN(8) == 0 {
		payload["content"] = id + doom
	}
	return newCommand(command, payload)
}

// react reacts to a message of late, whoever sent it.
func (m *member) react() *command {
	for _, t := range m.transcripts { // in no order, as it happens
		if t.room == "porch" {
			continue // the member may have left it when the reaction arrives
		}
		for _, id := range t.recent() {
			if m.random.IntN(4) == 0 && !strings.HasSuffix(t.views[id].content, doom) {
				return newCommand("reaction:add", object{"messageId": id, "emoji": pick(m.random, m.emoji)})
			}
		}
	}
	return m.toPeer(pick(m.random, m.peers))
}

func (m *member) markRead() *command {
	for id, t := range m.transcripts {
		if t.room != "porch" && t.last() > 0 {
			return newCommand("conversation:read", object{"conversationId": id, "seq": t.last()})
		}
	}
	return m.toPeer(pick(m.random, m.peers))
}

// note remembers what was acknowledged, as far as what comes next depends on it.
func (m *member) note(c *command) {
	switch c.name {
	case "message:send", "room:message":
		switch {
		case c.payload["roomId"] == "porch":
		case strings.HasSuffix(c.content(), doom):
			m.doomed = append(m.doomed, c.result.ID)
		default:
			m.own = append(m.own[max(0, len(m.own)-9):], c.result.ID)
		}
	case "reaction:add":
		m.reacted = append(m.reacted, reactionTo{c.text("messageId"), c.text("emoji")})
	case "conversation:read":
		id := c.text("conversationId")
		m.marks[id] = max(m.marks[id], c.payload["seq"].(int64))
	}
}

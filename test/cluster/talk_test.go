//go:build linux

package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	// window is how many messages a device leaves without an answer at a time.
	window = 3
	// pace is how long a device waits between two: so long that nobody misses too much to catch up while a node stands still.
	pace = 100 * time.Millisecond
)

// talker says what a device says.
type talker struct {
	random *rand.Rand
	name   string
	rooms  []string // that it stays in
	peers  []string // whom it writes to

	count int
	own   []*sent // the last of its messages
}

// sent is a message that is stored.
type sent struct{ id, clientMsgID string }

// invent makes the next command. Nothing that it asks for may be refused, whatever others do meanwhile.
func (d *device) invent() *sending {
	switch dice := d.random.IntN(100); {
	case dice < 8 && len(d.own) > 0:
		last := d.own[d.random.IntN(len(d.own))]
		d.crowd.recorder.Changed(d.note.User, last.clientMsgID)
		return &sending{command: "message:edit", payload: object{"messageId": last.id, "content": fmt.Sprintf("%s, edited as %d", last.clientMsgID, d.count)}}
	case dice < 12 && len(d.own) > 2 && !d.editing(d.own[0]):
		first := d.own[0]
		d.own = d.own[1:]
		d.crowd.recorder.Changed(d.note.User, first.clientMsgID)
		return &sending{command: "message:delete", payload: object{"messageId": first.id}}
	case dice < 60 || len(d.peers) == 0:
		return d.message("room:message", object{"roomId": pick(d.random, d.rooms)})
	default:
		return d.message("message:send", object{"recipientId": pick(d.random, d.peers)})
	}
}

// editing tells whether an edit of a message is under way: sent again behind a delete it would be refused.
func (d *device) editing(m *sent) bool {
	return slices.ContainsFunc(d.outbox, func(s *sending) bool { return s.payload["messageId"] == m.id })
}

// content is what a message says: enough that a frame of many is more than one packet of the network.
func (t *talker) content() (clientMsgID, content string) {
	t.count++
	clientMsgID = fmt.Sprintf("%s/%d", t.name, t.count)
	return clientMsgID, clientMsgID + strings.Repeat(" sockeye", t.random.IntN(40))
}

func (t *talker) message(command string, payload object) *sending {
	id, content := t.content()
	payload["clientMsgId"], payload["content"] = id, content
	return &sending{command: command, payload: payload, clientMsgID: id}
}

// said remembers what may be edited or deleted.
func (t *talker) said(id string, s *sending) {
	t.own = append(t.own[max(0, len(t.own)-9):], &sent{id, s.clientMsgID})
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }

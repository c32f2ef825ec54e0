package gateway_test

import (
	"encoding/json"
	"testing"
)

// change is what an event of a log may carry beside a message.
type change struct {
	Message struct {
		ID, Content, PinnedBy string
		Edited, Deleted       bool
		Seq                   int64
	}
	Room struct {
		ID, Name, Description, Type string
		MaxMembers                  int
	}
	ID, Content                      string
	RoomID, By, DeletedBy, MessageID string
	UserID, Username, Role, Reason   string
	Emoji, ConversationID, Timestamp string
	Seq                              int64
}

// nextLogged takes the oldest event of a log.
func (d *device) nextLogged() packet {
	d.t.Helper()
	return d.find("an event of a log", func(p *packet) bool {
		var e struct {
			Seq       int64
			Timestamp string
		}
		return p.kind == '2' && json.Unmarshal(p.arg, &e) == nil && e.Seq > 0 && e.Timestamp != ""
	})
}

// watch follows the log of one conversation on several devices.
type watch struct {
	t            *testing.T
	conversation string
	seq          int64 // of the last event
	devices      []*device
}

// next takes the next event of each device, which must be the same for all and
// follow the one before without a hole.
func (w *watch) next(name string) change {
	w.t.Helper()
	w.seq++
	var first string
	var e change
	for i, d := range w.devices {
		p := d.nextLogged()
		e = change{}
		if err := json.Unmarshal(p.arg, &e); err != nil {
			w.t.Fatalf("%s: %v", p, err)
		}
		if p.name != name || e.Seq != w.seq || e.ConversationID != w.conversation || !instant.MatchString(e.Timestamp) {
			w.t.Fatalf("device %d: got %s, want %s with seq %d of %s", i, p, name, w.seq, w.conversation)
		}
		if i == 0 {
			first = string(p.arg)
		} else if string(p.arg) != first {
			w.t.Errorf("device %d got %s, device 0 %s", i, p.arg, first)
		}
	}
	return e
}

func (w *watch) quiet(n *node, why string) {
	w.t.Helper()
	for _, d := range w.devices {
		d.quiet(n, why)
	}
}

// watched makes the hall of n with ada and others in it, and follows its log on
// the devices given and on a second one of ada's.
func (n *node) watched(t *testing.T, ada *device, others ...*device) *watch {
	t.Helper()
	n.hall(ada, others...)
	n.told() // before the second device comes, which would hear of it too
	w := &watch{t: t, seq: int64(1 + len(others)), devices: append([]*device{ada, n.device("ada")}, others...)}
	w.conversation = ada.must("room:get", `{"roomId":"hall"}`).conversation(t)
	return w
}

// conversation is that of the room in an acknowledgement.
func (a ack) conversation(t *testing.T) string {
	t.Helper()
	var room struct{ ConversationID string }
	if err := json.Unmarshal(a.Room, &room); err != nil || room.ConversationID == "" {
		t.Fatalf("room %s: %v", a.Room, err)
	}
	return room.ConversationID
}

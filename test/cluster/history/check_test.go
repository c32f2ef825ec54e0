package history_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/test/cluster/history"
)

// TestCheck: a history of two users in a room in which all is well passes, and each way to break a promise is told of it,
// by the word for it, and nothing else is.
func TestCheck(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(h *history.History)
		told  string // in each fault; empty: there are none
	}{
		{"all is well", func(*history.History) {}, ""},
		{"a message that was never answered is not stored", func(h *history.History) {
			h.Sends = append(h.Sends, &history.Send{Sender: "ada", ClientMsgID: "unanswered", Content: "hello", Began: at(99)})
		}, ""},
		{"an acknowledged message is lost", func(h *history.History) {
			h.Sends = append(h.Sends, &history.Send{
				Sender: "ada", ClientMsgID: "gone", Content: "hello", Began: at(98),
				Acks: []history.Ack{{At: at(99), Node: "node 2", ID: "m99", ConversationID: "hall", Seq: 99}},
			})
		}, "lost: gone of ada"},
		{"a message is stored twice under its sender's id", func(h *history.History) {
			room := h.Conversations["hall"]
			room.Log = append(room.Log, history.Entry{Seq: 8, Kind: history.Created, About: "m8", Sender: "ada", ClientMsgID: "c3", Content: "text 3"})
			tellAll(h, event(8, "text 3"))
		}, "doubled: c3 of ada"},
		{"a message of the log has another's id", func(h *history.History) {
			room := h.Conversations["hall"]
			room.Log = append(room.Log, history.Entry{Seq: 8, Kind: history.Created, About: "m7", Sender: "ada", ClientMsgID: "c8", Content: "text"})
			tellAll(h, history.Event{ConversationID: "hall", Seq: 8, Kind: history.Created, About: "m7", Content: "text"})
		}, "stored twice"},
		{"the log has a hole", func(h *history.History) { h.Conversations["hall"].Log[6].Seq = 8 }, "seq"},
		{"two acknowledgements of one message differ", func(h *history.History) {
			acks := &h.Sends[0].Acks
			*acks = append(*acks, history.Ack{At: at(90), Node: "node 3", ID: "m4", ConversationID: "hall", Seq: 4})
		}, "c3 of ada, \"text 3\", is stored as c4"},
		{"a message is acknowledged at another place than where it is", func(h *history.History) { h.Sends[4].Acks[0].Seq = 9 }, "and is stored at hall seq 7"},
		{"a message is stored with another's words", func(h *history.History) { h.Conversations["hall"].Log[2].Content = "else" }, "\"text 3\""},
		{"what was changed has other words", func(h *history.History) {
			h.Conversations["hall"].Log[2].Content, h.Sends[0].Changed = "else", true
		}, ""},
		{"a later message stands before an acknowledged one", func(h *history.History) { h.Sends[0].Began = at(70) }, "although it was sent after"},
		{"messages that were under way together stand in any order", func(h *history.History) {
			h.Sends[0].Began, h.Sends[1].Began = at(45), at(30)
		}, ""},
		{"an event is told twice", func(h *history.History) {
			s := h.Devices[0].Streams[0]
			s.Events = slices.Insert(s.Events, 3, s.Events[2])
		}, "doubled: ada's phone, connection 1"},
		{"an event is told late", func(h *history.History) {
			s := h.Devices[0].Streams[0]
			s.Events[2], s.Events[3] = s.Events[3], s.Events[2]
		}, "ada's phone, connection 1"},
		{"an event is left out while all is well", func(h *history.History) {
			s := h.Devices[0].Streams[0]
			s.Events = slices.Delete(s.Events, 3, 4)
		}, "missing: ada's phone, connection 1"},
		{"an event is left out under a fault", func(h *history.History) {
			s := h.Devices[0].Streams[0]
			s.Events, s.Whole = slices.Delete(s.Events, 3, 4), false
		}, ""},
		{"the last event never came", func(h *history.History) {
			d := h.Devices[0]
			d.Known = d.Known[:len(d.Known)-1]
		}, "missing: ada's phone: hall: it ends at seq 6, the log at seq 7"},
		{"a device that should know a conversation does not", func(h *history.History) { h.Devices[0].Known = nil }, "missing: ada's phone: hall"},
		{"a hole was never filled", func(h *history.History) {
			d := h.Devices[0]
			d.Known = slices.Delete(d.Known, 3, 4)
		}, "missing: ada's phone: hall: it has seq 5 after seq 3"},
		{"an application has an event twice", func(h *history.History) {
			d := h.Devices[0]
			d.Known = slices.Insert(d.Known, 4, d.Known[3])
		}, "doubled: ada's phone"},
		{"an application has events out of order", func(h *history.History) {
			d := h.Devices[0]
			d.Known[3], d.Known[4] = d.Known[4], d.Known[3]
		}, "ada's phone: hall"},
		{"a device was told to begin anew for a few events", func(h *history.History) {
			d := h.Devices[0]
			d.Known[4] = history.Event{ConversationID: "hall", Seq: 5, Kind: history.Reset}
			d.Known = slices.Delete(d.Known, 2, 4)
		}, "which is not too much"},
		{"an event is told with another's words", func(h *history.History) { h.Devices[0].Streams[0].Events[3].Content = "else" }, "was told with \"else\""},
		{"an event is told as another one", func(h *history.History) { h.Devices[0].Known[3].About = "m5" }, "was told as message.created of m5"},
		{"an event is told that is not in the log", func(h *history.History) { tellAll(h, event(8, "more")) }, "the log ends at seq 7"},
		{"an event is told of a conversation that there is not", func(h *history.History) {
			h.Devices[0].Known = append(h.Devices[0].Known, history.Event{ConversationID: "attic", Seq: 1})
		}, "there is no such conversation"},
		{"somebody was kicked and is told of what comes then", func(h *history.History) { kick(h, 7) }, "seq 7 was told to bob, who is no member there"},
		{"somebody was kicked and is told of nothing more", func(h *history.History) {
			kick(h, 7)
			bob := h.Devices[1]
			bob.Streams[0].Events, bob.Known = bob.Streams[0].Events[:5], bob.Known[:5]
		}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := well()
			c.spoil(h)
			faults := h.Check()
			if (len(faults) > 0) != (c.told != "") {
				t.Fatalf("faults: %q", faults)
			}
			for _, fault := range faults {
				if !strings.Contains(fault, c.told) {
					t.Errorf("%q has not %q", fault, c.told)
				}
			}
		})
	}
}

// well is a room of ada and bob, who have joined as seq 1 and 2, with five messages of ada, each acknowledged before the
// next, of which all is told to a device of each.
func well() *history.History {
	room := &history.Conversation{Room: true, Members: []string{"ada", "bob"}, Log: []history.Entry{
		{Seq: 1, Kind: history.Joined, About: "ada"}, {Seq: 2, Kind: history.Joined, About: "bob"},
	}}
	h := &history.History{
		Conversations: map[string]*history.Conversation{"hall": room},
		Devices:       []*history.Device{device("ada's phone", "ada"), device("bob's phone", "bob")},
	}
	for _, seq := range []int64{3, 4, 5, 6, 7} {
		id, content := fmt.Sprintf("c%d", seq), fmt.Sprintf("text %d", seq)
		room.Log = append(room.Log, history.Entry{Seq: seq, Kind: history.Created, About: fmt.Sprintf("m%d", seq), Sender: "ada", ClientMsgID: id, Content: content})
		h.Sends = append(h.Sends, &history.Send{Sender: "ada", ClientMsgID: id, Content: content, Began: at(int(10 * seq)), Acks: []history.Ack{
			{At: at(int(10*seq + 5)), Node: "node 1", ID: fmt.Sprintf("m%d", seq), ConversationID: "hall", Seq: seq},
		}})
		tellAll(h, event(seq, content))
	}
	return h
}

// device has seen both join.
func device(name, user string) *history.Device {
	joined := []history.Event{
		{ConversationID: "hall", Seq: 1, Kind: history.Joined, About: "ada"}, {ConversationID: "hall", Seq: 2, Kind: history.Joined, About: "bob"},
	}
	stream := joined
	if user == "bob" {
		stream = joined[1:]
	}
	return &history.Device{Name: name, User: user, Known: slices.Clone(joined), Streams: []*history.Stream{
		{Node: "node 1", Whole: true, Events: slices.Clone(stream)},
	}}
}

func tellAll(h *history.History, e history.Event) {
	for _, d := range h.Devices {
		d.Streams[0].Events, d.Known = append(d.Streams[0].Events, e), append(d.Known, e)
	}
}

func event(seq int64, content string) history.Event {
	return history.Event{ConversationID: "hall", Seq: seq, Kind: history.Created, About: fmt.Sprintf("m%d", seq), Content: content}
}

// kick makes bob's leaving of the message before seq, for everybody.
func kick(h *history.History, seq int64) {
	room := h.Conversations["hall"]
	room.Members = []string{"ada"}
	room.Log[seq-2] = history.Entry{Seq: seq - 1, Kind: history.Left, About: "bob"}
	left := history.Event{ConversationID: "hall", Seq: seq - 1, Kind: history.Left, About: "bob"}
	h.Sends = slices.Delete(h.Sends, int(seq)-4, int(seq)-3)
	for _, d := range h.Devices {
		for _, events := range [][]history.Event{d.Known, d.Streams[0].Events} {
			events[slices.IndexFunc(events, func(e history.Event) bool { return e.Seq == seq-1 })] = left
		}
	}
}

func at(seconds int) time.Time { return time.Unix(int64(seconds), 0) }

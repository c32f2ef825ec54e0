package relay

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// logged is an event of the conversation c.
func logged(seq int64) chat.Event {
	return chat.Event{Kind: chat.MessageCreated, ConversationID: "c", Seq: seq}
}

// passed is an event of the conversation c that is not logged, by its name.
func passed(name string) chat.Event {
	return chat.Event{Kind: chat.MessageRead, ConversationID: "c", By: chat.UserID(name)}
}

func describe(events []chat.Event) (names []string) {
	for _, e := range events {
		if e.Seq == 0 {
			names = append(names, string(e.By))
			continue
		}
		names = append(names, fmt.Sprint(e.Seq))
	}
	return names
}

// The reading that has begun last before a test.
const before = 7

// The states of a conversation. Readings that begin from then on show what is missing.
var states = map[string]func(o *order){
	"unknown": func(*order) {},
	"known":   func(o *order) { o.note("c", 3) },
	"holding": func(o *order) { // 4 is missing, and 7
		o.note("c", 3)
		o.take([]chat.Event{logged(5), passed("p"), logged(6), logged(8)}, before+1)
	},
	"unknown, holding": func(o *order) { o.take([]chat.Event{logged(5), logged(7)}, before+1) },
	"loose":            func(o *order) { o.note("c", 3); o.loose = true },
	"loose, unknown":   func(o *order) { o.loose = true },
	"full":             func(o *order) { o.note("c", 3); o.room = 0 },
	"full, unknown":    func(o *order) { o.room = 0 },
}

// What becomes of each event in each state: what is told, how soon the log is to be read, what is
// held then.
func TestOrderOfAConversation(t *testing.T) {
	take := func(events ...chat.Event) func(*order) ([]chat.Event, need) {
		return func(o *order) ([]chat.Event, need) { return o.take(events, before+1) }
	}
	shown := func(reading uint64, untaken bool) func(*order) ([]chat.Event, need) {
		return func(o *order) ([]chat.Event, need) {
			return o.shown(reading, func(string) bool { return untaken }), nothing
		}
	}
	all := func(o *order) ([]chat.Event, need) { return o.all(), nothing }
	for _, test := range []struct {
		state, event string
		do           func(*order) ([]chat.Event, need)
		told         []string
		need         need
		held         []string
		last         int64
	}{
		{"unknown", "the first of its log", take(logged(1)), []string{"1"}, nothing, nil, 1},
		{"unknown", "a later one", take(logged(4)), nil, now, []string{"4"}, 0},
		{"unknown", "an unlogged one", take(passed("p")), []string{"p"}, nothing, nil, 0},
		{"unknown", "a reading", shown(before+1, false), nil, nothing, nil, 0},

		{"known", "the next", take(logged(4)), []string{"4"}, nothing, nil, 4},
		{"known", "the next two of one commit", take(logged(4), logged(5)), []string{"4", "5"}, nothing, nil, 5},
		{"known", "the last again", take(logged(3)), nil, nothing, nil, 3},
		{"known", "an old one", take(logged(1)), nil, nothing, nil, 3},
		{"known", "a higher one", take(logged(5)), nil, soon, []string{"5"}, 3},
		{"known", "a higher one twice", take(logged(5), logged(5)), nil, soon, []string{"5"}, 3},
		{"known", "an unlogged one", take(passed("p")), []string{"p"}, nothing, nil, 3},
		{"known", "an old one and the next", take(logged(3), logged(4)), []string{"4"}, nothing, nil, 4},
		{"known", "the next and a higher one", take(logged(4), logged(6)), []string{"4"}, soon, []string{"6"}, 4},

		{"holding", "the missing one", take(logged(4)), []string{"4", "5", "p", "6"}, nothing, []string{"8"}, 6},
		{"holding", "both missing ones", take(logged(4), logged(7)), []string{"4", "5", "p", "6", "7", "8"}, nothing, nil, 8},
		{"holding", "the other missing one", take(logged(7)), nil, soon, []string{"5", "p", "6", "7", "8"}, 3},
		{"holding", "an old one", take(logged(3)), nil, nothing, []string{"5", "p", "6", "8"}, 3},
		{"holding", "a held one again", take(logged(6)), nil, soon, []string{"5", "p", "6", "8"}, 3},
		{"holding", "an unlogged one", take(passed("q")), nil, nothing, []string{"5", "p", "6", "8", "q"}, 3},
		{"holding", "the reading that shows what is missing", shown(before+1, false), []string{"5", "p", "6", "8"}, nothing, nil, 8},
		{"holding", "a later reading", shown(before+2, false), []string{"5", "p", "6", "8"}, nothing, nil, 8},
		{"holding", "a reading that began before", shown(before, false), nil, nothing, []string{"5", "p", "6", "8"}, 3},
		{"holding", "a reading with commits that are to be taken in", shown(before+1, true), nil, nothing, []string{"5", "p", "6", "8"}, 3},
		{"holding", "the end", all, []string{"5", "p", "6", "8"}, nothing, nil, 8},

		{"unknown, holding", "one before", take(logged(4)), nil, now, []string{"4", "5", "7"}, 0},
		{"unknown, holding", "one between", take(logged(6)), nil, now, []string{"5", "6", "7"}, 0},
		{"unknown, holding", "the first of the log", take(logged(1)), nil, now, []string{"1", "5", "7"}, 0},
		{"unknown, holding", "a reading", shown(before+1, false), []string{"5", "7"}, nothing, nil, 7},

		{"loose", "the next", take(logged(4)), []string{"4"}, nothing, nil, 4},
		{"loose", "a higher one", take(logged(6)), []string{"6"}, nothing, nil, 6},
		{"loose", "an old one", take(logged(2)), nil, nothing, nil, 3},
		{"loose, unknown", "any", take(logged(6)), []string{"6"}, nothing, nil, 6},

		{"full", "the next", take(logged(4)), []string{"4"}, nothing, nil, 4},
		{"full", "a higher one", take(logged(6), logged(7)), []string{"6", "7"}, nothing, nil, 7},
		{"full, unknown", "any but the first", take(logged(6)), []string{"6"}, nothing, nil, 6},
	} {
		t.Run(test.state+"/"+test.event, func(t *testing.T) {
			o := newOrder(10, 10)
			o.loose = false
			states[test.state](o)
			events, need := test.do(o)
			if told := describe(events); !slices.Equal(told, test.told) || need != test.need {
				t.Errorf("told %v, and need %d; want %v, %d", told, need, test.told, test.need)
			}
			var held []chat.Event
			for _, h := range o.held["c"] {
				held = append(held, h.event)
			}
			if got := describe(held); !slices.Equal(got, test.held) || o.count != len(test.held) {
				t.Errorf("held %v, counted %d; want %v", got, o.count, test.held)
			}
			if last, _ := o.last("c"); last != test.last {
				t.Errorf("the last one told is %d, want %d", last, test.last)
			}
		})
	}
}

// Conversations do not wait for each other, also within one commit.
func TestOrderOfManyConversations(t *testing.T) {
	o := newOrder(10, 10)
	o.loose = false
	o.note("a", 1)
	o.note("b", 1)
	at := func(conversation string, seq int64) chat.Event {
		return chat.Event{ConversationID: conversation, Seq: seq}
	}
	ready, need := o.take([]chat.Event{at("a", 3), at("b", 2), at("a", 4), at("b", 3)}, 1)
	if got := describe(ready); !slices.Equal(got, []string{"2", "3"}) || need != soon {
		t.Errorf("told %v, need %d", got, need)
	}
	ready, _ = o.take([]chat.Event{at("a", 2)}, 1)
	if got := describe(ready); !slices.Equal(got, []string{"2", "3", "4"}) || o.count != 0 {
		t.Errorf("told %v, and %d are held", got, o.count)
	}
}

// A commit of which everything is next is handed on as it is.
func TestOrderCopiesNothing(t *testing.T) {
	o := newOrder(10, 10)
	o.note("c", 1)
	events := make([]chat.Event, 1, 2)
	last := int64(1)
	allocs := testing.AllocsPerRun(100, func() {
		last++
		events[0] = logged(last)
		if ready, _ := o.take(events, 1); &ready[0] != &events[0] {
			t.Fatal("copied")
		}
	})
	if allocs > 0 {
		t.Errorf("%.0f allocations", allocs)
	}
}

// Of how many conversations something is known is bounded; those heard of last are known.
func TestOrderForgets(t *testing.T) {
	const most = 100
	o := newOrder(most, 10)
	for i := range int64(10 * most) {
		o.note(fmt.Sprint(i), i)
		o.note("busy", i)
	}
	if len(o.told)+len(o.before) > most+1 {
		t.Errorf("%d conversations are known", len(o.told)+len(o.before))
	}
	if last, known := o.last("busy"); !known || last != 10*most-1 {
		t.Errorf("of the busy one %d, %v is known", last, known)
	}
	if _, known := o.last("3"); known {
		t.Error("the oldest one is known still")
	}
}

package hub_test

import (
	"fmt"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

// member is a connection that counts what it gets.
type member struct {
	id   string
	gets int
}

func (m *member) ID() string           { return m.id }
func (m *member) Dialect() hub.Dialect { return plain{} }
func (m *member) Deliver(any)          { m.gets++ }

// plain writes every event as its name.
type plain struct{}

func (plain) Write(e hub.Event, _ bool) any { return e.Name }

// crowded returns a hub with a room of n members, and how to tell it one message.
func crowded(t testing.TB, n int) (members []*member, tell func()) {
	t.Helper()
	h, out, _ := open(t, nil)
	t.Cleanup(h.Stop)
	for i := range n {
		m := &member{id: fmt.Sprint("member ", i)}
		members = append(members, m)
		h.Attach(m)
		h.Join(m, "hall")
	}
	event := chat.NewMessageEvent(&chat.Message{ID: "m", RoomID: "hall", Type: chat.TypeText, Content: "hello"}, "elsewhere")
	return members, func() {
		h.Publish([]chat.Event{event})
		if err := h.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		out.mu.Lock()
		out.did = out.did[:0]
		out.mu.Unlock()
	}
}

// An event is encoded once, however many get it: the memory that it takes does not
// grow with the room.
func TestBroadcastAllocatesOnce(t *testing.T) {
	const runs = 100
	allocations := func(n int) float64 {
		members, tell := crowded(t, n)
		took := testing.AllocsPerRun(runs, tell)
		for _, m := range members {
			if m.gets != runs+1 { // one to warm up
				t.Fatalf("%s got %d events, want %d", m.id, m.gets, runs+1)
			}
		}
		return took
	}
	few, many := allocations(1), allocations(1000)
	if many > few+2 {
		t.Errorf("%v allocations for a message to 1,000 members, %v to one", many, few)
	}
}

func BenchmarkBroadcast(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			_, tell := crowded(b, n)
			b.ReportAllocs()
			for b.Loop() {
				tell()
			}
		})
	}
}

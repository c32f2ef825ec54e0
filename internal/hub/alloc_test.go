package hub_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// member is a connection that counts what it gets.
type member struct {
	id   string
	gets int
}

func (m *member) ID() string               { return m.id }
func (m *member) Dialect() gateway.Dialect { return plain{} }
func (m *member) Deliver(any)              { m.gets++ }

// plain writes every event as its name.
type plain struct{}

func (plain) Write(e wire.Event, _ bool) any { return e.Name }

// crowded returns a hub with a room of n members, and how to tell it one message.
func crowded(t testing.TB, n int) (members []*member, tell func()) {
	t.Helper()
	index := gateway.NewIndex()
	h, err := hub.New(hub.DefaultConfig(), hub.Deps{Audiences: []hub.Audience{index}, Members: new(roll), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	for i := range n {
		m := &member{id: fmt.Sprint("member ", i)}
		members = append(members, m)
		index.Attach(m)
		index.Join(m, "hall")
	}
	event := chat.NewMessageEvent(&chat.Message{ID: "m", RoomID: "hall", Type: chat.TypeText, Content: "hello"}, "elsewhere")
	return members, func() {
		event.Seq++
		h.Tell(&feed.Facts{Chat: []chat.Event{event}})
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

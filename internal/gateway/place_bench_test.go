package gateway_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
)

// BenchmarkBecomingWarm tells an event in a cold room of so many members, of whom so many
// are here, from its being published to its being told: their devices are taken out again
// each time, as the event is not behind those by which members were read.
//
//	go test -run=- -bench=BecomingWarm -benchtime=20x ./internal/gateway
func BenchmarkBecomingWarm(b *testing.B) {
	for _, size := range []struct{ members, here int }{{10, 10}, {1000, 10}, {1000, 100}, {100_000, 100}} {
		b.Run(fmt.Sprintf("members=%d/here=%d", size.members, size.here), func(b *testing.B) {
			n := serve(b, func(s *setup) { s.Hub.Idle = time.Second })
			defer n.stop()
			e := n.crowd(size.members)
			eventually(b, "the room is cold", func() bool { _, cold := n.hub.Warm(0); return cold })
			for i := range size.here {
				n.device(string(e.Added.Users[i]))
			}
			before := processorTime(b)
			for b.Loop() {
				n.feed.Publish(feed.Facts{Chat: []chat.Event{e}})
				n.told()
			}
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// crowd makes a room of so many members, and returns the event of their coming.
func (n *node) crowd(members int) chat.Event {
	n.t.Helper()
	room := chat.Room{
		ID: "crowd", ConversationID: "room:crowd", Name: "Crowd", Type: chat.RoomPublic, MaxMembers: 1 << 20,
		CreatedBy: "ada", CreatedAt: time.Now(),
	}
	if err := n.store.CreateRoom(n.t.Context(), chat.NewRoom{Room: room, Creator: actorOf("ada")}); err != nil {
		n.t.Fatal(err)
	}
	users := make([]chat.UserID, members)
	for i := range users {
		users[i] = chat.UserID(fmt.Sprintf("user-%06d", i))
	}
	if _, err := n.store.AddMembers(n.t.Context(), chat.AddMembers{RoomID: "crowd", Actor: actorOf("ada"), Users: users, At: time.Now()}); err != nil {
		n.t.Fatal(err)
	}
	n.told()
	e := chat.NewAddedEvent(chat.Place{ConversationID: room.ConversationID, Seq: 2, By: "ada"}, chat.Added{RoomID: "crowd", Count: members, Users: users})
	e.Kind, e.Audience.Users = chat.MessageCreated, nil
	e.Message = &chat.Message{ID: "m", RoomID: "crowd", ConversationID: room.ConversationID, Seq: 2, Type: chat.TypeText, Content: "hello"}
	return e
}

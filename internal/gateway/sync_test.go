package gateway_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// synced is the acknowledgement of a sync.
type synced struct {
	OK            bool
	More          bool
	Conversations map[string]struct {
		Gone, Reset            bool
		FirstSeq, Seq, ReadSeq int64
		Events                 []struct {
			Event   string
			Payload json.RawMessage
		}
	}
	New   []conversation
	Error failure
}

// conversation is one of a list.
type conversation struct {
	ConversationID         string
	Room                   *struct{ ID, Name string }
	Peer                   *struct{ UserID, Username string }
	FirstSeq, Seq, ReadSeq int64
	LastAt                 string
	LastMessage            *message
	Unread, Mentions       int
}

func (d *device) sync(since map[string]int64) synced {
	d.t.Helper()
	var s synced
	d.askInto("sync", map[string]any{"conversations": since}, &s)
	if !s.OK {
		d.t.Fatalf("sync: %+v", s.Error)
	}
	return s
}

// A device that was away gets by a sync exactly what it has missed, in the same
// shape and order as those that were there.
func TestSyncAfterADisconnect(t *testing.T) {
	n := serve(t)
	ada, bob, cyd := n.device("ada"), n.device("bob"), n.device("cyd")
	hall := n.watched(t, ada, bob)
	first := ada.must("room:message", `{"roomId":"hall","content":"first"}`)
	hall.next("room:message")
	seen := hall.seq
	bob.drop()

	second := ada.must("room:message", `{"roomId":"hall","content":"secret"}`)
	ada.must("message:edit", about(first.ID, "content", "edited"))
	cyd.must("room:join", `{"roomId":"hall"}`)
	cyd.must("reaction:add", about(first.ID, "emoji", "🐟"))
	ada.must("message:pin", about(first.ID))
	ada.must("message:delete", about(second.ID))
	cyd.must("reaction:remove", about(first.ID, "emoji", "🐟"))
	ada.must("room:promote", member("cyd"))
	ada.must("room:demote", member("cyd"))
	ada.must("room:ban", member("eve"))
	ada.must("room:unban", member("eve"))
	ada.must("room:kick", member("cyd"))
	ada.must("room:update", `{"roomId":"hall","name":"Big hall"}`)
	ada.must("message:unpin", about(first.ID))
	ada.must("room:message", `{"roomId":"hall","content":"last","replyTo":"`+first.ID+`"}`)
	names := []string{
		"room:message", "message:edited", "room:user_joined", "reaction:added", "message:pinned", "message:deleted", "reaction:removed",
		"room:role", "room:role", "room:user_banned", "room:user_unbanned", "room:user_left", "room:updated", "message:unpinned", "room:message",
	}
	direct := cyd.must("message:send", `{"recipientId":"bob","content":"psst"}`)

	back := n.device("bob")
	s := back.sync(map[string]int64{hall.conversation: seen, "room:none": 1})
	got := s.Conversations[hall.conversation]
	if got.Reset || got.Gone || s.More || got.FirstSeq != 1 || got.Seq != seen+int64(len(names)) || len(got.Events) != len(names) {
		t.Fatalf("got %d events up to %d, first %d, reset %v, more %v", len(got.Events), got.Seq, got.FirstSeq, got.Reset, s.More)
	}
	for i, e := range got.Events {
		live := ada.nextLogged()
		var at change
		if err := json.Unmarshal(e.Payload, &at); err != nil {
			t.Fatal(err)
		}
		if e.Event != names[i] || live.name != names[i] || at.Seq != seen+1+int64(i) || at.ConversationID != hall.conversation {
			t.Errorf("event %d is %s %s, live %s, want %s", i, e.Event, e.Payload, live.name, names[i])
		}
		if at.ID == second.ID {
			if at.Content != "" || strings.Contains(string(e.Payload), "secret") {
				t.Errorf("a deleted message came as %s", e.Payload)
			}
			continue
		}
		if at.Message.ID != "" || e.Event == "room:updated" { // told as they are now
			continue
		}
		if !reflect.DeepEqual(fields(t, e.Payload), fields(t, live.arg)) {
			t.Errorf("%s: synced %s\nlive %s", e.Event, e.Payload, live.arg)
		}
	}
	if !s.Conversations["room:none"].Gone {
		t.Error("a conversation that is none of his is not gone")
	}
	if len(s.New) != 1 || s.New[0].ConversationID != direct.ConversationID || s.New[0].Peer == nil || s.New[0].Peer.UserID != "cyd" ||
		s.New[0].Seq != 1 || s.New[0].Unread != 1 || s.New[0].LastMessage == nil || s.New[0].LastMessage.Content != "psst" {
		t.Errorf("new: %+v", s.New)
	}
	s = back.sync(map[string]int64{hall.conversation: got.Seq, direct.ConversationID: 1})
	if c := s.Conversations[hall.conversation]; len(c.Events) != 0 || c.Seq != got.Seq || len(s.New) != 0 || s.More {
		t.Errorf("up to date, and got %+v", s)
	}
	// Who was made to go is told no more of it, and nor is a stranger.
	for _, d := range []*device{cyd, n.device("eve")} {
		if c := d.sync(map[string]int64{hall.conversation: 0}).Conversations[hall.conversation]; !c.Gone || c.Seq != 0 || len(c.Events) != 0 {
			t.Errorf("who is not in the room got %+v", c)
		}
	}
}

func fields(t *testing.T, raw json.RawMessage) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// fill sends messages to the hall, many at a time.
func (n *node) fill(count int, content string) {
	n.t.Helper()
	var work sync.WaitGroup
	for range 50 {
		work.Go(func() {
			for range count / 50 {
				if _, err := n.chat.SendToRoom(n.t.Context(), chat.Actor{ID: "ada", Name: "Ada"}, chat.SendToRoom{RoomID: "hall", Content: content}); err != nil {
					n.t.Error(err)
				}
			}
		})
	}
	work.Wait()
}

// A sync comes in parts that fit together; who is too far behind starts anew.
func TestSyncInParts(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	ada.must("room:create", `{"id":"hall","name":"Hall"}`)
	ada.drop()
	n.fill(chat.MaxBehind, "x")
	bob := n.device("bob")
	id := bob.must("room:join", `{"roomId":"hall"}`).conversation(t)
	const head = chat.MaxBehind + 2

	since, parts := int64(head-chat.MaxBehind), 0
	for more := true; more; parts++ {
		s := bob.sync(map[string]int64{id: since})
		for _, e := range s.Conversations[id].Events {
			var at change
			if err := json.Unmarshal(e.Payload, &at); err != nil || at.Seq != since+1 {
				t.Fatalf("seq %d after %d, %v", at.Seq, since, err)
			}
			since++
		}
		more = s.More
	}
	if since != head || parts != 2 {
		t.Errorf("ended at %d of %d after %d parts", since, head, parts)
	}
	for _, since := range []int64{head - chat.MaxBehind - 1, head + 1} {
		s := bob.sync(map[string]int64{id: since})
		if c := s.Conversations[id]; !c.Reset || c.FirstSeq != 1 || c.Seq != head || len(c.Events) != 0 || s.More {
			t.Errorf("since %d: %+v", since, c)
		}
	}
	// Large messages fill an answer sooner.
	n.fill(100, strings.Repeat("x", 10_000))
	s := bob.sync(map[string]int64{id: head})
	if got := len(s.Conversations[id].Events); !s.More || got == 0 || got > chat.MaxSyncBytes/10_000 {
		t.Errorf("%d large messages, more %v", got, s.More)
	}
}

func TestSyncRefusals(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	tooMany := make(map[string]int64)
	for i := range chat.MaxSynced + 1 {
		tooMany[fmt.Sprint(i)] = 1
	}
	for payload, want := range map[string]failure{
		`{}`:                            {Code: "missing_fields", Field: "conversations", Message: "Missing required fields"},
		`{"conversations":{"a":-1}}`:    {Code: "invalid_field", Field: `conversations["a"]`, Message: `conversations["a"] must not be negative`},
		`{"conversations":{"a":"one"}}`: {Code: "invalid_field", Field: "conversations", Message: "conversations must be an object of integers, not string"},
		text(map[string]any{"conversations": tooMany}): {Code: "limit_exceeded", Field: "conversations", Limit: chat.MaxSynced,
			Message: "conversations must have at most 1000 conversations"},
	} {
		if f := ada.mustFail("sync", payload, want.Code, want.Message); f != want {
			t.Errorf("%.50s: got %+v, want %+v", payload, f, want)
		}
	}
}

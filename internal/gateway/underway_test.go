package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/gateway"
)

// gathering holds messages back until so many are started, or it is opened.
type gathering struct {
	chat.Store
	until int
	began chan struct{} // closed when they are

	mu             sync.Mutex
	held           []func()
	open           bool
	underWay, most int
}

func gather(until int) (*gathering, func(*setup)) {
	g := &gathering{until: until, began: make(chan struct{})}
	return g, func(s *setup) {
		s.Chats = func(inner chat.Store) chat.Store { g.Store = inner; return g }
	}
}

func (g *gathering) StartAppend(ctx context.Context, cmd chat.Append, done func(chat.Message, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underWay++
	g.most = max(g.most, g.underWay)
	g.held = append(g.held, func() {
		g.Store.StartAppend(ctx, cmd, func(m chat.Message, err error) {
			g.mu.Lock()
			g.underWay--
			g.mu.Unlock()
			done(m, err)
		})
	})
	if len(g.held) == g.until && !g.open {
		close(g.began)
	}
	if g.open {
		g.release()
	}
}

// let opens it for good.
func (g *gathering) let() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
	g.release()
}

func (g *gathering) release() {
	for _, pass := range g.held {
		pass()
	}
	g.held = nil
}

// A device need not wait for one message to be stored before the next is taken; what
// it asks for otherwise sees them all, and is answered behind them.
func TestMessagesOfADeviceAreUnderWayTogether(t *testing.T) {
	g, held := gather(4)
	n := serve(t, held)
	ada := n.device("ada")
	ada.must("room:create", `{"id":"hall","name":"Hall"}`)
	for i := range 4 {
		ada.send(fmt.Sprintf(`2%d["room:message",{"roomId":"hall","content":"%d"}]`, 100+i, i))
	}
	ada.send(`2104["room:message",{"roomId":"hall","content":""}]`)
	ada.send(`2105["room:message",{"roomId":"hall","content":"4"}]`)
	ada.send(`2106["history",{"roomId":"hall"}]`)
	<-g.began
	g.let()
	for i := range 7 {
		id := fmt.Sprint(100 + i)
		p := ada.find("an acknowledgement", func(p *packet) bool { return p.kind == '3' })
		if p.id != id {
			t.Fatalf("%s was acknowledged when %s was due", p.id, id)
		}
	}
	seen := ada.must("history", `{"roomId":"hall"}`)
	if len(seen.Messages) != 5 {
		t.Fatalf("%d messages are stored", len(seen.Messages))
	}
	for i, m := range seen.Messages {
		if m.Content != fmt.Sprint(i) {
			t.Errorf("message %d is %q", i, m.Content)
		}
	}
}

// What is asked for waits for the messages before it.
func TestHistoryHasWhatWasSentBefore(t *testing.T) {
	g, held := gather(3)
	n := serve(t, held)
	ada := n.device("ada")
	ada.must("room:create", `{"id":"hall","name":"Hall"}`)
	for i := range 3 {
		ada.emit("room:message", fmt.Sprintf(`{"roomId":"hall","content":"%d"}`, i))
	}
	ada.send(`2100["history",{"roomId":"hall"}]`)
	<-g.began
	g.let()
	p := ada.find("the history", func(p *packet) bool { return p.kind == '3' && p.id == "100" })
	var seen []struct{ Messages []message }
	if err := json.Unmarshal(p.data, &seen); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || len(seen[0].Messages) != 3 {
		t.Errorf("history is %s", p.data)
	}
}

// The number under way is bounded, and none is lost over that.
func TestMessagesUnderWayAreBounded(t *testing.T) {
	const bound, all = 64, 150
	g, held := gather(bound)
	n := serve(t, held)
	ada := n.device("ada")
	ada.must("room:create", `{"id":"hall","name":"Hall"}`)
	for i := range all {
		ada.emit("room:message", fmt.Sprintf(`{"roomId":"hall","content":"%d"}`, i))
	}
	<-g.began
	g.let()
	ada.settle()
	if a := ada.must("history", `{"roomId":"hall","limit":1}`); len(a.Messages) != 1 || a.Messages[0].Content != fmt.Sprint(all-1) {
		t.Errorf("the last message is %+v", a.Messages)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.most != bound {
		t.Errorf("%d messages were under way at once, want %d", g.most, bound)
	}
}

// A connection that is lost takes nothing with it that was started.
func TestMessagesUnderWayOutliveTheirConnection(t *testing.T) {
	g, held := gather(3)
	n := serve(t, held)
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	for i := range 3 {
		ada.emit("room:message", fmt.Sprintf(`{"roomId":"hall","content":"%d"}`, i))
	}
	<-g.began
	open := n.sockets.Connections()
	ada.drop()
	eventually(t, "the loss to be seen", func() bool { return n.sockets.Connections() < open })
	g.let()
	for i := range 3 {
		if m := bob.message("room:message"); m.Content != fmt.Sprint(i) {
			t.Errorf("message %d is %q", i, m.Content)
		}
	}
	eventually(t, "the connection to leave", func() bool {
		return n.count("websocket_connections_total", "status", "disconnected") == 1
	})
	if err := n.gateway.Quiesce(t.Context()); err != nil {
		t.Error(err)
	}
}

// Nobody is forgotten who waits beside another. Today none does: a device's commands and
// its end wait on the one worker that its connection has at a time, and what the store
// tells of an outcome finds the commands before it answered.
func TestTwoWaitForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := new(gateway.UnderWay)
		u.Begin()
		u.Begin()
		var waiting sync.WaitGroup
		for most := range 2 {
			waiting.Go(func() { u.Wait(most) })
			synctest.Wait()
		}
		u.End()
		u.End()
		waiting.Wait() // for ever, and reported, where one is forgotten
		if u.Waited() {
			t.Error("somebody still waits")
		}
	})
}

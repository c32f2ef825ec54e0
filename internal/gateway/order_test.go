package gateway_test

import (
	"fmt"
	"sync"
	"testing"
)

// Every device sees seq n+1 after n, whoever sends at the same time, and who
// joins meanwhile has no hole from then on.
func TestOrderUnderConcurrentSenders(t *testing.T) {
	const senders, each, joiners = 4, 40, 3
	n := serve(t)
	watching := n.device("watcher")
	n.hall(watching)
	var sending []*device
	for i := range senders {
		d := n.device(fmt.Sprintf("sender-%d", i))
		d.must("room:join", `{"roomId":"hall"}`)
		sending = append(sending, d)
	}
	var late []*device
	for i := range joiners {
		late = append(late, n.device(fmt.Sprintf("late-%d", i)))
	}

	var work sync.WaitGroup
	for _, d := range sending {
		work.Go(func() {
			for i := range each {
				d.emit("room:message", fmt.Sprintf(`{"roomId":"hall","content":"%d"}`, i))
			}
			d.settle()
		})
	}
	for _, d := range late {
		work.Go(func() {
			if err := watching.wait(func() bool { return len(watching.packets) > senders*each/3 }); err != nil {
				t.Error(err)
			}
			d.must("room:join", `{"roomId":"hall"}`)
		})
	}
	work.Wait()
	// Nobody is told of one's own joining, which may have been the last event.
	watching.must("room:message", `{"roomId":"hall","content":"end"}`)
	const last = 1 + senders + joiners + senders*each + 1 // the creation of the room is 1

	next := int64(2)
	ownOrder := make(map[string]int)
	for range last - 1 {
		m := watching.logged()
		if m.Seq != next {
			t.Fatalf("seq %d after %d", m.Seq, next-1)
		}
		next++
		if m.Content != "" && m.Content != "end" {
			if m.Content != fmt.Sprint(ownOrder[m.SenderID]) {
				t.Fatalf("%s sent %d, which came as %s", m.SenderID, ownOrder[m.SenderID], m.Content)
			}
			ownOrder[m.SenderID]++
		}
	}
	for _, d := range append(sending, late...) {
		expectRun(t, d, last)
	}
}

// expectRun takes the events of the log that d got, which end with last and
// have no hole.
func expectRun(t *testing.T, d *device, last int64) {
	t.Helper()
	first := d.logged()
	for seq := first.Seq; seq < last; {
		m := d.logged()
		if m.Seq != seq+1 {
			t.Fatalf("seq %d after %d", m.Seq, seq)
		}
		seq = m.Seq
	}
	if first.Seq <= 1 || first.Seq > last {
		t.Errorf("begins at %d", first.Seq)
	}
}

// Both sides of a direct conversation agree on its order, and a device that
// only listens is told in that order.
func TestOrderOfADirectConversation(t *testing.T) {
	const each = 50
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	adas, bobs := n.device("ada"), n.device("bob")
	var work sync.WaitGroup
	for _, side := range []struct {
		d  *device
		to string
	}{{ada, "bob"}, {bob, "ada"}} {
		work.Go(func() {
			for i := range each {
				side.d.emit("message:send", fmt.Sprintf(`{"recipientId":"%s","content":"%d"}`, side.to, i))
			}
			side.d.settle()
		})
	}
	work.Wait()
	for _, d := range []*device{adas, bobs} {
		for seq := int64(1); seq <= 2*each; seq++ {
			if m := d.message("message:received"); m.Seq != seq {
				t.Fatalf("seq %d, want %d", m.Seq, seq)
			}
		}
	}
	// The sending devices have each message once, as sent or as received.
	for _, d := range []*device{ada, bob} {
		seen := make(map[int64]bool)
		for range 2 * each {
			m := d.logged()
			if seen[m.Seq] || m.Seq > 2*each {
				t.Fatalf("seq %d twice", m.Seq)
			}
			seen[m.Seq] = true
		}
	}
}

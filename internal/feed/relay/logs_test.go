package relay_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/relay"
)

// log is what a node says of the only log that it knows of.
func (n *node) log() relay.Log {
	n.world.Helper()
	synctest.Wait()
	all := n.Logs()
	if len(all) != 1 {
		n.world.Fatalf("%s knows of %+v", n.Self(), all)
	}
	return all[0]
}

func TestLogs(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		if logs := slices.Concat(a.Logs(), b.Logs()); len(logs) > 0 {
			t.Errorf("nothing was committed, and there is %+v", logs)
		}
		a.does(message("c"))
		a.does(message("c"))
		if got, want := a.log(), (relay.Log{Writer: 1, Own: true, Taken: 2, Known: 2}); got != want {
			t.Errorf("of its own it says %+v, want %+v", got, want)
		}
		got := b.log()
		if !got.At.Equal(time.Now()) {
			t.Errorf("it is in step since %s, and it is %s", got.At, time.Now())
		}
		got.At = time.Time{}
		if want := (relay.Log{Writer: 1, Node: "node 1", Taken: 2, Known: 2}); got != want {
			t.Errorf("the other one says %+v, want %+v", got, want)
		}

		// Frames are lost and the database is away: heartbeats show how much is missing.
		last := time.Now()
		w.setAway(true)
		a.setSilent(true)
		for range 3 {
			a.does(message("c"))
		}
		synctest.Wait()
		a.setSilent(false)
		time.Sleep(2 * time.Second)
		got = b.log()
		if got.Taken != 2 || got.Known != 5 || got.Behind() != 3 || !got.At.Equal(last) {
			t.Errorf("behind: %+v, the last frame came at %s", got, last)
		}
		w.setAway(false)
		time.Sleep(time.Second)
		if got := b.log(); got.Taken != 5 || got.Behind() != 0 || time.Since(got.At) > relay.DefaultConfig().Beat {
			t.Errorf("at %s it has caught up: %+v", time.Now(), got)
		}
	})
}

// A log that has ended is told of no longer, nor one that the database has forgotten.
func TestLogsThatEnd(t *testing.T) {
	among(t, 3, func(w *world) {
		for _, n := range w.nodes {
			n.does(message("c"))
		}
		synctest.Wait()
		w.nodes[1].setSilent(true) // its heartbeats would speak of a log that nobody has
		w.mu.Lock()
		w.numbers[1] = feed.Ended
		delete(w.numbers, 2)
		w.mu.Unlock()
		time.Sleep(relay.DefaultConfig().Poll)
		if got := w.nodes[0].log(); got.Writer != 3 {
			t.Errorf("it knows of %+v", got)
		}
	})
}

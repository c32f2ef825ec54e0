package relay_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/feed"
)

// among runs a test in a world with some nodes.
func among(t *testing.T, nodes int, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nodes)
		defer w.stop()
		test(w)
	})
}

// told fails unless a node has told these seqs of the conversation c by now, and no others.
func (n *node) toldOf(seqs ...int64) {
	n.world.Helper()
	synctest.Wait()
	if got := n.logged("c"); !slices.Equal(got, seqs) {
		n.world.Errorf("%s has told %v, want %v", n.Self(), got, seqs)
	}
}

// What is committed on one node is told on the others by its frame, without a reading of the log that
// shows it.
func TestFrames(t *testing.T) {
	among(t, 3, func(w *world) {
		a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
		a.does(message("c"))
		b.toldOf(1)
		c.does(message("c"))
		a.does(message("c"), message("c"))
		for _, n := range w.nodes {
			n.toldOf(1, 2, 3, 4)
		}
		if w.reads > 0 {
			t.Errorf("the log was read %d times", w.reads)
		}
	})
}

// A frame that overtakes one of another node waits for it.
func TestOvertaken(t *testing.T) {
	among(t, 3, func(w *world) {
		a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
		a.does(message("c"))
		synctest.Wait()
		a.setSlow(always(10 * time.Millisecond))
		a.does(message("c"))
		b.does(message("c")) // knows nothing of the second one yet
		c.toldOf(1)
		b.toldOf(1)
		time.Sleep(10 * time.Millisecond)
		c.toldOf(1, 2, 3)
		b.toldOf(1, 2, 3)
		if w.reads > 0 {
			t.Errorf("the log was read %d times", w.reads)
		}
	})
}

// A frame that does not come is read from the log, 50 ms after one that shows that it is missing.
func TestLostFrame(t *testing.T) {
	among(t, 3, func(w *world) {
		a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
		a.does(message("c"))
		synctest.Wait()
		a.setSilent(true)
		a.does(message("c"))
		b.does(message("c"))
		c.toldOf(1)
		time.Sleep(49 * time.Millisecond)
		c.toldOf(1)
		time.Sleep(52 * time.Millisecond) // and as long for it, as it may be under way
		c.toldOf(1, 2, 3)
	})
}

// The next frame of a writer shows at once that one is missing.
func TestGapInFrames(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.does(message("c"))
		synctest.Wait()
		a.setSilent(true)
		a.does(message("c"))
		a.does(receipt("c"))
		synctest.Wait()
		b.toldOf(1)
		a.setSilent(false)
		a.does(rename)
		b.toldOf(1, 2)
		b.check()
	})
}

// The loss of the last frame is shown by a heartbeat.
func TestLastFrameLost(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.does(message("c"))
		synctest.Wait()
		a.setSilent(true)
		a.does(message("c"))
		synctest.Wait()
		a.setSilent(false)
		b.toldOf(1)
		time.Sleep(251 * time.Millisecond)
		b.toldOf(1, 2)
	})
}

// A writer that says nothing, as the operator's commands or a node without a broker, is read by the
// poll.
func TestSilentWriter(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.setSilent(true)
		a.does(message("c"), rename)
		time.Sleep(551 * time.Millisecond) // a writer that is new could be about to speak
		b.toldOf(1)
		a.does(message("c"))
		time.Sleep(501 * time.Millisecond)
		b.toldOf(1, 2)
		b.check()
	})
}

// Of a conversation of which this node has told nothing, the first event waits until it is known that
// nothing stands before it.
func TestUnknownConversation(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.does(message("c"))
		a.does(message("c"))
		c := w.join()
		c.toldOf()
		a.setSlow(always(20 * time.Millisecond))
		a.does(message("c"), receipt("c"))
		b.setSlow(always(10 * time.Millisecond))
		b.does(message("c"))
		time.Sleep(10 * time.Millisecond)
		c.toldOf()
		time.Sleep(10 * time.Millisecond)
		c.toldOf(3, 4) // and nothing of before it came
		c.does(message("c"))
		c.toldOf(3, 4, 5)
	})
}

// One that nobody else is writing to does not wait for others.
func TestUnknownConversationAlone(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.does(message("c"))
		a.does(message("c"))
		c := w.join()
		b.setSlow(always(20 * time.Millisecond))
		b.does(message("d"))
		c.does(message("c"))
		c.toldOf(3)
	})
}

// While the database is away, what is not known to be next is held; then it is told.
func TestReadingFails(t *testing.T) {
	among(t, 3, func(w *world) {
		a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
		a.does(message("c"))
		synctest.Wait()
		a.setSilent(true)
		a.does(message("c"))
		w.setAway(true)
		b.does(message("c"))
		before := c.InStep()
		time.Sleep(5 * time.Second)
		c.toldOf(1)
		if since := c.InStep().Sub(before); since > 0 {
			t.Errorf("it was in step for %v without the database", since)
		}
		if c.Waiting() != 1 {
			t.Errorf("%d wait", c.Waiting())
		}
		w.setAway(false)
		time.Sleep(200 * time.Millisecond)
		c.toldOf(1, 2, 3)
		time.Sleep(time.Second)
		if late := time.Since(c.InStep()); late > 501*time.Millisecond {
			t.Errorf("it was in step %v ago", late)
		}
	})
}

func (w *world) setAway(away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away = away
}

// A node that is far behind comes in step, also where the database would take longer for all that is missing than a question
// may.
func TestSlowDatabase(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.setSilent(true)
		many := slices.Repeat([]func(*world, *feed.Facts){message("c")}, 100)
		for range 70 {
			a.does(many...)
		}
		w.mu.Lock()
		w.slow = 9 * time.Millisecond // all that one reading shows would take longer than a question may
		w.mu.Unlock()
		time.Sleep(2 * time.Minute)
		b.toldOf(upTo(7000)...)
	})
}

// A commit whose node does not come to publish it is told on the others, and on itself when it does
// it is not told again.
func TestCommitOfUnknownOutcome(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.does(message("c"))
		facts := a.commit(message("c"), receipt("c"))
		time.Sleep(2 * time.Second)
		b.toldOf(1, 2)
		a.toldOf(1, 2)
		a.Publish(facts)
		a.does(message("c"))
		a.toldOf(1, 2, 3)
		b.toldOf(1, 2, 3)
		a.check()
		b.check()
	})
}

// Flush waits for what is held, and Leave tells it.
func TestFlushAndLeave(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.does(message("c"))
		synctest.Wait()
		a.setSilent(true)
		a.does(message("c"))
		b.does(message("c"))
		if err := b.Flush(w.Context()); err != nil {
			t.Fatal(err)
		}
		b.toldOf(1, 2, 3)
		w.setAway(true)
		a.does(message("c"))
		b.does(message("c"))
		b.toldOf(1, 2, 3)
		b.Leave()
		b.toldOf(1, 2, 3, 5) // with a hole that devices see
	})
}

// Commits that are kept no longer are said to be lost, and what comes then is told.
func TestLostCommits(t *testing.T) {
	among(t, 2, func(w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.does(message("c"))
		time.Sleep(600 * time.Millisecond)
		a.setSilent(true)
		w.setAway(true)
		a.does(message("c"))
		a.does(message("c"))
		time.Sleep(time.Minute)
		w.forget(a.id)
		w.setAway(false)
		a.setSilent(false)
		time.Sleep(600 * time.Millisecond)
		a.does(message("c"))
		time.Sleep(600 * time.Millisecond)
		b.toldOf(1, 4)
		if len(b.lost) != 1 || time.Since(b.lost[0]) < time.Minute {
			t.Errorf("lost since %v", b.lost)
		}
	})
}

// forget has the log keep nothing of a writer.
func (w *world) forget(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commits[id] = nil
	w.forgotten = map[int64]int64{id: w.numbers[id]}
}

// Whatever is lost, late and away: every node tells the whole log of each conversation in order, and
// everything else once.
func TestManyNodesAndFaults(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			among(t, 3, func(w *world) { everythingAtOnce(w, rand.New(rand.NewPCG(seed, 16))) })
		})
	}
}

func everythingAtOnce(w *world, random *rand.Rand) {
	var mu sync.Mutex // of random
	draw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	kinds := []func(*world, *feed.Facts){
		message("c"), message("c"), message("d"), message("e"), receipt("c"), rename,
	}
	for i := range 5 {
		kinds = append(kinds, message(fmt.Sprint("rare ", i)))
	}
	var work sync.WaitGroup
	for _, n := range w.nodes {
		n.setSlow(func() time.Duration { return time.Duration(draw(15)) * time.Millisecond })
		n.lose = func() bool { return draw(8) == 0 } // nothing is sent yet
		work.Go(func() {
			for range 150 {
				time.Sleep(time.Duration(draw(12)) * time.Millisecond)
				var happens []func(*world, *feed.Facts)
				for range draw(4) {
					happens = append(happens, kinds[draw(len(kinds))])
				}
				facts := n.commit(happens...)
				if draw(10) == 0 { // the answer to COMMIT is late
					time.Sleep(time.Duration(draw(200)) * time.Millisecond)
				}
				if len(happens) > 0 {
					n.Publish(facts)
				}
			}
		})
	}
	work.Go(func() {
		for range 5 {
			time.Sleep(time.Duration(draw(300)) * time.Millisecond)
			w.setAway(true)
			time.Sleep(time.Duration(draw(150)) * time.Millisecond)
			w.setAway(false)
		}
	})
	work.Wait()
	time.Sleep(3 * time.Second)
	synctest.Wait()
	for _, n := range w.nodes {
		n.check()
	}
}

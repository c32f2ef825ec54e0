package cluster

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var quietLog = slog.New(slog.DiscardHandler)

// In these tests the time is that of the test alone, and passes while all wait.

func wants(t *testing.T, w *witness, want ...string) {
	t.Helper()
	synctest.Wait()
	if told := w.takes(); !slices.Equal(told, want) {
		t.Fatalf("%s was told\n\t%s\nand not\n\t%s", w.Self(), strings.Join(told, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func alive(t *testing.T, w *witness, want ...string) {
	t.Helper()
	if ids := w.Alive(); !slices.Equal(ids, want) {
		t.Fatalf("for %s those are alive: %v, and not %v", w.Self(), ids, want)
	}
}

// pair starts two nodes that know each other.
func pair(t *testing.T) (air *ether, a, b *witness) {
	t.Helper()
	air = &ether{}
	a = start(t, "a", secret, Path{"air", air.end()})
	b = start(t, "b", secret, Path{"air", air.end()})
	time.Sleep(time.Second)
	synctest.Wait()
	alive(t, a, "b")
	alive(t, b, "a")
	a.takes()
	b.takes()
	return air, a, b
}

func TestNodesHearEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air := &ether{}
		a := start(t, "a", secret, Path{"air", air.end()})
		wants(t, a, "missed") // what was before is not known
		b := start(t, "b", secret, Path{"air", air.end()})
		// No second passes: who comes is answered.
		wants(t, a, "joined b")
		wants(t, b, "missed", "joined a")
		a.Send("word", []byte("one"))
		a.Send("other", []byte("two"))
		a.Send("word", nil)
		b.Send("word", []byte("three"))
		wants(t, a, "b word three")
		wants(t, b, "a word one", "a other two", "a word ")
		c := start(t, "c", secret, Path{"air", air.end()})
		// Both have sent something before, which c has not heard. It is not said which answers first.
		synctest.Wait()
		told := c.takes()
		slices.Sort(told)
		if want := []string{"joined a", "joined b", "missed", "missed", "missed"}; !slices.Equal(told, want) {
			t.Fatalf("c was told %q", told)
		}
		c.Send("word", []byte("four"))
		wants(t, a, "joined c", "c word four")
		wants(t, b, "joined c", "c word four")
		alive(t, a, "b", "c")
		c.end()
		wants(t, a, "gone c")
		wants(t, b, "gone c")
		alive(t, a, "b")
		if got := b.Traffic(); got.Sent != 1 || got.Heard != 4 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestSilentNodeIsGoneWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air, a, b := pair(t)
		air.losing(func(from, to *end, _ []byte) bool { return from == air.ends[1] && to != from })
		time.Sleep(3400 * time.Millisecond) // the last beat is at most a second old
		wants(t, a)
		alive(t, a, "b")
		time.Sleep(1600 * time.Millisecond)
		wants(t, a, "gone b")
		alive(t, a)
		wants(t, b) // who hears all the same
		b.Send("word", []byte("to nobody"))
		air.losing(nil)
		time.Sleep(time.Second)
		// It is known how far it was, so that what is lost shows.
		wants(t, a, "joined b")
		b.Send("word", []byte("again"))
		wants(t, a, "missed", "b word again")
	})
}

// Who falls silent is told of for ten minutes, with when that was; who says that it goes is not.
func TestLastHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air, a, b := pair(t)
		began := time.Now()
		heard := func() time.Time { t.Helper(); synctest.Wait(); return a.LastHeard()["b"] }
		if at := heard(); began.Sub(at) > beatEvery {
			t.Errorf("it is alive and was heard of at %s, it is %s", at, began)
		}
		air.losing(func(from, to *end, _ []byte) bool { return from == air.ends[1] && to != from })
		last := heard()
		time.Sleep(10 * time.Second)
		wants(t, a, "gone b")
		if at := heard(); !at.Equal(last) {
			t.Errorf("it was heard of at %s, and not at %s", last, at)
		}
		time.Sleep(missedFor)
		if at := heard(); !at.IsZero() {
			t.Errorf("it was heard of at %s, and is told of still at %s", at, time.Now())
		}
		air.losing(nil)
		time.Sleep(beatEvery)
		if at := heard(); time.Since(at) > beatEvery {
			t.Errorf("it is back, and was heard of %s ago", time.Since(at))
		}
		b.end()
		if at := heard(); !at.IsZero() {
			t.Errorf("it has said that it goes, and is told of since %s", at)
		}
	})
}

func TestNodeThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air, a, b := pair(t)
		var late [][]byte
		air.losing(func(from, to *end, payload []byte) bool {
			if from == air.ends[1] && to == air.ends[0] {
				late = append(late, payload)
				return true
			}
			return false
		})
		b.Send("word", []byte("before the end"))
		b.end()
		air.losing(nil)
		end := late[len(late)-1]
		air.ends[0].in <- end
		wants(t, a, "missed", "gone b")
		for _, payload := range late {
			air.ends[0].in <- payload
		}
		wants(t, a) // nobody takes it for a node that is back
		alive(t, a)
	})
}

// A node alone sends nothing but beats, and who comes learns that there was something.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air := &ether{}
		sent := 0
		air.losing(func(_, _ *end, payload []byte) bool {
			if strings.Contains(string(payload), "to nobody") {
				sent++
			}
			return false
		})
		a := start(t, "a", secret, Path{"air", air.end()})
		wants(t, a, "missed")
		for range 3 {
			a.Send("word", []byte("to nobody"))
		}
		b := start(t, "b", secret, Path{"air", air.end()})
		wants(t, b, "missed", "joined a", "missed")
		a.Send("word", []byte("to somebody"))
		wants(t, b, "a word to somebody")
		if sent != 0 {
			t.Errorf("%d frames were sent to nobody", sent)
		}
	})
}

func TestLostFramesShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air, a, b := pair(t)
		b.Send("word", []byte("1"))
		wants(t, a, "b word 1")
		air.losing(func(_, _ *end, payload []byte) bool { return strings.Contains(string(payload), "lost") })
		b.Send("word", []byte("lost 2"))
		b.Send("word", []byte("lost 3"))
		b.Send("word", []byte("4"))
		wants(t, a, "missed", "b word 4")
		b.Send("word", []byte("lost 5")) // nothing comes behind it
		time.Sleep(2500 * time.Millisecond)
		wants(t, a, "missed") // by the second beat: at the first it might be on its way
		time.Sleep(time.Minute)
		wants(t, a)
		b.Send("word", []byte("6"))
		wants(t, a, "b word 6")
		if got := a.Traffic(); got.Heard != 3 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestWhatIsNotTheClusters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air, a, b := pair(t)
		stranger := start(t, "c", "a secret of another cluster, which is as long as it must be", Path{"air", air.end()})
		synctest.Wait()
		stranger.members.here("somebody", &member{}, time.Now()) // so that it sends
		stranger.Send("word", []byte("forged"))
		wants(t, a)
		alive(t, a, "b")
		if got := a.Traffic(); got.Forged < 2 { // its beat too
			t.Fatalf("%+v", got)
		}
		stranger.end()
		synctest.Wait()
		was := a.Traffic()

		send := func(change func(payload []byte) []byte) {
			payload := a.sealer.seal(&frame{from: "b", n: 1000, at: time.Now(), kind: "word", body: []byte("x")})
			air.ends[0].in <- change(payload)
			synctest.Wait()
		}
		for i := range 5 {
			send(func(p []byte) []byte { p[len(p)-1-i] ^= 1; return p }) // another body, or kind
		}
		send(func(p []byte) []byte { p[5] ^= 0x80; return p })
		send(func(p []byte) []byte { return p[:20] })
		send(func([]byte) []byte { return nil })
		if got := a.Traffic(); got.Forged-was.Forged != 8 {
			t.Fatalf("%+v", got)
		}
		send(func(p []byte) []byte { p[0] = version + 1; return p })
		if got := a.Traffic(); got.Unknown-was.Unknown != 1 {
			t.Fatalf("%+v", got)
		}
		wants(t, a)

		b.Send("a kind that comes later", []byte("x"))
		b.Send("word", []byte("known"))
		wants(t, a, "b word known")
		if got := a.Traffic(); got.Unknown-was.Unknown != 2 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestOldFramesAreNotHeardAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air, a, b := pair(t)
		var recorded [][]byte
		air.losing(func(from, to *end, payload []byte) bool {
			if from == air.ends[1] && to == air.ends[0] {
				recorded = append(recorded, payload)
			}
			return false
		})
		b.Send("word", []byte("once"))
		time.Sleep(2 * time.Second)
		wants(t, a, "b word once")
		air.losing(nil)
		replay := func() {
			for _, payload := range recorded {
				air.ends[0].in <- payload
			}
		}
		replay()
		wants(t, a)
		b.end()
		wants(t, a, "gone b")
		replay()
		wants(t, a)
		// A node that has come later knows nothing of that one, but what time it is.
		c := start(t, "c", secret, Path{"air", air.end()})
		wants(t, a, "joined c")
		wants(t, c, "missed", "joined a")
		time.Sleep(astray + time.Minute)
		for _, payload := range recorded {
			air.ends[2].in <- payload
		}
		wants(t, c)
		if got := c.Traffic(); got.Astray != uint64(len(recorded)) {
			t.Fatalf("%+v, %d were replayed", got, len(recorded))
		}
	})
}

// Nobody is gone because nothing can be heard.
func TestNothingWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air, a, b := pair(t)
		for _, end := range air.ends {
			end.cut()
		}
		time.Sleep(time.Hour)
		wants(t, a)
		alive(t, a, "b")
		a.Send("word", []byte("lost"))
		air.ends[0].mend()
		time.Sleep(3300 * time.Millisecond)
		wants(t, a, "missed")
		alive(t, a, "b")
		time.Sleep(2 * time.Second)
		wants(t, a, "gone b")
		air.ends[1].mend()
		wants(t, a, "joined b")
		wants(t, b, "missed")
		time.Sleep(3 * time.Second)
		wants(t, b, "missed") // the word is
	})
}

// A process that was stopped for long finds old news of all others.
func TestAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := pair(t)
		w := watch{looked: time.Now().Add(-time.Minute), beat: time.Now()}
		a.members.excuse(-time.Minute) // as if a minute had passed
		a.look(&w, time.Now())
		wants(t, a)
		alive(t, a, "b")
	})
}

func TestSecondPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast, slow := &ether{}, &ether{}
		var nodes []*witness
		for i := range 3 {
			nodes = append(nodes, start(t, fmt.Sprint("n", i), secret, Path{"fast", fast.end()}, Path{"slow", slow.end()}))
		}
		a, b, c := nodes[0], nodes[1], nodes[2]
		time.Sleep(time.Second)
		synctest.Wait()
		bySlow := 0
		slow.losing(func(_, _ *end, payload []byte) bool {
			if strings.Contains(string(payload), "word") {
				bySlow++
			}
			return false
		})
		say := func(word string) {
			t.Helper()
			for _, w := range nodes {
				synctest.Wait()
				w.takes()
			}
			for i := range 3 {
				a.Send("word", fmt.Append(nil, word, i))
			}
			wants(t, b, "n0 word "+word+"0", "n0 word "+word+"1", "n0 word "+word+"2")
			wants(t, c, "n0 word "+word+"0", "n0 word "+word+"1", "n0 word "+word+"2")
		}
		say("all works")
		if bySlow != 0 {
			t.Fatalf("%d frames took the slow path, too", bySlow)
		}
		fast.ends[2].cut() // c hears by the slow one alone, and says so
		time.Sleep(time.Second)
		say("one is cut off")
		if bySlow == 0 {
			t.Fatal("no frame took the slow path")
		}
		for _, end := range fast.ends[:2] {
			end.cut()
		}
		say("the fast one is away") // that very moment
		time.Sleep(time.Minute)
		alive(t, a, "n1", "n2")
		alive(t, c, "n0", "n1")
		for _, end := range fast.ends {
			end.mend()
		}
		time.Sleep(time.Second)
		bySlow = 0
		say("all works again")
		if bySlow != 0 {
			t.Fatalf("%d frames took the slow path, too", bySlow)
		}
		fast.ends[0].cut()
		slow.ends[1].cut() // no path is everybody's: frames take both
		time.Sleep(time.Second)
		fast.ends[0].mend()
		time.Sleep(time.Second)
		fast.ends[2].cut()
		time.Sleep(time.Second)
		say("both")
	})
}

// A node that is set up without the fast path is heard, and hears.
func TestOtherPaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast, slow := &ether{}, &ether{}
		a := start(t, "a", secret, Path{"fast", fast.end()}, Path{"slow", slow.end()})
		b := start(t, "b", secret, Path{"slow", slow.end()})
		time.Sleep(time.Second)
		synctest.Wait()
		a.takes()
		b.takes()
		a.Send("word", []byte("x"))
		b.Send("word", []byte("y"))
		wants(t, b, "a word x")
		wants(t, a, "b word y")
	})
}

func TestConfigIsChecked(t *testing.T) {
	path := Path{"air", (&ether{}).end()}
	for want, cfg := range map[string]Config{
		"id":      {Secret: secret, Paths: []Path{path}, Log: quietLog},
		"secret":  {ID: "a", Secret: "short", Paths: []Path{path}, Log: quietLog},
		"path":    {ID: "a", Secret: secret, Paths: []Path{}, Log: quietLog},
		"missing": {ID: "a", Secret: secret, Paths: []Path{path}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, which does not say %q", err, want)
		}
	}
}

func TestChannel(t *testing.T) {
	one, other := Channel(secret), Channel(secret+"!")
	if one == other || one != Channel(secret) || !strings.HasPrefix(one, "sockeye-") || len(one) > 63 {
		t.Fatalf("%s, %s", one, other)
	}
}

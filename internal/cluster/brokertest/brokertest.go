// Package brokertest is what every [cluster.Broker] must pass.
package brokertest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
)

// Soon is how long anything may take on a busy machine.
const Soon = 30 * time.Second

// Brokers makes what is to be tested.
type Brokers struct {
	// New returns a broker in a channel.
	New func(t *testing.T, channel string) cluster.Broker
	// Break breaks all connections, and lets others be made.
	Break func(t *testing.T)
}

// Run runs all tests.
func Run(t *testing.T, b Brokers) {
	t.Run("in order, once", b.inOrder)
	t.Run("any bytes", b.anyBytes)
	t.Run("large", b.large)
	t.Run("many senders", b.manySenders)
	t.Run("channels", b.channels)
	t.Run("missed", b.missed)
	t.Run("last words", b.lastWords)
	t.Run("nobody listens", b.nobody)
}

// Listener is a broker that is listened to, and what it has heard.
type Listener struct {
	cluster.Broker
	stop func()

	mu     sync.Mutex
	heard  [][]byte
	missed int
	news   chan struct{}
}

// Listen listens until the test ends, or Stop. It returns once the broker works.
func Listen(t *testing.T, b cluster.Broker) *Listener {
	t.Helper()
	l := &Listener{Broker: b, news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Listen(ctx, func(payload []byte) {
			l.note(func() { l.heard = append(l.heard, payload) })
		}, func() {
			l.note(func() { l.missed++ })
		})
	}()
	l.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(l.stop)
	l.Until(t, "the broker works", func() bool { return l.Missed() > 0 && b.Working() })
	return l
}

// Stop returns when nothing is heard any more.
func (l *Listener) Stop() { l.stop() }

func (l *Listener) note(change func()) {
	l.mu.Lock()
	change()
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// Heard are all payloads so far.
func (l *Listener) Heard() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

// Missed is how often payloads may have been missed so far.
func (l *Listener) Missed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.missed
}

// Until waits until something is so.
func (l *Listener) Until(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.After(Soon)
	again := time.NewTicker(10 * time.Millisecond) // for what is so without news
	defer again.Stop()
	for !so() {
		select {
		case <-l.news:
		case <-again.C:
		case <-deadline:
			t.Fatalf("not within %v: %s; %d heard, %d times missed, %+v", Soon, what, len(l.Heard()), l.Missed(), l.Counts())
		}
	}
}

// Hears waits until a payload is heard that another broker publishes again and again.
func (l *Listener) Hears(t *testing.T, from *Listener, payload []byte) {
	t.Helper()
	l.Until(t, string(payload), func() bool {
		from.Publish(payload)
		return slices.ContainsFunc(l.Heard(), func(p []byte) bool { return bytes.Equal(p, payload) })
	})
}

// wants waits until payloads are heard, and nothing else, and returns true. What comes, comes in order and once. Some may
// be missing where a connection broke or something was dropped, which brokers may do at any time, and must say: false then.
func (l *Listener) wants(t *testing.T, from *Listener, payloads [][]byte) bool {
	t.Helper()
	lost := func() bool { return l.Missed() > 1 || from.Missed() > 1 || from.Counts().Dropped > 0 }
	l.Until(t, fmt.Sprintf("%d payloads", len(payloads)), func() bool { return len(l.Heard()) >= len(payloads) || lost() })
	rest := payloads
	for i, heard := range l.Heard() {
		at := slices.IndexFunc(rest, func(p []byte) bool { return bytes.Equal(p, heard) })
		if at < 0 || at > 0 && !lost() {
			t.Fatalf("payload %d that was heard is not the next that was published", i)
		}
		rest = rest[at+1:]
	}
	return len(rest) == 0
}

// again does something with new brokers until nothing was lost meanwhile.
func again(t *testing.T, whole func(t *testing.T) bool) {
	t.Helper()
	const most = 5
	for range most {
		if whole(t) {
			return
		}
	}
	t.Fatalf("something was lost each of %d times", most)
}

// channel is one that no other test uses.
func channel() string { return fmt.Sprintf("sockeye-%016x", rand.Uint64()) }

func (b Brokers) pair(t *testing.T) (one, other *Listener) {
	c := channel()
	return Listen(t, b.New(t, c)), Listen(t, b.New(t, c))
}

// reaches publishes payloads at one broker, of which another one hears.
func (b Brokers) reaches(t *testing.T, sent [][]byte) (one *Listener, whole bool) {
	t.Helper()
	one, other := b.pair(t)
	for _, payload := range sent {
		one.Publish(payload)
	}
	return one, other.wants(t, one, sent)
}

func (b Brokers) inOrder(t *testing.T) {
	var sent [][]byte
	for i := range 5000 {
		sent = append(sent, fmt.Appendf(nil, "payload %d %s", i, strings.Repeat("x", i%300)))
	}
	again(t, func(t *testing.T) bool {
		one, whole := b.reaches(t, sent)
		if whole { // what was heard may not count as sent yet
			one.Until(t, "all that was heard counts as published", func() bool { return one.Counts().Published == uint64(len(sent)) })
		}
		return whole
	})
}

func (b Brokers) anyBytes(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	again(t, func(t *testing.T) bool {
		_, whole := b.reaches(t, [][]byte{every, {0}, {0xff, 0xfe}, []byte("same"), []byte("same"), []byte("same"), []byte("'; --\r\n$1"), {}})
		return whole
	})
}

func (b Brokers) large(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	var sent [][]byte
	for _, size := range []int{5_000, 7_000, 8_000, 9_000, 100_000, 3_000_000, 1, 256 << 10} {
		payload := make([]byte, size)
		_, _ = random.Read(payload)
		sent = append(sent, payload)
	}
	again(t, func(t *testing.T) bool {
		one, whole := b.reaches(t, sent)
		before := one.Counts().Dropped
		one.Publish(make([]byte, 64<<20)) // more than anybody would keep
		if dropped := one.Counts().Dropped; dropped == before {
			t.Fatal("a payload of 64 MiB was taken")
		}
		return whole
	})
}

func (b Brokers) manySenders(t *testing.T) { again(t, b.fourSenders) }

func (b Brokers) fourSenders(t *testing.T) (whole bool) {
	c := channel()
	const senders, each = 4, 500
	var all []*Listener
	for range senders {
		all = append(all, Listen(t, b.New(t, c)))
	}
	lost := func() bool {
		return slices.ContainsFunc(all, func(l *Listener) bool { return l.Missed() > 1 || l.Counts().Dropped > 0 })
	}
	var sending sync.WaitGroup
	for s, sender := range all {
		sending.Go(func() {
			for i := range each {
				sender.Publish(fmt.Appendf(nil, "%d %d %s", s, i, strings.Repeat("y", i*10)))
			}
		})
	}
	sending.Wait()
	for at, l := range all {
		next, looked := make([]int, senders), 0
		l.Until(t, "all of all senders", func() bool {
			for _, payload := range l.Heard()[looked:] {
				looked++
				var from, i int
				if _, err := fmt.Sscanf(string(payload), "%d %d", &from, &i); err != nil {
					t.Fatalf("%q was heard", payload)
				}
				if i < next[from] || i > next[from] && !lost() {
					t.Fatalf("of sender %d number %d was heard where %d was to come", from, i, next[from])
				}
				next[from] = i + 1
			}
			for s := range all {
				if s != at && next[s] < each { // its own may come or not
					return lost()
				}
			}
			return true
		})
	}
	return !lost()
}

func (b Brokers) channels(t *testing.T) {
	again(t, func(t *testing.T) bool {
		one, other := b.pair(t)
		apart := Listen(t, b.New(t, channel()))
		sent := [][]byte{[]byte("to the other"), []byte("once more")}
		apart.Publish([]byte("to nobody"))
		one.Publish(sent[0])
		whole := other.wants(t, one, sent[:1])
		apart.Publish([]byte("again"))
		apart.Until(t, "it is sent", func() bool { return apart.Counts().Published+apart.Counts().Dropped == 2 })
		one.Publish(sent[1])
		whole = whole && other.wants(t, one, sent)
		for _, payload := range apart.Heard() {
			if text := string(payload); text != "to nobody" && text != "again" {
				t.Fatalf("%q was heard in another channel", text)
			}
		}
		return whole
	})
}

// missed: whoever was cut off learns it, and goes on.
func (b Brokers) missed(t *testing.T) {
	one, other := b.pair(t)
	for i := range 3 {
		were := []int{one.Missed(), other.Missed()}
		b.Break(t)
		for at, l := range []*Listener{one, other} {
			l.Until(t, "it is said that something may be missing", func() bool { return l.Missed() > were[at] })
		}
		word := fmt.Appendf(nil, "after %d", i)
		other.Hears(t, one, word)
		one.Hears(t, other, word)
	}
}

// lastWords: what is published before the end is sent.
func (b Brokers) lastWords(t *testing.T) {
	var sent [][]byte
	for i := range 100 {
		sent = append(sent, fmt.Appendf(nil, "%d", i))
	}
	again(t, func(t *testing.T) bool {
		one, other := b.pair(t)
		for _, payload := range sent {
			one.Publish(payload)
		}
		worked := one.Since()
		one.Stop()
		if since := one.Since(); !since.After(worked) {
			t.Errorf("it has not worked since %s, and had worked since %s", since, worked)
		}
		if !other.wants(t, one, sent) {
			return false
		}
		before := one.Counts().Dropped
		one.Publish([]byte("too late"))
		if c := one.Counts(); one.Working() || c.Dropped != before+1 {
			t.Fatalf("it works: %v, %+v", one.Working(), c)
		}
		return true
	})
}

// nobody: a broker that nobody listens to drops, and does not wait.
func (b Brokers) nobody(t *testing.T) {
	broker := b.New(t, channel())
	for range 100 {
		broker.Publish(make([]byte, 1<<20))
	}
	if c := broker.Counts(); c.Dropped != 100 || broker.Working() {
		t.Fatalf("%+v, works: %v", c, broker.Working())
	}
}

// Bench measures one payload to the broker and to another one that listens, and how many there are in a second of
// those that are published at once.
func Bench(b *testing.B, from, to cluster.Broker) {
	heard := make(chan []byte, 1<<16)
	listening := make(chan struct{}, 2)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { from.Listen(ctx, func([]byte) {}, func() { listening <- struct{}{} }) })
	running.Go(func() { to.Listen(ctx, func(payload []byte) { heard <- payload }, func() { listening <- struct{}{} }) })
	defer running.Wait()
	defer cancel()
	<-listening
	<-listening
	for _, size := range []int{200, 2_000, 20_000} {
		payload := make([]byte, size)
		b.Run(fmt.Sprintf("one/%d", size), func(b *testing.B) {
			for b.Loop() {
				from.Publish(payload)
				<-heard
			}
		})
		b.Run(fmt.Sprintf("hundred/%d", size), func(b *testing.B) {
			for b.Loop() {
				for range 100 {
					from.Publish(payload)
				}
				for range 100 {
					<-heard
				}
			}
			b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "payloads/s")
		})
	}
}

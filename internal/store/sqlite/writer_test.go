package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// gate stands before the commits of a store. Each commit reports its arrival
// and waits for a verdict: nil lets it through, an error is its outcome.
type gate struct {
	arrived  chan struct{}
	verdicts chan error
	open     atomic.Bool
}

func openGated(t *testing.T, change func(*sqlite.Config), sink chat.Sink) (*sqlite.Store, *gate) {
	t.Helper()
	g := &gate{arrived: make(chan struct{}), verdicts: make(chan error)}
	cfg := sqlite.DefaultConfig(t.TempDir())
	change(&cfg)
	s, err := sqlite.OpenAroundCommit(t.Context(), cfg, sink, func(commit func() error) error {
		if g.open.Load() {
			return commit()
		}
		g.arrived <- struct{}{}
		if err := <-g.verdicts; err != nil {
			return err
		}
		return commit()
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, g
}

func unchanged(*sqlite.Config) {}

// waitQueued returns when n commands wait in the queue.
func waitQueued(t *testing.T, s *sqlite.Store, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); s.Stats().Queued != n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d commands wait, want %d", s.Stats().Queued, n)
		}
	}
}

// call is an append that runs beside the test.
func call(ctx context.Context, s *sqlite.Store, id string) chan error {
	done := make(chan error, 1)
	go func() {
		_, err := s.AppendMessage(ctx, message(id, id))
		done <- err
	}()
	return done
}

func silent(t *testing.T, what string, done chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("%s was answered: %v", what, err)
	default:
	}
}

func ids(messages []chat.Message) string {
	text := ""
	for _, m := range messages {
		text += fmt.Sprintf("%s=%d ", m.ID, m.Seq)
	}
	return text
}

func TestStalledCommitYieldsNoAnswerAndNoEvent(t *testing.T) {
	var published atomic.Int64
	s, g := openGated(t, unchanged, func(events []chat.Event) { published.Add(int64(len(events))) })
	closeAtEnd(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	first := call(ctx, s, "m1")
	<-g.arrived
	second := call(t.Context(), s, "m2")
	waitQueued(t, s, 1)
	cancel() // too late: the outcome of what is under way is waited for
	silent(t, "a message whose commit stalls", first)
	silent(t, "a message behind a stalled commit", second)
	if n := published.Load(); n != 0 {
		t.Errorf("%d events were published before the commit", n)
	}
	if got := history(t, s); len(got) != 0 {
		t.Errorf("readers see %s before the commit", ids(got))
	}
	g.open.Store(true)
	g.verdicts <- nil
	if err := errors.Join(<-first, <-second); err != nil {
		t.Fatal(err)
	}
	if got := ids(history(t, s)); got != "m1=1 m2=2 " {
		t.Errorf("stored: %s", got)
	}
	if n := published.Load(); n != 2 {
		t.Errorf("%d events were published, want 2", n)
	}
}

func TestFailedCommitFailsItsWholeBatchAndNothingElse(t *testing.T) {
	var published []chat.Event // the writer's, until Close
	s, g := openGated(t, unchanged, func(events []chat.Event) { published = append(published, events...) })
	first := call(t.Context(), s, "m1")
	<-g.arrived
	batch := []chan error{call(t.Context(), s, "m2"), call(t.Context(), s, "m3"), call(t.Context(), s, "m4")}
	waitQueued(t, s, 3)
	g.verdicts <- nil
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	<-g.arrived
	broken := errors.New("disk on fire")
	g.verdicts <- broken
	for _, done := range batch {
		if err := <-done; !errors.Is(err, broken) {
			t.Errorf("a message of the failed batch: error %v", err)
		}
	}
	g.open.Store(true)
	if err := <-call(t.Context(), s, "m5"); err != nil {
		t.Fatal(err)
	}
	if got := ids(history(t, s)); got != "m1=1 m5=2 " {
		t.Errorf("stored: %s", got)
	}
	stats := s.Stats()
	if stats.Batches != 3 || stats.Commands != 5 || stats.LargestBatch != 3 || stats.FailedBatches != 1 {
		t.Errorf("stats: %+v", stats)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(published) != 2 || published[0].Message.ID != "m1" || published[1].Message.ID != "m5" {
		t.Errorf("published: %+v", published)
	}
}

func TestFailingCommandHarmsNoNeighbour(t *testing.T) {
	broken := errors.New("a fault")
	wreck := `INSERT INTO users (id, name, created_at) VALUES ('ghost', '', 0)`
	for name, test := range map[string]struct {
		statements []string
		want       string // outcome of the neighbours
	}{
		"an error after a write":   {[]string{wreck}, "m1=1 m2=2 m3=3 "},
		"a violated constraint":    {[]string{wreck, wreck}, "m1=1 m2=2 m3=3 "},
		"the transaction was lost": {[]string{wreck, "ROLLBACK"}, "m1=1 "},
	} {
		t.Run(name, func(t *testing.T) {
			s, g := openGated(t, unchanged, func(events []chat.Event) {
				for _, e := range events {
					if e.Kind != chat.MessageCreated {
						t.Errorf("published: %+v", e)
					}
				}
			})
			closeAtEnd(t, s)
			first := call(t.Context(), s, "m1")
			<-g.arrived
			// In the queue behind one another, and so in one batch.
			second := call(t.Context(), s, "m2")
			waitQueued(t, s, 1)
			failing := make(chan error, 1)
			go func() { failing <- s.Break(context.Background(), broken, test.statements...) }()
			waitQueued(t, s, 2)
			third := call(t.Context(), s, "m3")
			waitQueued(t, s, 3)
			g.open.Store(true)
			g.verdicts <- nil
			if <-failing == nil {
				t.Error("the failing command succeeded")
			}
			if err := <-first; err != nil {
				t.Error(err)
			}
			lost := <-second != nil
			if lost != (<-third != nil) || lost != (name == "the transaction was lost") {
				t.Errorf("the neighbours were lost: %v", lost)
			}
			if got := ids(history(t, s)); got != test.want {
				t.Errorf("stored: %s, want %s", got, test.want)
			}
			ghost, found, err := s.Accounts(func([]account.Event) {}).User(t.Context(), "ghost")
			if err != nil || found {
				t.Errorf("the failing command left something: %+v, error %v", ghost, err)
			}
		})
	}
}

// A command that panics is refused. Its neighbours do not notice.
func TestPanicOfACommand(t *testing.T) {
	s, g := openGated(t, unchanged, func(events []chat.Event) {
		for _, e := range events {
			if e.Kind != chat.MessageCreated {
				t.Errorf("published: %+v", e)
			}
		}
	})
	closeAtEnd(t, s)
	first := call(t.Context(), s, "m1")
	<-g.arrived
	panicking := make(chan error, 1)
	go func() {
		panicking <- s.Panic(context.Background(), "nobody writes", `INSERT INTO users (id, name, created_at) VALUES ('ghost', 'Ghost', 1)`)
	}()
	waitQueued(t, s, 1)
	second := call(t.Context(), s, "m2") // in one batch with it
	waitQueued(t, s, 2)
	g.open.Store(true)
	g.verdicts <- nil
	if err := <-panicking; err == nil || !strings.Contains(err.Error(), "nobody writes") {
		t.Errorf("the command that panics: %v", err)
	}
	if err := errors.Join(<-first, <-second, <-call(t.Context(), s, "m3")); err != nil {
		t.Error(err)
	}
	if got := ids(history(t, s)); got != "m1=1 m2=2 m3=3 " {
		t.Errorf("stored: %s", got)
	}
	if ghost, found, err := s.Accounts(func([]account.Event) {}).User(t.Context(), "ghost"); err != nil || found {
		t.Errorf("the command left something: %+v, error %v", ghost, err)
	}
}

func TestAbandonedCommandIsNotStored(t *testing.T) {
	s, g := openGated(t, func(c *sqlite.Config) { c.QueueSize = 1 }, discard)
	closeAtEnd(t, s)
	first := call(t.Context(), s, "m1")
	<-g.arrived
	ctx, cancel := context.WithCancel(t.Context())
	queued := call(ctx, s, "m2")
	waitQueued(t, s, 1)
	outside := call(ctx, s, "m3") // waits for a place in the full queue
	cancel()
	for _, done := range []chan error{queued, outside} {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	}
	g.open.Store(true)
	g.verdicts <- nil
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if err := <-call(t.Context(), s, "m4"); err != nil {
		t.Fatal(err)
	}
	if got := ids(history(t, s)); got != "m1=1 m4=2 " {
		t.Errorf("stored: %s", got)
	}
}

func TestCloseDrainsTheQueue(t *testing.T) {
	dir := ""
	s, g := openGated(t, func(c *sqlite.Config) { dir, c.MaxBatch = c.Dir, 2 }, discard)
	calls := []chan error{call(t.Context(), s, "m1")}
	<-g.arrived
	for i := range 5 {
		calls = append(calls, call(t.Context(), s, fmt.Sprint("m", i+2)))
		waitQueued(t, s, i+1)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	g.open.Store(true)
	g.verdicts <- nil
	for _, done := range calls {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := <-call(context.Background(), s, "m7"); !errors.Is(err, sqlite.ErrClosed) {
		t.Errorf("after Close: error %v, want %v", err, sqlite.ErrClosed)
	}
	if got := ids(history(t, openStore(t, dir, discard))); got != "m1=1 m2=2 m3=3 m4=4 m5=5 m6=6 " {
		t.Errorf("stored: %s", got)
	}
}

// TestSinkComesBeforeTheAnswer: when a caller is released, its event has been
// published, and the database shows the message to the sink.
func TestSinkComesBeforeTheAnswer(t *testing.T) {
	var s *sqlite.Store
	var mu sync.Mutex
	published := make(map[string]bool)
	s = openStore(t, t.TempDir(), func(events []chat.Event) {
		mu.Lock()
		defer mu.Unlock()
		stored := history(t, s)
		for _, e := range events {
			published[e.Message.ID] = int64(len(stored)) >= e.Seq
		}
	})
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for n := range 10 {
				id := fmt.Sprintf("m%d-%d", i, n)
				if _, err := s.AppendMessage(t.Context(), message(id, id)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				if visible, known := published[id]; !visible {
					t.Errorf("%s was answered; published: %v, visible to the sink: %v", id, known, visible)
				}
				mu.Unlock()
			}
		})
	}
	callers.Wait()
}

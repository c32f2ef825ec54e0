package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// TestIndexerKeepsUp stores 4,000 messages as fast as it can and finds them all.
func TestIndexerKeepsUp(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	indexerKeepsUp(t, 4_000)
}

// TestSoakIndexerKeepsUp is TestIndexerKeepsUp with 20,000 messages. It runs if
// SOCKEYE_SOAK is set.
func TestSoakIndexerKeepsUp(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("SOCKEYE_SOAK is not set")
	}
	indexerKeepsUp(t, 20_000)
}

// indexerKeepsUp looks for one message after another meanwhile, and logs the longest time
// from an acknowledgement until the message was found.
func indexerKeepsUp(t *testing.T, n int) {
	s := openStore(t, t.TempDir(), discard)
	var next atomic.Int64
	var senders sync.WaitGroup
	began := time.Now()
	for range 256 {
		senders.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				cmd := toDirect(i)
				cmd.Message.RecipientID, cmd.Message.ConversationID = "reader", chat.DirectID(cmd.Message.SenderID, "reader")
				cmd.Message.Content = fmt.Sprintf("trout number n%d", i)
				if _, err := s.AppendMessage(t.Context(), cmd); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sent := make(chan struct{})
	go func() {
		senders.Wait()
		close(sent)
	}()
	var worst time.Duration
	for probe, ended := 0, false; !ended; probe++ {
		select {
		case <-sent:
			ended = true // one more
		default:
		}
		word := fmt.Sprintf("probe%d", probe)
		if _, err := s.AppendMessage(t.Context(), message(word, word)); err != nil {
			t.Fatal(err)
		}
		stored := time.Now()
		eventually(t, "a message is found", func() bool { return len(found(t, s, "bert", word)) == 1 })
		worst = max(worst, time.Since(stored))
	}
	t.Logf("%d messages in %v; the longest until one of them was found: %v", n, time.Since(began), worst)
	if got := len(found(t, s, "reader", "trout")); got != n {
		t.Errorf("found %d of %d messages", got, n)
	}
}

// found returns all messages of the user's that have a word, newest first.
func found(t *testing.T, s *sqlite.Store, user chat.UserID, word string) []chat.Message {
	t.Helper()
	q := chat.MessageSearch{User: user, Terms: lexeme.Query(word), Limit: 1000}
	var all []chat.Message
	for {
		page, err := s.SearchMessages(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Messages...)
		if !page.More {
			return all
		}
		q.Before = page.Messages[len(page.Messages)-1].ID
	}
}

// TestIndexerTakesWhatIsThen: what is edited or deleted after the indexer has read it, and
// before it writes, is found as it is then.
func TestIndexerTakesWhatIsThen(t *testing.T) {
	s, g := openGated(t, unchanged, discard)
	closeAtEnd(t, s)
	g.open.Store(true)
	for id, content := range map[string]string{"m1": "pear", "m2": "plum", "m3": "apple"} {
		if _, err := s.AppendMessage(t.Context(), message(id, content)); err != nil {
			t.Fatal(err)
		}
	}
	g.open.Store(false)
	last := call(t.Context(), s, "m4")
	<-g.arrived // from here on the others wait for one another
	waiting := make(chan error, 3)
	anna := chat.Actor{ID: "anna"}
	for i, command := range []func() error{
		func() error {
			at := time.UnixMilli(1_700_000_000_000)
			_, err := s.EditMessage(t.Context(), chat.Edit{MessageID: "m1", Editor: anna, Content: "quince", At: at, Window: time.Hour})
			return err
		},
		func() error {
			_, err := s.DeleteMessage(t.Context(), chat.Delete{MessageID: "m2", Actor: anna})
			return err
		},
		func() error { return s.Index(t.Context()) },
	} {
		go func() { waiting <- command() }()
		waitQueued(t, s, i+1)
	}
	g.open.Store(true)
	g.verdicts <- nil
	if err := errors.Join(<-last, <-waiting, <-waiting, <-waiting); err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]int{"pear": 0, "quince": 1, "plum": 0, "apple": 1} {
		if got := len(found(t, s, "bert", word)); got != want {
			t.Errorf("%q is found %d times, want %d", word, got, want)
		}
	}
}

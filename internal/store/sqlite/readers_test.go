package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// endsAt is a context that ends when it is looked at for the nth time. It may be looked
// at from several goroutines.
type endsAt struct {
	context.Context
	cancel context.CancelFunc
	n      atomic.Int32
}

func (c *endsAt) Done() <-chan struct{} {
	if c.n.Add(-1) == 0 {
		c.cancel()
		// A chance for the driver's goroutine to see it. A machine on which it takes longer
		// tries less, and fails nothing.
		time.Sleep(2 * time.Millisecond)
	}
	return c.Context.Done()
}

// one opens a store with a single connection that reads, whose statements are prepared.
func one(t *testing.T) (s *sqlite.Store, sync func(context.Context) error) {
	t.Helper()
	cfg := sqlite.DefaultConfig(t.TempDir())
	cfg.Readers = 1
	s, err := sqlite.Open(t.Context(), cfg, func([]chat.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	q := chat.SyncQuery{User: "ada", Since: map[string]int64{}, MaxEvents: 10, MaxBytes: 1000, MaxBehind: 10, MaxNew: 10}
	sync = func(ctx context.Context) error {
		_, err := s.Sync(ctx, q)
		return err
	}
	if err := sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, sync
}

// fresh says that what is committed is read.
func fresh(t *testing.T, s *sqlite.Store, id string) {
	t.Helper()
	m := chat.Message{ID: id, ConversationID: "d", SenderID: "ada", RecipientID: "bob", Content: "x", Type: chat.TypeText, ClientMsgID: id, Timestamp: time.Now()}
	if _, err := s.AppendMessage(t.Context(), chat.Append{Message: m}); err != nil {
		t.Fatal(err)
	}
	if _, found, err := s.Sent(t.Context(), "ada", id); !found || err != nil {
		t.Fatalf("%s is committed, and read: %v, %v", id, found, err)
	}
}

// A request may end at any moment of a read, also between SQLite's BEGIN and the
// driver's return from it. The next reads must not notice.
func TestReadersOutliveAContextThatEnds(t *testing.T) {
	s, sync := one(t)
	for at, ended := int32(1), true; ended; at++ {
		inner, cancel := context.WithCancel(t.Context())
		ctx := &endsAt{Context: inner, cancel: cancel}
		ctx.n.Store(at)
		err := sync(ctx)
		ended = inner.Err() != nil
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("ended at look %d: %v", at, err)
		}
		if err := sync(t.Context()); err != nil {
			t.Fatalf("behind an end at look %d: %v", at, err)
		}
		fresh(t, s, fmt.Sprint("m", at))
	}
}

// A connection that is in a transaction all the same is not used again.
func TestReaderInATransactionIsReplaced(t *testing.T) {
	s, sync := one(t)
	if err := s.ReaderExec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if err := sync(t.Context()); err == nil {
		t.Fatal("it began twice")
	}
	if err := sync(t.Context()); err != nil {
		t.Errorf("the next one: %v", err)
	}
	fresh(t, s, "m1")
}

package postgres_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/storetest/length"
)

// TestLength: what the test below compares is what clients ask.
func TestLength(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	c := openLong(t, 2_000, 3)
	for what, read := range length.Reads {
		if err := read(t.Context(), c, 1_000); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestSoakLengthCostsNothing compares what clients ask of a conversation of 1,000,000 messages, among 10,000 others, with
// the same of one of 10,000 messages. It runs if SOCKEYE_SOAK is set.
func TestSoakLengthCostsNothing(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("takes minutes; SOCKEYE_SOAK=1 runs it")
	}
	short, long := openLong(t, 10_000, 0), openLong(t, 1_000_000, 10_000)
	for _, what := range slices.Sorted(maps.Keys(length.Reads)) {
		most := 1.5
		if what == "search for a rare word" {
			// All messages of the conversation are looked at in the index: a few bytes each.
			most = float64(long.N) / float64(short.N)
		}
		length.Compare(t, what, short, long, 500, most)
	}
}

// openLong stores n messages in one conversation, and one in each of many others.
func openLong(t *testing.T, n, others int) *length.Conversation {
	t.Helper()
	c := &length.Conversation{Store: openStore(t, pgtest.Database(t), discard), ID: chat.DirectID("anna", "bert"), N: n}
	began := time.Now()
	var stored sync.WaitGroup
	var mu sync.Mutex
	var failed error
	send := func(m chat.Message, about int) {
		m.Content, m.Type, m.Timestamp = fmt.Sprintf("word n%d", about), chat.TypeText, time.UnixMilli(int64(about))
		stored.Add(1)
		c.StartAppend(t.Context(), chat.Append{Message: m, Fingerprint: []byte{0}}, func(_ chat.Message, err error) {
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
			stored.Done()
		})
	}
	for i := 1; i <= others; i++ {
		other := chat.UserID(fmt.Sprintf("u%d", i))
		send(chat.Message{ID: "to " + string(other), ConversationID: chat.DirectID("bert", other), SenderID: "bert", SenderName: "Bert", RecipientID: other}, i)
	}
	for seq := 1; seq <= n; seq++ {
		m := chat.Message{
			ID: length.MessageID(seq), ConversationID: c.ID, SenderID: "bert", SenderName: "Bert", RecipientID: "anna",
			ClientMsgID: fmt.Sprintf("c%d", seq),
		}
		if seq%10 == 0 {
			m.ReplyTo = length.MessageID(1)
		}
		send(m, seq)
	}
	stored.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	t.Logf("%d messages written in %v", n+others, time.Since(began))
	return c
}

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/jobtest"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// TestServerDies: the server is killed under load and started again. What was acknowledged is stored, everything is stored
// once and told of once, in order, and no seq is missing.
func TestServerDies(t *testing.T) { serverDies(t, 2) }

// TestSoakServerDies is the same for longer.
func TestSoakServerDies(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("set SOCKEYE_SOAK to run it")
	}
	serverDies(t, 20)
}

func serverDies(t *testing.T, times int) {
	server := pgtest.Start(t)
	address := server.Database(t)
	events := &suite.Recorder[chat.Event]{}
	s := openStore(t, address, events.Record)
	load := startLoad(t, s)
	for range times {
		load.waitFor(t, 200) // so many more
		server.Kill(t)
		server.Restart(t)
	}
	load.waitFor(t, 200)
	acked := load.stop()
	t.Logf("%d messages were acknowledged, %d times one had to be sent again", len(acked), load.again.Load())
	if load.again.Load() == 0 {
		t.Error("no sender noticed that the server died")
	}
	checkLogs(t, s, acked, events.Take())
	checkCommits(t, address)
}

// TestJobsWhenTheServerDies: what was stored of jobs is as it was, and what was under way is stored whole or not at all.
func TestJobsWhenTheServerDies(t *testing.T) {
	server := pgtest.Start(t)
	jobtest.RunKilled(t, func(t *testing.T) jobtest.Mortal {
		return mortalDriver{jobDriver{address: server.Database(t)}, server}
	})
}

// mortalDriver is jobDriver on a server that can be killed.
type mortalDriver struct {
	jobDriver
	server *pgtest.Server
}

func (d mortalDriver) Kill(t testing.TB)    { d.server.Kill(t) }
func (d mortalDriver) Restart(t testing.TB) { d.server.Restart(t) }

// senders is how many conversations are written to, by two users each.
const senders = 8

// load is users who send, and send again what was refused.
type load struct {
	store  *postgres.Store
	ended  context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	count  atomic.Int64
	again  atomic.Int64

	mu    sync.Mutex
	acked map[string]chat.Message // by clientMsgId
}

func startLoad(t *testing.T, s *postgres.Store) *load {
	l := &load{store: s, acked: make(map[string]chat.Message)}
	l.ended, l.cancel = context.WithCancel(context.Background())
	t.Cleanup(l.cancel)
	for i := range 2 * senders {
		l.work.Go(func() { l.send(t, i) })
	}
	return l
}

func (l *load) send(t *testing.T, user int) {
	me, you := chat.UserID(fmt.Sprintf("user%02d", user)), chat.UserID(fmt.Sprintf("user%02d", user^1))
	for n := 0; l.ended.Err() == nil; n++ {
		key := fmt.Sprintf("%s-%d", me, n)
		for attempt := 0; ; attempt++ {
			m, err := l.store.AppendMessage(context.Background(), chat.Append{Fingerprint: []byte(key), Message: chat.Message{
				ID: fmt.Sprintf("%s-%d", key, attempt), ConversationID: chat.DirectID(me, you), SenderID: me, SenderName: "N",
				RecipientID: you, ClientMsgID: key, Content: key, Type: chat.TypeText, Timestamp: time.Now(),
			}})
			if err == nil {
				l.acknowledge(key, m)
				break
			}
			if !errors.Is(err, postgres.Unavailable) {
				t.Errorf("%s was refused: %v", key, err)
				return
			}
			l.again.Add(1)
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func (l *load) acknowledge(key string, m chat.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[key] = m
	l.count.Add(1)
}

// waitFor returns when n more messages are acknowledged.
func (l *load) waitFor(t *testing.T, n int64) {
	t.Helper()
	until := l.count.Load() + n
	for deadline := time.Now().Add(2 * time.Minute); l.count.Load() < until; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages were acknowledged in 2 minutes, want %d", l.count.Load()-until+n, n)
		}
	}
}

func (l *load) stop() map[string]chat.Message {
	l.cancel()
	l.work.Wait()
	return l.acked
}

// checkLogs compares what is stored with what was acknowledged and what was told of.
func checkLogs(t *testing.T, s *postgres.Store, acked map[string]chat.Message, events []chat.Event) {
	t.Helper()
	told := make(map[string][]string)
	for _, e := range events {
		told[e.ConversationID] = append(told[e.ConversationID], fmt.Sprintf("%d %s", e.Seq, e.Message.ID))
	}
	stored := 0
	for i := range senders {
		conversation := chat.DirectID(chat.UserID(fmt.Sprintf("user%02d", 2*i)), chat.UserID(fmt.Sprintf("user%02d", 2*i+1)))
		page, err := s.Messages(t.Context(), chat.MessageQuery{ConversationID: conversation, Limit: 1_000_000})
		if err != nil {
			t.Fatal(err)
		}
		log := make([]string, len(page.Messages))
		for n, m := range page.Messages {
			log[n] = fmt.Sprintf("%d %s", m.Seq, m.ID)
			if m.Seq != int64(n)+1 {
				t.Fatalf("%s: seq %d stands in place %d", conversation, m.Seq, n+1)
			}
			if was := acked[m.ClientMsgID]; was.ID != m.ID || was.Seq != m.Seq {
				t.Errorf("%s is stored as %s at %d, acknowledged as %s at %d", m.ClientMsgID, m.ID, m.Seq, was.ID, was.Seq)
			}
		}
		stored += len(log)
		if !slices.Equal(log, told[conversation]) {
			t.Errorf("%s: %d messages are stored, %d were told of, or in another order", conversation, len(log), len(told[conversation]))
		}
		delete(told, conversation)
	}
	if stored != len(acked) {
		t.Errorf("%d messages are stored, %d were acknowledged", stored, len(acked))
	}
	if len(told) != 0 {
		t.Errorf("told of other conversations: %v", slices.Collect(maps.Keys(told)))
	}
}

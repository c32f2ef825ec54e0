package engineio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
)

func TestSlowPollingConsumer(t *testing.T) {
	s := serve(t, engineio.Config{MaxQueuedBytes: 10_000})
	session, query := s.open(t, "4")
	sent := 0
	for session.Send(engineio.NewText([]byte(strings.Repeat("x", 1000)))) == nil {
		if sent++; sent > 10 {
			t.Fatal("no limit")
		}
	}
	if sent < 9 {
		t.Errorf("only %d were taken", sent)
	}
	s.expectEnd(t, engineio.SlowConsumer)
	until(t, "nothing reachable", func() bool { return s.Reachable() == 0 })
	if a := s.get(t, query); !strings.Contains(a.body, `"code":1`) {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

// One message alone may be larger than what may wait.
func TestOneLargeMessageForAPoll(t *testing.T) {
	s := serve(t, engineio.Config{MaxQueuedBytes: 10_000})
	session, query := s.open(t, "4")
	large := strings.Repeat("x", 3_000_000)
	send(t, session, large)
	s.poll(t, query, "4"+large)
	send(t, session, "and on")
	s.poll(t, query, "4and on")
}

// Once packets were dropped the session is over, whatever comes before the wheel's
// next tick: an upgrade or a poll would find a gap that nobody knows of.
func TestOverflowIsForGood(t *testing.T) {
	overflow := func(t *testing.T, session *engineio.Session) {
		t.Helper()
		for i := range 17 {
			_ = session.Send(engineio.NewText([]byte(fmt.Sprint(i))))
		}
		if err := session.Send(engineio.NewText([]byte("late"))); !errors.Is(err, engineio.ErrClosed) {
			t.Errorf("sending behind it: %v", err)
		}
	}
	cfg := engineio.Config{MaxQueuedBytes: 1000}
	t.Run("upgrade", func(t *testing.T) {
		for range 20 {
			s := serve(t, cfg)
			session, query := s.open(t, "4")
			c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
			c.sendText("2probe")
			c.expect("3probe")
			overflow(t, session)
			c.sendText("5")
			until(t, "an upgrade or the end", func() bool { return session.Transport() == engineio.WebSocket || s.Len() == 0 })
			_ = session.Send(engineio.NewText([]byte("late")))
			for {
				f, err := ws.ReadFrame(c.r)
				if err != nil || f.Header.OpCode == ws.OpClose {
					break
				}
				t.Fatalf("got %q", f.Payload)
			}
			s.expectEnd(t, engineio.SlowConsumer)
		}
	})
	t.Run("probe", func(t *testing.T) {
		s := serve(t, cfg)
		session, query := s.open(t, "4")
		overflow(t, session)
		if answer, _ := s.tries(t, strings.Replace(query, "polling", "websocket", 1), "2probe"); answer != "refused" && answer != "closed" {
			t.Errorf("the upgrade began: %q", answer)
		}
		s.expectEnd(t, engineio.SlowConsumer)
	})
	t.Run("poll", func(t *testing.T) {
		s := serve(t, cfg)
		session, query := s.open(t, "4")
		overflow(t, session)
		if a := s.get(t, query); !strings.Contains(a.body, `"code":1`) {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.expectEnd(t, engineio.SlowConsumer)
	})
}

// A client that fetches something now and then is not closed, one that fetches nothing
// is, and one for which nothing waits is not.
func TestPollingStall(t *testing.T) {
	for stall := 400 * time.Millisecond; !testPollingStall(t, stall); stall *= 2 {
		t.Log("the test has stalled") // a busy machine needs longer for a step
	}
}

// testPollingStall reports false when the machine was too slow to show it.
func testPollingStall(t *testing.T, stall time.Duration) bool {
	t.Helper()
	s := serve(t, engineio.Config{WriteStall: stall, PingInterval: time.Hour})
	_, _ = s.open(t, "4") // nothing waits for it
	fetched := fetchesSlowly(t, s, stall)
	s.expectEnd(t, engineio.SlowConsumer)
	if n := s.Len(); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
	return fetched
}

// fetchesSlowly has a client poll for longer than a stall takes, with something that
// waits all the time; false when a step alone took a good part of that.
func fetchesSlowly(t *testing.T, s *server, stall time.Duration) bool {
	t.Helper()
	session, query := s.open(t, "4")
	large := engineio.NewText([]byte(strings.Repeat("x", 900_000))) // one to an answer
	_ = session.Send(large)
	for range 8 {
		last := time.Now()
		sent := session.Send(large)
		time.Sleep(stall / 5)
		a := s.get(t, query)
		if time.Since(last) > stall/2 {
			return false
		}
		if sent != nil || a.status != http.StatusOK {
			t.Fatalf("closed while it was polled: %v, %d %s", sent, a.status, a.body)
		}
	}
	return true
}

// What waits is fetched in answers of a bounded size, in order.
func TestPollsAreSplit(t *testing.T) {
	for _, version := range []string{"4", "3"} {
		s := serve(t, engineio.Config{HTTPCompression: -1})
		session, query := s.open(t, version)
		const count, size = 50, 100_000
		for i := range count {
			send(t, session, fmt.Sprintf("%04d%s", i, strings.Repeat("x", size-4)))
		}
		send(t, session, strings.Repeat("y", 8_000_000))
		polls, next := 0, 0
		for next < count {
			a := s.get(t, query)
			if polls++; a.status != http.StatusOK || len(a.body) > 1<<20+1000 {
				t.Fatalf("poll %d: %d, %d bytes", polls, a.status, len(a.body))
			}
			for next < count && strings.Contains(a.body, fmt.Sprintf("4%04dx", next)) {
				next++
			}
		}
		if a := s.get(t, query); strings.Count(a.body, "y") != 8_000_000 {
			t.Errorf("the last one: %d, %d bytes", a.status, len(a.body))
		}
		if polls < 5 {
			t.Errorf("%d polls", polls)
		}
	}
}

// The bound of all queues together holds for polling too.
func TestQueueMemoryOfPolling(t *testing.T) {
	memory := engineio.NewQueueMemory(2 << 20)
	s := serve(t, engineio.Config{QueueMemory: memory})
	shared, sharedQuery := s.open(t, "4")
	others, queries := make([]*engineio.Session, 5), make([]string, 5)
	for i := range others {
		others[i], queries[i] = s.open(t, "4")
	}
	m := engineio.NewText([]byte(strings.Repeat("x", 1_000_000)))
	for _, session := range append(others, shared) {
		if err := session.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	if held := memory.Held(); held < 1_000_000 || held > 1_001_000 {
		t.Errorf("%d bytes are held", held)
	}
	none(t, s.closes)
	for range 20 {
		if shared.Send(engineio.NewText([]byte(strings.Repeat("y", 100_000)))) != nil {
			break
		}
	}
	s.expectEnd(t, engineio.SlowConsumer) // for whom most waits
	if a := s.get(t, sharedQuery); a.status != http.StatusBadRequest {
		t.Errorf("it is still there: %d", a.status)
	}
	for _, query := range queries {
		s.poll(t, query, "4"+string(m.Data()))
	}
	until(t, "nothing is held", func() bool { return memory.Held() == 0 }) // the last answer counts until it is written
}

// What lingers for a client that does not come is let go of.
func TestLastPacketsGiveWay(t *testing.T) {
	memory := engineio.NewQueueMemory(1 << 20)
	s := serve(t, engineio.Config{QueueMemory: memory})
	session, _ := s.open(t, "4")
	send(t, session, strings.Repeat("x", 900_000))
	session.Close()
	s.expectEnd(t, engineio.ForcedClose)
	other, query := s.open(t, "4")
	send(t, other, strings.Repeat("x", 800_000))
	until(t, "it fits", func() bool { return memory.Held() <= memory.Limit() })
	until(t, "one session is reachable", func() bool { return s.Reachable() == 1 })
	none(t, s.closes)
	s.poll(t, query, "4"+strings.Repeat("x", 800_000))
}

// A sender that can wait sends any amount to any client.
func TestAwaitRoom(t *testing.T) {
	const count, size = 100, 1_000_000 // more than may wait
	pour := func(t *testing.T, session *engineio.Session) <-chan error {
		sent := make(chan error, 1)
		go func() {
			for i := range count {
				text := engineio.NewText(fmt.Appendf(nil, "%03d", i), []byte(strings.Repeat("x", size-3)))
				if err := errors.Join(session.AwaitRoom(t.Context()), session.Send(text)); err != nil {
					sent <- fmt.Errorf("message %d: %w", i, err)
					return
				}
			}
			sent <- nil
		}()
		return sent
	}
	t.Run("polling", func(t *testing.T) {
		s := serve(t, engineio.Config{HTTPCompression: -1})
		session, query := s.open(t, "4")
		sent := pour(t, session)
		for got := 0; got < count; {
			for _, text := range strings.Split(s.get(t, query).body, "\x1e") {
				if len(text) != size+1 || text[:4] != fmt.Sprintf("4%03d", got) {
					t.Fatalf("message %d: %.20q, %d bytes", got, text, len(text))
				}
				got++
			}
		}
		if err := next(t, sent); err != nil {
			t.Error(err)
		}
	})
	t.Run("websocket", func(t *testing.T) {
		onEachLink(t, func(t *testing.T, cfg engineio.Config) {
			s := serve(t, cfg)
			session, c := s.openSocket(t, "4")
			sent := pour(t, session)
			for i := range count {
				if text := c.text(); len(text) != size+1 || text[:4] != fmt.Sprintf("4%03d", i) {
					t.Fatalf("message %d: %.20q, %d bytes", i, text, len(text))
				}
			}
			if err := next(t, sent); err != nil {
				t.Error(err)
			}
		})
	})
}

// The wait ends with the session, with its context, and goes on over an upgrade.
func TestAwaitRoomEnds(t *testing.T) {
	s := serve(t, engineio.Config{})
	fill := func(session *engineio.Session) <-chan error {
		send(t, session, strings.Repeat("x", 3_000_000))
		send(t, session, strings.Repeat("y", 3_000_000))
		done := make(chan error, 1)
		go func() { done <- session.AwaitRoom(t.Context()) }()
		return done
	}
	session, _ := s.open(t, "4")
	done := fill(session)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := session.AwaitRoom(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	session.Close()
	if err := next(t, done); !errors.Is(err, engineio.ErrClosed) {
		t.Errorf("got %v", err)
	}

	session, query := s.open(t, "4")
	done = fill(session)
	c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
	c.sendText("2probe")
	c.expect("3probe")
	c.sendText("5")
	c.text()
	c.text()
	if err := next(t, done); err != nil {
		t.Error(err)
	}
}

package engineio_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
)

// beating has quick pings and a timeout that no busy machine reaches.
func beating(cfg engineio.Config) engineio.Config {
	cfg.PingInterval, cfg.PingTimeout = 20*time.Millisecond, time.Minute
	return cfg
}

// dying has a timeout that is soon over.
func dying(cfg engineio.Config) engineio.Config {
	cfg.PingInterval, cfg.PingTimeout = 30*time.Millisecond, 40*time.Millisecond
	return cfg
}

func TestServerPingsVersion4(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		s := serve(t, beating(cfg))
		_, c := s.openSocket(t, "4")
		for range 5 {
			c.expect("2")
			c.sendText("3")
		}
		_, query := s.open(t, "4")
		for range 5 {
			s.poll(t, query, "2")
			s.post(t, query, "3")
		}
		none(t, s.closes)
	})
}

func TestClientPingsVersion3(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		s := serve(t, beating(cfg))
		_, c := s.openSocket(t, "3")
		_, query := s.open(t, "3")
		for range 5 {
			c.sendText("2")
			c.expect("3")
			s.post(t, query, "1:2")
			s.poll(t, query, "1:3")
		}
		none(t, s.closes)
	})
}

func TestPingTimeout(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		for _, version := range []string{"4", "3"} {
			s := serve(t, dying(cfg))
			start := time.Now()
			_, c := s.openSocket(t, version)
			s.expectEnd(t, engineio.PingTimeout)
			if took := time.Since(start); took < 70*time.Millisecond {
				t.Errorf("version %s: timed out after %v", version, took)
			}
			c.expectClose()

			query := s.begin(t, version)
			s.expectEnd(t, engineio.PingTimeout)
			if a := s.get(t, query); !strings.Contains(a.body, `"code":1`) {
				t.Errorf("version %s: afterwards %d %s", version, a.status, a.body)
			}
			if s.Len() != 0 || s.Reachable() != 0 {
				t.Errorf("%d open, %d reachable", s.Len(), s.Reachable())
			}
		}
	})
}

// begin is open for a session that may be over before its handshake is answered, and returns the query of its requests.
func (s *server) begin(t *testing.T, version string) string {
	t.Helper()
	query := "EIO=" + version + "&transport=polling"
	s.get(t, query)
	return query + "&sid=" + next(t, s.sessions).ID()
}

// A client that polls but does not answer pings is dead all the same.
func TestPollsAreNoSignOfLife(t *testing.T) {
	s := serve(t, dying(engineio.Config{}))
	query := s.begin(t, "4")
	for s.get(t, query).status == 200 { //nolint:revive // ends with the session
	}
	s.expectEnd(t, engineio.PingTimeout)
}

// Sessions that were opened and abandoned go by themselves.
func TestAbandonedSessions(t *testing.T) {
	s := serve(t, engineio.Config{PingInterval: 300 * time.Millisecond, PingTimeout: 300 * time.Millisecond})
	const n = 300
	for range n {
		s.begin(t, "4")
	}
	for range n {
		s.expectEnd(t, engineio.PingTimeout)
	}
	until(t, "nothing reachable", func() bool { return s.Len() == 0 && s.Reachable() == 0 })
}

// A paused session is pinged, because its client would time out, and is not
// held to answers that are not read.
func TestHeartbeatWhilePaused(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		var witnesses atomic.Bool // are not paused
		cfg.OnSession = before(func(session *engineio.Session) {
			if !witnesses.Load() { // its time may be over as soon as it is open
				session.Pause()
			}
		})
		s := serve(t, dying(cfg))
		session, c := s.openSocket(t, "4")
		for range 5 {
			c.expect("2")
		}
		none(t, s.closes)
		session.Resume()
		s.expectEnd(t, engineio.PingTimeout)

		session, _ = s.openSocket(t, "3")
		witnesses.Store(true)
		for range 2 { // of which the second was opened when the first was dead
			s.openSocket(t, "3")
			s.expectEnd(t, engineio.PingTimeout)
		}
		none(t, s.closes)
		session.Resume()
		s.expectEnd(t, engineio.PingTimeout)
	})
}

// What came in during a pause counts, however short the time after it.
func TestResumeGivesTimeForThePong(t *testing.T) {
	for timeout := 300 * time.Millisecond; !resumesInTime(t, timeout); timeout *= 2 {
		if timeout > patience/4 {
			t.Fatal("closed, however much time there was")
		}
		t.Log("closed, as if the test had stalled") // a busy machine needs longer for a pong
	}
}

// resumesInTime reports false when the session was closed though all pings were answered: maybe too late.
func resumesInTime(t *testing.T, timeout time.Duration) bool {
	t.Helper()
	s := serve(t, engineio.Config{PingInterval: timeout / 10, PingTimeout: timeout})
	session, c := s.openSocket(t, "4")
	for _, step := range []func(){func() {}, session.Pause, func() {}, func() {}, session.Resume, func() {}, func() {}} {
		switch text := c.next(); text {
		case "2":
		case "closed":
			return false
		default:
			t.Fatalf("got %q, want a ping", text)
		}
		step()
		_ = ws.WriteFrame(c, ws.MaskFrame(ws.NewTextFrame([]byte("3")))) // a lost one shows in what is read
	}
	return len(s.closes) == 0
}

// A session whose queue has overflowed while its client was waited for ends at once, and
// is given no time for a pong when it is read again before the wheel has come to end it.
func TestResumeOfAnOverflowedSession(t *testing.T) {
	s := serve(t, engineio.Config{PingInterval: time.Hour, PingTimeout: time.Hour, MaxQueuedBytes: 1})
	session, query := s.open(t, "4")
	session.Expire(nil)
	s.poll(t, query, "2")
	session.Pause()
	release := sync.OnceFunc(s.HoldWheel())
	t.Cleanup(release)
	for session.Send(engineio.NewText([]byte("x"))) == nil { //nolint:revive // until it overflows
	}
	session.Resume()
	release()
	s.expectEnd(t, engineio.SlowConsumer)
}

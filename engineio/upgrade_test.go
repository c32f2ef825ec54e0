package engineio_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
)

func TestUpgrade(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		for _, version := range []string{"4", "3"} {
			s := serve(t, cfg)
			session, query := s.open(t, version)
			waiting := s.pollLater(t, query, session)
			c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
			c.sendText("2probe")
			c.expect("3probe")
			if a := next(t, waiting); a.body != map[string]string{"4": "6", "3": "1:6"}[version] {
				t.Fatalf("the waiting poll got %q", a.body)
			}
			const n = 50
			for i := range n { // while the client holds its polls
				send(t, session, fmt.Sprint(i))
			}
			if session.Transport() != engineio.Polling {
				t.Error("upgraded too soon")
			}
			c.sendText("5")
			for i := range n {
				c.expect(fmt.Sprint("4", i))
			}
			if session.Transport() != engineio.WebSocket {
				t.Error("not upgraded")
			}
			c.sendText("4hello")
			expect(t, s.messages, "hello")
			for _, method := range []string{"GET", "POST"} {
				if a := s.request(t, method, query, "4x"); a.status != 400 {
					t.Errorf("%s after the upgrade: %d %s", method, a.status, a.body)
				}
			}
			second := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
			second.expectClose()
			c.sendText("4still here")
			expect(t, s.messages, "still here")
			none(t, s.closes)
		}
	})
}

func TestUpgradeIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		cfg   engineio.Config
		sends []string
	}{
		"no probe":             {engineio.Config{}, []string{"5"}},
		"another packet":       {engineio.Config{}, []string{"4hello"}},
		"probed twice":         {engineio.Config{}, []string{"2probe", "2probe"}},
		"other data":           {engineio.Config{}, []string{"2probes"}},
		"message behind probe": {engineio.Config{}, []string{"2probe", "4hello"}},
		"too late":             {engineio.Config{UpgradeTimeout: 30 * time.Millisecond}, []string{"2probe"}},
		"not even a probe":     {engineio.Config{UpgradeTimeout: 30 * time.Millisecond}, nil},
		"none allowed":         {engineio.Config{NoUpgrades: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.cfg)
			session, query := s.open(t, "4")
			c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
			for _, text := range test.sends {
				c.sendText(text)
			}
			c.expectClose()
			// The session lives on, and may be upgraded another time.
			s.post(t, query, "4still here")
			expect(t, s.messages, "still here")
			send(t, session, "yes")
			s.poll(t, query, "4yes")
			if !test.cfg.NoUpgrades && test.cfg.UpgradeTimeout == 0 {
				c = s.dial(t, strings.Replace(query, "polling", "websocket", 1))
				c.sendText("2probe")
				c.expect("3probe")
			}
			none(t, s.closes)
		})
	}
}

func TestSecondProbeIsRefused(t *testing.T) {
	s := serve(t, engineio.Config{})
	_, query := s.open(t, "4")
	query = strings.Replace(query, "polling", "websocket", 1)
	first := s.dial(t, query)
	first.sendText("2probe")
	first.expect("3probe")
	s.dial(t, query).expectClose()
	first.sendText("5")
	first.sendText("4hello")
	expect(t, s.messages, "hello")
}

// A client in the middle of an upgrade polls no more: it reads the last words on
// its WebSocket.
func TestSessionEndsDuringProbe(t *testing.T) {
	s := serve(t, engineio.Config{})
	for _, probed := range []bool{true, false} {
		session, query := s.open(t, "4")
		c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
		until(t, "the probe's connection", session.Upgrading)
		probe := func() {
			c.sendText("2probe")
			c.expect("3probe")
		}
		if probed {
			probe()
		}
		send(t, session, "last words")
		session.Close()
		s.expectEnd(t, engineio.ForcedClose)
		if !probed {
			probe()
		}
		c.sendText("5")
		c.expect("4last words")
		c.expectClose()
		_ = c.Close()
		if n := s.Reachable(); n != 0 {
			t.Errorf("%d sessions are reachable", n)
		}
	}

	// One that failed is over on both transports at once.
	_, query := s.open(t, "4")
	c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
	c.sendText("2probe")
	c.expect("3probe")
	s.request(t, "POST", query, "bad")
	s.expectEnd(t, engineio.ParseError)
	c.expectClose()
	_ = c.Close()
	if err := s.Drain(t.Context()); err != nil {
		t.Errorf("a probe's connection stayed: %v", err)
	}
	none(t, s.closes)
}

// The upgrade's time runs out at the moment of its success.
func TestUpgradeTimeoutComesTooLate(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, query := s.open(t, "4")
	c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
	c.sendText("2probe")
	c.expect("3probe")
	timeout := session.LateUpgradeTimeout()
	c.sendText("5")
	until(t, "an upgrade", func() bool { return session.Transport() == engineio.WebSocket })
	timeout()
	c.sendText("4hello")
	expect(t, s.messages, "hello")
}

// What a data request carries must not be handled at the same time as what
// comes on the WebSocket.
func TestUpgradeDuringADataRequest(t *testing.T) {
	s := serve(t, engineio.Config{})
	session, query := s.open(t, "4")
	c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
	c.sendText("2probe")
	c.expect("3probe")
	inside, leave := make(chan struct{}), make(chan struct{})
	s.handle(func(*engineio.Session, string) {
		inside <- struct{}{}
		<-leave
	})
	s.rawPost(t, query, 2, "4a")
	next(t, inside)
	c.sendText("5")
	c.sendText("4b")
	c.expectClose()
	close(leave)
	expect(t, s.messages, "a")
	none(t, s.messages)
	if session.Transport() != engineio.Polling {
		t.Error("upgraded")
	}
}

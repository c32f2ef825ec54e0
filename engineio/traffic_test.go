package engineio_test

import (
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/engineio"
)

// What is carried is counted the same on both transports and across an upgrade, and is nothing but messages.
func TestTraffic(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		for _, version := range []string{"4", "3"} {
			s := serve(t, cfg)
			session, query := s.open(t, version)
			if got, want := s.Census(), census(version, 1); got != want {
				t.Fatalf("on polling: %+v, want %+v", got, want)
			}
			post := map[string]string{"4": "4hello", "3": "6:4hello"}[version]
			if a := s.request(t, "POST", query, post); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			expect(t, s.messages, "hello")
			send(t, session, "you too")
			if got, want := session.Traffic(), (engineio.Traffic{Received: 1, Sent: 1, ReceivedBytes: 5, SentBytes: 7}); got != want {
				t.Errorf("on polling: %+v, want %+v", got, want)
			}

			c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
			c.sendText("2probe")
			c.expect("3probe")
			c.sendText("5")
			c.expect("4you too")
			if got, want := s.Census(), census(version, 0); got != want {
				t.Errorf("upgraded: %+v, want %+v", got, want)
			}
			c.sendText("4é")
			expect(t, s.messages, "é")
			send(t, session, "x")
			c.expect("4x")
			if got, want := session.Traffic(), (engineio.Traffic{Received: 2, Sent: 2, ReceivedBytes: 7, SentBytes: 8}); got != want {
				t.Errorf("upgraded: %+v, want %+v", got, want)
			}

			other, _ := s.open(t, version)
			other.Close()
			session.Close()
			next(t, s.closes)
			next(t, s.closes)
			if got := s.Census(); got != (engineio.Census{}) {
				t.Errorf("in the end: %+v", got)
			}
			if err := session.Send(engineio.NewText([]byte("late"))); err == nil || session.Traffic().Sent != 2 {
				t.Errorf("what is not sent is counted: %v, %+v", err, session.Traffic())
			}
		}
	})
}

// census is that of one session.
func census(version string, polling int) engineio.Census {
	c := engineio.Census{Open: 1, Polling: polling}
	if version == "3" {
		c.V3 = 1
	}
	return c
}

package netloop_test

import (
	"testing"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// A peer that is not read cannot be told from a silent one, and is given the benefit of the doubt until it has been
// read for as long as it is asked about.
func TestHeardWhilePaused(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		c.send(text("before"))
		next(t, s.messages)
		heard := func(when string, want bool) {
			t.Helper()
			if got := conn.Heard(); got != want {
				t.Errorf("%s: heard %v", when, got)
			}
		}
		heard("after a message", true)
		heard("in silence", false)
		conn.Pause()
		heard("while paused", true)
		heard("while paused still", true)
		conn.Resume()
		heard("paused a part of the time", true)
		heard("in silence again", false)
		conn.Pause()
		conn.Resume()
		heard("paused in between", true)
		c.send(text("after"))
		next(t, s.messages)
		heard("after a message", true)
	})
}

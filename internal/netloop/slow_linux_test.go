package netloop_test

import (
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// A peer takes nothing from when its own buffer is full on, not only from when the kernel's is.
func TestStallBeginsAtThePeer(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		peers, conns := s.stopped(t, 1)
		if err := conns[0].Send(netloop.NewMessage(netloop.Binary, false, make([]byte, 40_000))); err != nil {
			t.Fatal(err)
		}
		until(t, "the peer takes nothing", func() bool { return netloop.Untaken(conns[0]) > 100*time.Millisecond })
		until(t, "a full socket", conns[0].Full)
		untaken := netloop.Untaken(conns[0])
		if stalled := netloop.Stalled(conns[0]); stalled < untaken {
			t.Errorf("nothing was taken for %v, counted are %v", untaken, stalled)
		}
		peers[0].frame()
		until(t, "all is taken", func() bool { return netloop.Untaken(conns[0]) == 0 })
	})
}

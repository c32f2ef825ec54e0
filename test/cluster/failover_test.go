//go:build linux

package cluster_test

import (
	"testing"
)

// TestFailOver has a synchronous standby take the place of a PostgreSQL that dies, under clients that talk. Nothing that was
// acknowledged is lost, nothing is stored twice, and no node has to be restarted.
func TestFailOver(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	seed := crashSeed(t)
	cl := start(t, setup{nodes: 3, redis: true, standby: true})
	c := gather(t, cl, users, seed)
	c.awaitAcks(t, betweenTwo)
	c.disturb()
	if err := cl.postgres.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cl.standby.Promote(); err != nil {
		t.Fatal(err)
	}
	cl.reach(cl.standby)
	c.awaitAcks(t, betweenTwo)
	c.settle()
	c.awaitAcks(t, betweenTwo)
	h := c.recorder.History(c.disperse(t))
	for _, broken := range h.Check() {
		t.Error(broken)
	}
	f := h.Figures()
	t.Logf("%d messages stored, %d acknowledged, %d of them more than once; %d connections lost; %d requests postponed",
		f.Stored, f.Acked, f.AckedAgain, c.now().lost, c.now().postponed)
}

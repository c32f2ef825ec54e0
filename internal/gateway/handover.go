package gateway

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/sockeye-im/sockeye/internal/wire"
)

// returnAfter is what devices are told to wait before they come back. They are sent away evenly, so that
// nothing is gained by more than what keeps those apart who are sent at the same moment.
const returnAfter = 200 * time.Millisecond

// StopOpening refuses new connections in a way that sends clients and balancers to another node, before
// anything is known of who comes. The open ones go on.
func (g *Gateway) StopOpening() {
	g.native.refusing.Store(true)
	g.deps.Sockets.StopOpening()
}

// HandOver has the connections go to the other nodes, evenly over a time: so that these get no more
// to do at once than they must, and that no room loses all of its devices at the same moment, in no
// order. StopOpening was called before. What a device has sent is carried out and answered before
// it is told to go; one whose command hangs stays, for Shutdown to end. node is the one that they leave.
// HandOver returns when all were told, or when ctx ends.
func (g *Gateway) HandOver(ctx context.Context, over time.Duration, node string) {
	told := make(map[*session]bool)
	all := g.roster.entries()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	began := time.Now()
	for i := range all {
		if !until(ctx, began.Add(over*time.Duration(i)/time.Duration(len(all)))) {
			return
		}
		told[all[i].session] = true
		all[i].retire(node)
	}
	for _, late := range g.roster.entries() { // that were about to sign in
		if !told[late.session] {
			late.retire(node)
		}
	}
}

// until waits for a time; false when ctx ends before.
func until(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// retire has a device go to another node.
func (e *entry) retire(node string) {
	e.Retire(func() {
		e.session.settle()
		e.Greet(wire.ServerLeaving.Of(wire.Leaving{Node: node, ReturnAfter: returnAfter.Milliseconds()}))
	})
}

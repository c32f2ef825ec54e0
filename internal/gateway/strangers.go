package gateway

import (
	"time"

	"github.com/sockeye-im/sockeye/engineio"
)

// Strangers is the number of open connections that have not signed in.
func (n *Native) Strangers() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for c := range n.conns {
		if c.session == nil {
			count++
		}
	}
	return count
}

// EndStranger ends the oldest of these, to make room; false when none has been open for
// that long.
func (n *Native) EndStranger(age time.Duration) bool {
	var oldest *native
	n.mu.Lock()
	for c := range n.conns {
		if c.session == nil && !c.is(ended) && (oldest == nil || c.since.Before(oldest.since)) {
			oldest = c
		}
	}
	n.mu.Unlock()
	if oldest == nil || n.gateway.deps.Now().Sub(oldest.since) < age {
		return false
	}
	n.gateway.deps.Metrics.ConnectionRefused(string(engineio.RefusedStranger))
	oldest.End(endedFull)
	oldest.conn.Abort() // to wait for its part of the closing handshake would keep its place
	return true
}

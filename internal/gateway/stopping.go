package gateway

import (
	"context"
	"errors"
	"net/http"
)

const closedByShutdown = "server shutting down"

// retryAfter is when those may try again who are refused, in seconds.
const retryAfter = "1"

var errStopping = errors.New(closedByShutdown)

// Quiesce takes no more connections, reads no more from those that are open, and
// waits until what was received is done, or ctx ends.
func (n *Native) Quiesce(ctx context.Context) error {
	n.refusing.Store(true)
	n.mu.Lock()
	n.stopping.Store(true)
	n.mu.Unlock()
	for _, c := range n.all() {
		c.conn.Pause()
	}
	if err := n.opening.Wait(ctx); err != nil {
		return err
	}
	return n.limits.Pool.Wait(ctx)
}

// Shutdown quiesces, closes all connections in a way that clients come back from,
// and drops what is left when ctx ends.
func (n *Native) Shutdown(ctx context.Context) error {
	err := n.Quiesce(ctx)
	for _, c := range n.all() {
		c.conn.Close(closeGoingAway, closedByShutdown)
	}
	err = errors.Join(err, n.loop.Drain(ctx))
	n.loop.Stop()
	return errors.Join(err, n.limits.Pool.Wait(ctx), n.limits.Pool.Stop(ctx))
}

// sendElsewhere refuses somebody new, whom another server can have.
func (n *Native) sendElsewhere(w http.ResponseWriter) {
	w.Header().Set("Retry-After", retryAfter)
	http.Error(w, closedByShutdown, http.StatusServiceUnavailable)
}

// Retire closes behind what was read, and last.
func (c *native) Retire(last func()) {
	c.door.mu.Lock()
	c.retiring.Store(true)
	c.door.mu.Unlock()
	c.conn.Pause()
	c.post(nativeJob{run: func() {
		last()
		if c.end() {
			c.conn.Close(closeGoingAway, closedByShutdown)
		}
	}})
}

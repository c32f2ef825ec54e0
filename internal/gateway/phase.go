package gateway

import "github.com/sockeye-im/sockeye/internal/netloop"

// phase is how far a native connection has come. Two goroutines may want to move it
// at the same time, the timing wheel and a job of the connection: the first one
// does, and the other one learns that it came too late.
type phase int32

const (
	// awaitingToken is the first phase of a connection that came without a token.
	// The client has AuthTimeout to send one.
	awaitingToken phase = iota
	// hasToken is a connection whose token is here: it is verified, waits for its
	// turn to sign in, or has signed in. How long the first two take is up to the
	// server, so nothing but the heartbeat runs.
	hasToken
	// ended is a connection that was told why it ends. Its closing handshake has a
	// deadline of its own. What was received and not handled yet is dropped.
	ended
)

func (c *native) is(p phase) bool { return phase(c.phase.Load()) == p }

// present moves on to hasToken. It reports false when the connection has ended.
func (c *native) present() bool {
	return c.phase.CompareAndSwap(int32(awaitingToken), int32(hasToken))
}

// end moves on to ended. It reports false when somebody else has.
func (c *native) end() bool { return phase(c.phase.Swap(int32(ended))) != ended }

// beat arms the timer for the next ping.
func (c *native) beat() { c.door.loop.Wheel().Arm(&c.timer, c.door.cfg.Heartbeat) }

// Expire is for the timing wheel: the token did not come, or it is time for a
// ping. A peer that was not read since the last one is not silent: see
// netloop.Conn.Heard.
func (c *native) Expire(*netloop.Timer) {
	switch {
	case c.closed.Load(), c.is(ended):
	case c.phase.CompareAndSwap(int32(awaitingToken), int32(ended)):
		c.tell(closeUnauthenticated, nil, unauthenticated)
	case c.pinged && !c.conn.Heard():
		c.silent.Store(true)
		c.conn.Abort()
	default:
		c.pinged = true
		_ = c.conn.Heard()   // forget what came before the ping
		_ = c.conn.Ping(nil) // a closed one tells HandleClose
		c.beat()
	}
}

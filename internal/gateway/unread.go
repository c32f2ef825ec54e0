package gateway

import (
	"sync/atomic"
	"time"
)

// unread is what is known of the unread messages that a connection was shown when
// it came. They are not kept for a connection that continues it: when all come back
// at once, the unread messages of everybody would push out of the log what nobody
// could be shown anew.
type unread struct {
	again bool          // to be shown though the connection continues another one
	shown atomic.Uint32 // when they were, see Gateway.seconds; 0: there were none
	left  atomic.Uint32 // when the connection left; 0 before
}

// lost reports whether they may not have arrived. They have if the connection was
// still there after the heartbeat: a client that answers a ping has got what was
// sent before it. Twice that time leaves some for whatever is late.
func (u *unread) lost(heartbeat time.Duration) bool {
	shown, left := u.shown.Load(), u.left.Load()
	return shown != 0 && (left <= shown || time.Duration(left-shown)*time.Second <= 2*heartbeat)
}

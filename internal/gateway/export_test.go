package gateway

import (
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// Deadlines opens the expiry to tests.
type Deadlines struct{ x *expiry }

// Deadline is one entry of Deadlines.
type Deadline struct{ d deadline }

// NewDeadlines starts an expiry; Stop ends it.
func NewDeadlines(now func() time.Time) Deadlines { return Deadlines{newExpiry(now)} }

// NewDeadline makes an entry.
func NewDeadline(due func()) *Deadline { return &Deadline{deadline{due: due}} }

// Set, Clear and Stop are the expiry's own.
func (x Deadlines) Set(d *Deadline, at time.Time) { x.x.set(&d.d, at) }

// Clear disarms an entry.
func (x Deadlines) Clear(d *Deadline) { x.x.clear(&d.d) }

// Stop ends the expiry.
func (x Deadlines) Stop() { x.x.stop() }

// Len is the number of armed entries.
func (x Deadlines) Len() int {
	x.x.mu.Lock()
	defer x.x.mu.Unlock()
	return len(x.x.queue)
}

// Receiver returns how the loop hands frames to the one connection that is open.
func (n *Native) Receiver() func(text string) {
	c := n.all()[0]
	return func(text string) { c.HandleMessage(nil, netloop.Text, []byte(text)) }
}

// Activity opens the counting of active connections to tests.
type Activity struct{ a activity }

// Move and Count are the activity's own.
func (a *Activity) Move(from, to uint32) { a.a.move(from, to) }

// Count returns how many are active.
func (a *Activity) Count(now uint32) int { return a.a.count(now) }

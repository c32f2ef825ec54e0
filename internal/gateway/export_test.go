package gateway

import (
	"context"
	"net/http"
	"strings"
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

// Handle is the server's side of one native connection.
type Handle struct{ c *native }

// Only returns the one native connection that is open.
func (n *Native) Only() Handle { return Handle{n.all()[0]} }

// Tick has the connection's timer fire, as the timing wheel does.
func (h Handle) Tick() { h.c.Expire(&h.c.timer) }

// Receive hands the connection a frame as the loop does, also while it is paused: what was read
// before is still delivered.
func (h Handle) Receive(text string) { h.c.HandleMessage(nil, netloop.Text, []byte(text)) }

// Flood sends until the connection takes no more.
func (h Handle) Flood() {
	m := netloop.NewMessage(netloop.Text, true, []byte(`{"type":"flood","of":"`+strings.Repeat("x", 64<<10)+`"}`))
	for h.c.conn.Send(m) == nil {
	}
}

// Crowd sends until so much waits for the peer that who can wait does.
func (h Handle) Crowd() {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	m := netloop.NewMessage(netloop.Text, true, []byte(`{"type":"crowd","of":"`+strings.Repeat("x", 16<<10)+`"}`))
	for h.c.conn.AwaitRoom(over) == nil && h.c.conn.Send(m) == nil {
	}
}

// Lock keeps all others from the lock that guards the beginning of a drain.
func (n *Native) Lock() (unlock func()) {
	n.mu.Lock()
	return n.mu.Unlock
}

// Stopping reports whether the server takes no more.
func (n *Native) Stopping() bool { return n.stopping.Load() }

// Wake has the gateway look at its clock for tokens that have expired.
func (g *Gateway) Wake() { g.expiry.wake <- struct{}{} }

// Activity opens the counting of active connections to tests.
type Activity struct{ a activity }

// Move and Count are the activity's own.
func (a *Activity) Move(from, to uint32) { a.a.move(from, to) }

// Count returns how many are active.
func (a *Activity) Count(now uint32) int { return a.a.count(now) }

// UnderWay opens the counting of commands under way to tests.
type UnderWay struct{ u underWay }

// Begin, End and Wait are its own.
func (u *UnderWay) Begin() { u.u.begin() }

// End counts one that is answered.
func (u *UnderWay) End() { u.u.end() }

// Wait returns once there are at most so many.
func (u *UnderWay) Wait(most int) { u.u.wait(most) }

// Waited reports whether somebody waits.
func (u *UnderWay) Waited() bool {
	u.u.mu.Lock()
	defer u.u.mu.Unlock()
	return u.u.changed != nil
}

// MaxUnhandled is how many frames of a connection may wait to be handled.
const MaxUnhandled = maxUnhandled

// AdmitBeside is Admit where so many connections are open.
func (d *Door) AdmitBeside(r *http.Request, open int) error {
	if denied := d.admit(r, open); denied != nil {
		return denied
	}
	return nil
}

// DecodeFrame reads a frame and decodes its payload; ok is false for what is no frame.
func DecodeFrame(text []byte, dst any) (ok bool, err error) {
	f, ok := parseFrame(text)
	if !ok {
		return false, nil
	}
	return true, f.decode(dst)
}

// WriteFrame is what is sent of an event.
func WriteFrame(kind string, payload any) []byte {
	return write(kind, nil, payload).(*netloop.Message).Payload()
}

// Arrivals opens the turns of those who come to tests.
type Arrivals struct{ a arrivals }

// NewArrivals makes them, where that many are connected that have not signed in.
func NewArrivals(strangers func() int) *Arrivals { return &Arrivals{newArrivals(strangers)} }

// SignIn waits for a turn to sign in, which ends with done.
func (a *Arrivals) SignIn() (done func()) {
	a.a.signIns.take()
	return a.a.signIns.give
}

// Subscribe waits for a turn to be subscribed, which ends with done.
func (a *Arrivals) Subscribe() (done func()) { return a.a.subscribe() }

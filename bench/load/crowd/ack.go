//go:build linux

package crowd

import "time"

// roundTrips has every client make one call after the other.
func roundTrips(l *loop) (Result, error) {
	clients, err := l.bring(l.plan.Connections, l.words.caller)
	if err != nil {
		return Result{}, err
	}
	var answered int64
	l.heard = func(c *conn, payload []byte) error {
		answered++
		l.last = time.Now()
		if err := c.check(payload); err != nil {
			return err
		}
		return c.write(l.words.call)
	}
	for _, c := range clients {
		if err := c.write(l.words.call); err != nil {
			return Result{}, err
		}
	}
	nothing := func() error { return nil }
	if err := l.during(l.plan.WarmUp, nothing); err != nil {
		return Result{}, err
	}
	before, err := l.read()
	if err != nil {
		return Result{}, err
	}
	began := answered
	if err := l.measure(func() int64 { return answered - began }, nothing); err != nil {
		return Result{}, err
	}
	after, err := l.read()
	return after.since(before, answered-began), err
}

//go:build linux

package crowd

import (
	"bytes"
	"time"
)

// crowdedRoom keeps count of a fan-out. Every member gets the messages in the order they were sent, so their numbers say all.
type crowdedRoom struct {
	members   int
	window    int
	reached   []int // how many members have message k, at k modulo the window
	sent      int   // messages
	arrived   int   // messages that all members have
	delivered int64 // messages that a member has, summed over members
	length    int   // of the last one
}

// got counts a message for a member that has had n before.
func (r *crowdedRoom) got(n int) {
	r.delivered++
	k := n % r.window
	r.reached[k]++
	if r.reached[k] == r.members {
		r.reached[k] = 0 // for the message that takes its place
		r.arrived++
	}
}

func fanOut(l *loop) (Result, error) {
	members, err := l.bring(l.plan.Connections, l.words.member)
	if err != nil {
		return Result{}, err
	}
	senders, err := l.bring(max(1, l.plan.Senders), l.words.sender)
	if err != nil {
		return Result{}, err
	}
	r := &crowdedRoom{members: len(members), window: l.plan.Window, reached: make([]int, l.plan.Window)}
	l.heard = func(c *conn, payload []byte) error {
		if c.number >= len(members) || !bytes.HasPrefix(payload, []byte(l.words.event)) {
			return nil // the answer to a publication, or no message
		}
		r.got(c.received)
		c.received++
		r.length = len(payload)
		return c.check(payload)
	}
	turn := 0
	refill := func() error {
		missing := r.window - (r.sent - r.arrived)
		share := (missing + len(senders) - 1) / len(senders)
		for ; missing > 0; turn++ {
			n := min(share, missing)
			missing -= n
			r.sent += n
			l.last = time.Now()
			if err := senders[turn%len(senders)].write(l.messages(n)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := l.during(l.plan.WarmUp, refill); err != nil {
		return Result{}, err
	}
	before, err := takeStock(l, members, r)
	if err != nil {
		return Result{}, err
	}
	inFlight := int64(r.window * r.members)
	if err := l.measure(func() int64 { return r.delivered - before.delivered - inFlight }, refill); err != nil {
		return Result{}, err
	}
	after, err := takeStock(l, members, r)
	if err != nil {
		return Result{}, err
	}
	// What is in flight would come to the members of the next measurement.
	if err := l.run(func() (bool, error) { return r.arrived == r.sent, nil }); err != nil {
		return Result{}, err
	}
	result := after.since(before.reading, after.delivered-before.delivered)
	result.FramesPerWrite = float64(result.Operations) / float64(max(1, after.segments-before.segments))
	result.FrameBytes = r.length
	return result, nil
}

// messages are n frames in a row.
func (l *loop) messages(n int) []byte {
	l.out = l.out[:0]
	for range n {
		if l.words.fresh != nil {
			l.out = append(l.out, l.words.fresh()...)
		} else {
			l.out = append(l.out, l.words.message...)
		}
	}
	return l.out
}

type stock struct {
	reading
	delivered, segments int64
}

func takeStock(l *loop, members []*conn, r *crowdedRoom) (s stock, err error) {
	if s.segments, err = segments(members); err != nil {
		return s, err
	}
	s.delivered = r.delivered
	s.reading, err = l.read()
	return s, err
}

// during makes passes for some time.
func (l *loop) during(d time.Duration, after func() error) error {
	end := time.Now().Add(d)
	return l.run(func() (bool, error) { return time.Now().After(end), after() })
}

// measure makes passes for as long as the plan measures, and until enough operations are done. Those in flight when it
// begins do not count: the server may have spent its time on them before.
func (l *loop) measure(operations func() int64, after func() error) error {
	end := time.Now().Add(l.plan.Duration)
	return l.run(func() (bool, error) { return time.Now().After(end) && operations() >= l.plan.Least, after() })
}

//go:build linux

package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Distances are how long messages to a room took to its members in a cluster, all of them sent by the clock by one user at
// the first server.
type Distances struct {
	Messages int
	// Acked is from when a message was due to its acknowledgement, which comes once it is stored.
	Acked Latency
	// Same and Other are from that to when members on the same server had it, and those on another one; 0 if they had it
	// before.
	Same, Other Latency
}

// distances keeps count.
type distances struct {
	loop    *loop
	members int
	due     []time.Time // by message
	acked   []time.Time
	heard   [][]time.Time // by connection and message
}

// across has the last connection send, and the others listen.
func across(t *Trial) (Distances, error) {
	l, err := newLoop(t.Plan, sockeye(t.Plan, t.Tokens))
	if err != nil {
		return Distances{}, err
	}
	defer l.close()
	if _, err := l.bring(l.plan.Connections, l.words.member); err != nil {
		return Distances{}, err
	}
	senders, err := l.bring(1, l.words.sender)
	if err != nil {
		return Distances{}, err
	}
	d := &distances{loop: l, members: l.plan.Connections, heard: make([][]time.Time, l.plan.Connections)}
	l.heard = d.note
	l.wait = 0 // waits are of whole milliseconds
	if err := d.send(senders[0]); err != nil {
		return Distances{}, err
	}
	if err := l.run(func() (bool, error) { return d.complete(), nil }); err != nil {
		return Distances{}, fmt.Errorf("%w: of %d messages %d are acknowledged, and the members have %v", err, len(d.due), len(d.acked), d.counts())
	}
	return d.measured(), nil
}

// send sends by the clock for as long as the plan says.
func (d *distances) send(sender *conn) error {
	began := time.Now()
	every := time.Duration(float64(time.Second) / d.loop.plan.Rate)
	return d.loop.during(d.loop.plan.WarmUp+d.loop.plan.Duration, func() error {
		for {
			due := began.Add(time.Duration(len(d.due)) * every)
			if due.After(time.Now()) {
				return nil
			}
			d.due = append(d.due, due)
			if err := sender.write(d.loop.words.fresh()); err != nil {
				return err
			}
		}
	})
}

// note takes what comes: to each connection in the order of the messages.
func (d *distances) note(c *conn, payload []byte) error {
	now := time.Now()
	switch {
	case c.number == d.members && bytes.HasPrefix(payload, []byte("430[")):
		if !bytes.Contains(payload, []byte(`"ok":true`)) {
			return fmt.Errorf("the server answered %q", payload)
		}
		d.acked = append(d.acked, now)
		d.loop.last = now
		return nil
	case c.number < d.members && bytes.HasPrefix(payload, []byte(d.loop.words.event)):
		if len(d.heard[c.number]) == len(d.due) {
			return errors.New("a message came that was not sent, or twice")
		}
		d.heard[c.number] = append(d.heard[c.number], now)
	default:
		return nil
	}
	d.loop.last = now
	return c.check(payload)
}

// complete tells whether everybody has everything.
func (d *distances) complete() bool {
	for _, heard := range d.heard {
		if len(heard) < len(d.due) {
			return false
		}
	}
	return len(d.acked) == len(d.due)
}

// counts are how many messages each member has.
func (d *distances) counts() (all []int) {
	for _, heard := range d.heard {
		all = append(all, len(heard))
	}
	return all
}

func (d *distances) measured() Distances {
	first := 0 // message behind the warm-up
	for first < len(d.due)-1 && d.due[first].Sub(d.due[0]) < d.loop.plan.WarmUp {
		first++
	}
	var acked, same, other []time.Duration
	for message := first; message < len(d.due); message++ {
		acked = append(acked, d.acked[message].Sub(d.due[message]))
		for number, heard := range d.heard {
			took := max(0, heard[message].Sub(d.acked[message]))
			if d.loop.conns[number].role.server == 0 {
				same = append(same, took)
			} else {
				other = append(other, took)
			}
		}
	}
	return Distances{Messages: len(d.due) - first, Acked: latencyOf(acked), Same: latencyOf(same), Other: latencyOf(other)}
}

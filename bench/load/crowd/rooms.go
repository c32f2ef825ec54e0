//go:build linux

package crowd

import (
	"errors"
	"fmt"
	"time"
)

// roomStride is how far apart the rooms of two messages are that follow each other. As a prime it leads through all of
// them. bench/barewrite goes the same way.
const roomStride = 7919

func roomFanOut(l *loop) (Result, error) {
	n, members := l.plan.Connections, l.plan.Members
	if members < 1 || members > n || n%roomStride == 0 {
		return Result{}, errors.New("every room needs its members, and the rooms a number that is no multiple of the stride")
	}
	var ring []*conn
	for i := range n {
		// A batch for each role would be one round trip after the other, so they come in together.
		if err := l.dialSoon(l.words.ringMember(i, members, n)); err != nil {
			return Result{}, err
		}
	}
	if err := l.run(func() (bool, error) { return l.open == n, nil }); err != nil {
		return Result{}, err
	}
	ring = l.conns
	senders, err := l.bring(1, l.words.sender)
	if err != nil {
		return Result{}, err
	}
	var sent, delivered int64
	l.heard = func(c *conn, payload []byte) error {
		if c.number >= n {
			return nil
		}
		delivered++
		l.last = time.Now()
		return c.check(payload)
	}
	var batch []byte
	refill := func() error {
		batch = batch[:0]
		for ; sent-delivered/int64(members) < int64(l.plan.Window); sent++ {
			batch = append(batch, l.words.roomMessage(int(sent*roomStride)%n)...)
		}
		if len(batch) == 0 {
			return nil
		}
		return senders[0].write(batch)
	}
	if err := l.during(l.plan.WarmUp, refill); err != nil {
		return Result{}, err
	}
	before, err := takeStock(l, ring, &crowdedRoom{delivered: delivered})
	if err != nil {
		return Result{}, err
	}
	inFlight := int64(l.plan.Window * members)
	if err := l.measure(func() int64 { return delivered - before.delivered - inFlight }, refill); err != nil {
		return Result{}, err
	}
	after, err := takeStock(l, ring, &crowdedRoom{delivered: delivered})
	if err != nil {
		return Result{}, err
	}
	result := after.since(before.reading, after.delivered-before.delivered)
	result.FramesPerWrite = float64(result.Operations) / float64(max(1, after.segments-before.segments))
	return result, nil
}

// dialSoon opens a connection, once not too many others are being opened.
func (l *loop) dialSoon(as role) error {
	err := l.run(func() (bool, error) { return len(l.conns)-l.open < atOnce, nil })
	if err != nil {
		return err
	}
	return l.dial(as)
}

// ringMember comes into the rooms of its own number and of those before it.
func (d *dialect) ringMember(number, members, ring int) role {
	if d.ping == "" {
		return d.member // the server knows the ring by itself
	}
	as := d.sender
	as.steps = as.steps[:len(as.steps):len(as.steps)]
	for i := range members {
		as.steps = append(as.steps, step{send: `420["join",{"roomId":"` + ringRoom((number-i+ring)%ring) + `"}]`, expect: "430["})
	}
	return as
}

func (d *dialect) roomMessage(room int) []byte {
	if d.ping == "" {
		return d.message
	}
	return clientFrame(`42["room:message",{"roomId":"` + ringRoom(room) + `","content":"` + d.content + `"}]`)
}

func ringRoom(number int) string { return fmt.Sprintf("r%05d", number) }

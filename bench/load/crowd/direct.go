//go:build linux

package crowd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// correspondence keeps count of direct messages.
type correspondence struct {
	loop    *loop
	users   []*conn
	waiting [][]time.Time // by connection: when those were due that are not acknowledged yet
	took    []time.Duration
	since   time.Time // those that were due from then on are measured; zero: none

	acknowledged, received int64
}

// direct has users write to each other, as fast as they are acknowledged or by the clock.
func direct(l *loop) (Result, error) {
	if l.words.direct == nil {
		return Result{}, fmt.Errorf("dialect %q has no direct messages", l.plan.Dialect)
	}
	users, err := l.bring(l.plan.Connections, l.words.caller)
	if err != nil {
		return Result{}, err
	}
	c := &correspondence{loop: l, users: users, waiting: make([][]time.Time, len(users))}
	l.heard = c.heard
	after, err := c.begin()
	if err != nil {
		return Result{}, err
	}
	if err := l.during(l.plan.WarmUp, after); err != nil {
		return Result{}, err
	}
	return c.measure(after)
}

// begin returns what is to be done behind every pass.
func (c *correspondence) begin() (after func() error, err error) {
	if c.loop.plan.Rate > 0 {
		return c.clock(), nil
	}
	for i := range c.users {
		if err := c.send(i, time.Now()); err != nil {
			return nil, err
		}
	}
	return func() error { return nil }, nil
}

// clock sends what is due, each message by the next user. What could not be sent in time still counts from when it was
// due. It keeps the loop from waiting: waits are of whole milliseconds.
func (c *correspondence) clock() (after func() error) {
	c.loop.wait = 0
	began, sent := time.Now(), 0
	every := float64(time.Second) / c.loop.plan.Rate
	return func() error {
		now := time.Now()
		for {
			due := began.Add(time.Duration(every * float64(sent)))
			if due.After(now) {
				return nil
			}
			if err := c.send(sent%len(c.users), due); err != nil {
				return err
			}
			sent++
		}
	}
}

func (c *correspondence) send(user int, due time.Time) error {
	c.waiting[user] = append(c.waiting[user], due)
	return c.users[user].write(c.loop.words.direct(user))
}

func (c *correspondence) heard(from *conn, payload []byte) error {
	switch {
	case bytes.HasPrefix(payload, []byte("430[")):
		return c.answered(from, payload)
	case bytes.HasPrefix(payload, []byte(`42["message:received",`)):
		c.received++
		return from.check(payload)
	case bytes.HasPrefix(payload, []byte(`42["error",`)):
		return fmt.Errorf("the server answered %q", payload)
	}
	return nil
}

// answered takes an acknowledgement; they come in the order of the messages.
func (c *correspondence) answered(from *conn, payload []byte) error {
	now := time.Now()
	c.loop.last = now
	if !bytes.Contains(payload, []byte(`"ok":true`)) {
		return fmt.Errorf("the server answered %q", payload)
	}
	due := c.waiting[from.number]
	if len(due) == 0 {
		return errors.New("the server has acknowledged what was not sent")
	}
	c.acknowledged++
	if !c.since.IsZero() && !due[0].Before(c.since) {
		c.took = append(c.took, now.Sub(due[0]))
	}
	c.waiting[from.number] = append(due[:0], due[1:]...)
	if c.loop.plan.Rate > 0 {
		return nil
	}
	return c.send(from.number, now)
}

// measure reads the metrics outside of what is measured: they take the server some time, for which this loop stands still
// too, so the time of what was due until then says nothing.
func (c *correspondence) measure(after func() error) (Result, error) {
	l := c.loop
	stored, err := l.stored()
	if err != nil {
		return Result{}, err
	}
	before, err := l.read()
	if err != nil {
		return Result{}, err
	}
	began, told := c.acknowledged, c.received
	c.since = time.Now()
	done := func() int64 { return min(c.acknowledged-began, c.received-told) }
	if err := l.measure(done, after); err != nil {
		return Result{}, err
	}
	c.since = time.Time{}
	end, err := l.read()
	if err != nil {
		return Result{}, err
	}
	now, err := l.stored()
	if err != nil {
		return Result{}, err
	}
	if c.received == told {
		return Result{}, errors.New("nobody received anything")
	}
	result := end.since(before, c.acknowledged-began)
	result.Batch = (now.commands - stored.commands) / max(1, now.batches-stored.batches)
	latency := latencyOf(c.took)
	result.Latency = &latency
	return result, nil
}

// written is what the server's store has done until now.
type written struct{ commands, batches float64 }

// stored asks the server's metrics.
func (l *loop) stored() (w written, err error) {
	answer, err := http.Get("http://" + l.plan.Addr + "/metrics")
	if err != nil {
		return w, err
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "sockeye_store_commands_total":
			w.commands, err = strconv.ParseFloat(value, 64)
		case "sockeye_store_batches_total":
			w.batches, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return w, fmt.Errorf("metrics: %w", err)
		}
	}
	return w, lines.Err()
}

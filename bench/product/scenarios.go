//go:build linux

package product

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
)

// What is measured, each of a name that results are kept under.
const (
	whole     = "product" // the whole server
	bare      = "library" // package socketio alone
	long      = "long"    // package socketio alone, with frames as long as those of the whole server
	storeOnly = "store"   // package sqlite alone
	closed    = "closed"  // each sender waits for the acknowledgement
	open      = "open"    // senders go by the clock
)

// spread is a way to send to one large room.
type spread struct {
	name, title string
	window      int // messages in flight
	senders     int
}

var spreads = []spread{
	{"fanout16", "16 messages in flight, 1 sender", 16, 1},
	{"senders16", "16 messages in flight, 16 senders", 16, 16},
	{"fanout1", "1 message in flight", 1, 1},
}

// messages are those between two users.
const messages = "direct"

// Scenarios are the names of all that can be measured.
func Scenarios() []string {
	names := []string{messages}
	for _, s := range spreads {
		names = append(names, s.name)
	}
	return names
}

const payload = 128 // bytes of content

// plan has what all scenarios share.
func (r *runner) plan(scenario string, connections int) crowd.Plan {
	p := crowd.Plan{
		Scenario: scenario, Connections: connections, Payload: payload, Dialect: "socketio",
		WarmUp: time.Second, Duration: 4 * time.Second,
	}
	if r.options.Short {
		p.Connections, p.WarmUp, p.Duration, p.Least = 50, 0, 0, 1000
	}
	return p
}

// fanOut measures a message to a room of 1,000 members, of the library and of the whole server in turn.
func (r *runner) fanOut(ctx context.Context, report *Report, round int) error {
	var failures error
	for i, s := range spreads {
		if !r.options.wants(s.name) {
			continue
		}
		plan := r.plan(crowd.Fanout, 1000)
		plan.Window, plan.Senders = s.window, s.senders
		order := []string{bare, whole, long}
		if (i+round)%2 == 1 {
			order = []string{whole, bare, long}
		}
		var bytes int // that a frame of the whole server is longer than the library's
		for _, of := range order {
			result, err := r.spread(ctx, plan, of, bytes, fmt.Sprintf("%s-%d", s.name, round+1))
			if err != nil {
				failures = errors.Join(failures, fmt.Errorf("%s, %s, run %d: %w", s.name, of, round+1, err))
				break
			}
			switch of {
			case whole:
				bytes += result.FrameBytes
			case bare:
				bytes -= result.FrameBytes
			}
			report.results.add(s.name+" "+of, round, result)
			r.Say("run %d  %-9s %-8s %6.2f µs a delivery of %d bytes, %5.1f frames a write, server %.0f %% busy", round+1, s.name, of,
				result.Micros(), result.FrameBytes, result.FramesPerWrite, result.Busy())
		}
	}
	return failures
}

func (r *runner) spread(ctx context.Context, plan crowd.Plan, of string, bytes int, name string) (crowd.Result, error) {
	switch of {
	case whole:
		return r.product(ctx, plan, name)
	case long:
		plan.Payload += max(0, bytes)
	}
	return r.library(ctx, plan)
}

// direct measures messages between users: what the store reaches alone, what the whole server does, and how long it takes
// at half of that.
func (r *runner) direct(ctx context.Context, report *Report, round int) error {
	if !r.options.wants(messages) {
		return nil
	}
	plan := r.plan(crowd.Direct, 1000)
	alone, err := r.store(ctx, plan)
	if err != nil {
		return fmt.Errorf("store, run %d: %w", round+1, err)
	}
	report.results.add(storeOnly, round, alone)
	r.Say("run %d  store alone      %6.0f messages a second, %6.1f µs, batch %.0f", round+1, alone.Rate(), alone.Micros(), alone.Batch)

	reached, err := r.product(ctx, plan, fmt.Sprintf("direct-%d", round+1))
	if err != nil {
		return fmt.Errorf("direct messages, run %d: %w", round+1, err)
	}
	report.results.add(closed, round, reached)
	r.Say("run %d  direct messages  %6.0f messages a second, %6.1f µs, batch %.0f, p99 %v", round+1, reached.Rate(), reached.Micros(),
		reached.Batch, reached.Latency.P99)

	plan.Rate = reached.Rate() / 2
	calm, err := r.product(ctx, plan, fmt.Sprintf("half-%d", round+1))
	if err != nil {
		return fmt.Errorf("direct messages by the clock, run %d: %w", round+1, err)
	}
	report.results.add(open, round, calm)
	r.Say("run %d  at half of that  %6.0f messages a second, %6.1f µs, batch %.0f, median %v, p99 %v, longest %v", round+1, calm.Rate(),
		calm.Micros(), calm.Batch, calm.Latency.Median, calm.Latency.P99, calm.Latency.Max)
	return nil
}

//go:build linux

package growth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// shape is a number of receivers and how they are spread over rooms. What a message to a single receiver costs, in a
// shape like it, is the fixed cost of a message.
type shape struct {
	title       string
	connections int
	members     int  // of the room that a message goes to
	rooms       bool // many rooms, crowd.Rooms
	window      int  // messages in flight
	single      int  // index of the shape with one receiver
}

// shapes of the full form and of the short one.
func shapes(short bool) []shape {
	crowd, ring, few := 10_000, 10_000, []int{100, 1_000}
	if short {
		crowd, ring, few = 40, 50, []int{10, 20}
	}
	all := []shape{
		{title: "1", connections: 1, members: 1, window: 1, single: 0},
		{title: fmt.Sprintf("%d rooms of 1", ring), connections: ring, members: 1, rooms: true, window: 16, single: 1},
	}
	for _, n := range append(few, crowd) {
		all = append(all, shape{title: strconv.Itoa(n), connections: n, members: n, window: 1, single: 0})
	}
	return append(all, shape{title: fmt.Sprintf("%d rooms of 10", ring), connections: ring, members: 10, rooms: true, window: 16, single: 1})
}

// costs are the CPU times of a message to each of the shapes, in microseconds, by round.
type costs map[int][]float64

// delivery is the time for each delivery of a shape in a round, less what a message costs however many get it.
func (c costs) delivery(all []shape, of, round int) float64 {
	s := all[of]
	return (c[of][round] - c[s.single][round]) / float64(s.members-1)
}

func (r *runner) fanOut(ctx context.Context, report *Report) error {
	all := shapes(r.options.Short)
	report.shapes, report.ours, report.floor = all, make(costs), make(costs)
	for round := range r.options.Rounds {
		for i, s := range all {
			ours, err := r.message(ctx, s, true)
			if err != nil {
				return fmt.Errorf("fan-out to %s: %w", s.title, err)
			}
			floor, err := r.message(ctx, s, false)
			if err != nil {
				return fmt.Errorf("bare write to %s: %w", s.title, err)
			}
			report.ours[i], report.floor[i] = append(report.ours[i], ours), append(report.floor[i], floor)
			if s.members > 1 {
				d, f := report.ours.delivery(all, i, round), report.floor.delivery(all, i, round)
				r.Say("run %d  fan-out to %-20s %6.2f µs a delivery, bare write(2) %6.2f, ratio %.2f", round+1, s.title, d, f, d/f)
			}
		}
	}
	return nil
}

// message measures what a message costs a server: ours, or the bare loop.
func (r *runner) message(ctx context.Context, s shape, ours bool) (micros float64, err error) {
	command, dialect := exec.CommandContext(ctx, r.Path("server")), "socketio"
	if !ours {
		command, dialect = exec.CommandContext(ctx, r.Path("barewrite")), "frames"
		if s.rooms {
			command.Args = append(command.Args, "-members", strconv.Itoa(s.members))
		}
	}
	running, err := process.Start(ctx, command, r.Server)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	scenario := crowd.Fanout
	if s.rooms {
		scenario = crowd.Rooms
	}
	warmUp, duration, least := 500*time.Millisecond, 2*time.Second, 1
	if r.options.Short {
		warmUp, duration, least = 0, 0, 10*s.members
	}
	out, err := r.Clients.Output(exec.CommandContext(ctx, r.Path("load"), "-addr", running.Addr, "-pid", strconv.Itoa(running.PID()),
		"-dialect", dialect, "-scenario", scenario, "-n", strconv.Itoa(s.connections), "-members", strconv.Itoa(s.members),
		"-window", strconv.Itoa(s.window), "-warmup", warmUp.String(), "-duration", duration.String(), "-least", strconv.Itoa(least)))
	if err != nil {
		return 0, err
	}
	var result crowd.Result
	if err := json.Unmarshal(out, &result); err != nil {
		return 0, err
	}
	return float64(result.CPU.Nanoseconds()) / 1e3 / float64(result.Operations) * float64(s.members), nil
}

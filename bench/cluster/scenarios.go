//go:build linux

package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// key is whose result of which round.
type key struct {
	form  string
	round int
}

// result is what was measured of a form.
type result struct {
	direct crowd.Result               // messages between users, each waits for the acknowledgement
	fanout crowd.Result               // a room, 16 messages in flight
	calm   crowd.Distances            // a few messages a second in a room
	dying  crowd.Distances            // the same, while Redis dies
	dead   time.Duration              // from the death of a node until the others count it no longer
	passed [len(ways)][2]crowd.Result // a room, whose members are where their sessions are, and elsewhere
}

// way is how members of a room are connected where it is measured what passing on costs.
type way struct {
	name    string
	polling bool
	window  int // messages in flight: a poll has one
}

var ways = [...]way{{"a poll, with one message", true, 1}, {"a delivery by a WebSocket", false, 16}}

const (
	payload    = 128  // bytes of content
	senders    = 900  // of direct messages
	receivers  = 900  // in the room: as many on each node
	listeners  = 30   // for the distance
	byTheClock = 50.0 // messages a second for the distance
	passing    = 300  // members of the room, for what passing on costs
)

// measure measures a form, all in one cluster.
func (r *runner) measure(ctx context.Context, f form, round int) (err error) {
	c, err := r.start(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := r.MakeRoom(ctx, c.nodes[0], crowd.Room, receivers+1); err != nil {
		return fmt.Errorf("make the room: %w", err)
	}
	tokens, err := process.Tokens(c.secret, max(senders, receivers+1))
	if err != nil {
		return err
	}
	var x result
	direct, fanout, distance := r.plan(crowd.Direct, senders), r.plan(crowd.Fanout, receivers), r.plan(crowd.Fanout, listeners)
	fanout.Window, distance.Rate = 16, byTheClock
	if err := r.Try(ctx, crowd.Trial{Plan: c.at(direct), Tokens: tokens, Whole: true}, &x.direct); err != nil {
		return fmt.Errorf("direct messages: %w", err)
	}
	if err := r.Try(ctx, crowd.Trial{Plan: c.at(fanout), Tokens: tokens, Whole: true}, &x.fanout); err != nil {
		return fmt.Errorf("a room: %w", err)
	}
	if err := r.Try(ctx, crowd.Trial{Plan: c.at(distance), Tokens: tokens, Across: true}, &x.calm); err != nil {
		return fmt.Errorf("the distance: %w", err)
	}
	if f.name == withRedis {
		if err := r.passOn(ctx, c, tokens, &x); err != nil {
			return err
		}
	}
	if f.redis {
		if x.dying, err = r.killRedis(ctx, c, crowd.Trial{Plan: c.at(distance), Tokens: tokens, Across: true}); err != nil {
			return fmt.Errorf("the death of Redis: %w", err)
		}
	}
	if f.nodes > 1 {
		if x.dead, err = c.killLast(ctx); err != nil {
			return fmt.Errorf("the death of a node: %w", err)
		}
	}
	r.report.results[key{f.name, round}] = x
	r.Say("run %d  %-8s %6.0f sends a second, %6.1f µs of all; %5.2f µs a delivery; acked to heard p99 %v, on another node %v; Redis dies: %v; a dead node: %v",
		round+1, f.name, x.direct.Rate(), allMicros(x.direct), x.fanout.Micros(), x.calm.Same.P99, x.calm.Other.P99, x.dying.Other.Max, x.dead)
	return nil
}

// passOn measures messages to a room whose members are at the servers that have their sessions, and then at others.
func (r *runner) passOn(ctx context.Context, c *cluster, tokens []string, x *result) error {
	for i, w := range ways {
		for j, sessions := range []crowd.Sessions{crowd.Here, crowd.Elsewhere} {
			plan := r.plan(crowd.Fanout, passing)
			plan.Window, plan.Polling, plan.Sessions = w.window, w.polling, sessions
			if err := r.Try(ctx, crowd.Trial{Plan: c.at(plan), Tokens: tokens, Whole: true}, &x.passed[i][j]); err != nil {
				return fmt.Errorf("%s, sessions %s: %w", w.name, sessions, err)
			}
		}
	}
	return nil
}

func (r *runner) plan(scenario string, connections int) crowd.Plan {
	p := crowd.Plan{
		Scenario: scenario, Connections: connections, Payload: payload, Dialect: "socketio",
		WarmUp: time.Second, Duration: 4 * time.Second,
	}
	if r.options.Short {
		p.Connections, p.WarmUp, p.Duration, p.Least = min(connections, 30), 0, 100*time.Millisecond, 300
	}
	return p
}

// killRedis kills Redis while messages go by the clock.
func (r *runner) killRedis(ctx context.Context, c *cluster, trial crowd.Trial) (d crowd.Distances, err error) {
	trial.Plan.Duration = max(trial.Plan.Duration, 3*time.Second)
	ended := make(chan error, 1)
	go func() { ended <- r.Try(ctx, trial, &d) }()
	select {
	case err := <-ended:
		return d, errors.Join(errors.New("it ended before Redis did"), err)
	case <-time.After(trial.Plan.WarmUp + trial.Plan.Duration/2):
	}
	if err := c.redis.Kill(); err != nil {
		return d, errors.Join(err, <-ended)
	}
	err = <-ended
	return d, errors.Join(err, c.redis.Start())
}

// killLast kills the last node and asks the first one for how long it counts it.
func (c *cluster) killLast(ctx context.Context) (time.Duration, error) {
	last := len(c.nodes) - 1
	if counted, err := c.counted(ctx); err != nil || counted != len(c.nodes) {
		return 0, errors.Join(fmt.Errorf("a node counts %d nodes", counted), err)
	}
	if err := c.nodes[last].Kill(); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := <-c.nodes[last].Ended(); err == nil {
		return 0, errors.New("a node that was killed ended without an error")
	}
	c.nodes = c.nodes[:last]
	const patience = time.Minute
	for {
		counted, err := c.counted(ctx)
		took := time.Since(began)
		if err != nil || counted == last {
			return took, err
		}
		if took > patience {
			return 0, fmt.Errorf("a node that is dead is counted for %s", took)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// counted is how many nodes the first one has heard of, with itself.
func (c *cluster) counted(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.nodes[0].Addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "sockeye_nodes "); found {
			return strconv.Atoi(value)
		}
	}
	return 0, errors.New("the node does not say how many nodes there are")
}

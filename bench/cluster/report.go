//go:build linux

package cluster

import (
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// Report is what came out.
type Report struct {
	Short bool

	results map[key]result
}

// Measured is of how many forms there are results.
func (r *Report) Measured() (n int) {
	for _, f := range forms {
		if _, ok := r.results[key{f.name, 0}]; ok {
			n++
		}
	}
	return n
}

// Markdown is the report as a section.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("## Many nodes\n")
	if r.Short {
		b.WriteString("In its short form: **these figures mean nothing**.\n\n")
	}
	fmt.Fprintf(&b, `One node on a PostgreSQL database, and three. All nodes, PostgreSQL and Redis are on one core: the figures say what more nodes cost,
not what they gain where each has a machine. Users are spread over the nodes, each is on another one than those around.

### What messages cost
%d users, two by two, each waits for the acknowledgement of a message before the next; and a room of %d members, 16 messages in
flight from a sender on the first node. CPU time is that of all nodes, and of the other processes.

| | sends a second | **over one node** | CPU: µs a send, of nodes | of PostgreSQL | of Redis | all, **over one node** | a room: µs a delivery, of nodes | **over one node** | on the busiest node | **over one node** |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`, senders, receivers)
	for _, f := range forms {
		fmt.Fprintf(&b, "| %s | %.0f | **%.2f** | %.1f | %.1f | %.1f | **%.2f** | %.2f | **%.2f** | %.2f | **%.2f** |\n", f.title,
			r.median(f, sends), r.ratio(f, sends), r.median(f, nodeMicros), r.median(f, databaseMicros), r.median(f, brokerMicros),
			r.ratio(f, func(x result) float64 { return allMicros(x.direct) }),
			r.median(f, delivery), r.ratio(f, delivery), r.median(f, busiest), r.ratio(f, busiest))
	}
	fmt.Fprintf(&b, `
### How far another node is
%.0f messages a second from a user on the first node to a room of %d members on all nodes, in milliseconds: from when a message was due to
its acknowledgement, which comes once it is committed, and from that to when members had it.

| | sent to acked: median, p99 | acked to heard on the same node: median, p99 | on another node: median, **p99**, longest | longest while Redis dies |
| --- | --- | --- | --- | --- |
`, byTheClock, listeners)
	for _, f := range forms {
		dying := ""
		if f.redis {
			dying = fmt.Sprintf("**%.0f**", r.median(f, func(x result) float64 { return milliseconds(x.dying.Other.Max) }))
		}
		other := ""
		if f.nodes > 1 {
			other = fmt.Sprintf("%.1f, **%.1f**, %.1f", r.latency(f, func(x result) time.Duration { return x.calm.Other.Median }),
				r.latency(f, func(x result) time.Duration { return x.calm.Other.P99 }), r.latency(f, func(x result) time.Duration { return x.calm.Other.Max }))
		}
		fmt.Fprintf(&b, "| %s | %.1f, %.1f | %.1f, %.1f | %s | %s |\n", f.title,
			r.latency(f, func(x result) time.Duration { return x.calm.Acked.Median }), r.latency(f, func(x result) time.Duration { return x.calm.Acked.P99 }),
			r.latency(f, func(x result) time.Duration { return x.calm.Same.Median }), r.latency(f, func(x result) time.Duration { return x.calm.Same.P99 }), other, dying)
	}
	fmt.Fprintf(&b, `
### What passing on costs
A room of %d members on three nodes with Redis. They open their sessions by polling at the node where they go on, or at another one,
to which all their further requests are passed on. CPU time is that of all nodes, without the other processes.

| | µs at the node of the session | µs passed on | **over that** | µs more |
| --- | --- | --- | --- | --- |
`, passing)
	three := forms[1]
	for i, w := range ways {
		direct := func(x result) float64 { return x.passed[i][0].Micros() }
		passed := func(x result) float64 { return x.passed[i][1].Micros() }
		fmt.Fprintf(&b, "| %s | %.1f | %.1f | **%.2f** | %.1f |\n", w.name, r.median(three, direct), r.median(three, passed),
			r.median(three, func(x result) float64 { return passed(x) / max(direct(x), 1e-3) }),
			r.median(three, func(x result) float64 { return passed(x) - direct(x) }))
	}
	b.WriteString("\nA node that is killed is counted by the others for")
	for i, f := range forms[1:] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, " %.1f s (%s)", r.median(f, func(x result) float64 { return x.dead.Seconds() }), f.title)
	}
	b.WriteString(".\n\n")
	return b.String()
}

// median is that of a figure over rounds.
func (r *Report) median(f form, of func(result) float64) float64 {
	var figures []float64
	for k, x := range r.results {
		if k.form == f.name {
			figures = append(figures, of(x))
		}
	}
	return process.Median(figures)
}

// ratio is the median of a figure over that of one node in the same round: what slowed one down slowed the other down too.
func (r *Report) ratio(f form, of func(result) float64) float64 {
	var figures []float64
	for k, x := range r.results {
		one, measured := r.results[key{single, k.round}]
		if k.form == f.name && measured && of(one) > 0 {
			figures = append(figures, of(x)/of(one))
		}
	}
	return process.Median(figures)
}

func (r *Report) latency(f form, of func(result) time.Duration) float64 {
	return r.median(f, func(x result) float64 { return milliseconds(of(x)) })
}

func milliseconds(d time.Duration) float64 { return 1e3 * d.Seconds() }

func sends(x result) float64 { return x.direct.Rate() }

func nodeMicros(x result) float64 { return x.direct.Micros() }

func databaseMicros(x result) float64 { return per(x.direct, x.direct.DatabaseCPU) }

func brokerMicros(x result) float64 { return per(x.direct, x.direct.BrokerCPU) }

// allMicros is the CPU time of all processes for an operation, in microseconds.
func allMicros(r crowd.Result) float64 {
	return r.Micros() + per(r, r.DatabaseCPU) + per(r, r.BrokerCPU)
}

func per(r crowd.Result, cpu time.Duration) float64 {
	return float64(cpu.Nanoseconds()) / 1e3 / float64(max(1, r.Operations))
}

func delivery(x result) float64 { return x.fanout.Micros() }

// busiest is the time of a delivery to a member on the node that takes most for it: members are spread evenly.
func busiest(x result) float64 {
	var most time.Duration
	for _, cpu := range x.fanout.ServerCPU {
		most = max(most, cpu)
	}
	return per(x.fanout, most) * float64(len(x.fanout.ServerCPU))
}

//go:build linux

package jobs

import (
	"fmt"
	"strings"

	"github.com/sockeye-im/sockeye/bench/jobs/measure"
	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// Report is what came out, of each round.
type Report struct {
	Short    bool
	Enqueued []measure.Result
	SQLite   []Through
	Postgres []Through
	Beside   []Beside
}

// Markdown is the report as a section.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("## Jobs\n")
	if r.Short {
		b.WriteString("In its short form: **these figures mean nothing**.\n\n")
	}
	b.WriteString(`Jobs that do nothing, so that what they cost is what the queue costs. A job goes through it when it is enqueued in a command of its
own, claimed, done, and its end is stored. SQLite is on one core with what measures it; PostgreSQL is on one core, the two nodes on another.

| | measured | wanted |
| --- | --- | --- |
`)
	fmt.Fprintf(&b, "| SQLite: CPU of a job in the transaction of the message that it follows | **%.1f µs** | at most 20 µs |\n",
		process.MedianOf(r.Enqueued, func(m measure.Result) float64 { return m.First }))
	fmt.Fprintf(&b, "| each further job that follows the same message | %.1f µs; the message takes %.1f µs | |\n",
		process.MedianOf(r.Enqueued, func(m measure.Result) float64 { return m.More }), process.MedianOf(r.Enqueued, func(m measure.Result) float64 { return m.Message }))
	fmt.Fprintf(&b, "| SQLite: jobs a second | **%.0f**, %.1f µs each | at least 5,000 |\n", process.MedianOf(r.SQLite, Through.Rate), process.MedianOf(r.SQLite, Through.Micros))
	fmt.Fprintf(&b, "| PostgreSQL, two nodes: jobs a second | **%.0f**, %.1f µs each and %.1f µs of PostgreSQL | at least 3,000 |\n",
		process.MedianOf(r.Postgres, Through.Rate), process.MedianOf(r.Postgres, Through.Micros), process.MedianOf(r.Postgres, Through.DatabaseMicros))
	r.beside(&b)
	return b.String()
}

func (r *Report) beside(b *strings.Builder) {
	p99 := func(all []crowd.Result) float64 {
		return process.MedianOf(all, func(c crowd.Result) float64 { return 1e3 * c.Latency.P99.Seconds() })
	}
	without := process.MedianOf(r.Beside, func(b Beside) float64 { return p99(b.Without) })
	with := process.MedianOf(r.Beside, func(b Beside) float64 { return p99(b.With) })
	ratio := process.MedianOf(r.Beside, func(b Beside) float64 { return p99(b.With) / p99(b.Without) })
	fmt.Fprintf(b, "| the whole server on SQLite, %.0f messages a second: send to ack, p99, beside %.0f jobs a second, over that without | %.1f ms over %.1f ms: **%.2f** | |\n\n",
		process.MedianOf(r.Beside, func(b Beside) float64 { return b.Messages }), process.MedianOf(r.Beside, func(b Beside) float64 { return b.Jobs }), with, without, ratio)
}

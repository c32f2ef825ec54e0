//go:build linux

package store

import (
	"fmt"
	"strings"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// Report is what came out.
type Report struct {
	Short  bool
	Shapes []shape

	results map[key]crowd.Result
}

type key struct {
	contestant           string
	conversations, round int
}

// Markdown is the report as a section.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("## The stores\n")
	if r.Short {
		b.WriteString("In its short form: **these figures mean nothing**.\n\n")
	}
	b.WriteString(`1,000 callers of a store each wait until their message is durable, and store the next; all on one core, PostgreSQL included. The
bare writer has as many callers, and puts the same rows into the same tables of the same PostgreSQL, as many in a transaction,
and asks nothing before. CPU time is that of the program and that of all processes of PostgreSQL.

`)
	for _, s := range r.Shapes {
		r.table(&b, s)
	}
	return b.String()
}

func (r *Report) table(b *strings.Builder, s shape) {
	fmt.Fprintf(b, `### %s
| | sends a second | **over the bare writer** | CPU: µs a send | of the program | of PostgreSQL | **CPU over the bare writer** | messages a commit |
| --- | --- | --- | --- | --- | --- | --- | --- |
`, s.title)
	for _, c := range contestants {
		if r.median(c.name, s, crowd.Result.Rate) == 0 {
			continue
		}
		fmt.Fprintf(b, "| %s | %.0f | **%.2f** | %.1f | %.1f | %.1f | **%.2f** | %.0f |\n", c.title, r.median(c.name, s, crowd.Result.Rate),
			r.ratio(c.name, s, crowd.Result.Rate), r.median(c.name, s, micros), r.median(c.name, s, crowd.Result.Micros),
			r.median(c.name, s, databaseMicros), r.ratio(c.name, s, micros),
			r.median(c.name, s, func(x crowd.Result) float64 { return x.Batch }))
	}
	b.WriteString("\n")
}

// median is that of a figure over rounds.
func (r *Report) median(contestant string, s shape, of func(crowd.Result) float64) float64 {
	var figures []float64
	for k, result := range r.results {
		if k.contestant == contestant && k.conversations == s.conversations {
			figures = append(figures, of(result))
		}
	}
	return process.Median(figures)
}

// ratio is the median of a figure over the bare writer's of the same round: what slowed one down slowed the other down too.
func (r *Report) ratio(contestant string, s shape, of func(crowd.Result) float64) float64 {
	var figures []float64
	for k, result := range r.results {
		other, measured := r.results[key{bare, s.conversations, k.round}]
		if k.contestant == contestant && k.conversations == s.conversations && measured && of(other) > 0 {
			figures = append(figures, of(result)/of(other))
		}
	}
	return process.Median(figures)
}

// micros is the CPU time of program and database together for a message, in microseconds.
func micros(r crowd.Result) float64 { return r.Micros() + databaseMicros(r) }

func databaseMicros(r crowd.Result) float64 {
	return float64(r.DatabaseCPU.Nanoseconds()) / 1e3 / float64(max(1, r.Operations))
}

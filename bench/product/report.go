//go:build linux

package product

import (
	"fmt"
	"strings"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// Report is what came out.
type Report struct {
	Short bool

	results results
}

// results are of each measurement, by its name and by round.
type results map[string]map[int]crowd.Result

func (r results) add(name string, round int, result crowd.Result) {
	if r[name] == nil {
		r[name] = make(map[int]crowd.Result)
	}
	r[name][round] = result
}

// Operations is how many operations of a measurement were measured, over all rounds.
func (r *Report) Operations(name string) (n int64) {
	for _, result := range r.results[name] {
		n += result.Operations
	}
	return n
}

// Names are those of all measurements.
func Names() []string {
	var names []string
	for _, s := range spreads {
		names = append(names, s.name+" "+bare, s.name+" "+whole, s.name+" "+long)
	}
	return append(names, storeOnly, closed, open)
}

// median is that of a figure over rounds.
func (r *Report) median(name string, of func(crowd.Result) float64) float64 {
	var figures []float64
	for _, result := range r.results[name] {
		figures = append(figures, of(result))
	}
	return process.Median(figures)
}

// ratio is the median of a figure over another of the same round: what slowed one down slowed the other down too.
func (r *Report) ratio(name, over string, of func(crowd.Result) float64) float64 {
	var figures []float64
	for round, result := range r.results[name] {
		if other, ok := r.results[over][round]; ok && of(other) > 0 {
			figures = append(figures, of(result)/of(other))
		}
	}
	return process.Median(figures)
}

// Markdown is the report as a section.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("## The product\n")
	if r.Short {
		b.WriteString("In its short form: **these figures mean nothing**.\n\n")
	}
	b.WriteString("`sockeye serve` with its data on disk: every message is validated, authorised, stored and fsynced before anybody is told, and acknowledged.\n\n")
	r.fanOut(&b)
	r.direct(&b)
	return b.String()
}

func (r *Report) fanOut(b *strings.Builder) {
	b.WriteString(`### A room of 1,000 members
Each member is another user; the Socket.IO library of the same run, which stores nothing, tells as many sockets: with the same
content, and with frames as long as the product's, which carry ids, times, names and a place in the log beside it.

| | library: µs a delivery | its frames as long | product: µs a delivery | **over the library** | over equal frames | bytes a frame, library and product | frames a write |
| --- | --- | --- | --- | --- | --- | --- | --- |
`)
	for _, s := range spreads {
		ours, theirs, equal := s.name+" "+whole, s.name+" "+bare, s.name+" "+long
		if len(r.results[ours]) == 0 {
			continue
		}
		fmt.Fprintf(b, "| %s | %.2f | %.2f | %.2f | **%.2f** | %.2f | %.0f, %.0f | %.1f, %.1f |\n", s.title,
			r.median(theirs, crowd.Result.Micros), r.median(equal, crowd.Result.Micros), r.median(ours, crowd.Result.Micros),
			r.ratio(ours, theirs, crowd.Result.Micros), r.ratio(ours, equal, crowd.Result.Micros),
			r.median(theirs, length), r.median(ours, length), r.median(theirs, frames), r.median(ours, frames))
	}
	b.WriteString("\n")
}

func (r *Report) direct(b *strings.Builder) {
	if len(r.results[closed]) == 0 {
		return
	}
	b.WriteString(`### 1,000 senders in 500 direct conversations
The store alone has as many callers of its ` + "`AppendMessage`" + `, on the same core. By the clock, messages count from when they were due.

| | messages a second | over the store alone | µs a message | messages a commit | send to ack: median, p99, longest (ms) |
| --- | --- | --- | --- | --- | --- |
`)
	for _, row := range []struct{ name, title string }{
		{storeOnly, "the store alone"}, {closed, "product, each sender waits for the ack"}, {open, "product, half of that by the clock"},
	} {
		times := ""
		if row.name != storeOnly {
			times = fmt.Sprintf("%.1f, **%.1f**, %.1f", r.median(row.name, milliseconds(func(l *crowd.Latency) float64 { return l.Median.Seconds() })),
				r.median(row.name, milliseconds(func(l *crowd.Latency) float64 { return l.P99.Seconds() })),
				r.median(row.name, milliseconds(func(l *crowd.Latency) float64 { return l.Max.Seconds() })))
		}
		fmt.Fprintf(b, "| %s | %.0f | %.2f | %.1f | %.0f | %s |\n", row.title, r.median(row.name, crowd.Result.Rate), r.ratio(row.name, storeOnly, crowd.Result.Rate),
			r.median(row.name, crowd.Result.Micros), r.median(row.name, func(x crowd.Result) float64 { return x.Batch }), times)
	}
	b.WriteString("\n")
}

func length(r crowd.Result) float64 { return float64(r.FrameBytes) }

func frames(r crowd.Result) float64 { return r.FramesPerWrite }

func milliseconds(of func(*crowd.Latency) float64) func(crowd.Result) float64 {
	return func(r crowd.Result) float64 {
		if r.Latency == nil {
			return 0
		}
		return 1e3 * of(r.Latency)
	}
}

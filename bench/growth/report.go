//go:build linux

package growth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// Report is what came out.
type Report struct {
	Short bool

	shapes           []shape
	ours, floor      costs
	library, product []crowd.LevelResult
}

// Markdown is the report as a section.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("## Growth\n")
	if r.Short {
		b.WriteString("In its short form: **these figures mean nothing**.\n\n")
	}
	r.fanOut(&b)
	r.idle(&b)
	return b.String()
}

func (r *Report) fanOut(b *strings.Builder) {
	b.WriteString(`A message to a room of the Socket.IO library, 1 in flight; or to rooms in a ring, each connection in as many rooms as a
room has members, 16 in flight. CPU time of a delivery is that of a message less that of a message to a single receiver in
the same shape, over the other receivers; the bare loop writes the same frames to as many sockets with write(2).

| receivers | fixed: µs a message | µs a delivery | bare write(2): µs | ratio | over that of the first |
| --- | --- | --- | --- | --- | --- |
`)
	for i, s := range r.shapes {
		if s.members == 1 || len(r.floor[i]) == 0 {
			continue
		}
		fmt.Fprintf(b, "| %s | %.2f | %.2f | %.2f | %.2f | %.2f |\n", s.title, process.Median(r.ours[s.single]),
			r.each(i, func(round int) float64 { return r.ours.delivery(r.shapes, i, round) }),
			r.each(i, func(round int) float64 { return r.floor.delivery(r.shapes, i, round) }),
			r.each(i, func(round int) float64 { return r.ratio(i, round) }),
			r.Growth(i))
	}
	b.WriteString("\n")
}

// ratio is our time for a delivery over the bare loop's.
func (r *Report) ratio(i, round int) float64 {
	return r.ours.delivery(r.shapes, i, round) / r.floor.delivery(r.shapes, i, round)
}

// Growth is the ratio to the bare loop with a shape, over that with the smallest room.
func (r *Report) Growth(i int) float64 {
	first := slices.IndexFunc(r.shapes, func(s shape) bool { return s.members > 1 })
	return r.each(i, func(round int) float64 { return r.ratio(i, round) / r.ratio(first, round) })
}

// each is the median over rounds.
func (r *Report) each(i int, of func(round int) float64) float64 {
	var figures []float64
	for round := range r.floor[i] {
		figures = append(figures, of(round))
	}
	return process.Median(figures)
}

func (r *Report) idle(b *strings.Builder) {
	b.WriteString(`Idle WebSocket sessions that answer their pings, every 25 s; memory is the growth of VmRSS since there was no connection, as
they get more on one server, each time 12 s after the last one came in, without a forced collection. On the server they
are signed in.

| connections | library: KiB each | server: KiB each | library: µs a second each | server: µs a second each |
| --- | --- | --- | --- | --- |
`)
	for i := range min(len(r.library), len(r.product)) {
		l, p := r.library[i], r.product[i]
		cells := []string{"", ""}
		if idleCost(l) > 0 {
			cells = []string{fmt.Sprintf("%.2f", idleCost(l)), fmt.Sprintf("%.2f", idleCost(p))}
		}
		fmt.Fprintf(b, "| %d | %.2f | %.2f | %s |\n", l.Connections, l.Memory/1024, p.Memory/1024, strings.Join(cells, " | "))
	}
	b.WriteString("\n")
}

//go:build linux

package hostile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
)

// Report is what came out.
type Report struct {
	Short bool

	users      int
	storm      crowd.StormResult
	storms     []wave
	slowPlan   crowd.Slow
	slow       crowd.SlowResult
	attacks    []attacked
	intrusions []intrusion
}

type wave struct {
	title string
	crowd.Wave
}

// Markdown is the report as a section.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("## Slow and hostile peers\n")
	if r.Short {
		b.WriteString("In its short form: **these figures mean nothing**.\n\n")
	}
	b.WriteString("The whole server, `sockeye serve` with its default settings but for the limits of rates, as all clients come from one address.\n\n")
	r.stormTable(&b)
	r.slowTable(&b)
	r.attackTable(&b)
	r.strangersTable(&b)
	return b.String()
}

func (r *Report) stormTable(b *strings.Builder) {
	if len(r.storms) == 0 {
		return
	}
	fmt.Fprintf(b, `%d users in rooms of 100 connect at the same moment, sign in, and ask by sync for what they have missed meanwhile. A
connection that is refused or lost is tried again. Behind a kill -9 time counts from when the server takes connections.

| | all connected: s | all in step: s | half of them: s | tried again | events caught up with | failed |
| --- | --- | --- | --- | --- | --- | --- |
`, r.users)
	for _, w := range r.storms {
		fmt.Fprintf(b, "| %s | %.2f | %.2f | %.2f | %d | %d | %d |\n",
			w.title, w.Connected.Seconds(), w.InStep.Seconds(), w.Median.Seconds(), w.Tries, w.Caught, w.Failed)
	}
	fmt.Fprintf(b, "\nThe server took connections again %.2f s after it was killed.\n\n", r.storm.Restart.Down.Seconds())
}

func (r *Report) slowTable(b *strings.Builder) {
	s, plan := r.slow, r.slowPlan
	if s.Delivered == 0 {
		return
	}
	fmt.Fprintf(b, `A room of %d gets %d messages of %d bytes a second; then %d of its members stop reading, half of them Socket.IO and half
plain WebSocket.

| | latency, median: ms | 99 %%: ms | largest: ms | CPU: µs a message |
| --- | --- | --- | --- | --- |
`, plan.Members+plan.Stopped+1, plan.Rate, plan.Content, plan.Stopped)
	for _, row := range []struct {
		title   string
		latency crowd.Latency
		cpu     float64
	}{
		{"all read", s.Before, float64(s.CPUBefore.Microseconds())},
		{fmt.Sprintf("%d do not", plan.Stopped), s.Meanwhile, float64(s.CPU.Microseconds())},
	} {
		fmt.Fprintf(b, "| %s | %.2f | %.2f | %.2f | %.0f |\n", row.title, millis(row.latency.Median), millis(row.latency.P99), millis(row.latency.Max), row.cpu)
	}
	reasons := make([]string, 0, len(s.Closed))
	for reason, n := range s.Closed {
		reasons = append(reasons, fmt.Sprintf("%d with `%s`", n, reason))
	}
	slices.Sort(reasons)
	fmt.Fprintf(b, `
The others lost nothing (%d deliveries). Those who stopped were closed within %.1f s, %s; %d of %d came back and had all by
sync. The server had %.1f MiB at most while all read, and %.1f MiB while they did not.

`, s.Delivered, s.Took.Seconds(), strings.Join(reasons, ", "), s.Caught, plan.Stopped, float64(s.MemoryBefore)/(1<<20), float64(s.Memory)/(1<<20))
}

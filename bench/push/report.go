//go:build linux

package push

import (
	"fmt"
	"strings"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Report is what came out, of each round.
type Report struct {
	Short     bool
	Sent      []Sent
	Few, Many []Told
	scale     scale
}

// Markdown is the report as a section.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("## Push\n")
	if r.Short {
		b.WriteString("In its short form: **these figures mean nothing**.\n\n")
	}
	fmt.Fprintf(&b, `A notification to all users of a server on SQLite: to %d users with a browser each, whose push service is on another core and takes
plain HTTP; and to users without one, of whom each is noted.

| | measured | wanted |
| --- | --- | --- |
`, r.scale.devices)
	fmt.Fprintf(&b, "| Web Pushes a second and core, with all that the server does for them | **%.0f**, %.0f by the clock | at least 2,000 |\n",
		process.MedianOf(r.Sent, Sent.PerCore), process.MedianOf(r.Sent, Sent.PerSecond))
	for _, told := range [][]Told{r.Few, r.Many} {
		if len(told) == 0 {
			continue
		}
		fmt.Fprintf(&b, "| memory by which a broadcast to %d users grows | **%.1f MiB**, in %.1f s | the same for all |\n",
			told[0].Users, process.MedianOf(told, Told.Growth), process.MedianOf(told, func(t Told) float64 { return t.Took.Seconds() }))
	}
	return b.String()
}

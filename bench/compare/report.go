//go:build linux

package compare

import (
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
)

// Report is what came out.
type Report struct {
	Options Options
	Began   time.Time
	Took    time.Duration
	Pinned  bool     // to one core for the server and one for the clients
	Machine []string // and versions

	scenarios []*scenario
	peers     []*peer
	results   map[key]map[int]crowd.Result // by round
}

type key struct {
	scenario *scenario
	peer     *peer
}

func (r *Report) add(s *scenario, p *peer, round int, result crowd.Result) {
	if r.results == nil {
		r.results = make(map[key]map[int]crowd.Result)
	}
	k := key{s, p}
	if r.results[k] == nil {
		r.results[k] = make(map[int]crowd.Result)
	}
	r.results[k][round] = result
}

func (r *Report) series(s *scenario, p *peer, of func(crowd.Result) float64) series {
	figures := make(series)
	for round, result := range r.results[key{s, p}] {
		figures[round] = of(result)
	}
	return figures
}

func (r *Report) peer(name string) *peer {
	for _, p := range r.peers {
		if p.name == name {
			return p
		}
	}
	return nil
}

// column is a scenario's figure, of which some have two.
type column struct {
	scenario *scenario
	title    string
	unit     string
	of       func(crowd.Result) float64
}

func (r *Report) columns() []column {
	var columns []column
	for _, s := range r.scenarios {
		columns = append(columns, column{s, s.title, "µs a " + s.operation, crowd.Result.Micros})
		if s.memory != "" {
			columns = append(columns, column{s, s.memory, "KiB RSS", kibibytes})
		}
	}
	return columns
}

// Markdown is the whole report.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("# Results\n\nWritten by `make bench`")
	if r.Options.Short {
		b.WriteString(", in its short form: **these figures mean nothing**")
	}
	fmt.Fprintf(&b, ". %s, %d runs, %.0f minutes.\n\n", r.Began.UTC().Format(time.DateOnly), r.Options.Rounds, r.Took.Minutes())
	for _, line := range r.Machine {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	b.WriteString("\n" + r.method() + "\n")
	r.summary(&b)
	for _, s := range r.scenarios {
		r.detail(&b, s)
	}
	r.quote(&b)
	return b.String()
}

func (r *Report) method() string {
	pinned := "The server runs alone on one core, the clients on another."
	if !r.Pinned {
		pinned = "**Server and clients share the only core.**"
	}
	return pinned + ` CPU time is user and system time of the server process. Messages
have 128 bytes of content; nobody compresses. A message is in flight until all 1,000 members of the room have it. Frames
a write are messages for each TCP segment that came, which is what one call of the server's makes. Idle: 10,000
WebSocket sessions, no forced collection, 20 s after the last one came in. Runs of the servers take turns; given is the
median, and where there are brackets the smallest and the largest. Ratios are of figures of the same run.
`
}

// summary is one row for each peer, and the ratios that matter.
func (r *Report) summary(b *strings.Builder) {
	columns := r.columns()
	b.WriteString("|")
	for _, c := range columns {
		fmt.Fprintf(b, " | %s: %s", c.title, c.unit)
	}
	b.WriteString(" |\n| ---" + strings.Repeat(" | ---", len(columns)) + " |\n")
	row := func(title string, cell func(column) string) {
		fmt.Fprintf(b, "| %s", title)
		for _, c := range columns {
			b.WriteString(" | " + cell(c))
		}
		b.WriteString(" |\n")
	}
	for _, p := range r.peers {
		row(p.title, func(c column) string { return r.series(c.scenario, p, c.of).median() })
	}
	ours, theirs := r.peer(sockeye), r.peer(node)
	if ours != nil && theirs != nil {
		row("**Node socket.io (ws) : Sockeye**", func(c column) string {
			return r.series(c.scenario, theirs, c.of).over(r.series(c.scenario, ours, c.of)).median()
		})
	}
	if ours != nil {
		row("**Sockeye : bare write(2)** of as many frames", func(c column) string {
			floor := r.peer(c.scenario.floor)
			if floor == nil {
				return ""
			}
			return r.series(c.scenario, ours, c.of).over(r.series(c.scenario, floor, c.of)).median()
		})
	}
	b.WriteString("\n")
}

// detail is a table of one scenario.
func (r *Report) detail(b *strings.Builder, s *scenario) {
	fmt.Fprintf(b, "## %s%s\n", strings.ToUpper(s.title[:1]), s.title[1:])
	heads := []string{"", "µs a " + s.operation, "Node socket.io : this"}
	if s.floor != "" {
		heads = append(heads, "this : bare write(2)")
	}
	if s.plan.Window > 0 {
		heads = append(heads, "frames a write")
	}
	if s.memory != "" {
		heads = append(heads, s.memory+": KiB")
	}
	heads = append(heads, s.rate, "server busy: %")
	fmt.Fprintf(b, "|%s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat(" --- |", len(heads)))
	for _, p := range r.peers {
		if !p.takesPart(s) {
			continue
		}
		cost := r.series(s, p, crowd.Result.Micros)
		cells := []string{p.title, cost.String(), ""}
		if theirs := r.peer(node); theirs != nil && p != theirs {
			cells[2] = r.series(s, theirs, crowd.Result.Micros).over(cost).String()
		}
		if s.floor != "" {
			ratio := ""
			if floor := r.peer(s.floor); floor != nil && p != floor {
				ratio = cost.over(r.series(s, floor, crowd.Result.Micros)).String()
			}
			cells = append(cells, ratio)
		}
		if s.plan.Window > 0 {
			cells = append(cells, r.series(s, p, framesPerWrite).median())
		}
		if s.memory != "" {
			cells = append(cells, r.series(s, p, kibibytes).String())
		}
		cells = append(cells, r.series(s, p, crowd.Result.Rate).median(), r.series(s, p, crowd.Result.Busy).median())
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
	b.WriteString("\n")
}

// quote adds the rows that cannot be measured, with one that can beside them to judge the machine by.
func (r *Report) quote(b *strings.Builder) {
	b.WriteString("## Not measured in this run\nServers that the package registries do not have, as measured once on a machine of this kind on " +
		quotedDate + ", and Node beside them.\n\n|")
	for _, title := range []string{"fan-out, 16 in flight: µs", "fan-out, 1 in flight: µs", "ack: µs", "connect: µs", "idle: KiB"} {
		b.WriteString(" | " + title)
	}
	b.WriteString(" |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, q := range quoted {
		fmt.Fprintf(b, "| %s | %s |\n", q.title, strings.Join(q.figures[:], " | "))
	}
}

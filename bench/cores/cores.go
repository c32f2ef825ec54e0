//go:build linux

// Package cores measures what it costs that one server uses several cores: the processor time of the same load with one and with two,
// as locks that are fought over and data that moves between cores take time of both.
package cores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/bench/whole/drive"
)

// Options say how to measure.
type Options struct {
	Rounds   int
	Short    bool // few users for a moment: the figures mean nothing
	Progress io.Writer
}

// Report is what came out, of each round, with one core and with two.
type Report struct {
	Short    bool
	One, Two []drive.Result
}

// Run measures. Both take turns, so that what else the machine does meets both.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	dir, err := os.MkdirTemp("", "sockeye-cores-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := process.Build(ctx, dir, "./cmd/sockeye"); err != nil {
		return nil, err
	}
	plan := drive.Plan{Users: 1000, Settle: time.Second, Each: 4 * time.Second}
	if options.Short {
		plan = drive.Plan{Users: 100, Each: 100 * time.Millisecond}
	}
	report = &Report{Short: options.Short}
	for round := range options.Rounds {
		for cores, results := range []*[]drive.Result{&report.One, &report.Two} {
			_, _ = fmt.Fprintf(options.Progress, "cores: GOMAXPROCS=%d, round %d of %d\n", cores+1, round+1, options.Rounds)
			result, err := drive.Run(ctx, plan, drive.Variant{
				Binary: filepath.Join(dir, "sockeye"), Environment: []string{fmt.Sprintf("GOMAXPROCS=%d", cores+1)},
			})
			if err != nil {
				return nil, fmt.Errorf("cores: GOMAXPROCS=%d: %w", cores+1, err)
			}
			*results = append(*results, result)
		}
	}
	return report, nil
}

// ofTime tells whether a figure is of processor time.
func ofTime(f drive.Figure) bool { return strings.HasSuffix(f.What, ", µs") }

// Markdown is the report as a section.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("## All cores\n")
	if r.Short {
		b.WriteString("In its short form: **these figures mean nothing**.\n\n")
	}
	b.WriteString(`The whole server under the same load with ` + "`GOMAXPROCS`" + ` 1 and 2, in turns: processor time of the server, medians. A delivery and a send
are to take at most 1.1 times as much with two.

| | 1: µs | 2: µs | 2 over 1 |
| --- | --- | --- | --- |
`)
	for row, figure := range r.One[0] {
		if ofTime(figure) {
			one, two := median(r.One, row), median(r.Two, row)
			fmt.Fprintf(&b, "| %s | %.2f | %.2f | **%.2f** |\n", strings.TrimSuffix(figure.What, ", µs"), one, two, two/one)
		}
	}
	return b.String()
}

func median(rounds []drive.Result, row int) float64 {
	values := make([]float64, len(rounds))
	for i, result := range rounds {
		values[i] = result[row].Value
	}
	return process.Median(values)
}

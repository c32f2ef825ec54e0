//go:build linux

package drive

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Variant is one way to run the server.
type Variant struct {
	Name        string
	Binary      string
	TLS         bool
	Environment []string
	Flags       []string
}

// ParseVariant reads a variant from the command line.
func ParseVariant(arg string) (Variant, error) {
	name, rest, ok := strings.Cut(arg, "=")
	if !ok || name == "" {
		return Variant{}, fmt.Errorf("variant %q has no name and =", arg)
	}
	v := Variant{Name: name}
	for _, word := range strings.Fields(rest) {
		switch {
		case word == "tls":
			v.TLS = true
		case strings.HasPrefix(word, "-"):
			v.Flags = append(v.Flags, word)
		case strings.Contains(word, "/"):
			v.Binary = word
		case strings.Contains(word, "="):
			v.Environment = append(v.Environment, word)
		default:
			return Variant{}, fmt.Errorf("variant %q: %q is neither a path, nor tls, nor NAME=value, nor a flag", name, word)
		}
	}
	return v, nil
}

// Figure is one thing that was measured.
type Figure struct {
	What  string // with its unit
	Value float64
}

// Result is what a run of one variant took, the same figures in the same order for all of them.
type Result []Figure

// Print writes a table of medians, and what they are to those of the first variant.
func Print(out io.Writer, variants []Variant, results [][]Result) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(table, "\t")
	for _, v := range variants {
		_, _ = fmt.Fprintf(table, "%s\t\t", v.Name)
	}
	_, _ = fmt.Fprintln(table)
	for row, figure := range results[0][0] {
		_, _ = fmt.Fprintf(table, "%s\t", figure.What)
		first := median(results[0], row)
		for i := range variants {
			value := median(results[i], row)
			_, _ = fmt.Fprintf(table, "%.2f\t%.2fx\t", value, value/first)
		}
		_, _ = fmt.Fprintln(table)
	}
	_ = table.Flush()
}

func median(runs []Result, row int) float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = r[row].Value
	}
	return process.Median(values)
}

//go:build linux

package product_test

import (
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/bench/product"
)

// The measurements work; what they measure in a moment, on a machine that does other things too, says nothing.
func TestMeasurements(t *testing.T) {
	report, err := product.Run(t.Context(), product.Options{Rounds: 1, Short: true, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range product.Names() {
		if report.Operations(name) < 1 {
			t.Errorf("%s: nothing was done", name)
		}
	}
	rows := 0
	for line := range strings.Lines(report.Markdown()) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| | ") && !strings.HasPrefix(line, "| ---") {
			rows++
			if strings.Contains(line, "NaN") || strings.Contains(line, "Inf") {
				t.Errorf("row %q", line)
			}
		}
	}
	if rows != 6 {
		t.Errorf("%d rows instead of 6 in\n%s", rows, report.Markdown())
	}
}

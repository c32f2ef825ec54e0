//go:build linux

package cores_test

import (
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/bench/cores"
)

// The measurements work; what they measure in a moment, on a machine that does other things too, says nothing.
func TestMeasurements(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs servers")
	}
	report, err := cores.Run(t.Context(), cores.Options{Rounds: 1, Short: true, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	text := report.Markdown()
	if bad := strings.Count(text, "NaN") + strings.Count(text, "Inf"); bad > 0 {
		t.Errorf("%d figures are none:\n%s", bad, text)
	}
	for _, row := range []string{"| a delivery in a room of 100 |", "| a direct message", "| connect and sign in |"} {
		if !strings.Contains(text, row) {
			t.Errorf("row %s is missing from\n%s", row, text)
		}
	}
}

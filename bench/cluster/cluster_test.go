//go:build linux

package cluster_test

import (
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/bench/cluster"
)

// The measurements work; what they measure in a moment, on a machine that does other things too, says nothing.
func TestMeasurements(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs a PostgreSQL")
	}
	report, err := cluster.Run(t.Context(), cluster.Options{Rounds: 1, Short: true, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	text := report.Markdown()
	if report.Measured() != 3 {
		t.Errorf("%d forms were measured", report.Measured())
	}
	if bad := strings.Count(text, "NaN") + strings.Count(text, "Inf"); bad > 0 {
		t.Errorf("%d figures are none:\n%s", bad, text)
	}
}

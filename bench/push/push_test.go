//go:build linux

package push_test

import (
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/bench/push"
)

// The measurements work; what they measure in a moment, on a machine that does other things too, says nothing.
func TestMeasurements(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the server")
	}
	report, err := push.Run(t.Context(), push.Options{Rounds: 1, Short: true, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Sent) != 1 || report.Sent[0].CPU <= 0 || len(report.Few) != 1 || len(report.Many) != 1 || report.Many[0].Users <= report.Few[0].Users {
		t.Errorf("it was measured %+v", report)
	}
	text := report.Markdown()
	if bad := strings.Count(text, "NaN") + strings.Count(text, "Inf"); bad > 0 {
		t.Errorf("%d figures are none:\n%s", bad, text)
	}
	if rows := strings.Count(text, "\n| ") - 2; rows != 3 {
		t.Errorf("%d rows instead of 3 in\n%s", rows, text)
	}
}

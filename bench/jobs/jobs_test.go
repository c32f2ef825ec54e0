//go:build linux

package jobs_test

import (
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/bench/jobs"
)

// The measurements work; what they measure in a moment, on a machine that does other things too, says nothing.
func TestMeasurements(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs a PostgreSQL")
	}
	report, err := jobs.Run(t.Context(), jobs.Options{Rounds: 1, Short: true, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Enqueued) != 1 || report.SQLite[0].Jobs < 400 || report.Postgres[0].Jobs < 400 || report.Beside[0].Jobs == 0 {
		t.Errorf("it was measured %+v", report)
	}
	text := report.Markdown()
	if bad := strings.Count(text, "NaN") + strings.Count(text, "Inf"); bad > 0 {
		t.Errorf("%d figures are none:\n%s", bad, text)
	}
	if rows := strings.Count(text, "\n| ") - 2; rows != 5 {
		t.Errorf("%d rows instead of 5 in\n%s", rows, text)
	}
}

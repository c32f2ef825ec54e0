//go:build linux

package store_test

import (
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/bench/store"
)

// The measurements work; what they measure in a moment, on a machine that does other things too, says nothing.
func TestMeasurements(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs a PostgreSQL")
	}
	report, err := store.Run(t.Context(), store.Options{Rounds: 1, Short: true, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	text := report.Markdown()
	if bad := strings.Count(text, "NaN") + strings.Count(text, "Inf"); bad > 0 {
		t.Errorf("%d figures are none:\n%s", bad, text)
	}
	for _, row := range []string{"| bare pgx batch writer | ", "| **Sockeye on PostgreSQL** | ", "| Sockeye on SQLite | "} {
		if strings.Count(text, row) != len(report.Shapes) {
			t.Errorf("there is not one row %q in each table of\n%s", row, text)
		}
	}
}

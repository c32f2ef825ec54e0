//go:build linux

package compare_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/bench/compare"
)

// The measurements work; what they measure in a moment, on a machine that does other things too, says nothing.
func TestMeasurements(t *testing.T) {
	for name, peers := range map[string][]string{
		"own":    {"sockeye", "write"},
		"floors": {"write-4", "write-16", "net"},
		"Go":     {"gws", "centrifuge"},
		"Node":   {"sockeye", "node", "ws"},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "own" {
				t.Skip("takes longer")
			}
			report, err := compare.Run(t.Context(), compare.Options{Rounds: 1, Short: true, Peers: peers, Progress: t.Output()})
			if errors.Is(err, compare.ErrNotInstalled) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, peer := range peers {
				for _, scenario := range compare.Scenarios() {
					if got := report.Operations(scenario, peer); got < 1 && compare.TakesPart(peer, scenario) {
						t.Errorf("%s, %s: %d operations", scenario, peer, got)
					}
				}
			}
			checkTables(t, report.Markdown(), peers)
		})
	}
}

// checkTables makes sure that every figure that a run can give is there.
func checkTables(t *testing.T, text string, peers []string) {
	t.Helper()
	rows := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "| ") || strings.Contains(line, "---") {
			continue
		}
		rows++
		for _, bad := range []string{"NaN", "Inf"} {
			if strings.Contains(line, bad) {
				t.Errorf("row %q", line)
			}
		}
	}
	if least := 2 * len(peers); rows < least {
		t.Errorf("%d rows, at least %d were expected, in\n%s", rows, least, text)
	}
}

func TestFigures(t *testing.T) {
	ours := compare.Series{0: 2, 1: 4, 2: 3}
	theirs := compare.Series{0: 20, 2: 36} // failed in round 1
	for _, c := range []struct{ got, want string }{
		{ours.String(), "3.00 (2.00–4.00)"},
		{theirs.String(), "28.0 (20.0–36.0)"},
		{compare.Over(theirs, ours).String(), "11.0 (10.0–12.0)"},
		{compare.Over(ours, nil).String(), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q instead of %q", c.got, c.want)
		}
	}
}

func TestNamesThatDoNotExist(t *testing.T) {
	for name, options := range map[string]compare.Options{
		"peer":     {Peers: []string{"sockeye", "gone"}},
		"scenario": {Scenarios: []string{"gone"}},
	} {
		if _, err := compare.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), `"gone"`) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

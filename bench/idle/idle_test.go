//go:build linux

package main_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/bench/idle/measure"
)

// limit is the most that an idle connection may cost, in bytes of resident memory.
const limit = 8 << 10

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMeasures checks the measuring, not the figure: among few connections it is mostly what the server needs anyway.
func TestMeasures(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the server")
	}
	r, err := measure.Sockeye(t.Context(), measure.Plan{Connections: 500, Settle: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if r.Before.RSS <= 0 || r.After.RSS < r.After.Anonymous || r.After.Peak < r.After.RSS || r.PerConnection() <= 0 {
		t.Errorf("these figures cannot be:\n%s", r)
	}
}

// TestSoakIdleMemory holds an idle connection to its limit.
func TestSoakIdleMemory(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("takes over a minute and needs 10,000 open files; SOCKEYE_SOAK=1 runs it")
	}
	r, err := measure.Sockeye(t.Context(), measure.Plan{Connections: 10_000, Settle: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r)
	if r.PerConnection() > limit {
		t.Errorf("an idle connection takes %.0f bytes, the limit is %d", r.PerConnection(), limit)
	}
}

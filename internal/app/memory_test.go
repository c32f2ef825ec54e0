package app_test

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestMemoryLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	for arg, want := range map[string]int64{"--memory-limit=3GiB": 3 << 30, "--memory-limit=off": before} {
		r := start(t, t.TempDir(), arg)
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("%s: the limit is %d, want %d", arg, got, want)
		}
		if said := strings.Contains(r.log.String(), `"msg":"memory limit","bytes":3221225472`); said != (want == 3<<30) {
			t.Errorf("%s: log %s", arg, r.log)
		}
		r.stop()
		r.end()
		if got := debug.SetMemoryLimit(-1); got != before {
			t.Errorf("%s: the limit is %d afterwards", arg, got)
		}
	}
	t.Setenv("GOMEMLIMIT", "1GiB") // which the runtime has read, and its word counts
	r := start(t, t.TempDir(), "--memory-limit=3GiB")
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("with GOMEMLIMIT: the limit is %d", got)
	}
	r.stop()
}

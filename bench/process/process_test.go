//go:build linux

package process_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// The clock that is read of other processes counts what getrusage does.
func TestCPUTime(t *testing.T) {
	used := func() time.Duration {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			t.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	for began := used(); used() < began+50*time.Millisecond; {
	}
	before := used()
	got, err := process.CPUTime(os.Getpid())
	after := used()
	// getrusage splits what was used into two parts by ticks, but their sum is exact to the microsecond.
	if slack := time.Millisecond; err != nil || got < before-slack || got > after+slack {
		t.Errorf("%s (%v), getrusage has %s before and %s after", got, err, before, after)
	}
	if _, err := process.CPUTime(1 << 22); err == nil {
		t.Error("a process that does not exist has CPU time")
	}
}

func TestPinnedProcess(t *testing.T) {
	cores, err := process.Available()
	if err != nil || len(cores) == 0 {
		t.Fatalf("cores %v: %v", cores, err)
	}
	last := cores[len(cores)-1:]
	out, err := last.Output(exec.Command("nproc"))
	if err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Errorf("a process pinned to %v sees %q cores (%v)", last, out, err)
	}
	if again, err := process.Available(); err != nil || len(again) != len(cores) {
		t.Errorf("the test itself is on %v now (%v)", again, err)
	}
	if m, err := process.ReadMemory(os.Getpid()); err != nil || m.RSS <= 0 || m.Peak < m.RSS/2 {
		t.Errorf("memory %+v: %v", m, err)
	}
}

package monitor

import (
	"bytes"
	"os"
	"runtime/metrics"
	"strconv"
	"time"
)

// process is what the process takes of the machine.
type process struct {
	cpu            time.Duration // used since the start
	resident, heap uint64
	goroutines     int
}

// readProcess does not stop the program.
func readProcess() process {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(samples)
	p := process{cpu: processorTime()}
	p.resident, _ = ResidentBytes()
	if v := samples[0].Value; v.Kind() == metrics.KindUint64 {
		p.heap = v.Uint64()
	}
	if v := samples[1].Value; v.Kind() == metrics.KindUint64 {
		p.goroutines = int(v.Uint64())
	}
	return p
}

// ResidentBytes reads what the kernel counts; only Linux has it at this place.
func ResidentBytes() (uint64, bool) {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(raw)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	return pages * uint64(os.Getpagesize()), err == nil
}

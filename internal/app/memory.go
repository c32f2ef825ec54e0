package app

import (
	"context"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// ofMemory is how much of a cgroup's memory the Go runtime may take: what it does
// not count (the kernel's for files that are mapped, stacks of threads) needs some too.
const ofMemory = 0.9

// limitMemory has the collector work harder before the kernel ends the process for
// its memory. GOMEMLIMIT in the environment is the operator's own word.
func (s *Server) limitMemory(context.Context) error {
	setting := s.settings.MemoryLimit
	if os.Getenv("GOMEMLIMIT") != "" || setting.Off { // an empty one sets none
		return nil
	}
	before := debug.SetMemoryLimit(-1)
	s.parts.add("memory limit", func() error { debug.SetMemoryLimit(before); return nil })
	if setting.Bytes > 0 {
		debug.SetMemoryLimit(int64(setting.Bytes))
		s.log.Info("memory limit", "bytes", int64(setting.Bytes), "from", "memory-limit")
		return nil
	}
	limit, err := memlimit.FromCgroup()
	if err != nil {
		s.log.Debug("no memory limit of a cgroup was found", "err", err)
		return nil
	}
	limit = uint64(ofMemory * float64(limit))
	debug.SetMemoryLimit(int64(min(limit, math.MaxInt64)))
	s.log.Info("memory limit", "bytes", limit, "from", "cgroup")
	return nil
}

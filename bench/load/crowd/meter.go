//go:build linux

package crowd

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-im/sockeye/bench/process"
)

// reading is the state of all clocks at one moment.
type reading struct {
	at     time.Time
	cpu    time.Duration
	ownCPU time.Duration
}

func (l *loop) read() (reading, error) {
	cpu, err := process.CPUTime(l.plan.PID)
	if err != nil {
		return reading{}, err
	}
	own, err := process.CPUTime(os.Getpid())
	return reading{at: time.Now(), cpu: cpu, ownCPU: own}, err
}

// since is the result of the time since an earlier reading.
func (r reading) since(earlier reading, operations int64) Result {
	return Result{
		Operations: operations,
		Elapsed:    r.at.Sub(earlier.at),
		CPU:        r.cpu - earlier.cpu,
		OwnCPU:     r.ownCPU - earlier.ownCPU,
	}
}

// segments counts the TCP segments with data that have come on connections.
func segments(conns []*conn) (n int64, err error) {
	for _, c := range conns {
		info, err := unix.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return 0, os.NewSyscallError("getsockopt", err)
		}
		n += int64(info.Data_segs_in)
	}
	return n, nil
}

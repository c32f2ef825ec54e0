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
	at               time.Time
	cpu              time.Duration   // of all servers
	servers          []time.Duration // of each
	database, broker time.Duration
	ownCPU           time.Duration
}

func (l *loop) read() (reading, error) {
	r := reading{at: time.Now()}
	for _, server := range append([]Server{{PID: l.plan.PID}}, l.plan.Others...) {
		cpu, err := process.CPUTime(server.PID)
		if err != nil {
			return r, err
		}
		r.servers = append(r.servers, cpu)
		r.cpu += cpu
	}
	var err error
	if l.plan.Database > 0 {
		if r.database, err = process.FamilyTime(l.plan.Database); err != nil {
			return r, err
		}
	}
	if l.plan.Broker > 0 {
		if r.broker, err = process.CPUTime(l.plan.Broker); err != nil {
			return r, err
		}
	}
	r.ownCPU, err = process.CPUTime(os.Getpid())
	return r, err
}

// since is the result of the time since an earlier reading.
func (r reading) since(earlier reading, operations int64) Result {
	result := Result{
		Operations:  operations,
		Elapsed:     r.at.Sub(earlier.at),
		CPU:         r.cpu - earlier.cpu,
		OwnCPU:      r.ownCPU - earlier.ownCPU,
		DatabaseCPU: r.database - earlier.database,
		BrokerCPU:   r.broker - earlier.broker,
	}
	for i := range r.servers {
		result.ServerCPU = append(result.ServerCPU, r.servers[i]-earlier.servers[i])
	}
	return result
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

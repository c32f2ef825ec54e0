//go:build linux

package crowd

import (
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// connections opens all connections and measures the time of the server that takes, the first tenth apart, which lets
// it warm up; then it lets them be idle and reads the memory.
func connections(l *loop) (Result, error) {
	empty, err := process.ReadMemory(l.plan.PID)
	if err != nil {
		return Result{}, err
	}
	warmUp := l.plan.Connections / 10
	if _, err := l.bring(warmUp, l.words.caller); err != nil {
		return Result{}, err
	}
	before, err := l.read()
	if err != nil {
		return Result{}, err
	}
	if _, err := l.bring(l.plan.Connections-warmUp, l.words.caller); err != nil {
		return Result{}, err
	}
	after, err := l.read()
	if err != nil || l.plan.Settle == 0 {
		return after.since(before, int64(l.open-warmUp)), err
	}
	end := time.Now().Add(l.plan.Settle)
	err = l.run(func() (bool, error) {
		l.last = time.Now() // silence is what is wanted
		return time.Now().After(end), nil
	})
	if err != nil {
		return Result{}, err
	}
	full, err := process.ReadMemory(l.plan.PID)
	result := after.since(before, int64(l.open-warmUp))
	result.Memory = float64(full.RSS-empty.RSS) / float64(l.plan.Connections)
	return result, err
}

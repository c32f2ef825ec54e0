//go:build linux

package crowd

import (
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Level is a number of idle connections to come to.
type Level struct {
	Connections int
	Settle      time.Duration // from the last connection to the measurements
	Watch       time.Duration // how long their CPU time is measured; none if 0
}

// LevelResult is what was measured with that many connections.
type LevelResult struct {
	Connections int
	Memory      float64       // growth of the server's resident memory in bytes for each, since there was none
	CPU         time.Duration // of the server, and of how long
	Elapsed     time.Duration
}

// levels opens more and more connections to one server, which send nothing but the answers to its pings. With tokens they
// sign in to Sockeye.
func levels(t *Trial) ([]LevelResult, error) {
	words, err := newDialect(t.Plan)
	if err != nil {
		return nil, err
	}
	l, err := newLoop(t.Plan, words)
	if err != nil {
		return nil, err
	}
	defer l.close()
	empty, err := process.ReadMemory(t.Plan.PID)
	if err != nil {
		return nil, err
	}
	var results []LevelResult
	for _, level := range t.Levels {
		for i := len(l.conns); i < level.Connections; i++ {
			as := words.caller
			if t.Tokens != nil {
				as = socketIOSpeech{}.role(t.Tokens[i])
			}
			if err := l.dialSoon(as); err != nil {
				return nil, err
			}
		}
		result, err := l.level(level)
		if err != nil {
			return nil, err
		}
		result.Memory = (result.Memory - float64(empty.RSS)) / float64(level.Connections)
		results = append(results, result)
	}
	return results, nil
}

// level waits until all are in, and measures. The memory is that of all of the server.
func (l *loop) level(level Level) (LevelResult, error) {
	if err := l.run(func() (bool, error) { return l.open == level.Connections, nil }); err != nil {
		return LevelResult{}, err
	}
	if err := l.idle(level.Settle); err != nil {
		return LevelResult{}, err
	}
	before, err := l.read()
	if err != nil {
		return LevelResult{}, err
	}
	if err := l.idle(level.Watch); err != nil {
		return LevelResult{}, err
	}
	after, err := l.read()
	if err != nil {
		return LevelResult{}, err
	}
	memory, err := process.ReadMemory(l.plan.PID)
	return LevelResult{
		Connections: level.Connections, Memory: float64(memory.RSS), CPU: after.cpu - before.cpu, Elapsed: after.at.Sub(before.at),
	}, err
}

// idle lets some time pass, in which nothing needs to come.
func (l *loop) idle(d time.Duration) error {
	end := time.Now().Add(d)
	return l.run(func() (bool, error) {
		l.last = time.Now()
		return time.Now().After(end), nil
	})
}

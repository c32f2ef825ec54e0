//go:build linux

package crowd

import (
	"slices"
	"time"
)

// Latency is how long things took: so much or less for half of them, for 99 in 100, for all.
type Latency struct {
	Median, P99, Max time.Duration
}

// latencyOf sorts took. It is zero if there is none.
func latencyOf(took []time.Duration) Latency {
	if len(took) == 0 {
		return Latency{}
	}
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[min(len(took)-1, len(took)*percent/100)] }
	return Latency{Median: at(50), P99: at(99), Max: took[len(took)-1]}
}

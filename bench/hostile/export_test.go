//go:build linux

package hostile

import (
	"github.com/sockeye-im/sockeye/bench/hostile/attack"
	"github.com/sockeye-im/sockeye/bench/load/crowd"
)

// Waves are the storms by what they are called.
func (r *Report) Waves() map[string]crowd.Wave {
	waves := make(map[string]crowd.Wave)
	for _, w := range r.storms {
		waves[w.title] = w.Wave
	}
	return waves
}

// Slow is what became of those who do not read.
func (r *Report) Slow() (crowd.SlowResult, crowd.Slow) { return r.slow, r.slowPlan }

// Strangers calls look for each thing that strangers did.
func (r *Report) Strangers(look func(title string, plan attack.StrangersPlan, came attack.StrangersOutcome)) {
	for _, i := range r.intrusions {
		look(i.title+", "+i.from(), i.plan, i.StrangersOutcome)
	}
}

// Attacks is how many attacks there were.
func (r *Report) Attacks() int { return len(r.attacks) }

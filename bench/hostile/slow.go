//go:build linux

package hostile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
)

// slow has a tenth of a room stop reading.
func (r *runner) slow(ctx context.Context, report *Report) (err error) {
	plan := crowd.Slow{Members: 900, Stopped: 100, Rate: 40, Content: 1000, Phase: 12 * time.Second}
	if r.options.Short { // not so many messages that those who stop are too far behind to catch up when they are closed
		plan = crowd.Slow{Members: 18, Stopped: 4, Rate: 30, Content: 4_000, Phase: 500 * time.Millisecond}
	}
	server, tokens, err := r.start(ctx, "slow", 1+plan.Members+plan.Stopped)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := r.try(ctx, server, crowd.Trial{Tokens: tokens, Slow: &plan}, &report.slow); err != nil {
		return fmt.Errorf("slow peers: %w", err)
	}
	s := report.slow
	report.slowPlan = plan
	r.Say("%d of %d stop reading: p99 %.2f ms, before %.2f ms; closed after %.1f s as %v, %d caught up; memory %+.1f MiB",
		plan.Stopped, plan.Members+plan.Stopped, millis(s.Meanwhile.P99), millis(s.Before.P99), s.Took.Seconds(), s.Closed, s.Caught, float64(s.Memory-s.MemoryBefore)/(1<<20))
	return nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

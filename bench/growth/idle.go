//go:build linux

package growth

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// idleLevels are the numbers of idle connections. The time is measured with one of them, for longer than two heartbeats.
func idleLevels(short bool) []crowd.Level {
	if short {
		const settle = 100 * time.Millisecond
		return []crowd.Level{{Connections: 20, Settle: settle}, {Connections: 40, Settle: settle, Watch: settle}}
	}
	const settle = 12 * time.Second
	return []crowd.Level{
		{Connections: 1_000, Settle: settle}, {Connections: 5_000, Settle: settle},
		{Connections: 10_000, Settle: settle, Watch: 62 * time.Second}, {Connections: 18_000, Settle: settle},
	}
}

// idle watches the library and the whole server at the same time: they have next to nothing to do.
func (r *runner) idle(ctx context.Context, report *Report) error {
	levels := idleLevels(r.options.Short)
	library, err := process.Start(ctx, exec.CommandContext(ctx, r.Path("server")), r.Server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, library.Stop()) }()
	last := levels[len(levels)-1].Connections
	product, err := r.Start(ctx, "idle", "--max-connections", strconv.Itoa(last))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, product.Stop()) }()
	tokens, err := process.Tokens(product.Data, last)
	if err != nil {
		return err
	}
	var both sync.WaitGroup
	var failed [2]error
	watch := func(i int, name string, p *process.Process, tokens []string, into *[]crowd.LevelResult) {
		both.Go(func() {
			trial := crowd.Trial{Plan: crowd.Plan{Addr: p.Addr, PID: p.PID(), Dialect: "socketio"}, Levels: levels, Tokens: tokens}
			failed[i] = r.Try(ctx, trial, into)
			for _, level := range *into {
				r.Say("%d idle connections, %s: %.2f KiB each, %.2f µs a second each", level.Connections, name, level.Memory/1024, idleCost(level))
			}
			if failed[i] != nil {
				failed[i] = fmt.Errorf("idle connections, %s: %w", name, failed[i])
			}
		})
	}
	watch(0, "library", library, nil, &report.library)
	watch(1, "server", product.Process, tokens, &report.product)
	both.Wait()
	return errors.Join(failed[:]...)
}

// idleCost is CPU time in microseconds for each connection and second.
func idleCost(level crowd.LevelResult) float64 {
	if level.Elapsed < time.Millisecond {
		return 0
	}
	return float64(level.CPU.Nanoseconds()) / 1e3 / level.Elapsed.Seconds() / float64(level.Connections)
}

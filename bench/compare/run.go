//go:build linux

// Package compare runs servers side by side, round after round, and puts what they cost into tables.
//
//	scenarios.go, peers.go   what is measured, and of whom
//	build.go                 their programs
//	run.go                   the rounds
//	report.go, table.go      what came out
//	machine.go               where, and with which versions
package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// Options say what to measure.
type Options struct {
	Rounds    int
	Short     bool     // few connections for a moment
	Peers     []string // none: all
	Scenarios []string // none: all
	Profile   string   // directory for CPU profiles of Sockeye's server; none if empty
	Progress  io.Writer
}

// runner has what all rounds share.
type runner struct {
	options Options
	built   *built
	server  process.Cores
	clients process.Cores
}

// Run measures. Beside an error of some of the measurements it returns a report on the others; without a report nothing
// could be measured.
func Run(ctx context.Context, options Options) (*Report, error) {
	chosenPeers, err := choose(peers, options.Peers, func(p *peer) string { return p.name })
	if err != nil {
		return nil, err
	}
	chosenScenarios, err := choose(scenarios, options.Scenarios, func(s *scenario) string { return s.name })
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sockeye-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &runner{options: options}
	if r.built, err = build(ctx, dir, chosenPeers); err != nil {
		return nil, err
	}
	if !options.Short { // which measures nothing, and is not to wait for the one core where something else may run
		if r.server, r.clients, err = process.Split(); err != nil {
			return nil, err
		}
	}
	report := &Report{Options: options, Began: time.Now(), Pinned: len(r.server) > 0, scenarios: chosenScenarios, peers: chosenPeers}
	report.Machine = describe(ctx, r.built)
	err = r.rounds(ctx, report)
	report.Took = time.Since(report.Began)
	return report, err
}

// choose picks what is named, all if nothing is.
func choose[T any](from []T, names []string, name func(*T) string) ([]*T, error) {
	var chosen []*T
	for i := range from {
		if len(names) == 0 || slices.Contains(names, name(&from[i])) {
			chosen = append(chosen, &from[i])
		}
	}
	for _, wanted := range names {
		if !slices.ContainsFunc(chosen, func(t *T) bool { return name(t) == wanted }) {
			return nil, fmt.Errorf("nothing is called %q", wanted)
		}
	}
	return chosen, nil
}

// rounds measures every peer once a round, each round in another order, so that whatever else the machine does meets all
// of them. A peer that failed is tried again in the next round.
func (r *runner) rounds(ctx context.Context, report *Report) error {
	var failures error
	for round := range r.options.Rounds {
		for _, s := range report.scenarios {
			for i := range report.peers {
				p := report.peers[(i+round)%len(report.peers)]
				if !p.takesPart(s) {
					continue
				}
				result, err := r.measure(ctx, p, s, round)
				if ctx.Err() != nil {
					return errors.Join(failures, errors.New("interrupted"))
				}
				if err != nil {
					err = fmt.Errorf("%s, %s, run %d: %w", s.name, p.name, round+1, err)
					failures = errors.Join(failures, err)
					r.say("%v", err)
					continue
				}
				report.add(s, p, round, result)
				r.say("run %d  %-9s %-11s %8.2f µs a %s, server %.0f %% busy, clients %.0f %%",
					round+1, s.name, p.name, result.Micros(), s.operation, result.Busy(), 100*float64(result.OwnCPU)/float64(result.Elapsed))
			}
		}
	}
	return failures
}

func (r *runner) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.options.Progress, format+"\n", args...) // progress is all it is
}

// measure starts a peer, runs the load generator against it, and stops it.
func (r *runner) measure(ctx context.Context, p *peer, s *scenario, round int) (result crowd.Result, err error) {
	b := *r.built
	if r.options.Profile != "" {
		b.serverArgs = []string{"-profile", filepath.Join(r.options.Profile, fmt.Sprintf("%s-%d.pprof", s.name, round+1))}
	}
	running, err := process.Start(ctx, p.command(&b), r.server)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	plan := s.planned(r.options.Short)
	out, err := r.clients.Output(exec.CommandContext(ctx, b.path("load"),
		"-addr", running.Addr, "-pid", strconv.Itoa(running.PID()),
		"-dialect", p.dialect, "-scenario", plan.Scenario,
		"-n", strconv.Itoa(plan.Connections), "-window", strconv.Itoa(plan.Window), "-senders", strconv.Itoa(plan.Senders), "-polling="+strconv.FormatBool(plan.Polling), "-payload", strconv.Itoa(plan.Payload),
		"-warmup", plan.WarmUp.String(), "-duration", plan.Duration.String(), "-least", strconv.FormatInt(plan.Least, 10), "-settle", plan.Settle.String()))
	if err != nil {
		return result, err
	}
	err = json.Unmarshal(out, &result)
	return result, err
}

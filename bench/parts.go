//go:build linux

package main

import (
	"context"

	"github.com/sockeye-im/sockeye/bench/cluster"
	"github.com/sockeye-im/sockeye/bench/compare"
	"github.com/sockeye-im/sockeye/bench/cores"
	"github.com/sockeye-im/sockeye/bench/growth"
	"github.com/sockeye-im/sockeye/bench/hostile"
	"github.com/sockeye-im/sockeye/bench/jobs"
	"github.com/sockeye-im/sockeye/bench/product"
	"github.com/sockeye-im/sockeye/bench/push"
	"github.com/sockeye-im/sockeye/bench/store"
)

// part is a measurement that gives a section of the results of its own, behind the comparison with peers.
type part struct {
	name string // on the command line
	run  func(ctx context.Context, options compare.Options) (section string, err error)
}

var parts = []part{
	{"product", runProduct},
	{"store", runStore},
	{"jobs", runJobs},
	{"push", runPush},
	{"cluster", runCluster},
	{"cores", runCores},
	{"growth", runGrowth},
	{"hostile", runHostile},
}

// partRounds is how often parts measure at most, if they take long: with the comparison all of it is to take less than
// half an hour.
const partRounds = 2

func partNames() []string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
	}
	return names
}

func runCluster(ctx context.Context, options compare.Options) (string, error) {
	report, err := cluster.Run(ctx, cluster.Options{Rounds: min(options.Rounds, partRounds), Short: options.Short, Progress: options.Progress})
	if report == nil {
		return "", err
	}
	return report.Markdown(), err
}

func runCores(ctx context.Context, options compare.Options) (string, error) {
	report, err := cores.Run(ctx, cores.Options{Rounds: options.Rounds, Short: options.Short, Progress: options.Progress})
	if report == nil {
		return "", err
	}
	return report.Markdown(), err
}

func runGrowth(ctx context.Context, options compare.Options) (string, error) {
	report, err := growth.Run(ctx, growth.Options{Rounds: min(options.Rounds, partRounds), Short: options.Short, Progress: options.Progress})
	if report == nil {
		return "", err
	}
	return report.Markdown(), err
}

func runHostile(ctx context.Context, options compare.Options) (string, error) {
	report, err := hostile.Run(ctx, hostile.Options{Short: options.Short, Progress: options.Progress})
	if report == nil {
		return "", err
	}
	return report.Markdown(), err
}

func runJobs(ctx context.Context, options compare.Options) (string, error) {
	report, err := jobs.Run(ctx, jobs.Options{
		Rounds: min(options.Rounds, partRounds), Short: options.Short, Profile: options.Profile, Progress: options.Progress,
	})
	if report == nil {
		return "", err
	}
	return report.Markdown(), err
}

func runProduct(ctx context.Context, options compare.Options) (string, error) {
	report, err := product.Run(ctx, product.Options{
		Rounds: min(options.Rounds, partRounds), Short: options.Short, Only: options.Scenarios, Profile: options.Profile, Progress: options.Progress,
	})
	if report == nil {
		return "", err
	}
	return report.Markdown(), err
}

func runPush(ctx context.Context, options compare.Options) (string, error) {
	report, err := push.Run(ctx, push.Options{Rounds: min(options.Rounds, partRounds), Short: options.Short, Progress: options.Progress})
	if report == nil {
		return "", err
	}
	return report.Markdown(), err
}

func runStore(ctx context.Context, options compare.Options) (string, error) {
	report, err := store.Run(ctx, store.Options{
		Rounds: options.Rounds, Short: options.Short, Profile: options.Profile, Progress: options.Progress,
	})
	if report == nil {
		return "", err
	}
	return report.Markdown(), err
}

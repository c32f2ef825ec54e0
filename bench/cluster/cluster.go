//go:build linux

// Package cluster measures several nodes on one PostgreSQL database, beside one node, in the same run: what messages cost all
// processes together, how long one takes to members on another node, and what it costs when a part dies.
//
//	cluster.go     Options, Run
//	nodes.go       PostgreSQL, Redis and nodes
//	scenarios.go   what is measured
//	report.go      what came out
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Options say how to measure.
type Options struct {
	Rounds   int
	Short    bool // few connections for a moment: the figures mean nothing
	Progress io.Writer
}

// runner has what the measurements share.
type runner struct {
	*process.Workbench
	options Options
	report  *Report
	started int // clusters, for the names of their folders
}

// Run measures. Beside an error of some of the measurements it returns a report on the others; without a report nothing
// could be measured.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	bench, err := process.SetUp(ctx, "cluster", options.Progress, 4000, "./cmd/sockeye", "./bench/trial")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bench.Close()) }()
	if options.Short {
		bench.Unpin()
	}
	r := &runner{Workbench: bench, options: options, report: &Report{Short: options.Short, results: make(map[key]result)}}
	var failures error
	for round := range options.Rounds {
		for i := range forms {
			f := forms[(i+round)%len(forms)]
			if ctx.Err() != nil {
				return r.report, errors.Join(failures, ctx.Err())
			}
			if err := r.measure(ctx, f, round); err != nil {
				failures = errors.Join(failures, fmt.Errorf("%s, run %d: %w", f.name, round+1, err))
			}
		}
	}
	return r.report, failures
}

// form is what a cluster is of.
type form struct {
	name, title string
	nodes       int
	redis       bool
}

const (
	single       = "single"
	withRedis    = "redis"
	withPostgres = "postgres"
)

var forms = []form{
	{single, "one node", 1, false},
	{withRedis, "three nodes, Redis", 3, true},
	{withPostgres, "three nodes, PostgreSQL alone", 3, false},
}

//go:build linux

// Command bench measures Sockeye's Socket.IO library side by side with what else one could take, and with the bare system
// call; then the whole server, its stores and several nodes, what more of everything costs, and what slow and hostile clients
// do; and writes down what came out.
//
//	make bench                            # all of it, some 25 minutes, into bench/RESULTS.md
//	go run ./bench -short -out -          # a few seconds, to see that it works; the figures mean nothing
//	go run ./bench -peers sockeye,write -scenarios ack,fanout16 -out -
//	go run ./bench -peers sockeye -profile /tmp  # CPU profiles of the server too
//	go run ./bench -parts growth -out -          # only what that part of the results shows
//
// Every server runs alone on one core, the clients on another. What counts is CPU time of the server for each operation,
// which other work on the machine disturbs little; it disturbs ratios within one run even less.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/sockeye-im/sockeye/bench/compare"
)

func main() {
	var options compare.Options
	flag.IntVar(&options.Rounds, "runs", 3, "how often each server is measured")
	flag.BoolVar(&options.Short, "short", false, "few connections for a moment")
	flag.StringVar(&options.Profile, "profile", "", "write CPU profiles of Sockeye's server into this `directory`; they cost a little")
	peers := flag.String("peers", "", "measure only `names`, separated by commas: "+strings.Join(compare.Peers(), ", "))
	scenarios := flag.String("scenarios", "", "measure only `names`, separated by commas: "+strings.Join(compare.Scenarios(), ", "))
	parts := flag.String("parts", "", "measure only `names`, separated by commas: peers, "+strings.Join(partNames(), ", "))
	out := flag.String("out", "bench/RESULTS.md", "`file` for the results, - for standard output")
	flag.Parse()
	options.Peers, options.Scenarios = list(*peers), list(*scenarios)
	if err := run(options, list(*parts), *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func list(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
}

// run writes what could be measured even where something failed.
func run(options compare.Options, names []string, path string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options.Progress = os.Stderr
	var text strings.Builder
	var failures error
	if len(names) == 0 || slices.Contains(names, "peers") {
		report, err := compare.Run(ctx, options)
		if report == nil {
			return err
		}
		text.WriteString(report.Markdown())
		failures = err
	}
	for _, p := range parts {
		if ctx.Err() != nil || len(names) > 0 && !slices.Contains(names, p.name) {
			continue
		}
		section, err := p.run(ctx, options)
		text.WriteString("\n" + section)
		failures = errors.Join(failures, err)
	}
	if path == "-" {
		_, err := io.WriteString(os.Stdout, text.String())
		return errors.Join(failures, err)
	}
	return errors.Join(failures, os.WriteFile(path, []byte(text.String()), 0o644))
}

//go:build linux

// Command whole drives the server as it is shipped through a day in short: users sign in, sit idle, talk in rooms and with
// each other, poll, ask the HTTP API. It prints what each cost the server, for variants of it in turn: what differs between
// them is then the variant, not the hour.
//
//	go run ./bench/whole plain= 'tls=tls'
//	go run ./bench/whole -rounds 3 'gogc100=GOGC=100' 'gogc200=GOGC=200'
//	go run ./bench/whole 'old=/tmp/sockeye-old' 'new='
//	go run ./bench/whole -profile cpu.pprof 'it='
//
// A variant is a name and behind = any of: the path of a binary (else it is built as shipped), tls, NAME=value for the
// environment, flags. Linux only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/bench/whole/drive"
)

func main() {
	var plan drive.Plan
	rounds := flag.Int("rounds", 3, "how often each variant is measured; the table has the median")
	flag.IntVar(&plan.Users, "n", 1000, "users, each with a connection; a multiple of 100")
	flag.DurationVar(&plan.Settle, "settle", 2*time.Second, "time from the last connection to the reading of the memory")
	flag.DurationVar(&plan.Each, "each", 3*time.Second, "time for each kind of load; 0 only connects")
	flag.StringVar(&plan.Profile, "profile", "", "write a CPU profile of the server over all of it to this `file`")
	flag.StringVar(&plan.Mutexes, "mutexes", "", "write to this `file` how long the server waited for mutexes, and where")
	flag.Parse()
	if flag.NArg() == 0 || plan.Users < 100 || plan.Users%100 != 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(plan, *rounds, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "whole:", err)
		os.Exit(1)
	}
}

func run(plan drive.Plan, rounds int, args []string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "sockeye-whole-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := process.Build(ctx, dir, "./cmd/sockeye"); err != nil {
		return err
	}
	built := filepath.Join(dir, "sockeye")
	variants := make([]drive.Variant, len(args))
	for i, arg := range args {
		if variants[i], err = drive.ParseVariant(arg); err != nil {
			return err
		}
		if variants[i].Binary != "" {
			continue
		}
		variants[i].Binary = built
	}
	results := make([][]drive.Result, len(variants))
	for range rounds {
		for i, v := range variants {
			r, err := drive.Run(ctx, plan, v)
			if err != nil {
				return fmt.Errorf("%s: %w", v.Name, err)
			}
			results[i] = append(results[i], r)
		}
	}
	drive.Print(os.Stdout, variants, results)
	return nil
}

//go:build linux

// Command idle measures what an idle connection costs: how much the resident memory of a server grows by signed-in
// Socket.IO connections over WebSocket that do nothing but answer heartbeats, divided by their number.
//
//	go run ./bench/idle                 # 10,000 connections, settling for 60 s
//	go run ./bench/idle -peer node      # then the same against Node's socket.io, and the ratio
//	go run ./bench/idle -heap heap.out  # a heap profile too, for go tool pprof
//
// The server is built as it is shipped and runs as a process of its own with its default settings; only the rates per
// address are off, because all clients come from this machine, and --max-connections is raised if n asks for it. Linux
// only. It needs some n open files.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sockeye-im/sockeye/bench/idle/measure"
)

func main() {
	var plan measure.Plan
	flag.IntVar(&plan.Connections, "n", 10_000, "number of connections")
	flag.DurationVar(&plan.Settle, "settle", 60*time.Second, "time from the last connection to the measurement")
	flag.StringVar(&plan.Binary, "binary", "", "measure this `file` instead of building the server")
	flag.StringVar(&plan.HeapProfile, "heap", "", "write a heap profile to this `file`, behind the measurement; turns --pprof on")
	peer := flag.String("peer", "", "measure this server too, for the ratio: node (needs npm ci in bench/peers)")
	flag.Parse()
	if flag.NArg() > 0 || (*peer != "" && *peer != "node") {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(plan, *peer == "node"); err != nil {
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

func run(plan measure.Plan, withNode bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ours, err := measure.Sockeye(ctx, plan)
	if err != nil {
		return err
	}
	fmt.Print(ours)
	if !withNode {
		return nil
	}
	node, err := measure.Node(ctx, plan)
	if err != nil {
		return err
	}
	fmt.Print("\n", node)
	fmt.Printf("\nnode : sockeye = %.1f : 1\n", node.PerConnection()/ours.PerConnection())
	return nil
}

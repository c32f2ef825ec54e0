//go:build linux

// Command load drives one server through one scenario and prints what that took, as JSON. `go run ./bench` runs it for
// every server; by hand it is
//
//	go run ./bench/load -addr 127.0.0.1:3001 -pid $(pgrep -n server) -scenario fanout
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
)

func main() {
	var plan crowd.Plan
	flag.StringVar(&plan.Addr, "addr", "", "host:port of the server")
	flag.IntVar(&plan.PID, "pid", 0, "process id of the server")
	flag.StringVar(&plan.Dialect, "dialect", "socketio", "what the server speaks: socketio, frames or centrifuge")
	flag.StringVar(&plan.Scenario, "scenario", "fanout", "fanout, ack, connect or rooms")
	flag.IntVar(&plan.Connections, "n", 1000, "connections: receivers, or clients")
	flag.IntVar(&plan.Window, "window", 16, "fanout: messages in flight")
	flag.IntVar(&plan.Senders, "senders", 1, "fanout: clients that take turns to send")
	flag.BoolVar(&plan.Polling, "polling", false, "fanout: receivers are on HTTP long-polling")
	flag.IntVar(&plan.Members, "members", 1, "rooms: members of each room")
	flag.IntVar(&plan.Payload, "payload", 128, "bytes of content in a message")
	flag.DurationVar(&plan.WarmUp, "warmup", time.Second, "time before the measurement")
	flag.DurationVar(&plan.Duration, "duration", 4*time.Second, "time of the measurement")
	flag.Int64Var(&plan.Least, "least", 0, "operations to measure beyond those in flight, however much longer that takes")
	flag.DurationVar(&plan.Settle, "settle", 0, "connect: time from the last connection to the reading of the memory")
	flag.Parse()
	result, err := crowd.Run(plan)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

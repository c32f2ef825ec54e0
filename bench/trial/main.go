//go:build linux

// Command trial drives one server through one of the longer measurements of package crowd, or through an attack: it reads what to do as JSON
// from standard input and prints what came out as JSON. bench/growth and bench/hostile run it on a core of its own.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/sockeye-im/sockeye/bench/hostile/attack"
	"github.com/sockeye-im/sockeye/bench/load/crowd"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "trial:", err)
		os.Exit(1)
	}
}

func run() error {
	var trial struct {
		crowd.Trial
		Attack    *attack.Plan          // instead
		Strangers *attack.StrangersPlan // instead
	}
	if err := json.NewDecoder(os.Stdin).Decode(&trial); err != nil {
		return fmt.Errorf("read the trial: %w", err)
	}
	var result any
	var err error
	switch {
	case trial.Attack != nil:
		result, err = attack.Run(context.Background(), *trial.Attack)
	case trial.Strangers != nil:
		result, err = attack.RunStrangers(context.Background(), *trial.Strangers)
	default:
		result, err = trial.Run()
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

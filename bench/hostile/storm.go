//go:build linux

package hostile

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// storm has the capacity of a server with its default settings come back.
func (r *runner) storm(ctx context.Context, report *Report) (err error) {
	plan := crowd.Storm{Users: 10_000, Rooms: 100, Missed: 20}
	if r.options.Short {
		plan = crowd.Storm{Users: 60, Rooms: 3, Missed: 2}
	}
	const data = "storm" // outlives the server
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	server, tokens, err := r.start(ctx, data, plan.Users, "--listen", addr)
	if err != nil {
		return err
	}
	// The trial kills the server.
	again := make(chan *process.Sockeye, 1)
	failed := make(chan error, 1)
	go func() {
		r.Say("the server has ended, to be started again: %v", <-server.Ended())
		next, err := r.Start(ctx, data, "--listen", addr)
		again <- next
		failed <- err
	}()
	err = r.try(ctx, server, crowd.Trial{Tokens: tokens, Storm: &plan}, &report.storm)
	_ = server.Kill() // a trial that failed has not done so
	next, startErr := <-again, <-failed
	if next != nil {
		startErr = next.Stop()
	}
	if err = errors.Join(err, startErr); err != nil {
		return fmt.Errorf("storm: %w", err)
	}
	report.storms = []wave{{"all come back at once", report.storm.Reconnect}, {"the server was killed and started again", report.storm.Restart}}
	for _, w := range report.storms {
		r.Say("%s: %d users, all connected after %.2f s, in step after %.2f s (half after %.2f s), %d tries again, %d failed",
			w.title, plan.Users, w.Connected.Seconds(), w.InStep.Seconds(), w.Median.Seconds(), w.Tries, w.Failed)
	}
	report.users = plan.Users
	return nil
}

// freeAddress is one that a server can come back to: no other program takes a port of this address of the loopback.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.83.79.67:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

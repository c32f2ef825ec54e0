//go:build linux

package product

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// library measures the bare library.
func (r *runner) library(ctx context.Context, plan crowd.Plan) (result crowd.Result, err error) {
	running, err := process.Start(ctx, exec.CommandContext(ctx, r.Path("server")), r.Server)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	err = r.try(ctx, running, crowd.Trial{Plan: plan, Bare: true}, &result)
	return result, err
}

// store measures the store alone, on the core of the servers.
func (r *runner) store(ctx context.Context, plan crowd.Plan) (result crowd.Result, err error) {
	out, err := r.Server.Output(exec.CommandContext(ctx, r.Path("storerate"), "-data", r.Path(r.data()),
		"-callers", strconv.Itoa(plan.Connections), "-payload", strconv.Itoa(plan.Payload),
		"-warmup", plan.WarmUp.String(), "-duration", plan.Duration.String(), "-least", strconv.FormatInt(plan.Least, 10)))
	if err != nil {
		return result, err
	}
	err = json.Unmarshal(out, &result)
	return result, err
}

// product measures the whole server with new data; profiles are called by name.
func (r *runner) product(ctx context.Context, plan crowd.Plan, name string) (result crowd.Result, err error) {
	users := plan.Connections + plan.Senders
	args := []string{"--max-connections", strconv.Itoa(users + 1), "--chat-dm-policy", "anyone"}
	if r.options.Profile != "" {
		args = append(args, "--pprof", "on")
	}
	s, err := r.Start(ctx, r.data(), args...)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if plan.Scenario == crowd.Fanout {
		if err := r.MakeRoom(ctx, s, crowd.Room, users); err != nil {
			return result, fmt.Errorf("make the room: %w", err)
		}
	}
	tokens, err := process.Tokens(s.Data, users)
	if err != nil {
		return result, err
	}
	profiled := r.profile(ctx, s, plan, name)
	err = r.try(ctx, s.Process, crowd.Trial{Plan: plan, Tokens: tokens, Whole: true}, &result)
	return result, errors.Join(err, profiled())
}

func (r *runner) try(ctx context.Context, server *process.Process, t crowd.Trial, result *crowd.Result) error {
	t.Plan.Addr, t.Plan.PID = server.Addr, server.PID()
	if err := r.Try(ctx, t, result); err != nil {
		return err
	}
	if result.Operations == 0 {
		return errors.New("nothing was done")
	}
	return nil
}

// data names a new folder for data.
func (r *runner) data() string {
	r.started++
	return fmt.Sprintf("data-%d", r.started)
}

//go:build linux

package product

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"

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
		if err := r.makeRoom(ctx, s, users); err != nil {
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

// mostAdded is how many members can be added at once.
const mostAdded = 1000

// makeRoom makes the room as an application's backend would: before its users come.
func (r *runner) makeRoom(ctx context.Context, s *process.Sockeye, users int) error {
	out, err := exec.CommandContext(ctx, r.Path("sockeye"), "apikey", "create", "--data", s.Data, "--name", "bench",
		"--scope", "users", "--scope", "rooms").Output()
	if err != nil {
		return fmt.Errorf("make an API key: %w", err)
	}
	b := backend{addr: s.Addr, key: strings.TrimSpace(string(out))}
	owner := process.UserID(0)
	if err := b.call(ctx, http.MethodPut, "/server/users/"+owner, map[string]any{}); err != nil {
		return err
	}
	err = b.call(ctx, http.MethodPost, "/server/rooms", map[string]any{
		"ownerId": owner, "id": crowd.Room, "name": "Bench", "maxMembers": users,
	})
	for first := 1; first < users && err == nil; first += mostAdded {
		var members []string
		for i := first; i < min(users, first+mostAdded); i++ {
			members = append(members, process.UserID(i))
		}
		err = b.call(ctx, http.MethodPost, "/server/rooms/"+crowd.Room+"/members", map[string]any{"userIds": members})
	}
	return err
}

// backend is an application that uses the HTTP API.
type backend struct{ addr, key string }

func (b backend) call(ctx context.Context, method, path string, payload any) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+b.addr+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+b.key)
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(answer.Body) // for the error alone
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return nil
}

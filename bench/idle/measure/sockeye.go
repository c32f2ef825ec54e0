//go:build linux

package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sockeye-im/sockeye/bench/process"
)

const defaultCapacity = 10_000 // of --max-connections

// Sockeye builds, starts and measures the server.
func Sockeye(ctx context.Context, plan Plan) (_ Result, err error) {
	dir, err := os.MkdirTemp("", "sockeye-idle-")
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if plan.Binary == "" {
		plan.Binary = filepath.Join(dir, "sockeye")
		if err := process.Build(ctx, dir, "./cmd/sockeye"); err != nil {
			return Result{}, err
		}
	}
	data := filepath.Join(dir, "data")
	running, err := process.Start(ctx, exec.CommandContext(ctx, plan.Binary, arguments(plan, data)...), nil, "SOCKEYE_LIMITS=off")
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	tokens, err := process.Tokens(data, plan.Connections)
	if err != nil {
		return Result{}, err
	}
	s := server{name: "sockeye", pid: running.PID(), addr: running.Addr, tokens: tokens}
	s.inspect = func(ctx context.Context, r *Result) error { return sockeye{running}.inspect(ctx, plan, r) }
	result, err := measure(ctx, plan, s)
	return result, err
}

// sockeye is the running server.
type sockeye struct{ *process.Process }

// inspect makes sure that the server agrees on what was measured, and takes a profile if one is wanted.
func (s sockeye) inspect(ctx context.Context, plan Plan, r *Result) error {
	got, err := s.countConnections(ctx)
	if err != nil {
		return err
	}
	if got != plan.Connections {
		return fmt.Errorf("the server counts %d signed-in connections instead of %d", got, plan.Connections)
	}
	if plan.HeapProfile == "" {
		return nil
	}
	if r.Notes, err = s.runtimeFigures(ctx); err != nil {
		return err
	}
	return s.writeProfile(ctx, plan.HeapProfile)
}

func arguments(plan Plan, data string) []string {
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", data}
	if plan.Connections > defaultCapacity {
		args = append(args, "--max-connections", strconv.Itoa(plan.Connections))
	}
	if plan.HeapProfile != "" {
		args = append(args, "--pprof", "on")
	}
	return args
}

// countConnections asks /health.
func (s sockeye) countConnections(ctx context.Context) (int, error) {
	body, err := s.get(ctx, "/health")
	if err != nil {
		return 0, err
	}
	var health struct {
		Connections int `json:"connections"`
	}
	err = json.Unmarshal(body, &health)
	return health.Connections, err
}

func (s sockeye) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr+path, nil)
	if err != nil {
		return nil, err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, strings.TrimSpace(answer.Status))
	}
	return body, err
}

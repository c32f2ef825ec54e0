//go:build linux

package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Node starts and measures Node's socket.io with its default settings. Nobody signs in there.
func Node(ctx context.Context, plan Plan) (_ Result, err error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/sockeye-im/sockeye").Output()
	if err != nil {
		return Result{}, fmt.Errorf("find the module: %w", err)
	}
	peers := filepath.Join(strings.TrimSpace(string(root)), "bench", "peers")
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "socket.io")); err != nil {
		return Result{}, fmt.Errorf("socket.io is not installed: run npm ci in %s", peers)
	}
	command := exec.CommandContext(ctx, "node", "socketio.mjs")
	command.Dir = peers
	node, err := process.Start(ctx, command, nil)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, node.Stop()) }()
	result, err := measure(ctx, plan, server{name: "node socket.io", pid: node.PID(), addr: node.Addr})
	return result, err
}

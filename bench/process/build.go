//go:build linux

package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Split gives the server one core and the clients another. Where there is one only, they share it, and both are nil.
func Split() (server, clients Cores, err error) {
	cores, err := Available()
	if err != nil || len(cores) < 2 {
		return nil, nil, err
	}
	return cores[:1], cores[1:2], nil
}

// Build builds programs of this module as they are shipped, such as ./cmd/sockeye, into a folder. Each is called by the
// last part of its path.
func Build(ctx context.Context, dir string, packages ...string) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/sockeye-im/sockeye").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	return BuildIn(ctx, strings.TrimSpace(string(root)), dir, packages...)
}

// BuildIn is Build for packages of the module in a folder.
func BuildIn(ctx context.Context, module, dir string, packages ...string) error {
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", dir + string(filepath.Separator)}, packages...)
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = module
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", strings.Join(packages, " "), err, out)
	}
	return nil
}

// Package program builds the server for tests that drive it as it is shipped: as a process of its own.
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds the server into a folder, under a name, and returns its path. env goes before the environment's own;
// flags are those of go build. The go command keeps what it has built: only the first build takes long.
func Build(ctx context.Context, folder, name string, env []string, flags ...string) (path string, err error) {
	path = filepath.Join(folder, name)
	args := append([]string{"build", "-o", path}, flags...)
	command := exec.CommandContext(ctx, "go", append(args, "github.com/sockeye-im/sockeye/cmd/sockeye")...)
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return path, nil
}

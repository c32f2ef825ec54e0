// Package program builds the server for tests that drive it as it is shipped: as a process of its own.
package program

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// raceFlags build with the race detector all but SQLite, which is C that was translated to Go: nothing of ours is in
// there, and the detector would make it several times slower to build and to run. The locks and channels by which its
// callers take turns are watched all the same. `make test` reads this file too, so that both share what was built.
//
//go:embed race.flags
var raceFlags string

// Raced builds the server with the race detector into a folder, and returns its path. The go command keeps what it has
// built: only the first build takes long.
func Raced(ctx context.Context, folder string) (path string, err error) {
	return build(ctx, filepath.Join(folder, "sockeye-race"), nil, strings.Fields(raceFlags)...)
}

// Shipped builds the server as `make build` does into a folder, and returns its path.
func Shipped(ctx context.Context, folder string) (path string, err error) {
	return build(ctx, filepath.Join(folder, "sockeye"), []string{"CGO_ENABLED=0"}, "-trimpath", "-ldflags", "-s -w")
}

func build(ctx context.Context, path string, env []string, flags ...string) (string, error) {
	args := append([]string{"build", "-o", path}, flags...)
	command := exec.CommandContext(ctx, "go", append(args, "github.com/sockeye-im/sockeye/cmd/sockeye")...)
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return path, nil
}

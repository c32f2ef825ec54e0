// Package program builds the server for tests that drive it as it is shipped: as a process of its own.
package program

import (
	"context"
	_ "embed"
	"encoding/json"
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
// built: only the first build takes long. What debuggers need is left out, as `go test` does; stacks are as they were.
func Raced(ctx context.Context, folder string) (path string, err error) {
	return once(ctx, filepath.Join(folder, "sockeye-race"), nil, append(strings.Fields(raceFlags), "-ldflags=-s -w")...)
}

// Shipped builds the server as `make build` does into a folder, and returns its path.
func Shipped(ctx context.Context, folder string) (path string, err error) {
	return once(ctx, filepath.Join(folder, "sockeye"), []string{"CGO_ENABLED=0"}, "-trimpath", "-ldflags", "-s -w")
}

// Replaced builds the server into a folder, under a name, with the contents of some of its files replaced: by their paths in
// the repository, where new ones may be among them. It is for what another version might be.
func Replaced(ctx context.Context, folder, name string, files map[string]string) (path string, err error) {
	root, err := Root(ctx)
	if err != nil {
		return "", err
	}
	var overlay struct{ Replace map[string]string }
	overlay.Replace = make(map[string]string)
	for file, content := range files {
		instead := filepath.Join(folder, name+"-"+filepath.Base(file))
		if err := os.WriteFile(instead, []byte(content), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(root, file)] = instead
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	list := filepath.Join(folder, name+"-overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		return "", err
	}
	return build(ctx, filepath.Join(folder, name), []string{"CGO_ENABLED=0"}, "-overlay", list, "-trimpath", "-ldflags", "-s -w")
}

// Root is the folder of the repository.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// once is build for all packages whose tests want the same binary: it is linked in .cache, which the go command does only
// if what is there is not that binary, and has a second name in the folder. Where a file cannot have two it is built there.
func once(ctx context.Context, path string, env []string, flags ...string) (string, error) {
	root, err := Root(ctx)
	if err != nil {
		return "", err
	}
	common := filepath.Join(root, ".cache", "programs", filepath.Base(path))
	if err := os.MkdirAll(filepath.Dir(common), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(common + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := build(ctx, common, env, flags...); err != nil {
		return "", err
	}
	if os.Link(common, path) != nil { // another file system
		return build(ctx, path, env, flags...)
	}
	return path, nil
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

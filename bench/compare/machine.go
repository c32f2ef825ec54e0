//go:build linux

package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// describe says on what the measurements were made, a line each. What cannot be found out is left out.
func describe(ctx context.Context, b *built) []string {
	lines := []string{fmt.Sprintf("%s, %d cores, %s", processor(), runtime.NumCPU(), kernel())}
	commit := output(ctx, b.module, "git", "describe", "--tags", "--always", "--dirty")
	lines = append(lines, strings.TrimSpace("Sockeye "+commit)+", "+runtime.Version())
	peers := filepath.Join(b.module, "bench", "peers")
	if version := output(ctx, peers, "node", "--version"); version != "" {
		lines = append(lines, fmt.Sprintf("Node %s, socket.io %s, ws %s",
			version, packageVersion(peers, "socket.io"), packageVersion(peers, "ws")))
	}
	modules := output(ctx, peers, "go", "list", "-m", "-f", "{{.Path}} {{.Version}}",
		"github.com/lxzan/gws", "github.com/centrifugal/centrifuge")
	if modules != "" {
		lines = append(lines, strings.ReplaceAll(modules, "\n", ", "))
	}
	return lines
}

func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return "Linux"
	}
	return "Linux " + unix.ByteSliceToString(name.Release[:])
}

func output(ctx context.Context, dir, name string, args ...string) string {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	out, err := command.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func packageVersion(dir, name string) string {
	raw, _ := os.ReadFile(filepath.Join(dir, "node_modules", name, "package.json"))
	var manifest struct {
		Version string `json:"version"`
	}
	_ = json.Unmarshal(raw, &manifest) // none: not installed
	return manifest.Version
}

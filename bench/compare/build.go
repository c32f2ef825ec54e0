//go:build linux

package compare

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sockeye-im/sockeye/bench/process"
)

// part is something that has to be built or installed before a peer can run.
type part int

const (
	ours    part = iota // in this module
	goPeers             // in the module bench/peers
	npm                 // in bench/peers/node_modules
)

// built is where the programs are.
type built struct {
	module string // root of this module
	dir    string // of the binaries

	serverArgs []string // for Sockeye's server
}

func (b *built) path(name string) string { return filepath.Join(b.dir, name) }

// build builds the load generator and what the peers need, into dir.
func build(ctx context.Context, dir string, wanted []*peer) (*built, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/sockeye-im/sockeye").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module: %w", err)
	}
	b := &built{module: strings.TrimSpace(string(root)), dir: dir}
	needs := make(map[part]bool)
	for _, p := range wanted {
		needs[p.needs] = true
	}
	if err := process.Build(ctx, dir, "./bench/load", "./bench/server", "./bench/barewrite"); err != nil {
		return nil, err
	}
	if needs[goPeers] {
		if err := process.BuildIn(ctx, filepath.Join(b.module, "bench", "peers"), dir, "./gws", "./centrifuge"); err != nil {
			return nil, err
		}
	}
	if needs[npm] {
		return b, b.findNode()
	}
	return b, nil
}

// ErrNotInstalled says that the npm packages are missing.
var ErrNotInstalled = errors.New("the npm packages are not installed: run npm ci in bench/peers")

func (b *built) findNode() error {
	_, err := os.Stat(filepath.Join(b.module, "bench", "peers", "node_modules", "socket.io"))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotInstalled
	}
	return err
}

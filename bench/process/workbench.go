//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Workbench is what a measurement needs: programs, cores to run them on, and somebody who hears how it goes.
type Workbench struct {
	Name    string // of what is measured
	Dir     string // of the programs, and of data; it goes with Close
	Server  Cores
	Clients Cores

	progress io.Writer
}

// SetUp builds packages for a measurement that opens up to so many files at a time.
func SetUp(ctx context.Context, name string, progress io.Writer, files uint64, packages ...string) (b *Workbench, err error) {
	b = &Workbench{Name: name, progress: progress}
	if b.Server, b.Clients, err = Split(); err != nil {
		return nil, err
	}
	if err := AllowFiles(files); err != nil {
		return nil, err
	}
	if b.Dir, err = os.MkdirTemp("", "sockeye-"+name+"-"); err != nil {
		return nil, err
	}
	if err := Build(ctx, b.Dir, packages...); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Unpin lets the programs run on all cores: for a short form, which measures nothing, and is not to wait for the one core
// where something else may run.
func (b *Workbench) Unpin() { b.Server, b.Clients = nil, nil }

// Close removes the folder.
func (b *Workbench) Close() error { return os.RemoveAll(b.Dir) }

// Path is that of a program.
func (b *Workbench) Path(program string) string { return filepath.Join(b.Dir, program) }

// Start starts the whole server, with data in a folder of that name.
func (b *Workbench) Start(ctx context.Context, data string, args ...string) (*Sockeye, error) {
	return StartSockeye(ctx, b.Dir, filepath.Join(b.Dir, data), b.Server, args...)
}

// Try runs a trial on the clients' cores.
func (b *Workbench) Try(ctx context.Context, trial, result any) error {
	return b.Clients.Converse(ctx, b.Path("trial"), trial, result)
}

// Say tells how it goes.
func (b *Workbench) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.progress, b.Name+"  "+format+"\n", args...) // progress is all it is
}

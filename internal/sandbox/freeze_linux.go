package sandbox

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Freeze stops all processes of the server, and Thaw has them go on: whoever waits for it waits, and no connection breaks.
func (p *Postgres) Freeze() error { return p.signal(syscall.SIGSTOP) }

// Thaw is the opposite of Freeze.
func (p *Postgres) Thaw() error { return p.signal(syscall.SIGCONT) }

// signal reaches the first process before its children: it makes no others meanwhile.
func (p *Postgres) signal(signal syscall.Signal) error {
	if err := p.running.signal(signal); err != nil {
		return err
	}
	children, err := childrenOf(p.PID())
	for _, child := range children {
		if failed := syscall.Kill(child, signal); failed != nil && !errors.Is(failed, syscall.ESRCH) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

func childrenOf(parent int) (children []int, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything; behind it are the state and the parent.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(parent) {
			continue
		}
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return children, nil
}

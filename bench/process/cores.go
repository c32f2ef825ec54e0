//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Cores are the numbers of the cores a process may run on; none stand for all.
type Cores []int

// Available are the cores that this process may run on.
func Available() (Cores, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read the cores of the process: %w", err)
	}
	var cores Cores
	for core := range len(set) * 64 {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// start starts a command that finds itself on these cores only.
func (c Cores) start(command *exec.Cmd) error { return c.Do(command.Start) }

// Do runs a function of this goroutine on these cores. Processes that it starts stay there: a child inherits the cores from
// the thread that starts it.
func (c Cores) Do(do func() error) error {
	if len(c) == 0 {
		return do()
	}
	var before, wanted unix.CPUSet
	for _, core := range c {
		wanted.Set(core)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read the cores of the thread: %w", err)
	}
	if err := unix.SchedSetaffinity(0, &wanted); err != nil {
		return fmt.Errorf("pin to cores %v: %w", c, err)
	}
	err := do()
	if restoreErr := unix.SchedSetaffinity(0, &before); err == nil {
		err = restoreErr
	}
	return err
}

// Output runs a command on these cores and returns what it wrote to standard output.
func (c Cores) Output(command *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := c.start(command); err != nil {
		return nil, err
	}
	if err := command.Wait(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

// CPUTime is the time that all threads of a process, ended ones too, have spent on cores, in user and kernel mode.
func CPUTime(pid int) (time.Duration, error) {
	// The clock of another process, as clock_getcpuclockid(3) makes it: it counts nanoseconds, /proc/PID/stat only ticks of
	// 10 ms.
	const cpuclockSched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuclockSched), &t); err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

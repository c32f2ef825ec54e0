//go:build linux

// Package process runs the servers that the benchmarks measure, each as a child process on a core of its own, and reads
// from the kernel what they cost.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute
)

// Process is a server that runs as a child.
type Process struct {
	Addr string // host:port

	command *exec.Cmd
	output  *strings.Builder // standard error, to be read when the process has ended
	ended   chan error
}

var address = regexp.MustCompile(`https?://[^\s]+`)

// Start starts a server on the cores of pin and waits for the line on standard output that has its address.
func Start(ctx context.Context, command *exec.Cmd, pin Cores, environment ...string) (*Process, error) {
	p := &Process{command: command, output: new(strings.Builder), ended: make(chan error, 1)}
	command.Env = append(os.Environ(), environment...)
	command.Stderr = p.output
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := pin.start(command); err != nil {
		return nil, err
	}
	lines := make(chan string, 1)
	go func() {
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			if found := address.FindString(scanner.Text()); found != "" {
				select {
				case lines <- found:
				default:
				}
			}
		}
		p.ended <- command.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case line := <-lines:
		u, err := url.Parse(line)
		if err != nil {
			return nil, errors.Join(err, p.Stop())
		}
		p.Addr = u.Host
		return p, nil
	case err := <-p.ended:
		return nil, fmt.Errorf("the server ended: %w: %s", err, p.output)
	case <-ctx.Done():
		return nil, errors.Join(errors.New("the server did not say its address"), p.Stop())
	}
}

// Ended has the error of the process once it has ended by itself, or was killed by somebody else. Who takes it must not
// call Stop.
func (p *Process) Ended() <-chan error { return p.ended }

// Kill ends the process as a crash would. It does not wait.
func (p *Process) Kill() error { return p.command.Process.Kill() }

// PID is the id of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Stop asks the server to end and waits; one that does not is killed.
func (p *Process) Stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-p.ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
			return nil // by this signal: Node's way
		}
		if err != nil {
			return fmt.Errorf("the server ended: %w: %s", err, p.output)
		}
		return nil
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		return fmt.Errorf("the server did not stop within %s: %w", stopTimeout, <-p.ended)
	}
}

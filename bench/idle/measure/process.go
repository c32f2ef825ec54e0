package measure

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
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
)

// process is a server that runs as a child.
type process struct {
	command *exec.Cmd
	addr    string
	output  *strings.Builder // standard error, to be read when the process has ended
	ended   chan error
}

var address = regexp.MustCompile(`http://[^\s]+`)

// start starts a server and waits for the line on standard output that has its address.
func start(ctx context.Context, command *exec.Cmd, environment ...string) (*process, error) {
	p := &process{command: command, output: new(strings.Builder), ended: make(chan error, 1)}
	command.Env = append(os.Environ(), environment...)
	command.Stderr = p.output
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
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
			return nil, errors.Join(err, p.stop())
		}
		p.addr = u.Host
		return p, nil
	case err := <-p.ended:
		return nil, fmt.Errorf("the server ended: %w: %s", err, p.output)
	case <-ctx.Done():
		return nil, errors.Join(errors.New("the server did not say its address"), p.stop())
	}
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop asks the server to end and waits; one that does not is killed.
func (p *process) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-p.ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
			return nil // by this signal: Node's way
		}
		return err
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		return fmt.Errorf("the server did not stop within %s: %w", stopTimeout, <-p.ended)
	}
}

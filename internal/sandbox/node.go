//go:build unix

package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Node is a server of Sockeye in a process of its own. Its methods but Addr must not be called concurrently.
type Node struct {
	Name string
	// Wrap is a program that becomes the node, with its arguments, before those of the node; empty: there is none.
	Wrap []string

	folder  *Folder
	program string
	args    []string
	env     []string
	addr    atomic.Pointer[string] // where it listens, as it said last
	running *child
	ready   chan struct{} // closed when it has said that it is ready
}

// Node is one that is called name, such as node-1, which is to be started. Its settings are those of args and env, and none
// of this process's environment.
func (f *Folder) Node(name, program string, args, env []string) *Node {
	return &Node{Name: name, folder: f, program: program, args: args, env: env}
}

// Become has the next Start start another program, such as that of another version.
func (n *Node) Become(program string) { n.program = program }

// Start starts it, with data in a folder of its name. Ready waits until it serves.
func (n *Node) Start() error {
	line := slices.Concat(n.Wrap, []string{n.program, "serve", "--data", n.folder.Path(n.Name)}, n.args)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(withoutSettings(os.Environ()), n.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a ^C of the terminal is not for it
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout = in
	n.running, err = n.folder.noted(cmd, n.Name)
	if err = errors.Join(err, in.Close()); err != nil {
		return errors.Join(err, out.Close())
	}
	n.running.heed()
	n.ready = make(chan struct{})
	go n.read(out, n.ready)
	return nil
}

// read takes the address from what the node says.
func (n *Node) read(out io.ReadCloser, ready chan struct{}) {
	defer func() { _ = out.Close() }()
	said := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, where, found := strings.Cut(lines.Text(), "ready: "); found && !said {
			if u, err := url.Parse(where); err == nil {
				n.addr.Store(&u.Host)
				said = true
				close(ready)
			}
		}
	}
}

// withoutSettings leaves out what would be settings of a server.
func withoutSettings(environ []string) (env []string) {
	for _, variable := range environ {
		if !strings.HasPrefix(variable, "SOCKEYE_") {
			env = append(env, variable)
		}
	}
	return env
}

// Ready waits until the node serves. It fails with what the node has logged when that ends before, or ctx does.
func (n *Node) Ready(ctx context.Context) error {
	select {
	case <-n.ready:
		return nil
	case <-n.running.gone:
		return fmt.Errorf("%s has ended %s:\n%s", n.Name, n.How(), n.Log())
	case <-ctx.Done():
		return fmt.Errorf("%s is not ready: %w\n%s", n.Name, ctx.Err(), n.Log())
	}
}

// Addr is its host:port, once it is Ready. It may be called concurrently with Start: a node that starts again says where then.
func (n *Node) Addr() string {
	if addr := n.addr.Load(); addr != nil {
		return *addr
	}
	return ""
}

// Log is the end of what it has logged.
func (n *Node) Log() string { return n.folder.said(n.Name) }

// LogFile is where it logs to.
func (n *Node) LogFile() string { return n.folder.Path(n.Name + ".log") }

// PID is the id of its process.
func (n *Node) PID() int { return n.running.pid }

// Running tells whether it has not ended.
func (n *Node) Running() bool { return n.running.running() }

// Gone is closed when it has ended. How tells in which way.
func (n *Node) Gone() <-chan struct{} { return n.running.gone }

// How it has ended, once it has.
func (n *Node) How() string {
	if status := n.running.status; status.Signaled() {
		return "by a signal: " + status.Signal().String()
	}
	return fmt.Sprintf("with exit code %d", n.running.status.ExitStatus())
}

// Killed tells whether a signal has ended it.
func (n *Node) Killed() bool { return n.running.status.Signaled() }

// Kill ends it as a crash would.
func (n *Node) Kill() error { return n.running.end(syscall.SIGKILL) }

// Freeze stops its process, and Thaw has it go on.
func (n *Node) Freeze() error { return n.running.signal(syscall.SIGSTOP) }

// Thaw is the opposite of Freeze.
func (n *Node) Thaw() error { return n.running.signal(syscall.SIGCONT) }

// Stop ends it in order. One that has not ended after some time is killed, which is an error.
func (n *Node) Stop(within time.Duration) error {
	if err := n.running.signal(syscall.SIGTERM); errors.Is(err, errEnded) {
		return nil
	} else if err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-n.running.gone:
		if n.running.status.ExitStatus() != 0 {
			return fmt.Errorf("%s has ended %s:\n%s", n.Name, n.How(), n.Log())
		}
		return nil
	case <-time.After(within):
		return errors.Join(fmt.Errorf("%s has not ended within %s:\n%s", n.Name, within, n.Log()), n.Kill())
	}
}

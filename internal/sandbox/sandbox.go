//go:build unix

// Package sandbox runs on one machine, in one folder, what a cluster consists of: a PostgreSQL server, a Redis
// server and a balancer from the programs that the machine has, and nodes, which are processes of Sockeye. It is for trying and for tests: what it starts
// listens on this machine only, and ends with the process that has started it, however that ends.
//
//	sandbox.go    the folder, and who ends what is in it
//	postgres.go   PostgreSQL
//	standby.go    a server that copies another one, and takes its place
//	redis.go      Redis
//	node.go       Sockeye
//	balancer.go   nginx or HAProxy before the nodes
package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// Folder has everything: data, logs, sockets. Its methods must not be called concurrently.
type Folder struct {
	path  string
	guard io.Closer
	as    *syscall.Credential
}

// maxPath is how long the path of a folder may be: the path of a socket in it has 107 bytes at most.
const maxPath = 80

// Temporary makes a folder, which Close removes.
func Temporary(prefix string) (*Folder, error) {
	// Not in TMPDIR, whose path may be long.
	path, err := os.MkdirTemp("/tmp", prefix)
	if err != nil {
		return nil, err
	}
	f, err := open(path, true)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return f, nil
}

// Open uses a folder, which it makes where there is none and which stays: what is in it is used again.
func Open(path string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if len(path) > maxPath {
		return nil, fmt.Errorf("the path of %s is too long for the sockets in it: it may have %d bytes", path, maxPath)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	return open(path, false)
}

func open(path string, temporary bool) (f *Folder, err error) {
	f = &Folder{path: path}
	if f.as, err = unprivileged(); err != nil {
		return nil, err
	}
	if err := f.Own(path); err != nil {
		return nil, err
	}
	f.guard, err = watch(path, temporary)
	return f, err
}

// Own gives a file to whom the servers run as.
func (f *Folder) Own(path string) error {
	if f.as == nil {
		return nil
	}
	return os.Chown(path, int(f.as.Uid), int(f.as.Gid))
}

// Path is that of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.path, name) }

// Close ends at once what still runs, without waiting for it, and removes a temporary folder.
func (f *Folder) Close() error { return f.guard.Close() }

// watch starts a child that waits until the returned end of a pipe is closed, which it is too when this process dies. Then
// it ends all whose ids are in the folder, waits for them, and removes the folder if that is temporary. PostgreSQL ends by
// SIGQUIT, which is a crash to it, but leaves no processes behind.
func watch(path string, temporary bool) (io.Closer, error) {
	const script = `
		cat >/dev/null
		for file in "$0"/*.pid "$0"/*/postmaster.pid; do
			pid=$(head -n 1 "$file" 2>/dev/null) || continue
			case $pid in '' | *[!0-9]* | 0 | 1) continue ;; esac
			case $file in
			*/postmaster.pid) kill -CONT "$pid"; kill -QUIT "$pid" ;;
			*) kill -KILL "$pid" ;;
			esac 2>/dev/null
			while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
			rm -f "$file"
		done
		if [ "$1" = temporary ]; then rm -rf "$0"; fi`
	stays := "stays"
	if temporary {
		stays = "temporary"
	}
	guard := exec.Command("/bin/sh", "-c", script, path, stays)
	guard.Dir = "/"
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a ^C of the terminal is not for it
	life, err := guard.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := guard.Start(); err != nil {
		return nil, errors.Join(err, life.Close())
	}
	return life, guard.Process.Release()
}

// unprivileged is whom servers run as, nil for who runs this process: PostgreSQL refuses to run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		who, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(who.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(who.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: true}, nil
	}
	return nil, errors.New("there is no user postgres or nobody, and PostgreSQL does not run as root")
}

// Command is a program as who servers run as, in the folder. A ^C of the terminal is not for it.
func (f *Folder) Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = f.path
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: f.as, Setsid: true}
	return cmd
}

// child is a process that was started, until it has ended.
type child struct {
	pid    int
	note   string        // the file that has its id for the guard; empty: it keeps one itself
	heeded bool          // by a goroutine that waits for its end
	gone   chan struct{} // closed when it has ended
	status syscall.WaitStatus

	waiting sync.Mutex // held by who waits for the end: it is told once
}

// launch starts a command, whose output goes to the end of a log.
func (f *Folder) launch(cmd *exec.Cmd, name string) (*child, error) {
	log, err := os.OpenFile(f.Path(name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{pid: cmd.Process.Pid, gone: make(chan struct{})}
	return c, cmd.Process.Release() // which forgets the id
}

// noted is launch for a process that keeps no file with its id itself.
func (f *Folder) noted(cmd *exec.Cmd, name string) (*child, error) {
	c, err := f.launch(cmd, name)
	if err != nil {
		return nil, err
	}
	c.note = f.Path(name + ".pid")
	if err := os.WriteFile(c.note, []byte(strconv.Itoa(c.pid)+"\n"), 0o600); err != nil {
		return nil, errors.Join(err, c.end(syscall.SIGKILL))
	}
	return c, nil
}

// heed has a goroutine wait for the end, which it tells by gone.
func (c *child) heed() {
	c.heeded = true
	go c.wait(0)
}

// wait collects the process once it has ended; with WNOHANG, if it has.
func (c *child) wait(options int) {
	c.waiting.Lock()
	defer c.waiting.Unlock()
	if c.ended() {
		return
	}
	for {
		pid, err := syscall.Wait4(c.pid, &c.status, options, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case pid != c.pid && err == nil:
			return // it has not ended
		}
		if c.note != "" {
			_ = os.Remove(c.note)
		}
		close(c.gone)
		return
	}
}

// running tells whether it has not ended.
func (c *child) running() bool {
	if c == nil {
		return false
	}
	if !c.heeded {
		c.wait(syscall.WNOHANG)
	}
	return !c.ended()
}

// ended tells whether its end was noticed.
func (c *child) ended() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// errEnded says that there is no such process any more. Its id may be another one's.
var errEnded = errors.New("the process has ended")

func (c *child) signal(signal syscall.Signal) error {
	if !c.running() {
		return errEnded
	}
	if c.pid <= 1 {
		return fmt.Errorf("%d is no process of ours", c.pid) // to the kernel it may stand for all processes
	}
	return os.NewSyscallError("kill", syscall.Kill(c.pid, signal))
}

// end sends a signal and waits for the end, if it has not ended.
func (c *child) end(signal syscall.Signal) error {
	if err := c.signal(signal); errors.Is(err, errEnded) {
		return nil
	} else if err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	if !c.heeded {
		c.wait(0)
	}
	<-c.gone
	return nil
}

// said is the end of a log.
func (f *Folder) said(name string) string {
	const most = 4000
	text, err := os.ReadFile(f.Path(name + ".log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

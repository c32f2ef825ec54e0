// Package redistest gives tests a real Redis: a server in a temporary folder, on a port of
// this machine that was free. It ends with the test, and with the test binary, however that
// ends.
package redistest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a Redis server in a temporary folder. Only one goroutine ends and starts it.
type Server struct {
	Port int

	dir      string
	sentinel bool
	settings []string // flags and their values; of a Sentinel, what comes behind the word sentinel

	life    io.Closer // closed, it has the watcher end the server and remove the folder
	process *os.Process
	ended   chan struct{} // closed when the process is gone
}

// Start starts a server for one test, with settings beside the usual ones as they stand on
// its command line, such as "--requirepass", "secret".
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	return started(t, false, settings)
}

// Sentinel starts a Sentinel that watches a server under a name, with more settings of it,
// such as "auth-pass NAME PASSWORD".
func Sentinel(t testing.TB, name string, of *Server, settings ...string) *Server {
	t.Helper()
	return started(t, true, slices.Concat([]string{
		fmt.Sprintf("monitor %s 127.0.0.1 %d 1", name, of.Port),
		fmt.Sprintf("down-after-milliseconds %s 300", name),
		fmt.Sprintf("failover-timeout %s 1000", name),
	}, settings))
}

func started(t testing.TB, sentinel bool, settings []string) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs a Redis")
	}
	s, err := launch(sentinel, settings)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	t.Cleanup(func() {
		if s.process != nil {
			s.Kill(t)
		}
		_ = s.life.Close()
	})
	return s
}

// Address is host:port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL is the address of the server, without a password.
func (s *Server) URL() string { return "redis://" + s.Address() }

func launch(sentinel bool, settings []string) (_ *Server, err error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, errors.New("redis-server is not installed: as root on Debian `make test-tools` installs it")
	}
	// Not in TMPDIR: the path of a socket has 107 bytes at most.
	dir, err := os.MkdirTemp("/tmp", "redistest")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, sentinel: sentinel, settings: settings}
	if s.life, err = watch(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.life.Close())
		}
	}()
	// Another program may take the port before the server does.
	for range 10 {
		if s.Port, err = freePort(); err != nil {
			return nil, err
		}
		if err = s.start(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// watch starts a child that waits until the returned end of a pipe is closed, which it is too
// when this process dies. Then it ends the server whose folder it is, and removes that.
func watch(dir string) (io.Closer, error) {
	watcher := exec.Command("/bin/sh", "-c", `
		cat >/dev/null
		pid=$(cat "$0/pid" 2>/dev/null) && kill -KILL "$pid" 2>/dev/null
		rm -rf "$0"`, dir)
	watcher.Dir = "/"
	watcher.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a ^C of the terminal is not for it
	life, err := watcher.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := watcher.Start(); err != nil {
		return nil, errors.Join(err, life.Close())
	}
	return life, watcher.Process.Release()
}

// freePort is a port that nobody listens on, nor on that of its bus as a node of a Cluster.
func freePort() (int, error) {
	for range 100 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := listener.Addr().(*net.TCPAddr).Port
		if err := listener.Close(); err != nil {
			return 0, err
		}
		if port < 55_000 { // that of the bus is 10,000 above
			return port, nil
		}
	}
	return 0, errors.New("no port is free")
}

// start returns when the server answers.
func (s *Server) start() error {
	args, err := s.args()
	if err != nil {
		return err
	}
	server := exec.Command("redis-server", args...)
	server.Dir = s.dir
	server.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := server.Start(); err != nil {
		return err
	}
	s.process, s.ended = server.Process, make(chan struct{})
	go func(ended chan struct{}) {
		_ = server.Wait()
		close(ended)
	}(s.ended)
	return s.answers()
}

func (s *Server) args() ([]string, error) {
	if !s.sentinel {
		return slices.Concat([]string{
			"--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--dir", s.dir, "--pidfile", filepath.Join(s.dir, "pid"),
			"--unixsocket", s.socket(), "--save", "", "--appendonly", "no", "--logfile", filepath.Join(s.dir, "log"),
		}, s.settings), nil
	}
	// It wants a file of settings, into which it writes.
	file := filepath.Join(s.dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %[2]s\npidfile %[2]s/pid\nunixsocket %[3]s\nlogfile %[2]s/log\n", s.Port, s.dir, s.socket())
	for _, setting := range s.settings {
		text += "sentinel " + setting + "\n"
	}
	return []string{file, "--sentinel"}, os.WriteFile(file, []byte(text), 0o600)
}

func (s *Server) socket() string { return filepath.Join(s.dir, "socket") }

// answers waits until the server takes connections and knows commands.
func (s *Server) answers() error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		out, err := s.cli("PING")
		if err == nil && (strings.Contains(out, "PONG") || strings.Contains(out, "NOAUTH") || strings.Contains(out, "NOPERM")) {
			return nil
		}
		select {
		case <-s.ended:
			said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.process = nil
			return fmt.Errorf("redis-server does not start:\n%s", said)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("redis-server does not answer: %w: %s", err, out)
		}
	}
}

func (s *Server) cli(args ...string) (string, error) {
	out, err := exec.Command("redis-cli", slices.Concat([]string{"-s", s.socket()}, args)...).CombinedOutput()
	return string(out), err
}

// Do has the server carry out a command, and returns the answer as redis-cli prints it.
func (s *Server) Do(t testing.TB, command ...string) string {
	t.Helper()
	out, err := s.cli(command...)
	if err != nil {
		t.Fatalf("redistest: %v: %v: %s", command, err, out)
	}
	return strings.TrimSpace(out)
}

// Kill ends the server at once.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.end(syscall.SIGKILL); err != nil {
		t.Fatalf("redistest: %v", err)
	}
}

func (s *Server) end(by os.Signal) error {
	if err := s.process.Signal(by); err != nil {
		return err
	}
	<-s.ended
	s.process = nil
	return nil
}

// Restart starts the server after Kill, empty, at the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatalf("redistest: %v", err)
	}
}

// Freeze stops the process, so that it neither answers nor closes connections, until Thaw.
func (s *Server) Freeze(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Thaw has the process go on.
func (s *Server) Thaw(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := s.process.Signal(signal); err != nil {
		t.Fatalf("redistest: %v", err)
	}
}

// Cluster starts a Redis Cluster of three nodes without replicas.
func Cluster(t testing.TB) []*Server {
	t.Helper()
	var nodes []*Server
	args := []string{"--cluster", "create"}
	for range 3 {
		s := Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no")
		nodes, args = append(nodes, s), append(args, s.Address())
	}
	out, err := exec.Command("redis-cli", append(args, "--cluster-yes")...).CombinedOutput()
	if err != nil {
		t.Fatalf("redistest: %v: %s", err, out)
	}
	for _, s := range nodes {
		for deadline := time.Now().Add(time.Minute); !strings.Contains(s.Do(t, "CLUSTER", "INFO"), "cluster_state:ok"); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("redistest: the cluster does not come up: %s", s.Do(t, "CLUSTER", "INFO"))
			}
		}
	}
	return nodes
}

package pgtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// superuser is who owns all databases. There is no password: the socket's folder is the tests' own.
const superuser = "sockeye"

// settings make a small server. What it says is safe, is: fsync is on.
var settings = []string{
	"listen_addresses=", "fsync=on", "shared_buffers=32MB", "max_connections=100", "max_wal_senders=0", "wal_level=minimal",
	"max_wal_size=256MB", "min_wal_size=32MB", "autovacuum_naptime=10s", "jit=off", "logging_collector=off", "log_min_messages=warning",
}

// Server is a PostgreSQL server in a temporary folder. Only one goroutine ends and starts it.
type Server struct {
	bin  string // the folder of PostgreSQL's programs
	dir  string // has the socket, the data and the log
	as   *syscall.Credential
	more []string

	life    io.Closer // closed, it has the watcher end the server and remove the folder
	process *os.Process

	mu    sync.Mutex
	empty []string // databases that can be used again
}

// Start starts a server for one test, with settings beside the usual ones, such as "fsync=off".
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	notShort(t)
	s, err := launch(settings)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if s.running() {
			s.Kill(t)
		}
		_ = s.life.Close()
	})
	return s
}

// launch makes the folder and starts a server in it.
func launch(more []string) (_ *Server, err error) {
	s := &Server{more: more}
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if s.as, err = unprivileged(); err != nil {
		return nil, err
	}
	// Not in TMPDIR: the path of a socket has 107 bytes at most.
	if s.dir, err = os.MkdirTemp("/tmp", "pgtest"); err != nil {
		return nil, err
	}
	if s.as != nil {
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, err
		}
	}
	if s.life, err = watch(s.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.life.Close())
		}
	}()
	args := []string{"--pgdata=" + s.data(), "--username=" + superuser, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"}
	if out, err := s.command("initdb", append(args, s.order()...)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.start()
}

// order has texts put in another order than that of their bytes, as most servers do, where the server can by itself: what
// is compared without a word about how shows.
func (s *Server) order() []string {
	version, err := s.command("initdb", "--version").Output() // initdb (PostgreSQL) 15.14
	if fields := strings.Fields(string(version)); err == nil && len(fields) > 2 {
		major, _, _ := strings.Cut(fields[2], ".")
		if n, err := strconv.Atoi(major); err == nil && n >= 15 {
			return []string{"--locale-provider=icu", "--icu-locale=en-US"}
		}
	}
	return nil
}

// watch starts a child that waits until the returned end of a pipe is closed, which it is too when this process dies. Then
// it ends the server whose folder it is, and removes that.
func watch(dir string) (io.Closer, error) {
	watcher := exec.Command("/bin/sh", "-c", `
		cat >/dev/null
		pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"
		while test -n "$pid" && kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
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

// Restart starts the server after Kill, with settings in place of those of Start, if there are any.
func (s *Server) Restart(t testing.TB, settings ...string) {
	t.Helper()
	if len(settings) > 0 {
		s.more = settings
	}
	if err := s.start(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// Kill ends the server at once, as pg_ctl stop -m immediate does: connections break, and the next start recovers.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if _, err := s.process.Wait(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	s.process = nil
}

func (s *Server) running() bool { return s.process != nil }

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// start returns when the server takes connections.
func (s *Server) start() error {
	args := []string{"-D", s.data(), "-k", s.dir}
	for _, setting := range slices.Concat(settings, s.more) {
		args = append(args, "-c", setting)
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	server := s.command("postgres", args...)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return err
	}
	s.process = server.Process
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := greet(s.URL("postgres"))
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || syscall.Kill(s.process.Pid, 0) != nil {
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the server does not start: %w\n%s", err, said)
		}
	}
}

// command is one of PostgreSQL's programs, which refuse to run as root.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	return s.run(filepath.Join(s.bin, name), args...)
}

// run is any program, as who the server is.
func (s *Server) run(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setsid: true}
	return cmd
}

// unprivileged is whom the server runs as, nil for who runs the tests.
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

// programs finds the folder of PostgreSQL's programs: that of pg_config, or the newest one of Debian's.
func programs() (string, error) {
	var places []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		places = append(places, strings.TrimSpace(string(out)))
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	version := func(place string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(place)))
		return n
	}
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	for _, place := range append(places, debian...) {
		if _, err := os.Stat(filepath.Join(place, "initdb")); err == nil {
			return place, nil
		}
	}
	return "", errors.New("PostgreSQL is not installed: as root on Debian `make test-tools` installs it, elsewhere put its initdb and postgres where pg_config --bindir says")
}

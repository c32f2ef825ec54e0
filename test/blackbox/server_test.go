package blackbox_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that a test waits for. On a good day nothing takes a tenth of it.
const patience = time.Minute

// setup says how to start a server. The zero value is a server on a free port with a fresh data folder and the rates
// lifted.
type setup struct {
	data string // folder; empty: a new one
	// database is a PostgreSQL database in place of the folder's. The secret of tokens is the folder's all the same.
	database string
	listen   string // empty: a free port of 127.0.0.1
	args     []string
	env      []string   // more of the environment
	limits   bool       // let rates and counts per address hold
	wrap     []string   // a program that runs the server, with its arguments
	files    []*os.File // that the process has too, from descriptor 3 on
	at       string     // the address of a listener among them
	// shipped takes the server as it is shipped in place of one with the race detector, which multiplies memory.
	shipped bool
}

// server is a running server.
type server struct {
	t        *testing.T
	data     string
	database string // see setup
	addr     string // host:port, once it is ready
	cmd      *exec.Cmd
	log      *journal

	ready  chan struct{} // closed when it has said that it is ready
	exited chan struct{} // closed when the process has ended
	state  *os.ProcessState
}

// start starts a server and waits until it says that it is ready. A server that still runs when the test ends is
// killed; what a race detector has to say fails the test.
func start(t *testing.T, s setup) *server {
	t.Helper()
	srv := launch(t, s)
	srv.awaitReady()
	return srv
}

// awaitReady waits until the server says that it is ready.
func (s *server) awaitReady() {
	s.t.Helper()
	select {
	case <-s.ready:
	case <-s.exited:
		s.t.Fatalf("the server ended with %v:\n%s", s.state, s.log)
	case <-time.After(patience):
		s.t.Fatalf("the server did not become ready:\n%s", s.log)
	}
}

// launch starts a server.
func launch(t *testing.T, s setup) *server {
	t.Helper()
	build := raced
	if s.shipped {
		build = shipped
	}
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	if s.data == "" {
		s.data = t.TempDir()
	}
	if s.listen == "" {
		s.listen = "127.0.0.1:0"
	}
	line := append(append([]string{}, s.wrap...), path, "serve", "--listen", s.listen, "--data", s.data)
	line = append(line, s.args...)
	if s.database != "" {
		s.env = append(s.env, "SOCKEYE_DATABASE="+s.database, "SOCKEYE_JWT_SECRET="+string(secretOf(t, s.data)))
	}
	srv := &server{t: t, data: s.data, database: s.database, log: new(journal), ready: make(chan struct{}), exited: make(chan struct{})}
	srv.cmd = exec.Command(line[0], line[1:]...)
	srv.cmd.Env = append(environment(s.limits), s.env...)
	srv.cmd.Stderr = srv.log
	srv.cmd.ExtraFiles = s.files
	if s.wrap != nil {
		srv.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that kill reaches both
	}
	stdout, err := srv.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go srv.watch(stdout)
	t.Cleanup(func() {
		srv.kill()
		if srv.log.contains("DATA RACE") {
			t.Errorf("the server has a data race:\n%s", srv.log)
		}
	})
	return srv
}

// environment is this process's without settings for the server.
func environment(limits bool) []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "SOCKEYE_") {
			env = append(env, variable)
		}
	}
	if !limits {
		env = append(env, "SOCKEYE_LIMITS=off")
	}
	return env
}

// watch reads standard output to its end and then collects the process.
func (s *server) watch(stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if _, where, found := strings.Cut(lines.Text(), "ready: "); found && s.addr == "" {
			if u, err := url.Parse(where); err == nil {
				s.addr = u.Host
				close(s.ready)
			}
		}
	}
	_ = s.cmd.Wait() // the state tells it all
	s.state = s.cmd.ProcessState
	close(s.exited)
}

// kill ends the process as a crash would, and waits until it is gone.
func (s *server) kill() {
	// Either may have ended.
	if s.cmd.SysProcAttr != nil {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	}
	s.strike()
	<-s.exited
}

// strike is kill without waiting.
func (s *server) strike() { _ = s.cmd.Process.Kill() }

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("%v: %v", sig, err)
	}
}

// wait waits for the process to end by itself and returns its state.
func (s *server) wait(atMost time.Duration) *os.ProcessState {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(atMost):
		s.t.Fatalf("the server has not ended after %s:\n%s", atMost, s.log)
	}
	return s.state
}

// stop ends the server in order.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if state := s.wait(patience); state.ExitCode() != 0 {
		s.t.Fatalf("the server ended with %v:\n%s", state, s.log)
	}
}

// get asks for a page on a connection of its own.
func (s *server) get(path string) (status int, body string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	raw, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(raw)
}

// journal collects what a process writes, while others look.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) contains(part string) bool { return strings.Contains(j.String(), part) }

// residentMemory is VmRSS in bytes.
func residentMemory(t *testing.T, pid int) int64 {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	var kilobytes int64
	if _, err := fmt.Sscanf(rest, "%d kB", &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

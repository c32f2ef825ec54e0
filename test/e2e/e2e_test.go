// Package e2e_test lets two people in a real browser talk through the real binary.
package e2e_test

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/test/program"
)

const (
	readyPrefix    = "Sockeye is ready: "
	readyWithin    = time.Minute
	browseWithin   = 10 * time.Minute
	drainedWithin  = time.Minute      // the server allows itself 10 s
	offlineGrace   = 10 * time.Second // more than the default: a slow machine may need 5 s to reload a page
	defaultBrowser = "/usr/bin/chromium"
	defaultFirefox = "/usr/bin/firefox-esr"
)

func TestChatInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a browser")
	}
	requireTools(t)
	requireBuiltPage(t)
	binary := build(t)
	// They start and stop servers of their own.
	for _, name := range []string{"chat", "network", "shell", "history", "rooms", "overtaking", "session", "names", "restore", "later", "push", "firefox", "files"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait a lot
			browse(t, name+".test.mjs", "SOCKEYE_BINARY="+binary, "LOOPBACK="+program.Loopback())
		})
	}
}

// TestMoveInTheBrowser moves what two people see from the data folder to PostgreSQL.
func TestMoveInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a browser")
	}
	requireTools(t)
	requireBuiltPage(t)
	browse(t, "move.test.mjs", "SOCKEYE_BINARY="+build(t), "LOOPBACK="+program.Loopback(), "SOCKEYE_TEST_DATABASE="+pgtest.Database(t))
}

// TestNodesInTheBrowser has three servers of one database.
func TestNodesInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a browser")
	}
	requireTools(t)
	requireBuiltPage(t)
	browse(t, "nodes.test.mjs", "SOCKEYE_BINARY="+build(t), "LOOPBACK="+program.Loopback(), "SOCKEYE_TEST_DATABASE="+pgtest.Database(t))
}

func TestAdministrationInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a browser")
	}
	requireTools(t)
	requireBuiltPage(t)
	binary := build(t)
	server := start(t, binary, "--trusted-proxies", "127.0.0.1/32", "--webhook-allow", "127.0.0.0/8")
	failJobs(t, server.data, "tidy the harbour", "paint the boats")
	delayJobs(t, server.data, map[string]string{"air the sails": "it rained", "dry the nets": "it snowed"})
	counted := count(t, server.data)
	browse(t, "admin.test.mjs", "SOCKEYE_URL="+server.url, "SOCKEYE_BINARY="+binary, "SOCKEYE_DATA="+server.data, "SOCKEYE_COUNTED="+counted)
	server.stop(t)
}

// count stores what was used on the two days before, as if the server had counted it, and returns these days.
func count(t *testing.T, data string) string {
	t.Helper()
	today := usage.DayNumber(time.Now())
	execute(t, data, `INSERT INTO usage_counts (unit, start, messages, users, rooms) VALUES ('day', ?, 120, 3, 2), ('day', ?, 80, 6, 4)`, today-1, today-2)
	execute(t, data, `INSERT INTO usage_progress (one, through) VALUES (1, ?) ON CONFLICT DO NOTHING`, time.Now().UnixMilli())
	return usage.DayOf(today-1).Format(time.DateOnly) + " " + usage.DayOf(today-2).Format(time.DateOnly)
}

// execute runs a statement on the database of a server.
func execute(t *testing.T, data, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, sqlite.FileName)+"?_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), statement, args...)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// failJobs stores upkeep jobs that nobody knows, at their last attempt: the server finds them, and they fail for good.
func failJobs(t *testing.T, data string, tasks ...string) {
	t.Helper()
	for _, task := range tasks {
		execute(t, data, `
			INSERT INTO jobs (id, kind, priority, payload, cron, state, run_at, attempts, created_at)
			VALUES (?, 'upkeep', 0, ?, '', 'waiting', ?, ?, ?)`,
			task, fmt.Appendf(nil, `{"task":%q}`, task), time.Now().UnixMilli(), job.DefaultRetries, time.Now().UnixMilli())
	}
}

// delayJobs stores upkeep jobs that nobody knows and that have failed so far, with why, for tomorrow; their next attempt is the last one.
func delayJobs(t *testing.T, data string, tasks map[string]string) {
	t.Helper()
	for task, why := range tasks {
		execute(t, data, `
			INSERT INTO jobs (id, kind, priority, payload, cron, state, run_at, attempts, error, created_at)
			VALUES (?, 'upkeep', 0, ?, '', 'waiting', ?, ?, ?, ?)`,
			task, fmt.Appendf(nil, `{"task":%q}`, task), time.Now().Add(24*time.Hour).UnixMilli(), job.DefaultRetries, why, time.Now().UnixMilli())
	}
}

// requireTools fails early and says what to install, where the browser test would only time out.
func requireTools(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not installed: the browser test needs Node.js 20 or newer")
	}
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		t.Fatal("the browser test's packages are missing: run `npm ci` in test/e2e")
	}
	for variable, usual := range map[string]string{"CHROMIUM": defaultBrowser, "FIREFOX": defaultFirefox} {
		browser := cmp.Or(os.Getenv(variable), usual)
		if _, err := exec.LookPath(browser); err != nil {
			t.Fatalf("no browser at %s: install one, or name it in %s", browser, variable)
		}
	}
}

func requireBuiltPage(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.FromSlash("../../internal/web/dist/index.html")); err != nil {
		t.Fatal("the web app is not built: run `make web`")
	}
}

func build(t *testing.T) (binary string) {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// built is the server that all tests have, in a folder that TestMain removes.
var (
	folder string
	built  = sync.OnceValues(func() (string, error) { return program.Shipped(context.Background(), folder) })
)

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "sockeye-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// browse runs a browser test. It gets a signal and then 10 s to take its browser down before it is killed.
func browse(t *testing.T, script string, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), browseWithin)
	defer cancel()
	command := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", script)
	command.Env = append(os.Environ(), env...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	output, err := command.CombinedOutput()
	t.Logf("browser test:\n%s", output)
	if err != nil {
		t.Fatalf("the browser test failed: %v", err)
	}
}

type server struct {
	url     string
	data    string // its folder
	command *exec.Cmd
	log     *os.File
	read    chan struct{} // closed when the server's standard output has ended
}

// start returns once the server says where it listens. What is still running when the test ends is killed.
func start(t *testing.T, binary string, args ...string) *server {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	args = append([]string{
		"serve", "--dev", "--listen", "127.0.0.1:0", "--data", data, "--chat-offline-grace", offlineGrace.String(),
	}, args...)
	s := &server{command: exec.Command(binary, args...), data: data, log: log, read: make(chan struct{})}
	s.command.Stderr = log
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatalf("start the server: %v", err)
	}
	t.Cleanup(func() { s.cleanUp(t) })

	ready := make(chan string, 1)
	go s.readOutput(stdout, ready)
	select {
	case s.url = <-ready:
	case <-s.read:
		t.Fatalf("the server ended before it was ready:\n%s", s.logged())
	case <-time.After(readyWithin):
		t.Fatalf("the server was not ready within %s:\n%s", readyWithin, s.logged())
	}
	return s
}

// readOutput keeps reading after the line that it waits for: a full pipe would block the server.
func (s *server) readOutput(stdout io.Reader, ready chan<- string) {
	defer close(s.read)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), readyPrefix); ok {
			select {
			case ready <- strings.TrimSpace(url):
			default: // said again
			}
		}
	}
}

// stop asks the server to drain, and fails the test unless it ends in time and without an error.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stop the server: %v\n%s", err, s.logged())
	}
	select {
	case <-s.read:
	case <-time.After(drainedWithin):
		t.Fatalf("the server still ran %s after SIGTERM:\n%s", drainedWithin, s.logged())
	}
	if err := s.command.Wait(); err != nil {
		t.Fatalf("the server did not end cleanly: %v\n%s", err, s.logged())
	}
}

func (s *server) cleanUp(t *testing.T) {
	if s.command.ProcessState == nil {
		if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("kill the server: %v", err)
		}
		<-s.read
		_ = s.command.Wait() // killed: the error says so
	}
	if t.Failed() {
		t.Logf("server log:\n%s", s.logged())
	}
	_ = s.log.Close()
}

func (s *server) logged() string {
	content, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(content)
}

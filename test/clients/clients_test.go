// Package clients_test drives the stock npm clients, of all versions that the server speaks with, against engineio and
// socketio. The tests themselves are written for node's own test runner, in *.test.mjs; this runs each file against
// servers of this process, so that the race and leak detectors see them. The files in together/ drive the real binary,
// over all protocols at once.
package clients_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/test/clients/server"
	"github.com/sockeye-im/sockeye/test/program"
)

// patience is how long one file of tests may take; every wait in it has a deadline of its own.
const patience = 10 * time.Minute

// folder has the server that is built, if one is.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "sockeye-clients-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

// TestStockClients runs one subtest a file; -run TestStockClients/recovery chooses one, and NODE_TEST_NAME a test in it.
func TestStockClients(t *testing.T) {
	if testing.Short() {
		t.Skip("drives npm clients for most of a minute")
	}
	requirePackages(t)
	for _, file := range testFiles(t, ".") {
		t.Run(strings.TrimSuffix(file, ".test.mjs"), func(t *testing.T) {
			t.Parallel()
			runNode(t, file, "CONTROL_URL="+startControl(t), "LOOPBACK="+program.Loopback())
		})
	}
}

// requirePackages says what to do, where node would only say that a module is missing.
func requirePackages(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not installed: the tests of the stock clients need Node.js 20 or newer")
	}
	if _, err := os.Stat("node_modules/.package-lock.json"); err != nil {
		t.Fatal("the stock clients are not installed: run `npm ci` in test/clients, or `make test`")
	}
}

// testFiles also looks at the modules that they import: go test keeps a result until a file that it has seen changes.
func testFiles(t *testing.T, folder string) (tests []string) {
	t.Helper()
	modules, err := filepath.Glob(filepath.Join(folder, "*.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range modules {
		if _, err := os.Stat(module); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(module, ".test.mjs") {
			tests = append(tests, module)
		}
	}
	if len(tests) == 0 {
		t.Fatalf("no *.test.mjs files in %s", folder)
	}
	return tests
}

// startControl returns the address at which a file's tests start their servers.
func startControl(t *testing.T) (url string) {
	t.Helper()
	control := server.New(slog.New(slog.NewTextHandler(t.Output(), nil)))
	web := httptest.NewServer(control)
	t.Cleanup(func() {
		if err := control.Close(); err != nil {
			t.Errorf("a server did not shut down cleanly: %v", err)
		}
		web.Close()
	})
	return web.URL
}

// runNode passes the runner's output on line by line. It gets a signal and 10 s to end before it is killed, and what it
// has started with it.
func runNode(t *testing.T, file string, settings ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := []string{"--test", "--test-reporter=spec"}
	if name := os.Getenv("NODE_TEST_NAME"); name != "" {
		args = append(args, "--test-name-pattern="+name)
	}
	command := exec.CommandContext(ctx, "node", append(args, file)...)
	command.Env = append(os.Environ(), settings...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	output, input := io.Pipe()
	command.Stdout, command.Stderr = input, input
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			t.Log(lines.Text())
		}
		_, _ = io.Copy(io.Discard, output) // a line too long for the scanner must not block node
	}()
	err := command.Run()
	if command.Process != nil {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // nobody may be left
	}
	_ = input.Close()
	<-logged
	if err != nil {
		t.Errorf("node %s: %v", file, err)
	}
}

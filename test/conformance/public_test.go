//go:build unix

package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
	"github.com/sockeye-im/sockeye/internal/cluster/forward"
	"github.com/sockeye-im/sockeye/internal/sandbox"
	"github.com/sockeye-im/sockeye/test/conformance"
	"github.com/sockeye-im/sockeye/test/program"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = time.Minute
	nodes    = 3
)

// tests is how many each suite has. One more of eio3 is skipped by its authors.
var tests = map[string]int{"eio3": 23, "eio4": 25, "sio5": 32}

// part is some tests of a suite. The suites have a heartbeat that comes between what other tests expect where the machine is
// busy, and ends what it is late for: there is none while these run, and a slower one where it is what is tested, or waited for.
type part struct {
	name   string
	chosen []string // options of mocha
	timing conformance.Timing
}

var parts = []part{
	{"heartbeat", []string{"--grep", "heartbeat|disconnect"}, conformance.Timing{PingInterval: time.Second, PingTimeout: 2 * time.Second, Connect: patience}},
	{"all else", []string{"--grep", "heartbeat|disconnect", "--invert"}, conformance.Timing{PingInterval: time.Hour, PingTimeout: time.Hour, Connect: 2 * time.Second}},
}

// suites is the folder that has the public suites, as eio3.js, eio4.js and sio5.js: their authors' code is no part of this project.
var suites = os.Getenv("SOCKEYE_SUITES")

// TestPublicSuites runs the public suites through nginx, as it is shipped, which sends each request to the next of three nodes.
func TestPublicSuites(t *testing.T) {
	if suites == "" {
		t.Skip("the public suites are not here; SOCKEYE_SUITES=folder says where they are")
	}
	if _, err := os.Stat(filepath.Join("node_modules", ".package-lock.json")); err != nil {
		t.Fatal("the suites' packages are not installed: run `make test-tools`")
	}
	for _, suite := range conformance.Suites() {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			passed := 0
			for _, p := range parts {
				t.Run(p.name, func(t *testing.T) {
					b := balance(t, serve(t, suite, p.timing))
					said := run(t, suite, p, b.Addr())
					for _, failed := range said.Failures {
						t.Errorf("%s: %s\n%s", failed.FullTitle, failed.Err.Message, failed.Err.Stack)
					}
					passed += len(said.Passes)
				})
			}
			if passed != tests[suite] {
				t.Errorf("%d passed, there are %d", passed, tests[suite])
			}
		})
	}
}

// node is one of the servers, with what passes requests on to the others.
type node struct {
	*forward.Forwarder
	public *httptest.Server
}

// serve starts nodes that know each other, and returns where they are. They end with the test, which fails if they have passed
// nothing on.
func serve(t *testing.T, suite string, timing conformance.Timing) (addrs []string) {
	t.Helper()
	air, all := clustertest.New(), []*node{}
	for i := range nodes {
		n := start(t, air, suite, timing, fmt.Sprint("node-", i+1))
		all = append(all, n)
		addrs = append(addrs, n.public.Listener.Addr().String())
	}
	for late := time.Now().Add(patience); !acquainted(all); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("the nodes do not hear of each other")
		}
	}
	t.Cleanup(func() {
		var requests, webSockets uint64
		for _, n := range all {
			did := n.Figures()
			requests, webSockets = requests+did.Requests, webSockets+did.WebSockets
		}
		t.Logf("%d requests and %d WebSockets were passed on", requests, webSockets)
		if requests+webSockets == 0 {
			t.Error("the suite says nothing of several nodes")
		}
	})
	return addrs
}

func acquainted(all []*node) bool {
	for _, n := range all {
		for _, other := range all {
			if n != other && n.Elsewhere(other.NewID()) == nil {
				return false
			}
		}
	}
	return true
}

func start(t *testing.T, air *clustertest.Net, suite string, timing conformance.Timing, id string) *node {
	t.Helper()
	among, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{}
	n.Forwarder, err = forward.New(forward.Config{
		Address: among.Addr().String(), ConnectTimeout: patience, AnswerTimeout: patience, WriteStall: patience, MaxRequests: 1000, MaxWebSockets: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	server, _, err := conformance.New(suite, timing, func(cfg *engineio.Config) { cfg.NewID, cfg.Elsewhere = n.NewID, n.Elsewhere })
	if err != nil {
		t.Fatal(err)
	}
	n.public = httptest.NewUnstartedServer(server)
	if n.public.Listener, err = server.Listen(n.public.Config, n.public.Listener); err != nil {
		t.Fatal(err)
	}
	n.public.Start()
	bus := air.Node(id)
	err = n.Start(forward.Deps{
		Listener: among, Sessions: server, Peers: bus.Peers(), Vouch: func(string) {}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	bus.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		bus.Leave()
		n.Release()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		n.public.Close()
		if err := n.Stop(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return n
}

// balance starts nginx before the nodes. It ends with the test.
func balance(t *testing.T, addrs []string) *sandbox.Balancer {
	t.Helper()
	folder, err := sandbox.Temporary("conformance")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	b, err := folder.Balancer(sandbox.Nginx, net.JoinHostPort(program.Loopback(), "0"), addrs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Kill() })
	return b
}

// report is what mocha says.
type report struct {
	Passes   []struct{ FullTitle string }
	Failures []struct {
		FullTitle string
		Err       struct{ Message, Stack string }
	}
}

func run(t *testing.T, suite string, p part, server string) (said report) {
	t.Helper()
	file := retimed(t, suite, p.timing)
	args := append([]string{filepath.Join("node_modules", "mocha", "bin", "mocha.js"), "--exit", "--reporter", "json", "--timeout", "60000"}, p.chosen...)
	command := exec.CommandContext(t.Context(), "node", append(args, file)...)
	command.Env = append(os.Environ(), "SERVER="+server)
	command.Stderr = t.Output()
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 10 * time.Second
	out, err := command.Output() // fails by as many tests as have failed
	if invalid := json.Unmarshal(out, &said); invalid != nil {
		t.Fatalf("%v: %s", errors.Join(err, invalid), out)
	}
	return said
}

// retimed is a copy of a suite with another timing.
func retimed(t *testing.T, suite string, timing conformance.Timing) (file string) {
	t.Helper()
	published, err := os.ReadFile(filepath.Join(suites, suite+".js"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(published)
	for from, to := range map[string]string{
		"const PING_INTERVAL = 300;": fmt.Sprintf("const PING_INTERVAL = %d;", timing.PingInterval.Milliseconds()),
		"const PING_TIMEOUT = 200;":  fmt.Sprintf("const PING_TIMEOUT = %d;", timing.PingTimeout.Milliseconds()),
		"this.timeout(5000);":        "this.timeout(60_000);",
	} {
		if strings.Count(text, from) != 1 {
			t.Fatalf("%s has no %q", suite, from)
		}
		text = strings.Replace(text, from, to, 1)
	}
	folder := t.TempDir()
	file = filepath.Join(folder, suite+".js")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node-imports.js", "package.json"} {
		path, err := filepath.Abs(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(folder, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return file
}

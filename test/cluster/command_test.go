//go:build linux

package cluster_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/test/program"
)

// TestCommand: `sockeye cluster` runs nodes that hear each other, starts again what is killed, ends everything on ^C, and goes
// on in the same folder the next time.
func TestCommand(t *testing.T) {
	t.Parallel()
	dir := newFolder(t)
	run := launchCommand(t, "--dir", dir)
	ada, bob := run.signIn(t, "node-1", "Ada"), run.signIn(t, "node-3", "Bob")
	if _, err := ada.CreateRoom(t.Context(), client.NewRoom{ID: "hall", Name: "Hall"}); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.JoinRoom(t.Context(), "hall"); err != nil {
		t.Fatal(err)
	}
	said, err := ada.SendToRoom(t.Context(), client.RoomDraft{RoomID: "hall", Draft: client.Draft{Content: "hello"}})
	if err != nil {
		t.Fatal(err)
	}
	hears(t, bob, said.ID)

	if err := syscall.Kill(run.processes["node-3"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	run.awaitLine(t, "node-3 has ended by a signal: killed")
	run.awaitLine(t, "node-3 is back, process")
	if err := bob.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if said, err = ada.SendToRoom(t.Context(), client.RoomDraft{RoomID: "hall", Draft: client.Draft{Content: "welcome back"}}); err != nil {
		t.Fatal(err)
	}
	hears(t, bob, said.ID)

	ada.Close()
	bob.Close()
	run.end(t, syscall.SIGINT, 0)
	run.awaitNobody(t)
	again := launchCommand(t, "--dir", dir, "--nodes", "1", "--redis", "off")
	page, err := again.signIn(t, "node-1", "Ada").History(t.Context(), client.Where{RoomID: "hall"}, client.Span{})
	if err != nil || len(page.Messages) != 2 || page.Messages[1].ID != said.ID {
		t.Errorf("the history is %+v (%v)", page.Messages, err)
	}
}

// TestCommandDies: when the command itself is killed, nothing that it has started is left, neither processes nor its folder.
func TestCommandDies(t *testing.T) {
	t.Parallel()
	run := launchCommand(t, "--nodes", "1")
	run.end(t, syscall.SIGKILL, -1)
	run.awaitNobody(t)
	for late := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		_, err := os.Stat(run.folder)
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("%s is left: %v", run.folder, err)
		}
	}
}

// newFolder is one whose path is short enough for sockets. It goes with the test.
func newFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sockeye-command-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL does not run as root, if this does
		t.Fatal(err)
	}
	return filepath.Join(dir, "cluster")
}

// command is a run of `sockeye cluster`.
type command struct {
	cmd       *exec.Cmd
	lines     chan string
	log       *bytes.Buffer // what it says to standard error, once it has ended
	addresses map[string]string
	processes map[string]int
	folder    string
}

var introduced = regexp.MustCompile(`^(\S+) +(\S+) +process (\d+)$`)

// launchCommand runs it until the test ends, and returns when it has said what there is.
func launchCommand(t *testing.T, args ...string) *command {
	t.Helper()
	skipIfShort(t)
	path, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	c := &command{lines: make(chan string, 100), log: new(bytes.Buffer), addresses: make(map[string]string), processes: make(map[string]int)}
	c.cmd = exec.Command(path, append([]string{"cluster", "--listen", net.JoinHostPort(program.Loopback(), "3001")}, args...)...)
	c.cmd.Stderr = c.log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Signal(syscall.SIGINT) // it may have ended
		_ = c.cmd.Wait()
	})
	go c.read(out)
	for {
		line := c.awaitLine(t, "")
		if strings.HasPrefix(line, "Kill whatever you like") {
			return c
		}
		if found := introduced.FindStringSubmatch(line); found != nil {
			c.addresses[found[1]] = found[2]
			if c.processes[found[1]], err = strconv.Atoi(found[3]); err != nil {
				t.Fatal(err)
			}
		}
		if _, at, found := strings.Cut(line, "Data, logs  "); found {
			c.folder = at
		}
	}
}

func (c *command) read(out io.Reader) {
	defer close(c.lines)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		c.lines <- lines.Text()
	}
}

// awaitLine waits for a line that has the text, and notes new processes.
func (c *command) awaitLine(t *testing.T, text string) string {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, open := <-c.lines:
			if !open {
				t.Fatalf("it has ended without %q: %v\n%s", text, c.cmd.Wait(), c.log)
			}
			var name string
			var pid int
			if n, _ := fmt.Sscanf(line, "%s is back, process %d", &name, &pid); n == 2 {
				c.processes[name] = pid
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-late:
			t.Fatalf("it did not say %q", text)
		}
	}
}

// end sends a signal and waits for the end.
func (c *command) end(t *testing.T, signal syscall.Signal, code int) {
	t.Helper()
	if err := c.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	for range c.lines { // until it ends
	}
	_ = c.cmd.Wait() // the code tells
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("it has ended with %d instead of %d:\n%s", got, code, c.log)
	}
}

// awaitNobody waits until none of the processes is there.
func (c *command) awaitNobody(t *testing.T) {
	t.Helper()
	for name, pid := range c.processes {
		for late := time.Now().Add(patience); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("%s, process %d, is left", name, pid)
			}
		}
	}
}

// signIn has a demo user come to a node.
func (c *command) signIn(t *testing.T, node, name string) *client.Client {
	t.Helper()
	at, err := url.JoinPath(c.addresses[node], "/api/dev/login")
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, strings.NewReader(fmt.Sprintf(`{"name":%q}`, name)))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var said struct{ Token string }
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil || said.Token == "" {
		t.Fatalf("%s: %s, %+v, %v", at, answer.Status, said, err)
	}
	cfg := client.Config{URL: c.addresses[node], Token: client.StaticToken(said.Token), Backoff: client.Backoff{First: firstWait, Longest: longestWait, Slow: longestWait}}
	signedIn, err := client.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signedIn.Close)
	return signedIn
}

// hears waits until a client is told of a message.
func hears(t *testing.T, c *client.Client, id string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case e, open := <-c.Events():
			if !open {
				t.Fatalf("the client has stopped: %v", c.Err())
			}
			if m, ok := e.(*client.RoomMessage); ok && m.ID == id {
				return
			}
		case <-late:
			t.Fatalf("message %s did not come", id)
		}
	}
}

package blackbox_test

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopTimeout is how long an orderly stop may take; it is promised within 10 s, on a machine that does nothing else.
const stopTimeout = 30 * time.Second

// TestStopInTraffic asks the server to stop while clients have commands under way. Each is acknowledged, or can be sent
// again to the server that follows, and nothing is lost or doubled.
func TestStopInTraffic(t *testing.T) {
	skipIfShort(t)
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) { stopInTraffic(t, signal) })
	}
}

func stopInTraffic(t *testing.T, signal syscall.Signal) {
	s := start(t, crowded())
	keeper := s.connect("keeper")
	c := gather(t, s, 10, crashSeed(t))
	c.awaitAcks(t, state{}, 150)
	s.signal(signal)
	if state := s.wait(stopTimeout); state.ExitCode() != 0 {
		t.Fatalf("exit: %v\n%s", state, s.log)
	}
	keeper.gone(t)
	if keeper.toldToLeave() {
		t.Error("the server has sent a Disconnect packet: stock clients would not come back")
	}
	if s.log.contains("not everything was finished in time") {
		t.Errorf("the drain did not finish:\n%s", s.log)
	}
	// The same port: nothing may hold it any longer.
	again := crowded()
	again.data, again.listen = s.data, s.addr
	next := start(t, again)
	c.disperse(t)
	c.check(t, next)
}

// stopped is where the server listens that comes back on its port; see loopback. Nothing else uses this address.
const stopped = "127.0.0.11:0"

// TestStop looks at a stop from outside, step by step. A request that is half here keeps the server from ending, so
// that there is time to look.
func TestStop(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	s := start(t, setup{listen: stopped})
	question := ask(t, s.addr)
	ada := s.connect("ada")
	s.signal(syscall.SIGTERM)
	ada.gone(t)
	if ada.toldToLeave() {
		t.Error("the server has sent a Disconnect packet: stock clients would not come back")
	}
	if status, body, err := question.finish(); err == nil && (status != http.StatusServiceUnavailable || !strings.Contains(body, "draining")) {
		t.Errorf("/ready says %d %s while the server drains", status, body)
	}
	if state := s.wait(stopTimeout); state.ExitCode() != 0 {
		t.Errorf("exit: %v\n%s", state, s.log)
	}
	again := start(t, setup{data: s.data, listen: s.addr})
	if status, body := again.get("/ready"); status != http.StatusOK {
		t.Errorf("the next server on the folder says %d %s", status, body)
	}
}

// TestSecondSignalEndsAtOnce: the drain, which a request without its body holds up, is not waited for.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{args: []string{"--drain-timeout", "5m"}})
			ada := s.connect("ada")
			occupy(t, s)
			s.signal(signal)
			ada.gone(t)
			s.signal(signal)
			state := s.wait(patience)
			if status := state.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != signal {
				t.Errorf("it ended with %v, not by the signal", state)
			}
		})
	}
}

// TestSecondServerIsRefused: a data folder belongs to one server.
func TestSecondServerIsRefused(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	s := start(t, setup{})
	second := launch(t, setup{data: s.data})
	if state := second.wait(patience); state.ExitCode() != 1 {
		t.Errorf("exit: %v", state)
	}
	want := "sockeye: data folder " + s.data + " is in use by another server\n"
	if !strings.HasSuffix(second.log.String(), want) {
		t.Errorf("it says %q, want %q", second.log, want)
	}
	s.connect("ada").must(t, "room:create", object{"name": "Still here"})
}

// TestPortInUse: the message names the address, and nothing was begun: an older database would be as it was.
func TestPortInUse(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	s := start(t, setup{})
	second := launch(t, setup{listen: s.addr})
	if state := second.wait(patience); state.ExitCode() != 1 || !second.log.contains(s.addr) || !second.log.contains("address already in use") {
		t.Errorf("exit: %v, %s", state, second.log)
	}
	if _, err := os.Stat(filepath.Join(second.data, "sockeye.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a database: %v", err)
	}
}

// occupy has the server handle a request whose body does not come, which it waits for 30 s.
func occupy(t *testing.T, s *server) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	request := "POST /api/v1/rooms HTTP/1.1\r\nHost: sockeye\r\nAuthorization: Bearer " + tokenFor(t, s.data, "ada") + "\r\n" +
		"Content-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	const asksForIt = "HTTP/1.1 100"
	answer := make([]byte, len(asksForIt))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != asksForIt {
		t.Fatalf("answered %q, %v", answer, err)
	}
}

// question is the first request on a connection, for /ready, whose last line has not been sent. A server that drains
// waits for such a connection for 5 s.
type question struct{ conn net.Conn }

// ask opens a connection. The server is sure to have taken it when it has taken a later one.
func ask(t *testing.T, addr string) question {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	q := question{conn}
	t.Cleanup(q.close)
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /ready HTTP/1.1\r\nHost: sockeye\r\n"); err != nil {
		t.Fatal(err)
	}
	return q
}

// finish sends the rest. An error means that the server has closed the connection instead of answering.
func (q question) finish() (status int, body string, err error) {
	if _, err := io.WriteString(q.conn, "\r\n"); err != nil {
		return 0, "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(q.conn), nil)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(raw), err
}

func (q question) close() { _ = q.conn.Close() }

package blackbox_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// asSystemd runs what follows as systemd does: LISTEN_PID is the process's own id, which nobody knows before.
var asSystemd = []string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}

// TestReplacedBehindItsListener replaces the server under a crowd that talks, while others connect all the time: nobody is refused,
// and nothing is lost.
func TestReplacedBehindItsListener(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	handed := handedOver(t, "1m")
	s := start(t, handed)
	c := gather(t, s, 10, crashSeed(t))
	c.awaitAcks(t, state{}, 100)
	seekers := seek(t, s.addr, 3, 0)
	for range 2 {
		seekers.await(t, 20)
		before := c.now()
		s = s.replace(handed)
		c.awaitAcks(t, before, 50)
	}
	seekers.await(t, 20)
	seekers.end(t)
	c.disperse(t)
	c.check(t, s)
	if n := total(c.members).refused; n > 0 {
		t.Errorf("%d connections were refused", n)
	}
}

// TestSoakReplacedBehindItsListener does it ten times, as it is shipped, under 2,000 clients who say 300 messages a second, whether
// a server is there or not: what was to be said meanwhile is said then.
func TestSoakReplacedBehindItsListener(t *testing.T) {
	soak(t)
	const size, perSecond = 2000, 300
	handed := handedOver(t, "10m") // a busy machine has thousands of commands under way
	handed.shipped = true
	began := time.Now()
	s := start(t, handed)
	c := gatherPaced(t, s, size, perSecond, crashSeed(t))
	c.awaitAcks(t, state{}, size+5*perSecond)
	seekers := seek(t, s.addr, 2, 5*time.Millisecond)
	talked, acked := time.Now(), c.now().acked
	for i := range 10 {
		before := c.now()
		s = s.replace(handed)
		away := time.Now()
		c.awaitReturn(t, before, size)
		all := time.Since(away)
		before = c.now()
		c.awaitAcks(t, before, 5*perSecond)
		t.Logf("replacement %d: all are back %s after the next server was ready", i+1, all.Round(time.Millisecond))
	}
	rate := float64(c.now().acked-acked) / time.Since(talked).Seconds()
	seekers.end(t)
	c.disperse(t)
	c.check(t, s)
	all := total(c.members)
	if all.refused > 0 {
		t.Errorf("%d connections were refused", all.refused)
	}
	t.Logf("%d clients, %.0f messages a second, %d acknowledged, %d sent again, of which %d were stored already; %d connections lost, %d attempts refused; %d events live, %d by sync; %s",
		size, rate, c.now().acked, all.resent, all.repeated, all.lost, all.refused, all.received, all.synced, time.Since(began).Round(time.Second))
}

// handedOver is a server whose listener is this process's, and that has so long to drain.
func handedOver(t *testing.T, drain string) setup {
	t.Helper()
	held, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	file, err := held.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	handed := crowded()
	handed.wrap, handed.files, handed.env = asSystemd, []*os.File{file}, append(handed.env, "LISTEN_FDS=1")
	// A twentieth of it is what those have who were accepted before: it is generous for machines that are busy.
	handed.args = append(handed.args, "--drain-timeout", drain)
	handed.data = t.TempDir()
	handed.at = held.Addr().String()
	return handed
}

// replace stops the server in order, and starts another one behind the same listener.
func (s *server) replace(handed setup) *server {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if state := s.wait(10 * patience); state.ExitCode() != 0 {
		s.t.Fatalf("the server ended with %v:\n%s", state, s.log)
	}
	if s.log.contains("DATA RACE") {
		s.t.Fatalf("the server has a data race:\n%s", s.log)
	}
	next := start(s.t, handed)
	if next.addr != handed.at {
		s.t.Fatalf("it listens at %s, and was handed %s", next.addr, handed.at)
	}
	return next
}

// seekers ask for the server's health, each time by a connection of its own, one after the other, with a rest between.
type seekers struct {
	asked   atomic.Int64
	quit    chan struct{}
	running sync.WaitGroup

	mu   sync.Mutex
	errs []error
}

func seek(t *testing.T, addr string, n int, rest time.Duration) *seekers {
	s := &seekers{quit: make(chan struct{})}
	for range n {
		s.running.Go(func() {
			for {
				select {
				case <-s.quit:
					return
				default:
				}
				if err := askHealth(addr); err != nil {
					s.mu.Lock()
					s.errs = append(s.errs, err)
					s.mu.Unlock()
					return
				}
				s.asked.Add(1)
				time.Sleep(rest)
			}
		})
	}
	t.Cleanup(s.stop)
	return s
}

func (s *seekers) stop() {
	select {
	case <-s.quit:
	default:
		close(s.quit)
	}
	s.running.Wait()
}

// await waits until that many more have been answered.
func (s *seekers) await(t *testing.T, more int64) {
	t.Helper()
	from, end := s.asked.Load(), time.Now().Add(patience)
	for s.asked.Load() < from+more {
		s.check(t)
		if time.Now().After(end) {
			t.Fatalf("%d of %d were answered", s.asked.Load()-from, more)
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *seekers) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.errs...); err != nil {
		t.Fatalf("refused, after %d that were not: %v", s.asked.Load(), err)
	}
}

func (s *seekers) end(t *testing.T) {
	t.Helper()
	s.stop()
	s.check(t)
	t.Logf("%d connections, and none was refused", s.asked.Load())
}

// askHealth opens a connection, asks, and wants to be answered that all is well, however long it takes.
func askHealth(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("hear: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return answer.Body.Close()
}

// TestSocketActivate has systemd's own program listen, and start the server when somebody comes.
func TestSocketActivate(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	program, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("there is no systemd-socket-activate")
	}
	const addr = "127.0.0.12:31987" // which nothing else uses; it takes no port 0
	s := launch(t, setup{wrap: []string{program, "--listen=" + addr}})
	// It says so once it listens; until then nobody is there to connect to.
	for end := time.Now().Add(patience); !s.log.contains("Listening on"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not listen:\n%s", s.log)
		}
	}
	if err := askHealth(addr); err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	s.awaitReady()
	if s.addr != addr || !s.log.contains("the listener was handed over") {
		t.Errorf("it listens at %s:\n%s", s.addr, s.log)
	}
	if strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Errorf("%s", s.log)
	}
	s.signal(syscall.SIGTERM)
	if state := s.wait(patience); state.ExitCode() != 0 {
		t.Errorf("exit: %v\n%s", state, s.log)
	}
}

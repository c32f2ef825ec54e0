package blackbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
	replaced(t, 2, 10, 0)
}

// TestSoakReplacedBehindItsListener does it ten times, with 2,000 clients and all that a crowd of 60 can say.
func TestSoakReplacedBehindItsListener(t *testing.T) {
	soak(t)
	replaced(t, 10, 60, 2000)
}

func replaced(t *testing.T, times, talkers, listeners int) {
	held, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	file, err := held.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	handed := crowded()
	handed.wrap, handed.files, handed.env = asSystemd, []*os.File{file}, append(handed.env, "LISTEN_FDS=1")
	// A twentieth of it is what those have who were accepted before: it is generous for machines that are busy.
	handed.args = append(handed.args, "--drain-timeout", "1m")
	handed.data = t.TempDir()

	s := start(t, handed)
	if s.addr != held.Addr().String() {
		t.Fatalf("it listens at %s, and was handed %s", s.addr, held.Addr())
	}
	c := gather(t, s, talkers, crashSeed(t))
	c.awaitAcks(t, state{}, 100)
	quiet := comeQuietly(t, s, listeners)
	seekers := seek(t, s.addr, 3)
	for range times {
		seekers.await(t, 20)
		s.signal(syscall.SIGTERM)
		if state := s.wait(patience); state.ExitCode() != 0 {
			t.Fatalf("exit: %v\n%s", state, s.log)
		}
		if s.log.contains("DATA RACE") {
			t.Fatalf("the server has a data race:\n%s", s.log)
		}
		before := c.now()
		s = start(t, handed)
		c.awaitAcks(t, before, 50)
		quiet.await(t)
	}
	seekers.await(t, 20)
	seekers.end(t)
	quiet.end(t)
	c.disperse(t)
	c.check(t, s)
}

// quietOnes are clients that say nothing, and come back when their connection ends.
type quietOnes struct {
	size    int64
	in      atomic.Int64
	refused atomic.Int64
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func comeQuietly(t *testing.T, s *server, size int) *quietOnes {
	ctx, cancel := context.WithCancel(t.Context())
	q := &quietOnes{size: int64(size), cancel: cancel}
	for i := range size {
		token := tokenFor(t, s.data, fmt.Sprintf("quiet-%d", i))
		q.running.Go(func() {
			for ctx.Err() == nil {
				q.stay(ctx, s.addr, token)
			}
		})
	}
	t.Cleanup(func() { cancel(); q.running.Wait() })
	q.await(t)
	return q
}

// stay signs in, and returns when the connection ends, a while later, as clients do.
func (q *quietOnes) stay(ctx context.Context, addr, token string) {
	client, err := signInNative(ctx, addr, token)
	if err == nil {
		q.in.Add(1)
		_, _ = client.next(ctx, "nothing of that name") // until it ends
		q.in.Add(-1)
		client.close()
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		q.refused.Add(1)
	}
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(time.Second)):
	}
}

// await waits until all are there.
func (q *quietOnes) await(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); q.in.Load() < q.size; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d are there", q.in.Load(), q.size)
		}
	}
}

func (q *quietOnes) end(t *testing.T) {
	t.Helper()
	q.cancel()
	q.running.Wait()
	if n := q.refused.Load(); n > 0 {
		t.Errorf("%d connections were refused", n)
	}
}

// seekers ask for the server's health, each time by a connection of its own, one after the other.
type seekers struct {
	asked   atomic.Int64
	quit    chan struct{}
	running sync.WaitGroup

	mu   sync.Mutex
	errs []error
}

func seek(t *testing.T, addr string, n int) *seekers {
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

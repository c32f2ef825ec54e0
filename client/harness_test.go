package client_test

import (
	"bufio"
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/internal/account"
)

// patience is how long anything may take that a test waits for.
const patience = time.Minute

// server is a real server in a process of its own.
type server struct {
	t    *testing.T
	data string
	args []string
	addr string // host:port
	cmd  *exec.Cmd
	log  *bytes.Buffer // to be read once the process has ended
	gone chan struct{}
}

func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	skipIfShort(t)
	s := &server{t: t, data: t.TempDir(), args: args}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// start starts it, again on a new port, and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	path, err := built()
	if err != nil {
		s.t.Fatal(err)
	}
	line := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", s.data, "--chat-dm-policy", "anyone"}, s.args...)
	s.cmd = exec.Command(path, line...)
	s.cmd.Env = append(os.Environ(), "SOCKEYE_LIMITS=off")
	s.log = new(bytes.Buffer)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ready := make(chan string, 1)
	s.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) {
		defer close(gone)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, at, found := strings.Cut(lines.Text(), "ready: "); found {
				ready <- at
			}
		}
		_ = cmd.Wait() // its log says it all
	}(s.cmd, s.gone)
	select {
	case at := <-ready:
		u, err := url.Parse(at)
		if err != nil {
			s.t.Fatal(err)
		}
		s.addr = u.Host
	case <-s.gone:
		s.t.Fatalf("the server has ended:\n%s", s.log)
	case <-time.After(patience):
		s.t.Fatal("the server is not ready")
	}
}

// kill ends it as a crash would.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.gone
	if strings.Contains(s.log.String(), "DATA RACE") {
		s.t.Errorf("the server has a data race:\n%s", s.log)
	}
}

// token signs as the server would.
func (s *server) token(user string, lasts time.Duration) string {
	s.t.Helper()
	secret, err := account.OpenSecret(s.data)
	if err != nil {
		s.t.Fatal(err)
	}
	issuer, err := account.NewIssuer(secret, time.Now)
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := issuer.Sign(account.UserID(user), strings.ToUpper(user), lasts)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// config is for a user who connects to addr, and is quick to come back, but not to give a connection up: a slow machine is
// no fault.
func (s *server) config(addr, user string, p client.Protocol) client.Config {
	return client.Config{
		URL: "http://" + addr, Protocol: p, Token: client.StaticToken(s.token(user, time.Hour)), Timeout: patience,
		Backoff: client.Backoff{First: 10 * time.Millisecond, Longest: 200 * time.Millisecond, Slow: 200 * time.Millisecond},
	}
}

func dial(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// await reads events until one is wanted.
func await[E client.Event](t *testing.T, c *client.Client, wanted func(E) bool) E {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case e, open := <-c.Events():
			if !open {
				t.Fatalf("the client has stopped: %v", c.Err())
			}
			if e, ok := e.(E); ok && wanted(e) {
				return e
			}
		case <-late:
			var none E
			t.Fatalf("no %T came", none)
		}
	}
}

func any1[E client.Event](E) bool { return true }

// bothProtocols runs a test over each.
func bothProtocols(t *testing.T, test func(t *testing.T, p client.Protocol)) {
	t.Helper()
	t.Parallel()
	for name, p := range map[string]client.Protocol{"Socket.IO": client.SocketIO, "WebSocket": client.WebSocket} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

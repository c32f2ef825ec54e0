// Package apptest runs whole servers for tests: what app.Run serves, on a loopback address,
// with a way in to each part and to the seams between them.
package apptest

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/media/worker"
)

// Patience bounds every wait; only a failing test ever waits that long.
const Patience = time.Minute

// Secret signs the server's own tokens.
const Secret = account.Secret("a secret of enough length, for tests only")

// A test's own program is the process in which its server has pictures decoded.
func init() {
	if worker.Called(os.Args) {
		os.Exit(worker.Main(os.Args))
	}
}

// Server is a server that takes connections.
type Server struct {
	*app.Server
	URL  string
	Data string // its folder
	Log  *Log
	// Close drains the server and waits for its end. It may be called again, and is when the
	// test ends.
	Close func()
}

// Option changes the settings of a server.
type Option = func(*app.Settings)

// Serve starts a server that ends with the test. It has no limits on rates, nobody has to
// hurry, and its database is in memory where the system has such a place: it is synced after
// every command. Flags are those of sockeye serve; the last of a name counts.
func Serve(t testing.TB, flags []string, options ...Option) *Server {
	t.Helper()
	data := scratch(t)
	flags = append([]string{
		"--listen", "127.0.0.1:0", "--data", data, "--limits", "off", "--memory-limit", "off", "--jwt-secret", string(Secret),
		"--drain-timeout", Patience.String(),
	}, flags...)
	cfg, err := config.Parse(flags, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	settings := app.SettingsOf(cfg)
	settings.Door.Room = 0
	settings.Door.StrangersTime = time.Hour
	settings.Presence.Grace = 0
	settings.HandOver = app.HandOver{} // nobody waits for a balancer
	settings.Native.AuthTimeout, settings.Native.Heartbeat = Patience, time.Minute
	settings.Sockets.ConnectTimeout = Patience
	for _, change := range options {
		change(&settings)
	}
	s := &Server{Data: data, Log: new(Log)}
	if s.Server, err = app.New(t.Context(), settings, slog.New(slog.NewJSONHandler(s.Log, nil))); err != nil {
		t.Fatalf("the server was not built: %v", err)
	}
	s.run(t)
	return s
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, served := make(chan string, 1), make(chan error, 1)
	go func() { served <- s.Serve(ctx, func(addr string) { ready <- addr }) }()
	select {
	case addr := <-ready:
		s.URL = "http://" + addr
	case err := <-served:
		cancel()
		s.Stop()
		t.Fatalf("the server did not start: %v", err)
	}
	s.Close = sync.OnceFunc(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		s.Stop()
	})
	t.Cleanup(s.Close)
}

// Token signs a user in.
func (s *Server) Token(t testing.TB, user, name string, ttl time.Duration) string {
	t.Helper()
	token, err := s.Issuer.Sign(account.UserID(user), name, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// scratch is a folder for a database, in memory if the system has such a place.
func scratch(t testing.TB) string {
	t.Helper()
	memory := "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	folder, err := os.MkdirTemp(memory, "sockeye-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// Log is a log that tests may read while it is written.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

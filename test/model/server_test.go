package model_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/ops"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/socketio"
)

const (
	day = 24 * time.Hour
	// patience is how long anything may take on a busy machine.
	patience = 30 * time.Second
	// sequencesPerServer is how many sequences share a server: starting one costs as much as a sequence.
	sequencesPerServer = 50
)

// beginning is when the first sequence of a server begins. The others begin earlier, each long enough before the one
// before: what that has left is then too young to be removed.
var beginning = time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)

const between = 300 * day

// servers hands out servers, and a new one now and then.
type servers struct {
	t               *testing.T
	directRetention time.Duration
	current         *server
	taken           int
}

// next is a server for one more sequence, with names of its own.
func (s *servers) next() *server {
	s.t.Helper()
	if s.taken%sequencesPerServer == 0 {
		if s.current != nil {
			s.current.stop()
		}
		s.current = serve(s.t, s.directRetention)
	}
	s.taken++
	s.current.prefix = fmt.Sprintf("s%06d", s.taken)
	s.current.clock.Store(beginning.Add(-time.Duration(s.taken%sequencesPerServer) * between).UnixMilli())
	s.current.ids.Store(0)
	return s.current
}

// server is a whole node, of which only the clock and the ids are the test's.
type server struct {
	chat            *chat.Service
	hub             *hub.Hub
	url             string
	issuer          *account.Issuer
	directRetention time.Duration
	stop            func() // also done when the test ends

	prefix string       // of all names and ids of the present sequence; changed between sequences only
	clock  atomic.Int64 // milliseconds since 1970
	ids    atomic.Int64 // made in the present sequence
	// failure is the story of the first failure that may not come again.
	failure string
}

func (s *server) now() time.Time { return time.UnixMilli(s.clock.Load()).UTC() }

func (s *server) newID() string { return fmt.Sprintf("%s.%05d", s.prefix, s.ids.Add(1)) }

const secret = account.Secret("a secret of enough length, for tests only")

func serve(t *testing.T, directRetention time.Duration) *server {
	t.Helper()
	s := &server{directRetention: directRetention}
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s.issuer, err = account.NewIssuer(secret, time.Now)
	must()
	verifiers, err := account.NewVerifiers(t.Context(), account.TrustConfig{Secret: secret, Now: time.Now})
	must()
	sockets, err := socketio.NewServer(socketio.Config{Logger: log})
	must()
	s.hub = hub.New(sockets.Of("/"), log)
	folder := scratch(t)
	store, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(folder), s.hub.Publish)
	must()
	accounts, err := account.New(t.Context(), account.DefaultConfig(), account.Deps{
		Store: store.Accounts(s.hub.PublishAccounts), Verifier: verifiers, Issuer: s.issuer, Now: time.Now,
	})
	must()
	tracker, err := presence.NewTracker(presence.DefaultConfig(), accounts, s.hub, log, time.Now)
	must()
	typing, err := presence.NewTyping(presence.DefaultTypingConfig(), accounts, s.hub, time.Now)
	must()
	rules := chat.DefaultConfig()
	rules.DirectPolicy, rules.DirectRetention = chat.DirectAnyone, directRetention
	s.chat, err = chat.New(rules, store, s.now, s.newID, nil)
	must()
	metrics, err := ops.NewMetrics(prometheus.NewRegistry(), ops.Vocabulary{
		Messages: command.Names(), Operations: command.Names(), Refusals: gateway.Refusals(),
		ErrorTypes: []string{"command"}, ErrorCodes: command.Codes(),
	})
	must()
	table := command.New(command.Deps{
		Chat: s.chat, Accounts: accounts, Presence: tracker, Typing: typing, Metrics: metrics, Log: log, Now: time.Now,
	})
	door := gateway.New(gateway.Config{MaxConnections: 1000}, gateway.Deps{
		Commands: table, Chat: s.chat, Accounts: accounts, Presence: tracker, Typing: typing, Metrics: metrics, Log: log, Now: time.Now,
	})
	native, err := gateway.NewNative(door, s.hub, gateway.NativeConfig{MaxFrame: 1 << 20, AuthTimeout: patience, Heartbeat: time.Minute})
	must()
	listener := httptest.NewServer(native)
	s.url = "ws" + strings.TrimPrefix(listener.URL, "http")
	s.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(native.Shutdown(ctx), sockets.Shutdown(ctx)); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		listener.Close()
		door.Stop()
		typing.Stop()
		if err := tracker.Stop(ctx); err != nil {
			t.Errorf("stop presence: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
		s.hub.Stop()
		verifiers.Stop()
		if err := os.RemoveAll(folder); err != nil {
			t.Errorf("remove database: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	t.Cleanup(s.stop)
	t.Cleanup(func() {
		if s.failure != "" {
			t.Logf("What failed first, as devices wrote at the same time:\n%s", s.failure)
		}
	})
	return s
}

// scratch is a folder for a database, in memory if the system has such a place: it is synced after every command.
func scratch(t *testing.T) string {
	t.Helper()
	memory := "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		memory = ""
	}
	folder, err := os.MkdirTemp(memory, "sockeye-model-")
	if err != nil {
		folder, err = os.MkdirTemp("", "sockeye-model-")
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(folder)
}

// token signs a user in for longer than a test takes.
func (s *server) token(user, name string) (string, error) { return s.issuer.Sign(user, name, day) }

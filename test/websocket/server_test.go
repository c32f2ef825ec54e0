package websocket_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/app/apptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; only a failing test ever waits that long.
const patience = apptest.Patience

// server is a whole server, in this process, without rates and with compression.
type server struct {
	*apptest.Server
	t    testing.TB
	addr string
}

// serve starts a server that ends with the test.
func serve(t testing.TB) *server {
	t.Helper()
	s := apptest.Serve(t, []string{"--compression", "on"})
	return &server{s, t, strings.TrimPrefix(s.URL, "http://")}
}

// token signs a user in for an hour.
func (s *server) token(user string) string { return s.Token(s.t, user, user, time.Hour) }

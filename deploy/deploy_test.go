//go:build unix

package deploy_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/deploy"
	"github.com/sockeye-im/sockeye/internal/sandbox"
	"github.com/sockeye-im/sockeye/test/program"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// behaviour is what a server does with requests.
type behaviour string

const (
	serves behaviour = "serves"
	leaves behaviour = "leaves"  // says 503 to what is new, and to /ready
	waits  behaviour = "waits"   // says 503 to /ready, and serves
	drops  behaviour = "drops"   // takes a request, and closes the connection
	isDead behaviour = "is dead" // does not listen
)

const (
	opening = "/socket.io/?EIO=4&transport=polling"
	session = opening + "&sid=abc"
)

// TestWhatIsRepeated sends requests to three servers, of which one does something else than to serve, once to each.
func TestWhatIsRepeated(t *testing.T) {
	if testing.Short() {
		t.Skip("runs balancers")
	}
	cases := []struct {
		method, path string
		server       behaviour
		refused      int // of three
		seen         int // by all servers
	}{
		{http.MethodGet, opening, leaves, 0, 4},
		{http.MethodGet, opening, isDead, 0, 3},
		{http.MethodGet, "/ws", leaves, 0, 4},
		{http.MethodGet, session, isDead, 0, 3},
		{http.MethodPost, session, isDead, 0, 3},
		{http.MethodGet, session, drops, 1, 3},
		{http.MethodPost, session, drops, 1, 3},
		{http.MethodPost, "/api/v1/rooms", isDead, 0, 3},
		{http.MethodPost, "/api/v1/rooms", drops, 1, 3},
	}
	for _, kind := range []sandbox.Wanted{sandbox.Nginx, sandbox.HAProxy} {
		for _, c := range cases {
			name := strings.Join([]string{string(kind), c.method, c.path, string(c.server)}, " ")
			t.Run(strings.ReplaceAll(name, "/", "|"), func(t *testing.T) {
				servers := serve(t, c.server, serves, serves)
				b := balance(t, kind, servers)
				refused := 0
				for range 3 {
					if status := ask(t, b, c.method, c.path); status != http.StatusOK {
						refused++
					}
				}
				seen := 0
				for _, s := range servers {
					seen += int(s.seen.Load())
				}
				// One that HAProxy has seen to leave by then is asked no more.
				left := c.server == leaves && kind == sandbox.HAProxy && seen == 3
				if refused != c.refused || seen != c.seen && !left {
					t.Errorf("%d of 3 requests were refused, and the servers have seen %d", refused, seen)
				}
			})
		}
	}
}

// TestNoneIsReady: who is there stays when no server is ready.
func TestNoneIsReady(t *testing.T) {
	if testing.Short() {
		t.Skip("runs balancers")
	}
	for _, kind := range []sandbox.Wanted{sandbox.Nginx, sandbox.HAProxy} {
		b := balance(t, kind, serve(t, waits, waits, waits))
		for _, path := range []string{session, session, session, "/", "/api/v1/me"} {
			if status := ask(t, b, http.MethodGet, path); status != http.StatusOK {
				t.Errorf("%s: %s: %d", kind, path, status)
			}
		}
	}
}

type server struct {
	*httptest.Server
	seen atomic.Int64 // requests, without those for /ready
}

func serve(t *testing.T, how ...behaviour) (servers []*server) {
	t.Helper()
	for _, does := range how {
		s := &server{}
		s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/ready":
				if does == leaves || does == waits {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return
			case does == drops:
				s.seen.Add(1)
				panic(http.ErrAbortHandler)
			case does == leaves:
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			s.seen.Add(1)
		}))
		t.Cleanup(s.Close)
		if does == isDead {
			s.Close()
		}
		servers = append(servers, s)
	}
	return servers
}

func balance(t *testing.T, kind sandbox.Wanted, servers []*server) *sandbox.Balancer {
	t.Helper()
	folder, err := sandbox.Temporary("deploy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.Listener.Addr().String())
	}
	b, err := folder.Balancer(kind, net.JoinHostPort(program.Loopback(), "0"), addrs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Kill() })
	return b
}

func ask(t *testing.T, b *sandbox.Balancer, method, path string) (status int) {
	t.Helper()
	body := io.Reader(http.NoBody)
	if method == http.MethodPost {
		body = strings.NewReader("4hello")
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.Addr()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// The cluster of compose.yaml has the same balancer as everybody.
func TestComposeHasTheBalancer(t *testing.T) {
	shipped, err := os.ReadFile("compose/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	if string(shipped) != deploy.Nginx("80", []string{"node1:3000", "node2:3000", "node3:3000"}) {
		t.Error("compose/nginx.conf is not nginx/sockeye.conf for node1, node2 and node3")
	}
}

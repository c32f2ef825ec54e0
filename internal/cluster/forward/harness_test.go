package forward_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
	"github.com/sockeye-im/sockeye/internal/cluster/forward"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is when a test gives up on an event. Nothing waits for it to pass.
const patience = time.Minute

// node is an Engine.IO server behind a real listener, one of several. Its sessions answer each message with one that has
// "echo:" before it.
type node struct {
	t *testing.T
	*forward.Forwarder
	engine   *engineio.Server
	public   *httptest.Server
	client   *http.Client
	bus      *clustertest.Node
	listener net.Listener // for other nodes
	silent   bool         // the others do not hear it any more
	end      func()       // once

	answer atomic.Value // to questions of other nodes: func(context.Context, []byte) []byte

	sessions chan *engineio.Session
	closes   chan engineio.Reason

	mu      sync.Mutex
	vouched []string // addresses
	trusted []string // addresses of requests of trusted sessions
	log     strings.Builder
}

// options are what a test changes about a node.
type options struct {
	forward forward.Config
	engine  engineio.Config
	at      string // what others are told, in place of where it listens
	tag     string // in place of a random one
}

// start starts a node, which ends with the test.
func start(t *testing.T, air *clustertest.Net, id string, change ...func(*options)) *node {
	t.Helper()
	n := &node{
		t: t, bus: air.Node(id), client: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: patience},
		sessions: make(chan *engineio.Session, 1000), closes: make(chan engineio.Reason, 1000),
	}
	var err error
	n.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := options{
		forward: forward.Config{ConnectTimeout: patience, AnswerTimeout: patience, WriteStall: 10 * time.Second, MaxRequests: 100, MaxWebSockets: 100},
		engine:  engineio.Config{PingInterval: time.Hour}, // a busy machine may need longer than the default
		at:      n.listener.Addr().String(),
	}
	for _, c := range change {
		c(&o)
	}
	o.forward.Address = o.at
	if n.Forwarder, err = forward.New(o.forward); err != nil {
		t.Fatal(err)
	}
	if o.tag != "" {
		n.SetTag(o.tag)
	}
	o.engine.NewID, o.engine.Elsewhere = n.NewID, n.Elsewhere
	o.engine.OnSession = func(s *engineio.Session) engineio.Handler { n.sessions <- s; return n }
	o.engine.OnTrusted = func(r *http.Request) {
		if !forward.Vouch(r) {
			return
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.trusted = append(n.trusted, r.RemoteAddr)
	}
	if n.engine, err = engineio.NewServer(o.engine); err != nil {
		t.Fatal(err)
	}
	n.public = httptest.NewUnstartedServer(n.engine)
	if n.public.Listener, err = n.engine.Listen(n.public.Config, n.public.Listener); err != nil {
		t.Fatal(err)
	}
	n.public.Start()
	err = n.Start(forward.Deps{
		Listener: n.listener, Sessions: n.engine, Peers: n.bus.Peers(), Vouch: n.vouch, Log: slog.New(slog.NewTextHandler(n, nil)), Now: time.Now,
		Questions: func(ctx context.Context, question []byte) []byte {
			return n.answer.Load().(func(context.Context, []byte) []byte)(ctx, question)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.bus.Start()
	n.end = sync.OnceFunc(func() {
		if !n.silent {
			n.bus.Leave()
		}
		n.stop()
	})
	t.Cleanup(n.end)
	return n
}

// fallSilent has the others believe in the end that the node is gone.
func (n *node) fallSilent() {
	n.silent = true
	n.bus.Kill()
}

// stop ends all but what the others hear of the node.
func (n *node) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	n.Release()
	_ = n.engine.Shutdown(ctx) // drops what tests left open
	n.client.CloseIdleConnections()
	n.public.Close()
	if err := n.Stop(); err != nil {
		n.t.Error(err)
	}
}

// some starts nodes that know each other.
func some(t *testing.T, count int, change ...func(*options)) (nodes []*node) {
	t.Helper()
	air := clustertest.New()
	for _, id := range []string{"a", "b", "c"}[:count] {
		nodes = append(nodes, start(t, air, id, change...))
	}
	acquainted(t, nodes...)
	return nodes
}

// acquainted waits until each node knows the others.
func acquainted(t *testing.T, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		for _, other := range nodes {
			if n != other {
				until(t, "a node knows the other", func() bool { return n.Elsewhere(other.NewID()) != nil })
			}
		}
	}
}

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (n *node) vouch(remote string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.vouched = append(n.vouched, remote)
}

// Write is for the log.
func (n *node) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.Write(b)
}

func (n *node) logged() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.String()
}

// HandleMessage implements engineio.Handler.
func (n *node) HandleMessage(s *engineio.Session, binary bool, data []byte) {
	if echo := append([]byte("echo:"), data...); binary {
		_ = s.Send(engineio.NewBinary(echo))
	} else {
		_ = s.Send(engineio.NewText(echo))
	}
}

// HandleClose implements engineio.Handler.
func (n *node) HandleClose(_ *engineio.Session, reason engineio.Reason, _ error) { n.closes <- reason }

// answer is an HTTP response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request to the node; header fields come in pairs.
func (n *node) ask(ctx context.Context, method, query, body string, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, n.public.URL+"/engine.io/?"+query, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := n.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

func (n *node) get(query string) answer { return n.request(http.MethodGet, query, "") }

func (n *node) post(query, body string) answer { return n.request(http.MethodPost, query, body) }

func (n *node) request(method, query, body string, header ...string) answer {
	n.t.Helper()
	got, err := n.ask(n.t.Context(), method, query, body, header...)
	if err != nil {
		n.t.Fatal(err)
	}
	return got
}

// says fails unless the answer is a 200 with that body.
func (n *node) says(got answer, want string) {
	n.t.Helper()
	if got.status != http.StatusOK || got.body != want {
		n.failedNever()
		n.t.Fatalf("got %d %.200q, want %.200q", got.status, got.body, want)
	}
}

// failedNever fails if something was not passed on.
func (n *node) failedNever() {
	n.t.Helper()
	for cause, count := range n.Figures().Failed {
		if count > 0 {
			n.t.Errorf("%s: %d were not passed on, as %s", n.bus.Self(), count, cause)
		}
	}
}

const v4 = "EIO=4&transport=polling"

// open opens a session, and returns it with what belongs into the query of its further requests.
func (n *node) open() (*engineio.Session, string) {
	n.t.Helper()
	got := n.get(v4)
	var open struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got.body, "0")), &open); err != nil || len(open.SID) != 20 {
		n.t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	return <-n.sessions, v4 + "&sid=" + open.SID
}

// closed waits for the end of a session.
func (n *node) closed(want engineio.Reason) {
	n.t.Helper()
	select {
	case got := <-n.closes:
		if got != want {
			n.t.Fatalf("the session ended with %s, not with %s", got, want)
		}
	case <-time.After(patience):
		n.t.Fatal("the session does not end")
	}
}

// refused fails unless the answer says that there is no such session.
func refused(t *testing.T, got answer) {
	t.Helper()
	if got.status != http.StatusBadRequest || got.body != `{"code":1,"message":"Session ID unknown"}` {
		t.Fatalf("got %d %q", got.status, got.body)
	}
}

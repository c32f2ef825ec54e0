package engineio_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/engineio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is when a test gives up on an event. Nothing waits for it to pass.
const patience = time.Minute

// ended is a call of HandleClose.
type ended struct {
	reason engineio.Reason
	err    error
}

// server is an engineio.Server behind a real listener; it records what its
// sessions get, text as it is and binary behind "bin:".
type server struct {
	*engineio.Server
	http     *httptest.Server
	client   *http.Client
	sessions chan *engineio.Session
	messages chan string
	closes   chan ended
	on       atomic.Pointer[func(s *engineio.Session, message string)] // may be nil
}

func (s *server) HandleMessage(session *engineio.Session, binary bool, data []byte) {
	message := string(data)
	if binary {
		message = "bin:" + message
	}
	if on := s.on.Load(); on != nil {
		(*on)(session, message)
	}
	s.messages <- message
}

// handle has f see messages before they are noted.
func (s *server) handle(f func(s *engineio.Session, message string)) { s.on.Store(&f) }

func (s *server) HandleClose(_ *engineio.Session, reason engineio.Reason, err error) {
	s.closes <- ended{reason, err}
}

func serve(t *testing.T, cfg engineio.Config) *server {
	t.Helper()
	s := &server{
		sessions: make(chan *engineio.Session, 10_000),
		messages: make(chan string, 10_000),
		closes:   make(chan ended, 10_000),
		client:   &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: patience},
	}
	if cfg.PingInterval == 0 {
		cfg.PingInterval = time.Hour // a busy machine may need longer than the default, and a ping comes between
	}
	first := cfg.OnSession
	cfg.OnSession = func(session *engineio.Session) engineio.Handler {
		if first != nil {
			first(session)
		}
		s.sessions <- session
		return s
	}
	var err error
	if s.Server, err = engineio.NewServer(cfg); err != nil {
		t.Fatal(err)
	}
	s.http = httptest.NewUnstartedServer(s.Server)
	if s.http.Listener, err = s.Listen(s.http.Config, s.http.Listener); err != nil {
		t.Fatal(err)
	}
	s.http.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		_ = s.Shutdown(ctx) // drops what tests left open
		s.client.CloseIdleConnections()
		s.http.Close()
	})
	return s
}

// answer is an HTTP response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

// try makes a request with query behind the path; header fields come in pairs.
func (s *server) try(ctx context.Context, method, query, body string, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.http.URL+"/engine.io/?"+query, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusSwitchingProtocols { // the body is the connection
		return answer{response.StatusCode, response.Header, ""}, nil
	}
	read, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(read)}, err
}

func (s *server) request(t *testing.T, method, query, body string, header ...string) answer {
	t.Helper()
	a, err := s.try(t.Context(), method, query, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// later makes a request on another goroutine. One that fails has status 0.
func (s *server) later(t *testing.T, method, query, body string) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		a, _ := s.try(t.Context(), method, query, body)
		answers <- a
	}()
	return answers
}

// upgrading are the header fields of an opening handshake.
var upgrading = []string{"Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}

func (s *server) get(t *testing.T, query string, header ...string) answer {
	t.Helper()
	return s.request(t, http.MethodGet, query, "", header...)
}

// post sends packets and expects them to be taken.
func (s *server) post(t *testing.T, query, body string, header ...string) {
	t.Helper()
	if a := s.request(t, http.MethodPost, query, body, header...); a.status != http.StatusOK || a.body != "ok" {
		t.Fatalf("POST %.80q: %d %s", body, a.status, a.body)
	}
}

// poll expects body as the answer to a poll.
func (s *server) poll(t *testing.T, query, body string) {
	t.Helper()
	if a := s.get(t, query); a.status != http.StatusOK || a.body != body {
		t.Fatalf("poll: %d %.200q, want %.200q", a.status, a.body, body)
	}
}

// pollLater polls on another goroutine, and returns when the server has it.
func (s *server) pollLater(t *testing.T, query string, session *engineio.Session) <-chan answer {
	t.Helper()
	answers := s.later(t, http.MethodGet, query, "")
	until(t, "a waiting poll", session.Writable)
	return answers
}

// openPacket is the data of an open packet.
type openPacket struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

func parseOpen(t *testing.T, body string) openPacket {
	t.Helper()
	var p openPacket
	_, data, found := strings.Cut(body, "0{")
	if err := json.Unmarshal([]byte("{"+data), &p); !found || err != nil {
		t.Fatalf("%.200q is no open packet: %v", body, err)
	}
	return p
}

// open begins a polling session and returns the query of its requests.
func (s *server) open(t *testing.T, version string) (*engineio.Session, string) {
	t.Helper()
	query := "EIO=" + version + "&transport=polling"
	a := s.get(t, query)
	if a.status != http.StatusOK {
		t.Fatalf("handshake: %d %s", a.status, a.body)
	}
	open, ping := strings.CutSuffix(a.body, "\x1e2") // where pings are quick, one may come along
	query += "&sid=" + parseOpen(t, open).SID
	if ping {
		s.post(t, query, "3")
	}
	return next(t, s.sessions), query
}

// socket is a WebSocket client that sends exactly what it is told to.
type socket struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

// dial opens a WebSocket, without reading anything from it.
func (s *server) dial(t *testing.T, query string) *socket {
	t.Helper()
	d := ws.Dialer{Timeout: patience}
	conn, br, _, err := d.Dial(t.Context(), "ws"+strings.TrimPrefix(s.http.URL, "http")+"/engine.io/?"+query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if br == nil {
		br = bufio.NewReader(conn)
	}
	return &socket{conn, t, br}
}

// openSocket begins a WebSocket session.
func (s *server) openSocket(t *testing.T, version string) (*engineio.Session, *socket) {
	t.Helper()
	c := s.dial(t, "EIO="+version+"&transport=websocket")
	if sid := parseOpen(t, c.text()).SID; sid == "" {
		t.Fatal("no sid")
	}
	session := next(t, s.sessions)
	until(t, "its heartbeat has begun", session.Beats)
	return session, c
}

func (c *socket) frame() ws.Frame {
	c.t.Helper()
	f, err := ws.ReadFrame(c.r)
	if err != nil {
		c.t.Fatalf("read frame: %v", err)
	}
	return f
}

// text reads a text frame.
func (c *socket) text() string {
	c.t.Helper()
	f := c.frame()
	if f.Header.OpCode != ws.OpText {
		c.t.Fatalf("got frame %+v %.80q, want text", f.Header, f.Payload)
	}
	return string(f.Payload)
}

func (c *socket) expect(text string) {
	c.t.Helper()
	if got := c.text(); got != text {
		c.t.Fatalf("got %.80q, want %.80q", got, text)
	}
}

// expectClose reads on until a close frame, and returns its code.
func (c *socket) expectClose() ws.StatusCode {
	c.t.Helper()
	for {
		if f := c.frame(); f.Header.OpCode == ws.OpClose {
			code, _ := ws.ParseCloseFrameData(f.Payload)
			return code
		}
	}
}

func (c *socket) send(op ws.OpCode, payload string) {
	c.t.Helper()
	if err := ws.WriteFrame(c, ws.MaskFrame(ws.NewFrame(op, true, []byte(payload)))); err != nil {
		c.t.Fatal(err)
	}
}

func (c *socket) sendText(payload string) {
	c.t.Helper()
	c.send(ws.OpText, payload)
}

// next waits for an event.
func next[T any](t *testing.T, events <-chan T) T {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(patience):
		t.Fatalf("no %T came", *new(T))
		panic("unreachable")
	}
}

func expect[T comparable](t *testing.T, events <-chan T, want T) {
	t.Helper()
	if got := next(t, events); got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// none says that an event has not come.
func none[T any](t *testing.T, events <-chan T) {
	t.Helper()
	select {
	case e := <-events:
		t.Fatalf("got %v, want nothing", e)
	default:
	}
}

func (s *server) expectEnd(t *testing.T, reason engineio.Reason) {
	t.Helper()
	if got := next(t, s.closes); got.reason != reason {
		t.Fatalf("ended with %q (%v), want %q", got.reason, got.err, reason)
	}
}

// until waits for a state that nothing announces.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !reached(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came to: %s", what)
		}
	}
}

func send(t *testing.T, session *engineio.Session, text string) {
	t.Helper()
	if err := session.Send(engineio.NewText([]byte(text))); err != nil {
		t.Fatal(err)
	}
}

// before is an OnSession whose handler serve replaces.
func before(call func(*engineio.Session)) func(*engineio.Session) engineio.Handler {
	return func(s *engineio.Session) engineio.Handler {
		call(s)
		return nil
	}
}

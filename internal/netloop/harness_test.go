package netloop_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is when a test gives up on an event. Nothing waits for it to pass.
const patience = time.Minute

// linkKind is a way in which a loop serves a connection.
type linkKind struct {
	name        string
	parked, tls bool
	own         bool // the loop accepts connections itself
	taken       bool // TLS whose sockets the loop takes over
}

func onEachLink(t *testing.T, test func(t *testing.T, kind linkKind)) {
	t.Helper()
	for _, kind := range []linkKind{{name: "epoll"}, {name: "own", own: true}, {name: "parked", parked: true}, {name: "tls", tls: true}, {name: "secure", tls: true, taken: true}} {
		t.Run(kind.name, func(t *testing.T) { test(t, kind) })
	}
}

// message is one that a handler got.
type message struct {
	op   netloop.Op
	text string
}

// recorder is a handler that keeps what it gets.
type recorder struct {
	messages chan message
	closed   chan error
	on       atomic.Pointer[func(c *netloop.Conn, op netloop.Op, payload []byte)] // may be nil
}

func newRecorder() *recorder {
	return &recorder{messages: make(chan message, 10_000), closed: make(chan error, 10_000)}
}

func (r *recorder) HandleMessage(c *netloop.Conn, op netloop.Op, payload []byte) {
	m := message{op, string(payload)}
	if on := r.on.Load(); on != nil {
		(*on)(c, op, payload)
	}
	r.messages <- m
}

// handle has f see messages before they are kept.
func (r *recorder) handle(f func(c *netloop.Conn, op netloop.Op, payload []byte)) { r.on.Store(&f) }

func (r *recorder) HandleClose(_ *netloop.Conn, cause error) { r.closed <- cause }

// server is a loop behind a real listener.
type server struct {
	*recorder
	loop  *netloop.Loop
	http  *httptest.Server
	conns chan *netloop.Conn
	kind  linkKind

	// tiny makes the kernel's buffers as small as it allows, so that a peer
	// that does not read is noticed soon.
	tiny atomic.Bool
}

// newLoop makes a loop whose peers may take nothing for as long as a test waits, unless that is what is tested.
func newLoop(t *testing.T, cfg netloop.Config) *netloop.Loop {
	t.Helper()
	if cfg.WriteStall == 0 {
		cfg.WriteStall = patience
	}
	loop, err := netloop.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loop.Stop)
	return loop
}

func serve(t *testing.T, kind linkKind, cfg netloop.Config, opts netloop.UpgradeOptions) *server {
	t.Helper()
	cfg.Parked = kind.parked
	s := &server{recorder: newRecorder(), kind: kind, loop: newLoop(t, cfg), conns: make(chan *netloop.Conn, 1000)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, err := netloop.Upgrade(w, r, opts)
		var refused *netloop.HandshakeError
		if errors.As(err, &refused) {
			http.Error(w, refused.Reason, refused.Status)
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
		if s.tiny.Load() {
			shrink(t, h)
		}
		c, err := s.loop.Attach(h, s.recorder)
		if err != nil {
			if !errors.Is(err, netloop.ErrStopped) {
				t.Error(err)
			}
			return
		}
		c.Start(h.Buffered)
		s.conns <- c
	})
	s.http = httptest.NewUnstartedServer(handler)
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs refused TLS handshakes
	if kind.own {
		s.http.Listener = accepting(t, s.loop, s.http)
	}
	if kind.taken {
		s.http.Listener = netloop.SocketListener(s.http.Listener)
	}
	if kind.tls {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	t.Cleanup(s.http.Close)
	return s
}

// accepting makes a listener of the server's that the loop accepts on.
func accepting(t *testing.T, loop *netloop.Loop, http *httptest.Server) net.Listener {
	t.Helper()
	l, err := loop.Listen(http.Listener, netloop.ListenerConfig{
		Handler: http.Config.Handler, ErrorLog: http.Config.ErrorLog, Run: func(task netloop.Task) { go task.Run() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// shrink makes the kernel's buffer for what the server writes as small as it can
// be.
func shrink(t *testing.T, h *netloop.Hijacked) {
	t.Helper()
	c := h.Conn
	if c == nil {
		if err := netloop.SetWriteBuffer(h, 1); err != nil {
			t.Error(err)
		}
		return
	}
	_ = plain(c).SetWriteBuffer(1)
}

func plain(c net.Conn) *net.TCPConn {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	return netloop.Unwrap(c).(*net.TCPConn)
}

// client is a WebSocket peer that sends exactly the bytes it is told to.
type client struct {
	net.Conn
	t         *testing.T
	r         *bufio.Reader
	extension string // what was negotiated
}

func (s *server) dial(t *testing.T, offers ...string) *client {
	t.Helper()
	d := ws.Dialer{Timeout: patience}
	for _, offer := range offers {
		options, _ := httphead.ParseOptions([]byte(offer), nil)
		d.Extensions = append(d.Extensions, options...)
	}
	if s.tiny.Load() {
		// With less the kernel of a busy machine drops what has come, and sends it again later each time, up to minutes.
		const buffer = 4096
		small := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer) })
		}}
		d.NetDial = small.DialContext
	}
	d.TLSConfig = s.trust()
	conn, br, hs, err := d.Dial(context.Background(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	if br == nil {
		br = bufio.NewReader(conn)
	}
	c := &client{Conn: conn, t: t, r: br}
	for _, option := range hs.Extensions {
		c.extension += option.String()
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = conn.Close() })
	return c
}

// url is where WebSockets are served.
func (s *server) url() string { return "ws" + strings.TrimPrefix(s.http.URL, "http") }

// trust makes a client accept the server's certificate.
func (s *server) trust() *tls.Config {
	if !s.kind.tls {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.http.Certificate())
	return &tls.Config{RootCAs: pool}
}

// connect returns both ends of a connection.
func (s *server) connect(t *testing.T, offers ...string) (*client, *netloop.Conn) {
	t.Helper()
	c := s.dial(t, offers...)
	return c, next(t, s.conns)
}

// wire is a masked frame.
func wire(fin bool, rsv byte, op ws.OpCode, payload string) []byte {
	f := ws.NewFrame(op, fin, []byte(payload))
	f.Header.Rsv = rsv
	b, err := ws.CompileFrame(ws.MaskFrameInPlaceWith(f, [4]byte{1, 2, 3, 4}))
	if err != nil {
		panic(err)
	}
	return b
}

func text(payload string) []byte { return wire(true, 0, ws.OpText, payload) }

func closing(code ws.StatusCode, reason string) []byte {
	return wire(true, 0, ws.OpClose, string(ws.NewCloseFrameBody(code, reason)))
}

func (c *client) send(frames ...[]byte) {
	c.t.Helper()
	for _, frame := range frames {
		if _, err := c.Write(frame); err != nil {
			c.t.Fatal(err)
		}
	}
}

// frame reads the next frame.
func (c *client) frame() ws.Frame {
	c.t.Helper()
	f, err := ws.ReadFrame(c.r)
	if err != nil {
		c.t.Fatalf("read frame: %v", err)
	}
	return f
}

func (c *client) expect(op ws.OpCode, payload string) {
	c.t.Helper()
	f := c.frame()
	if f.Header.OpCode != op || string(f.Payload) != payload || f.Header.Masked || !f.Header.Fin {
		c.t.Fatalf("got frame %+v %.80q, want opcode %d %.80q", f.Header, f.Payload, op, payload)
	}
}

// expectClose reads on until a close frame and returns its reason.
func (c *client) expectClose(code ws.StatusCode) (reason string) {
	c.t.Helper()
	for {
		f := c.frame()
		if f.Header.OpCode != ws.OpClose {
			continue
		}
		got, reason := ws.ParseCloseFrameData(f.Payload)
		if len(f.Payload) == 0 {
			got = 1005
		}
		if got != code {
			c.t.Fatalf("closed with %d %s, want %d", got, reason, code)
		}
		return reason
	}
}

// expectEOF says that the server has closed the socket and sent nothing else.
func (c *client) expectEOF() {
	c.t.Helper()
	if n, err := c.r.Read(make([]byte, 100)); !errors.Is(err, io.EOF) {
		c.t.Fatalf("read %d bytes, error %v, want EOF", n, err)
	}
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

// none says that an event has not come.
func none[T any](t *testing.T, events <-chan T) {
	t.Helper()
	select {
	case e := <-events:
		t.Fatalf("got %v, want nothing", e)
	default:
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

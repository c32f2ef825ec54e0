package netloop_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

const opening = "GET /path?a=b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// house is an HTTP server whose connections a loop accepts.
type house struct {
	*httptest.Server
	loop *netloop.Loop
	log  *bytes.Buffer // to be read when the server has closed
	held *net.TCPListener
}

func newHouse(t *testing.T, cfg netloop.ListenerConfig, handler http.HandlerFunc) *house {
	t.Helper()
	return newHouseOn(t, netloop.Config{}, cfg, handler)
}

// newHouseOn makes one with a loop of that kind.
func newHouseOn(t *testing.T, of netloop.Config, cfg netloop.ListenerConfig, handler http.HandlerFunc) *house {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere net/http accepts")
	}
	h := &house{Server: httptest.NewUnstartedServer(handler), loop: newLoop(t, of), log: new(bytes.Buffer)}
	h.held = h.Listener.(*net.TCPListener)
	cfg.Handler = handler
	cfg.ErrorLog = log.New(h.log, "", 0)
	cfg.Run = func(task netloop.Task) { go task.Run() }
	l, err := h.loop.Listen(h.Listener, cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.Listener = l
	h.Start()
	t.Cleanup(h.Close)
	return h
}

func (h *house) dial(t *testing.T) *peer {
	t.Helper()
	c, err := net.Dial("tcp", h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return newPeer(t, c)
}

func newPeer(t *testing.T, c net.Conn) *peer { return &peer{c, bufio.NewReader(c), t} }

type peer struct {
	net.Conn
	r *bufio.Reader
	t *testing.T
}

func (p *peer) say(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p, text); err != nil {
		p.t.Fatal(err)
	}
}

// answer reads a response and its body.
func (p *peer) answer() (*http.Response, string) {
	p.t.Helper()
	response, err := http.ReadResponse(p.r, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response, string(body)
}

// expectEnd says that the server sends nothing more.
func (p *peer) expectEnd() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.r); len(rest) > 0 || errors.Is(err, net.ErrClosed) {
		p.t.Errorf("read %q, error %v, want the end", rest, err)
	}
}

// byWhom answers with who serves the request: net/http can tell its own address.
func byWhom(w http.ResponseWriter, r *http.Request) {
	who := "loop"
	if r.Context().Value(http.LocalAddrContextKey) != nil {
		who = "net/http"
	}
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	_, _ = fmt.Fprintf(w, "%s %s %s", who, r.Method, r.URL.Path)
}

func TestWhoServesWhat(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{}, byWhom)
	long := strings.Repeat("x", 17<<10)
	for name, c := range map[string]struct {
		request, want string
		status        int
	}{
		"upgrade":           {opening, "loop GET /path", 200},
		"upgrade, words":    {strings.Replace(opening, "Upgrade: websocket", "UPGRADE:  WebSocket ", 1), "loop GET /path", 200},
		"page":              {"GET /page HTTP/1.1\r\nHost: a\r\n\r\n", "net/http GET /page", 200},
		"body":              {"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "net/http POST /post", 200},
		"HTTP/1.0":          {"GET /old HTTP/1.0\r\n\r\n", "net/http GET /old", 200},
		"other upgrade":     {"GET /h2 HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "net/http GET /h2", 200},
		"upgrade with body": {strings.Replace(opening, "Host", "Content-Length: 0\r\nHost", 1), "net/http GET /path", 200},
		"long":              {strings.Replace(opening, "Host", "X-Long: "+long+"\r\nHost", 1), "net/http GET /path", 200},
		"no host":           {strings.Replace(opening, "Host: localhost\r\n", "", 1), "400 Bad Request: missing required Host header", 400},
		"two hosts":         {strings.Replace(opening, "Host", "Host: other\r\nHost", 1), "400 Bad Request", 400},
		"control character": {strings.Replace(opening, "Host", "X: a\x01b\r\nHost", 1), "400 Bad Request", 400},
		"folded":            {strings.Replace(opening, "Host", "X: a\r\n b: c\r\nHost", 1), "net/http GET /path", 200},
		"no field":          {strings.Replace(opening, "Host", "nonsense\r\nHost", 1), "400 Bad Request", 400},
		"bare LF":           {"GET /old HTTP/1.0\n\n", "net/http GET /old", 200},
		"bare LF, mixed":    {"GET /mixed HTTP/1.1\r\nHost: a\r\n\n", "net/http GET /mixed", 200},
		"bad host":          {strings.Replace(opening, "localhost", "a{b", 1), "400 Bad Request: malformed Host header", 400},
		"bad field":         {strings.Replace(opening, "Host", "X(Y): a\r\nHost", 1), "400 Bad Request", 400},
		"nonsense":          {"\x16\x03\x01\r\n\r\n", "400 Bad Request", 400},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{len(c.request), 7} { // whole, and in pieces
				p := h.dial(t)
				for rest := c.request; rest != ""; rest = rest[min(piece, len(rest)):] {
					p.say(rest[:min(piece, len(rest))])
				}
				response, body := p.answer()
				if body != c.want || response.StatusCode != c.status {
					t.Errorf("in pieces of %d: %s %q, want %d %q", piece, response.Status, body, c.status, c.want)
				}
			}
		})
	}
}

// What follows the first request on a connection is net/http's as well.
func TestFurtherRequests(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{}, byWhom)
	p := h.dial(t)
	for range 3 {
		p.say("GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, body := p.answer(); body != "net/http GET /page" {
			t.Errorf("body %q", body)
		}
	}
	p.say(opening)
	if _, body := p.answer(); body != "net/http GET /path" {
		t.Errorf("body %q", body)
	}
}

func TestRequestOfAnArrival(t *testing.T) {
	type key struct{}
	h := newHouse(t, netloop.ListenerConfig{Context: t.Context()}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s|%s|%s|%s|%v", r.RemoteAddr, r.Host, r.RequestURI, r.Header.Get("Upgrade"), r.Context().Value(key{}))
	})
	p := h.dial(t)
	p.say(opening)
	response, body := p.answer()
	if want := p.LocalAddr().String() + "|localhost|/path?a=b|websocket|<nil>"; body != want {
		t.Errorf("got %q, want %q", body, want)
	}
	if response.Header.Get("Date") == "" || !response.Close || response.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("header %v", response.Header)
	}
	p.expectEnd()
}

func TestAnswersThatAreNoUpgrade(t *testing.T) {
	big := strings.Repeat("0123456789", 100_000)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		status  int
		body    string
	}{
		"nothing": {func(http.ResponseWriter, *http.Request) {}, 200, ""},
		"refused": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			http.Error(w, "no", http.StatusForbidden)
			w.WriteHeader(http.StatusOK) // too late
		}, 403, "no\n"},
		"big": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, big)
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "end")
		}, 200, big + "end"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, netloop.ListenerConfig{}, c.handler)
			p := h.dial(t)
			p.say(opening + "more that nobody reads")
			response, body := p.answer()
			if response.StatusCode != c.status || body != c.body {
				t.Errorf("%s with %d bytes", response.Status, len(body))
			}
			p.expectEnd()
		})
	}
}

// An answer that is no upgrade is kept until it is whole, so that it may not be of any length.
func TestTooLongAnAnswer(t *testing.T) {
	failed := make(chan error, 1)
	h := newHouse(t, netloop.ListenerConfig{}, func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 4<<20))
		if err == nil {
			_, err = w.Write([]byte("x"))
		}
		failed <- err
	})
	p := h.dial(t)
	p.say(opening)
	p.expectEnd()
	if next(t, failed) == nil {
		t.Error("written")
	}
}

// A handshake that is answered later, as polls are, is answered for the last time too.
func TestDeferredAnswerThatIsNoUpgrade(t *testing.T) {
	later := make(chan netloop.Deferrable, 1)
	h := newHouse(t, netloop.ListenerConfig{}, func(w http.ResponseWriter, r *http.Request) {
		d := w.(netloop.Deferrable)
		if !d.Defer(func() {}) {
			t.Error("gone")
		}
		later <- d
	})
	p := h.dial(t)
	p.say(opening)
	d := next(t, later)
	_, _ = io.WriteString(d, "now")
	d.Finish()
	if response, body := p.answer(); body != "now" || !response.Close {
		t.Errorf("%q, closed %t", body, response.Close)
	}
	p.expectEnd()
}

func TestPanics(t *testing.T) {
	for _, value := range []any{"oh dear", http.ErrAbortHandler} {
		h := newHouse(t, netloop.ListenerConfig{}, func(http.ResponseWriter, *http.Request) { panic(value) })
		p := h.dial(t)
		p.say(opening)
		p.expectEnd()
		h.Close()
		if logged := strings.Contains(h.log.String(), "oh dear"); logged != (value == "oh dear") {
			t.Errorf("log %q", h.log)
		}
	}
}

// Other libraries take the connection as they do from net/http.
func TestHijack(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{}, func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("write: %v", err)
		}
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString("heard " + line)
		_ = rw.Flush()
	})
	for _, early := range []bool{true, false} {
		p := h.dial(t)
		if early {
			p.say(opening + "hello\n")
		} else {
			p.say(opening)
			p.say("hello\n")
		}
		if line, err := p.r.ReadString('\n'); line != "heard hello\n" {
			t.Errorf("read %q, %v", line, err)
		}
	}
}

// What a client sends before it has an answer is not lost, nor is its end.
func TestEarlyFrames(t *testing.T) {
	proceed := make(chan struct{})
	got, loop := newRecorder(), newLoop(t, netloop.Config{})
	for name, on := range map[string]*netloop.Loop{"same loop": nil, "another loop": loop, "parked": newLoop(t, netloop.Config{Parked: true})} {
		t.Run(name, func(t *testing.T) {
			var h *house
			h = newHouse(t, netloop.ListenerConfig{}, func(w http.ResponseWriter, r *http.Request) {
				<-proceed
				hijacked, err := netloop.Upgrade(w, r, netloop.UpgradeOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				to := on
				if to == nil {
					to = h.loop
				}
				<-proceed
				c, err := to.Attach(hijacked, got)
				if err != nil {
					t.Error(err)
					return
				}
				<-proceed
				c.Start(hijacked.Buffered)
			})
			big := strings.Repeat("y", 200_000)
			for step := range 5 { // so many times the handler goes on before frames come
				p := h.dial(t)
				p.say(opening)
				for i := range 3 {
					if i == step {
						p.say(string(text("early")) + string(text(big)))
						_ = p.Conn.(*net.TCPConn).CloseWrite()
					}
					proceed <- struct{}{}
				}
				if step >= 3 {
					p.say(string(text("early")) + string(text(big)))
					_ = p.Conn.(*net.TCPConn).CloseWrite()
				}
				for _, want := range []string{"early", big} {
					if m := next(t, got.messages); m.text != want {
						t.Fatalf("step %d: got %d bytes", step, len(m.text))
					}
				}
				if cause := next(t, got.closed); !netloop.IsEOF(cause) {
					t.Errorf("step %d: closed with %v", step, cause)
				}
			}
		})
	}
}

func TestUpgradeThatIsNeverAttached(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{}, func(w http.ResponseWriter, r *http.Request) {
		if _, err := netloop.Upgrade(w, r, netloop.UpgradeOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := netloop.Upgrade(w, r, netloop.UpgradeOptions{}); err == nil {
			t.Error("upgraded twice")
		}
	})
	p := h.dial(t)
	p.say(opening)
	p.expectEnd()
}

func TestNoRequestInTime(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{HeaderTimeout: 30 * time.Millisecond}, byWhom)
	for _, begin := range []string{"", "GET / HTTP/1.1\r\nHost: loc"} {
		p := h.dial(t)
		p.say(begin)
		p.expectEnd()
	}
	until(t, "nothing is waited for", func() bool { return h.loop.Wheel().Armed() == 0 })
}

func TestClosingTheListener(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{}, byWhom)
	waiting, half := h.dial(t), h.dial(t)
	half.say("GET / HT")
	served := h.dial(t)
	served.say(opening)
	served.answer()
	if err := h.Listener.Close(); err != nil {
		t.Error(err)
	}
	waiting.expectEnd()
	half.expectEnd()
	if err := h.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed again: %v", err)
	}
	if _, err := h.Listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	if c, err := net.Dial("tcp", h.Listener.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the port is still open")
	}
}

// A server that stops its loop goes on answering, that it does.
func TestListenerOfAStoppedLoop(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{}, byWhom)
	p := h.dial(t)
	h.loop.Stop()
	p.expectEnd()
	for _, request := range []string{"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n", opening} {
		p := h.dial(t)
		p.say(request)
		if _, body := p.answer(); !strings.HasPrefix(body, "net/http GET /") {
			t.Errorf("body %q", body)
		}
	}
	if l, err := h.loop.Listen(h.Listener, netloop.ListenerConfig{}); err != nil || l != h.Listener {
		t.Errorf("listener %v, %v", l, err)
	}
}

// More connections than net/http takes at once wait for it.
func TestManyOtherRequests(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{}, byWhom)
	peers := make([]*peer, 600)
	for i := range peers {
		peers[i] = h.dial(t)
	}
	for _, p := range peers {
		p.say("GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	for _, p := range peers {
		if _, body := p.answer(); body != "net/http GET /page" {
			t.Fatalf("body %q", body)
		}
	}
}

// ConnState hears of every connection once that it begins, and once that it ends or
// becomes somebody else's.
func TestConnState(t *testing.T) {
	states := make(chan string, 100)
	var refused atomic.Bool
	cfg := netloop.ListenerConfig{
		Serves: func(target []byte) bool { return string(target) == "/poll" },
		ConnState: func(c net.Conn, state http.ConnState) {
			states <- c.RemoteAddr().String() + " " + state.String()
			if refused.Load() {
				_ = c.Close()
			}
		},
	}
	got := newRecorder()
	var h *house
	ready := make(chan struct{})
	h = newHouse(t, cfg, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/path" {
			return
		}
		<-ready
		hijacked, err := netloop.Upgrade(w, r, netloop.UpgradeOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		c, err := h.loop.Attach(hijacked, got)
		if err != nil {
			t.Error(err)
			return
		}
		c.Start(hijacked.Buffered)
	})
	close(ready)
	expect := func(p *peer, want string) {
		t.Helper()
		if state := next(t, states); state != p.LocalAddr().String()+" "+want {
			t.Errorf("%s, want %s", state, want)
		}
	}
	for name, c := range map[string]struct{ say, then string }{
		"upgrade":  {opening, "hijacked"},
		"net/http": {get("/page"), "closed"},
		"nothing":  {"", "closed"},
		"polling":  {get("/poll"), "closed"},
	} {
		p := h.dial(t)
		expect(p, "new")
		p.say(c.say)
		if name == "polling" {
			p.answer()
			p.say(get("/poll"))
			p.answer()
		}
		if name == "polling" || name == "nothing" {
			_ = p.Close()
		}
		expect(p, c.then)
	}
	refused.Store(true)
	p := h.dial(t)
	expect(p, "new")
	expect(p, "closed")
	p.expectEnd()
	none(t, states)
}

// Connections have the options that others have.
func TestSocketOptions(t *testing.T) {
	h := newHouse(t, netloop.ListenerConfig{}, func(w http.ResponseWriter, r *http.Request) {
		hijacked, err := netloop.Upgrade(w, r, netloop.UpgradeOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		if noDelay, unsent, err := netloop.SocketOptions(hijacked); err != nil || noDelay != 1 || unsent != 128<<10 {
			t.Errorf("TCP_NODELAY %d, TCP_NOTSENT_LOWAT %d, %v", noDelay, unsent, err)
		}
	})
	p := h.dial(t)
	p.say(opening)
	p.expectEnd()
}

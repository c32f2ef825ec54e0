package app_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/config"
)

// patience bounds every wait; only a failing test ever waits that long.
const patience = apptest.Patience

// running is a server under test.
type running struct {
	t       *testing.T
	url     string
	log     *apptest.Log
	stop    context.CancelFunc // begins the drain
	stopped chan error         // what Run returned
	http    *http.Client
	tls     *tls.Config // of clients; nil: plain
}

// settings are those of the flags, the last of a name counts. A drain has time, however slow the machine is.
func settings(t *testing.T, args ...string) config.Config {
	t.Helper()
	cfg, err := config.Parse(append([]string{"--listen", "127.0.0.1:0", "--drain-timeout", patience.String()}, args...), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// oneOfSome are the flags of a server that has others on its database. Two thirds of a drain it waits for balancers and
// moves its clients to the others, however few there are.
var oneOfSome = []string{"--dev", "--limits", "off", "--drain-timeout", "5s"}

// start runs a server in that data folder until the test ends.
func start(t *testing.T, data string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	transport := &http.Transport{}
	r := &running{
		t: t, log: new(apptest.Log), stop: cancel, stopped: make(chan error, 1),
		http: &http.Client{Transport: transport, Timeout: patience},
	}
	ready := make(chan string, 2)
	cfg := settings(t, append(args, "--data", data)...)
	go func() {
		r.stopped <- app.Run(ctx, cfg, slog.New(slog.NewJSONHandler(r.log, nil)), func(addr string) { ready <- addr })
	}()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		r.end()
		if len(ready) > 0 {
			t.Error("ready was called twice")
		}
	})
	select {
	case addr := <-ready:
		r.url = "http://" + addr
	case err := <-r.stopped:
		t.Fatalf("the server did not start: %v", err)
	case <-time.After(patience):
		t.Fatal("the server was not ready in time")
	}
	return r
}

// end waits for Run to return. It may be called again.
func (r *running) end() {
	r.t.Helper()
	select {
	case err, first := <-r.stopped:
		if first {
			close(r.stopped)
		}
		if err != nil {
			r.t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		r.t.Fatalf("Run did not return\n%s", r.log)
	}
}

// get returns the status and the body of an answer.
func (r *running) get(path string) (int, string) {
	r.t.Helper()
	return r.do(http.MethodGet, path, "")
}

func (r *running) do(method, path, body string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := r.http.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	return read(r.t, response)
}

func read(t *testing.T, response *http.Response) (int, string) {
	t.Helper()
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// login signs a demo user in and returns the token.
func (r *running) login(name string) string {
	r.t.Helper()
	status, body := r.do(http.MethodPost, "/api/dev/login", `{"name":"`+name+`"}`)
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		r.t.Fatalf("demo sign-in: %d %s", status, body)
	}
	return answer.Token
}

// peer is a signed-in Socket.IO client.
type peer struct {
	t    *testing.T
	conn net.Conn
	from io.Reader
}

func (r *running) connect(token string) *peer {
	r.t.Helper()
	p := r.dial("/socket.io/?EIO=4&transport=websocket")
	p.send(`40{"token":"` + token + `"}`)
	p.read(`40{"sid":`)
	return p
}

// dial opens a WebSocket.
func (r *running) dial(path string) *peer {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, buffered, _, err := ws.Dialer{TLSConfig: r.tls}.Dial(ctx, strings.Replace(r.url, "http", "ws", 1)+path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	p := &peer{t: r.t, conn: conn, from: conn}
	if buffered != nil { // the server speaks first
		p.from = io.MultiReader(io.LimitReader(buffered, int64(buffered.Buffered())), conn)
	}
	return p
}

func (p *peer) send(text string) {
	p.t.Helper()
	if err := ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewTextFrame([]byte(text)))); err != nil {
		p.t.Fatal(err)
	}
}

// read waits for a message that begins with prefix.
func (p *peer) read(prefix string) string {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		_, text, err := readFrame(p.from)
		if err != nil {
			p.t.Fatalf("waiting for %s: %v", prefix, err)
		}
		if strings.HasPrefix(text, prefix) {
			return text
		}
	}
}

// closed waits for the closing handshake and returns what came before it.
func (p *peer) closed() (before []string) {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		op, text, err := readFrame(p.from)
		switch {
		case err != nil:
			p.t.Fatalf("waiting for the close: %v", err)
		case op == ws.OpClose:
			_ = ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewCloseFrame([]byte(text))))
			return before
		}
		before = append(before, text)
	}
}

// readFrame reads one frame of a size that the server may send.
func readFrame(from io.Reader) (ws.OpCode, string, error) {
	header, err := ws.ReadHeader(from)
	if err != nil {
		return 0, "", err
	}
	if header.Length > 16<<20 {
		return 0, "", fmt.Errorf("a frame of %d bytes", header.Length)
	}
	payload := make([]byte, header.Length)
	_, err = io.ReadFull(from, payload)
	return header.OpCode, string(payload), err
}

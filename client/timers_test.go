package client_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/sockeye-im/sockeye/client"
)

// unreachable fails every handshake and notes when.
type unreachable struct {
	mu    sync.Mutex
	times []time.Time
}

func (u *unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.times = append(u.times, time.Now())
	return nil, errNoNetwork
}

var errNoNetwork = errors.New("no network")

func (u *unreachable) attempts() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.times)
}

func (u *unreachable) waits() (all []time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := 1; i < len(u.times); i++ {
		all = append(all, u.times[i].Sub(u.times[i-1]))
	}
	return all
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := new(unreachable)
		c := must[*client.Client](t)(client.New(client.Config{
			URL: "http://chat.example", Token: client.StaticToken("t"), HTTPClient: &http.Client{Transport: net},
		}))
		e := <-c.Events()
		failed, ok := e.(*client.ReconnectFailed)
		if !ok || failed.Attempts != 5 || failed.Err == nil {
			t.Fatalf("got %#v", e)
		}
		time.Sleep(95 * time.Second)
		waits := net.waits()
		if len(waits) != 7 {
			t.Fatalf("waited %v", waits)
		}
		for i, longest := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			if waits[i] < longest/2 || waits[i] > longest {
				t.Errorf("wait %d is %s, it must be from %s to %s", i, waits[i], longest/2, longest)
			}
		}
		for _, wait := range waits[4:] {
			if wait != 30*time.Second {
				t.Errorf("then %s", wait)
			}
		}
		c.Reconnect()
		synctest.Wait()
		if again := net.waits(); len(again) != 8 || again[7] >= 30*time.Second {
			t.Errorf("Reconnect does not try at once: %v", again)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, client.ErrStopped) && c.State() != client.Waiting {
			t.Errorf("%v in state %v", err, c.State())
		}
		c.Close()
		if !errors.Is(c.Err(), client.ErrClosed) || c.State() != client.Stopped {
			t.Errorf("%v in state %v", c.Err(), c.State())
		}
	})
}

// bubble is a server in memory, for tests in which time is not real. It takes any
// token and answers what the test says.
type bubble struct {
	net.Listener
	push   chan string // frames to be sent
	conns  chan net.Conn
	closed chan struct{}
	answer func(request map[string]any) map[string]any
	header chan http.Header
}

func startBubble(t *testing.T, answer func(map[string]any) map[string]any) (*bubble, *http.Client) {
	b := &bubble{push: make(chan string), conns: make(chan net.Conn), closed: make(chan struct{}), answer: answer, header: make(chan http.Header, 10)}
	server := &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(b) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case b.conns <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(func() { _ = server.Close(); <-done; transport.CloseIdleConnections() })
	return b, &http.Client{Transport: transport}
}

func (b *bubble) Accept() (net.Conn, error) {
	select {
	case c := <-b.conns:
		return c, nil
	case <-b.closed:
		return nil, net.ErrClosed
	}
}
func (b *bubble) Close() error   { close(b.closed); return nil }
func (b *bubble) Addr() net.Addr { return &net.TCPAddr{} }

func (b *bubble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.header <- r.Header
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sockeye.v1"}})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	_ = conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"connection","userId":"ada"}`))
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case frame := <-b.push:
				_ = conn.Write(r.Context(), websocket.MessageText, []byte(frame))
			case <-ended:
				return
			}
		}
	}()
	for {
		_, text, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		var request map[string]any
		if json.Unmarshal(text, &request) != nil {
			return
		}
		answer := b.answer(request)
		if answer == nil {
			continue
		}
		answer["ref"] = request["ref"]
		out, _ := json.Marshal(answer)
		if conn.Write(r.Context(), websocket.MessageText, out) != nil {
			return
		}
	}
}

func jwt(number int, expires time.Time) string {
	body := fmt.Sprintf(`{"sub":"ada","jti":"%d","exp":%d}`, number, expires.Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(body)) + ".x"
}

// TestRefresh exchanges tokens before they expire, and asks the source again when it
// had none.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refreshed []time.Duration
		began := time.Now()
		_, httpClient := startBubble(t, func(request map[string]any) map[string]any {
			switch request["type"] {
			case "ping":
				return map[string]any{"type": "pong"}
			case "auth:refresh":
				refreshed = append(refreshed, time.Since(began))
			}
			return map[string]any{"type": "ack", "ok": true}
		})
		asked := 0
		c := must[*client.Client](t)(client.Dial(t.Context(), client.Config{
			URL: "http://chat.example", Protocol: client.WebSocket, HTTPClient: httpClient,
			Token: func(context.Context) (string, error) {
				asked++
				if asked == 2 {
					return "", errors.New("not now")
				}
				return jwt(asked, time.Now().Add(10*time.Minute)), nil
			},
		}))
		defer c.Close()
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		// A minute before the end the source has none, ten seconds later it has.
		if want := []time.Duration{9*time.Minute + 10*time.Second, 18*time.Minute + 10*time.Second}; fmt.Sprint(refreshed) != fmt.Sprint(want) {
			t.Errorf("refreshed after %v, want %v", refreshed, want)
		}
		if c.State() != client.Online || asked != 4 {
			t.Errorf("%v, asked %d times", c.State(), asked)
		}
	})
}

// TestDeafServer: a connection on which nothing is answered, or nothing heard, is
// given up.
func TestDeafServer(t *testing.T) {
	for name, deaf := range map[string]func(map[string]any) bool{
		"to commands": func(r map[string]any) bool { return r["type"] == "room:get" },
		"to pings":    func(r map[string]any) bool { return r["type"] == "ping" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, httpClient := startBubble(t, func(request map[string]any) map[string]any {
					switch {
					case deaf(request):
						return nil
					case request["type"] == "ping":
						return map[string]any{"type": "pong"}
					}
					return map[string]any{"type": "ack", "ok": true}
				})
				c := must[*client.Client](t)(client.Dial(t.Context(), client.Config{
					URL: "http://chat.example", Protocol: client.WebSocket, HTTPClient: httpClient, Token: client.StaticToken("t"),
				}))
				defer c.Close()
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				go func() { _, _ = c.Room(ctx, "hall") }()
				for e := range c.Events() {
					if _, lost := e.(*client.Disconnected); lost {
						break
					}
				}
				want := 20 * time.Second
				if name == "to pings" {
					want = 60 * time.Second
				}
				if took := time.Since(began); took != want {
					t.Errorf("noticed after %s, want %s", took, want)
				}
			})
		})
	}
}

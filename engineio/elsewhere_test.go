package engineio_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/engineio"
)

// pair are two servers, of which the first has requests for sessions whose id begins with b- answered by the second.
func pair(t *testing.T, cfg engineio.Config) (a, b *server) {
	t.Helper()
	next := 0
	b = serve(t, engineio.Config{NewID: func() string { next++; return fmt.Sprint("b-", next) }})
	to, err := url.Parse(b.http.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: b.client.Transport}
	cfg.Elsewhere = func(id string) http.Handler {
		if strings.HasPrefix(id, "b-") {
			return proxy
		}
		return nil
	}
	return serve(t, cfg), b
}

func TestElsewhere(t *testing.T) {
	for name, query := range map[string]func(string) string{"loop": strings.Clone, "net/http": viaNetHTTP} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, engineio.Config{})
			session, known := b.open(t, "4")
			if session.ID() != "b-1" {
				t.Fatalf("the id is %s", session.ID())
			}
			a.post(t, query(known), "4hello")
			expect(t, b.messages, "hello")
			send(t, session, "news")
			a.poll(t, query(known), "4news")

			waiting := a.later(t, http.MethodGet, query(known), "")
			until(t, "a waiting poll", session.Writable)
			c := a.dial(t, strings.Replace(known, "polling", "websocket", 1))
			c.sendText("2probe")
			c.expect("3probe")
			if got := next(t, waiting); got.body != "6" {
				t.Fatalf("the waiting poll got %q", got.body)
			}
			c.sendText("5")
			c.sendText("4on a WebSocket")
			expect(t, b.messages, "on a WebSocket")
			send(t, session, "as well")
			c.expect("4as well")

			for _, id := range []string{"b-2", "a-1"} {
				if got := a.get(t, query("EIO=4&transport=polling&sid="+id)); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"code":1`) {
					t.Errorf("%s: %d %s", id, got.status, got.body)
				}
			}
			if a.Len() != 0 || b.Len() != 1 {
				t.Errorf("%d and %d sessions", a.Len(), b.Len())
			}
		})
	}
}

// What is for another server goes there as it comes, also by a client that may send no more here.
func TestBodiesForElsewhere(t *testing.T) {
	for name, query := range map[string]func(string) string{"loop": strings.Clone, "net/http": viaNetHTTP} {
		t.Run(name, func(t *testing.T) {
			came := make(chan string)
			a := serve(t, engineio.Config{MaxStrangerPayload: 1000, MaxPartial: 8000, Elsewhere: func(string) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					for part := make([]byte, 5000); ; {
						n, err := io.ReadFull(r.Body, part)
						came <- string(part[:n])
						if err != nil {
							return
						}
					}
				})
			}})
			c := a.raw(t)
			_, _ = fmt.Fprintf(c, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 25000\r\n\r\n", query("EIO=4&transport=polling&sid=b"))
			for i := range 5 {
				part := strings.Repeat(fmt.Sprint(i), 5000)
				if _, err := io.WriteString(c, part); err != nil {
					t.Fatal(err)
				}
				if got := next(t, came); got != part {
					t.Fatalf("%d bytes came", len(got))
				}
			}
			expect(t, came, "")
			answer := make([]byte, 12)
			if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP/1.1 200" {
				t.Errorf("%q, %v", answer, err)
			}
		})
	}
}

func TestErrorsAnswer(t *testing.T) {
	for _, headers := range [][]string{nil, upgrading} {
		r := httptest.NewRequest(http.MethodGet, "/engine.io/", http.NoBody)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		engineio.ErrUnknownSession.ServeHTTP(w, r)
		want := `{"code":1,"message":"Session ID unknown"}`
		if headers != nil {
			want = "Session ID unknown"
		}
		if w.Code != http.StatusBadRequest || w.Body.String() != want {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
	}
}

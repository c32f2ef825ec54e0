package netloop_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// guardedHTTP is net/http with a Guard before a handler.
func guardedHTTP(t *testing.T, g *netloop.Guard, secure bool, handler http.HandlerFunc) func() *peer {
	t.Helper()
	s := httptest.NewUnstartedServer(g.Handler(handler))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return func() *peer {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if secure {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is the test's own
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return newPeer(t, c)
	}
}

func unread(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", status) }
}

// An answer does not wait for a body that never comes, and the connection ends.
func TestAnswersDoNotWaitForBodies(t *testing.T) {
	for name, head := range map[string]string{
		"short":   "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234",
		"get":     "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
		"long":    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n",
		"chunked": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12",
		"expects": "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
	} {
		for _, secure := range []bool{false, true} {
			for _, status := range []int{http.StatusOK, http.StatusUnauthorized} {
				t.Run(fmt.Sprint(name, secure, status), func(t *testing.T) {
					t.Parallel()
					p := guardedHTTP(t, new(netloop.Guard), secure, unread(status))()
					p.say(head)
					if response, body := p.answer(); response.StatusCode != status || body != "no\n" || !response.Close {
						t.Errorf("%s %q, close %v", response.Status, body, response.Close)
					}
					p.expectEnd()
				})
			}
		}
	}
}

// A body that has come with its head costs a client nothing, though nobody reads it.
func TestConnectionStaysBehindAnUnreadBody(t *testing.T) {
	p := guardedHTTP(t, new(netloop.Guard), false, unread(http.StatusUnauthorized))()
	for range 3 {
		p.say(post("/", "all of it"))
		if response, _ := p.answer(); response.StatusCode != http.StatusUnauthorized || response.Close {
			t.Errorf("%s, close %v", response.Status, response.Close)
		}
	}
}

// A client that is in the middle of a long body hears why it is not taken.
func TestAnswerInTheMiddleOfABody(t *testing.T) {
	p := guardedHTTP(t, new(netloop.Guard), false, unread(http.StatusUnauthorized))()
	go func() { _, _ = io.WriteString(p, post("/", strings.Repeat("x", 200_000))) }()
	if response, body := p.answer(); response.StatusCode != http.StatusUnauthorized || body != "no\n" {
		t.Errorf("%s %q", response.Status, body)
	}
}

func TestTermsOfBodies(t *testing.T) {
	kept, refused := netloop.NewPartial(800), make(chan netloop.Refusal, 10)
	g := &netloop.Guard{
		Stranger: netloop.Terms{Max: 50, Time: 30 * time.Millisecond}, Known: netloop.Terms{Rate: 1, Time: 30 * time.Millisecond},
		Partial: kept, Refused: func(why netloop.Refusal) { refused <- why },
	}
	failures := make(chan error, 1)
	dial := guardedHTTP(t, g, false, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/known" {
			r.Body.(*netloop.Body).Trust()
		}
		body, err := io.ReadAll(r.Body)
		failures <- err
		_, _ = w.Write(body)
	})
	half := func(path string, come, length int) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, length, strings.Repeat("x", come))
	}
	for _, c := range []struct {
		request string
		why     netloop.Refusal
		is      func(error) bool
	}{
		{half("/", 49, 50), netloop.RefusedTime, func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }},
		{half("/", 51, 100), netloop.RefusedSize, func(err error) bool { return errors.As(err, new(*http.MaxBytesError)) }},
		{half("/known", 701, 1000), netloop.RefusedPartial, func(err error) bool { return errors.Is(err, netloop.ErrTooMuch) }},
	} {
		p := dial()
		p.say(c.request)
		if err := next(t, failures); !c.is(err) {
			t.Errorf("%.30q: %v", c.request, err)
		}
		if why := next(t, refused); why != c.why {
			t.Errorf("%.30q is refused for %q", c.request, why)
		}
		if response, _ := p.answer(); !response.Close {
			t.Errorf("%.30q: the connection stays", c.request)
		}
	}
	p := dial()
	p.say(half("/known", 100, 101)) // good for 100 s more
	time.Sleep(60 * time.Millisecond)
	p.say("x")
	if response, body := p.answer(); len(body) != 101 || response.Close || next(t, failures) != nil {
		t.Errorf("%d bytes, close %v", len(body), response.Close)
	}
	until(t, "nothing is kept", func() bool { return kept.Bytes() == 0 })
	p.say(half("/known", 3, 3)) // and the connection serves the next one
	if _, body := p.answer(); body != "xxx" || next(t, failures) != nil {
		t.Errorf("body %q", body)
	}
}

// The next request is none that is hidden behind two lengths.
func TestChunkedBodiesAreTheLast(t *testing.T) {
	p := guardedHTTP(t, new(netloop.Guard), false, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})()
	p.say("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + get("/hidden"))
	if response, body := p.answer(); body != "x" || !response.Close {
		t.Errorf("%q, close %v", body, response.Close)
	}
	p.expectEnd()
}

// A body that goes on to somebody else may be stopped while it is read, and counts for nothing; one that was read to its
// end is not disturbed by that.
func TestStreamedBodies(t *testing.T) {
	read := make(chan int)
	guard := &netloop.Guard{Stranger: netloop.Terms{Max: 10}, Partial: netloop.NewPartial(80)}
	dial := guardedHTTP(t, guard, false, func(w http.ResponseWriter, r *http.Request) {
		body := r.Body.(*netloop.Body)
		body.Stream()
		go func() {
			come := make([]byte, 100)
			for n := 0; ; {
				more, err := body.Read(come)
				n += more
				if err != nil {
					read <- n
					return
				}
			}
		}()
		if r.ContentLength == 1000 {
			body.Stop()
		}
		n := <-read
		body.Stop()
		_, _ = fmt.Fprint(w, n)
	})
	p := dial()
	for range 2 {
		p.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n" + strings.Repeat("x", 200))
		if response, body := p.answer(); body != "200" || response.Close {
			t.Errorf("%q, close %v", body, response.Close)
		}
	}
	p.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
	if response, body := p.answer(); body != "0" || !response.Close {
		t.Errorf("%q, close %v", body, response.Close)
	}
	p.expectEnd()
}

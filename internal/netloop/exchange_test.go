package netloop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// exchanging has the loop serve requests for /poll too.
func exchanging(t *testing.T, handler http.HandlerFunc) *house {
	t.Helper()
	return newHouse(t, netloop.ListenerConfig{
		Serves:  func(target []byte) bool { return strings.HasPrefix(string(target), "/poll") },
		MaxBody: 1000,
	}, handler)
}

func post(target, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
}

func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n" }

// echo answers with the body; a request that is served by the loop says so.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	who := "loop"
	if r.Context().Value(http.LocalAddrContextKey) != nil {
		who = "net/http"
	}
	w.Header().Set("X-Two", "a\r\nX-Three: b")
	_, _ = fmt.Fprintf(w, "%s %s %s %v", who, r.Method, body, err)
}

func TestManyExchanges(t *testing.T) {
	h := exchanging(t, echo)
	p := h.dial(t)
	for i := range 5 {
		p.say(post("/poll", fmt.Sprint(i)))
		response, body := p.answer()
		if want := fmt.Sprintf("loop POST %d <nil>", i); body != want || response.StatusCode != http.StatusOK {
			t.Errorf("%s %q, want %q", response.Status, body, want)
		}
		if response.Header.Get("Date") == "" || response.Header.Get("X-Three") != "" || response.Close {
			t.Errorf("header %v", response.Header)
		}
		p.say(get("/poll"))
		if _, body := p.answer(); body != "loop GET  <nil>" {
			t.Errorf("body %q", body)
		}
	}
	p.say(post("/other", "x")) // leaves the loop, and its connection with it
	if _, body := p.answer(); body != "net/http POST x <nil>" {
		t.Errorf("body %q", body)
	}
	p.say(get("/poll"))
	if _, body := p.answer(); body != "net/http GET  <nil>" {
		t.Errorf("body %q", body)
	}
}

// Requests in pieces, and several in one.
func TestExchangesInPieces(t *testing.T) {
	h := exchanging(t, echo)
	all := post("/poll", "first") + get("/poll") + post("/poll", strings.Repeat("x", 900)) + post("/elsewhere", "last")
	want := []string{"loop POST first <nil>", "loop GET  <nil>", "loop POST " + strings.Repeat("x", 900) + " <nil>", "net/http POST last <nil>"}
	for _, piece := range []int{1, 7, 50, len(all)} {
		p := h.dial(t)
		go func() {
			for rest := all; rest != ""; rest = rest[min(piece, len(rest)):] {
				if _, err := io.WriteString(p, rest[:min(piece, len(rest))]); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		for _, want := range want {
			if _, body := p.answer(); body != want {
				t.Fatalf("in pieces of %d: %.50q, want %.50q", piece, body, want)
			}
		}
	}
}

func TestExchangesThatAreNetHTTPs(t *testing.T) {
	h := exchanging(t, echo)
	for name, c := range map[string]struct{ request, want string }{
		"too large":     {post("/poll", strings.Repeat("x", 1001)), "net/http POST " + strings.Repeat("x", 1001) + " <nil>"},
		"chunked":       {"POST /poll HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "net/http POST x <nil>"},
		"two lengths":   {strings.Replace(post("/poll", "x"), "Host", "Content-Length: 1\r\nHost", 1), "net/http POST x <nil>"},
		"bad length":    {"POST /poll HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", "400 Bad Request"},
		"no length":     {"POST /poll HTTP/1.1\r\nHost: a\r\n\r\n", "net/http POST  <nil>"},
		"get with body": {"GET /poll HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "net/http GET x <nil>"},
		"other method":  {"PUT /poll HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "net/http PUT x <nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			p := h.dial(t)
			p.say(c.request)
			if _, body := p.answer(); body != c.want {
				t.Errorf("got %.60q, want %.60q", body, c.want)
			}
		})
	}
}

func TestLastExchange(t *testing.T) {
	h := exchanging(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "close" {
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(http.StatusEarlyHints)
		http.Error(w, "no", http.StatusForbidden)
	})
	for _, request := range []string{get("/poll?close"), strings.Replace(get("/poll"), "Host", "Connection: close\r\nHost", 1)} {
		p := h.dial(t)
		p.say(request)
		response, body := p.answer()
		if response.StatusCode != http.StatusForbidden || body != "no\n" || !response.Close {
			t.Errorf("%s %q", response.Status, body)
		}
		p.expectEnd()
	}
}

func TestDeferredAnswers(t *testing.T) {
	waiting, gone := make(chan netloop.Deferrable, 10), make(chan string, 10)
	h := exchanging(t, func(w http.ResponseWriter, r *http.Request) {
		later := w.(netloop.Deferrable)
		if !later.Defer(func() { gone <- r.URL.RawQuery }) {
			t.Error("gone already")
		}
		waiting <- later
	})
	p := h.dial(t)
	for i := range 3 {
		p.say(get("/poll"))
		later := next(t, waiting)
		_, _ = fmt.Fprint(later, "answer ", i)
		later.Finish()
		if _, body := p.answer(); body != fmt.Sprint("answer ", i) {
			t.Errorf("body %q", body)
		}
	}
	none(t, gone)

	p.say(get("/poll?a")) // and then the client goes
	later := next(t, waiting)
	_ = p.Close()
	if who := next(t, gone); who != "a" {
		t.Errorf("%q is gone", who)
	}
	later.Finish() // too late, but it does no harm

	p = h.dial(t)
	p.say(get("/poll?b")) // and then the server does
	next(t, waiting)
	h.loop.Stop()
	if who := next(t, gone); who != "b" {
		t.Errorf("%q is gone", who)
	}
}

// A client may have gone before its answer is deferred. Whoever else learns of that may
// finish, and nobody does so beside.
func TestDeferringTooLate(t *testing.T) {
	inside, finished := make(chan struct{}), make(chan struct{})
	h := exchanging(t, func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
		later := w.(netloop.Deferrable)
		if later.Defer(func() {}) {
			t.Error("not gone")
		}
		go func() {
			defer close(finished)
			later.Header().Set("X-Late", "yes")
			later.Finish()
		}()
	})
	p := h.dial(t)
	p.say(get("/poll"))
	next(t, inside)
	_ = p.Close()
	next(t, finished)
}

// What comes behind a request may not cut off its answer, whoever has the connection
// then.
func TestUpgradeBehindALongAnswer(t *testing.T) {
	long := strings.Repeat("x", 16<<20)
	h := exchanging(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/poll" {
			_, _ = io.WriteString(w, long)
			return
		}
		http.Error(w, "no", http.StatusForbidden)
	})
	p := h.dial(t)
	p.say(get("/poll") + opening)
	if _, body := p.answer(); body != long {
		t.Errorf("%d bytes came of %d", len(body), len(long))
	}
	if response, body := p.answer(); response.StatusCode != http.StatusForbidden || body != "no\n" {
		t.Errorf("then %s %q", response.Status, body)
	}
}

// What is under way when the listener closes is answered, and then the connection ends.
func TestListenerClosesDuringAnExchange(t *testing.T) {
	long := strings.Repeat("x", 16<<20)
	asked := make(chan netloop.Deferrable, 1)
	h := exchanging(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "long" {
			_, _ = io.WriteString(w, long)
			return
		}
		w.(netloop.Deferrable).Defer(func() {})
		asked <- w.(netloop.Deferrable)
	})
	reader, waiter, half := h.dial(t), h.dial(t), h.dial(t)
	reader.say(get("/poll?long"))
	if _, err := reader.r.Peek(1); err != nil { // the answer is on its way
		t.Fatal(err)
	}
	waiter.say(get("/poll"))
	later := next(t, asked)
	half.say(post("/poll?long", "body")[:len(post("/poll?long", "body"))-2])
	until(t, "the times for a write and a body to run", func() bool { return h.loop.Wheel().Armed() == 2 })
	_ = h.Listener.Close()
	_, _ = io.WriteString(later, "at last")
	later.Finish()
	if response, body := waiter.answer(); body != "at last" || !response.Close {
		t.Errorf("%q, the last: %v", body, response.Close)
	}
	half.say("dy")
	for _, p := range []*peer{half, reader} {
		if _, body := p.answer(); body != long {
			t.Errorf("%d bytes came of %d", len(body), len(long))
		}
		p.expectEnd()
	}
	waiter.expectEnd()
}

func TestAnswersWithoutBody(t *testing.T) {
	h := exchanging(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		if _, err := io.WriteString(w, "HTTP/1.1 200 OK\r\n\r\n"); !errors.Is(err, http.ErrBodyNotAllowed) {
			t.Errorf("error %v", err)
		}
	})
	p := h.dial(t)
	for range 2 {
		p.say(get("/poll"))
		if response, body := p.answer(); response.StatusCode != http.StatusNoContent || body != "" {
			t.Errorf("%s %q", response.Status, body)
		}
	}
}

// A context ends with its request, and with what it descends from.
func TestEndOfContexts(t *testing.T) {
	base, stop := context.WithCancel(t.Context())
	contexts, ended := make(chan context.Context, 1), make(chan struct{}, 2)
	h := newHouse(t, netloop.ListenerConfig{Context: base, Serves: func([]byte) bool { return true }}, func(_ http.ResponseWriter, r *http.Request) {
		contexts <- r.Context()
		context.AfterFunc(r.Context(), func() { ended <- struct{}{} })
		if r.URL.RawQuery == "wait" {
			<-r.Context().Done()
		}
	})
	p := h.dial(t)
	p.say(get("/poll"))
	p.answer()
	next(t, ended)
	if err := next(t, contexts).Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("after the answer: %v", err)
	}
	p.say(get("/poll?wait"))
	if err := next(t, contexts).Err(); err != nil {
		t.Errorf("before it: %v", err)
	}
	stop()
	next(t, ended)
	p.answer()
}

// A handler that waits itself learns from its context that the client has gone.
func TestContextOfAnExchange(t *testing.T) {
	type key struct{}
	inside, errs := make(chan struct{}), make(chan error, 1)
	h := exchanging(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Context().Value(key{}) != nil || r.Context().Err() != nil {
			t.Error("bad context")
		}
		inside <- struct{}{}
		<-r.Context().Done()
		errs <- r.Context().Err()
	})
	for _, leave := range []func(net.Conn){
		func(c net.Conn) { _ = c.Close() },
		func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
	} {
		p := h.dial(t)
		p.say(get("/poll"))
		next(t, inside)
		leave(p.Conn)
		if err := next(t, errs); err == nil {
			t.Error("no error")
		}
	}
}

func TestBodyThatStopsHalfway(t *testing.T) {
	bodies := make(chan string, 1)
	h := exchanging(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		bodies <- fmt.Sprint(string(body), " ", err)
	})
	p := h.dial(t)
	p.say(post("/poll", "whole")[:len(post("/poll", "whole"))-2])
	_ = p.Close()
	if got := next(t, bodies); got != "who unexpected EOF" {
		t.Errorf("got %q", got)
	}
}

func TestPanicInAnExchange(t *testing.T) {
	h := exchanging(t, func(http.ResponseWriter, *http.Request) { panic("oh dear") })
	p := h.dial(t)
	p.say(get("/poll"))
	p.expectEnd()
	h.Close()
	if !strings.Contains(h.log.String(), "oh dear") {
		t.Errorf("log %q", h.log)
	}
}

// The time for a head is not the time for the body behind it.
func TestBodyThatTakesLong(t *testing.T) {
	whole := post("/poll", "slowly")
	for head := 50 * time.Millisecond; !takesItsTime(t, whole, head); head *= 2 {
		t.Log("the test has stalled") // a busy machine needs longer for a head
	}
	short := newHouse(t, netloop.ListenerConfig{
		Serves: func([]byte) bool { return true }, MaxBody: 1000, BodyTimeout: 30 * time.Millisecond,
	}, echo)
	p := short.dial(t)
	p.say(whole[:len(whole)-3])
	p.expectEnd()
}

// takesItsTime sends a request whose body comes long after the time for its head; false when the head was late.
func takesItsTime(t *testing.T, whole string, head time.Duration) bool {
	t.Helper()
	h := newHouse(t, netloop.ListenerConfig{
		Serves: func([]byte) bool { return true }, MaxBody: 1000, HeaderTimeout: head, BodyTimeout: patience,
	}, echo)
	start := time.Now()
	p := h.dial(t)
	p.say(whole[:len(whole)-3])
	readable := make(chan error, 1)
	go func() {
		_, err := p.r.Peek(1)
		readable <- err
	}()
	until(t, "the time for the body runs", func() bool { return len(readable) > 0 || h.loop.Wheel().Farthest() > patience/2 })
	if len(readable) > 0 || time.Since(start) >= head {
		return false
	}
	time.Sleep(3 * head) // far beyond the time for a head
	p.say(whole[len(whole)-3:])
	next(t, readable)
	if _, body := p.answer(); body != "loop POST slowly <nil>" {
		t.Errorf("body %q", body)
	}
	return true
}

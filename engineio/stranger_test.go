package engineio_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
)

// refusals notes what a server turns away.
type refusals struct {
	mu    sync.Mutex
	count map[engineio.Refusal]int
}

func (r *refusals) add(why engineio.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		r.count = make(map[engineio.Refusal]int)
	}
	r.count[why]++
}

func (r *refusals) of(why engineio.Refusal) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count[why]
}

func (s *server) raw(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.http.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// viaNetHTTP writes a query so that the loop leaves it to net/http.
func viaNetHTTP(query string) string {
	return strings.Replace(query, "transport=polling", "transport=pollin%67", 1)
}

// Requests for sessions that there are not are answered before their body has come, and
// nothing of that is kept.
func TestBodiesOfStrangers(t *testing.T) {
	const n, size = 100, 999_000
	for name, query := range map[string]func(string) string{"loop": strings.Clone, "net/http": viaNetHTTP} {
		t.Run(name, func(t *testing.T) {
			var refused refusals
			s := serve(t, engineio.Config{OnRefuse: refused.add, MaxStrangerPayload: 1000})
			_, known := s.open(t, "4")
			before := heap()
			for i := range n {
				target, want := query("EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA"), "400"
				if i%2 == 1 { // a session that nobody vouches for may send little
					target, want = query(known), "413"
				}
				c := s.raw(t)
				go func() {
					_, _ = fmt.Fprintf(c, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", target, size+1)
					_, _ = c.Write(make([]byte, size))
				}()
				answer := make([]byte, 12)
				if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP/1.1 "+want {
					t.Fatalf("answered %q, %v, want %s", answer, err, want)
				}
			}
			if after := heap(); after > before+n*size/10 {
				t.Errorf("%d bytes are held", after-before)
			}
			if got := refused.of(engineio.RefusedSession) + refused.of(engineio.RefusedSize); got != n {
				t.Errorf("%d refusals are counted, want %d", got, n)
			}
		})
	}
}

// A body that stays half is not waited for without end, nor is one in chunks.
func TestRefusalsDoNotWait(t *testing.T) {
	s := serve(t, engineio.Config{})
	for _, request := range []string{
		"POST /engine.io/?EIO=4&transport=polling&sid=none HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234",
		"POST /engine.io/?EIO=4&transport=polling&sid=none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n1",
		"POST /engine.io/?EIO=4 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"GET /engine.io/?EIO=4 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
	} {
		c := s.raw(t)
		_, _ = io.WriteString(c, request)
		all, err := io.ReadAll(c) // to the end of the connection
		if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 400") {
			t.Errorf("%.60q: %.20q, %v", request, all, err)
		}
	}
}

// Before Trust a message is small, on every transport; afterwards it is as large as any.
func TestStrangersSendLittle(t *testing.T) {
	var refused refusals
	s := serve(t, engineio.Config{MaxStrangerPayload: 100, OnRefuse: refused.add})
	small, large := "4"+strings.Repeat("x", 99), "4"+strings.Repeat("x", 100)

	session, query := s.open(t, "4")
	for _, q := range []string{query, viaNetHTTP(query)} {
		s.post(t, q, small)
		expect(t, s.messages, small[1:])
		if a := s.request(t, "POST", q, large); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", a.status)
		}
		// In chunks nobody knows before.
		r, _ := http.NewRequestWithContext(t.Context(), "POST", s.http.URL+"/engine.io/?"+q, io.MultiReader(strings.NewReader(large)))
		response, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("in chunks: %s", response.Status)
		}
	}
	session.Trust()
	for _, q := range []string{query, viaNetHTTP(query)} {
		s.post(t, q, large)
		expect(t, s.messages, large[1:])
	}

	_, c := s.openSocket(t, "4")
	c.sendText(small)
	expect(t, s.messages, small[1:])
	c.sendText(large)
	s.expectEnd(t, engineio.TransportError)

	session, c = s.openSocket(t, "4")
	session.Trust()
	c.sendText(large)
	expect(t, s.messages, large[1:])
	if got := refused.of(engineio.RefusedSize); got != 5 {
		t.Errorf("%d refusals are counted, want 5", got)
	}
}

// A session is the same stranger, or none, after an upgrade.
func TestStrangersUpgrade(t *testing.T) {
	s := serve(t, engineio.Config{MaxStrangerPayload: 100})
	large := "4" + strings.Repeat("x", 100)
	for _, trusted := range []bool{false, true} {
		session, query := s.open(t, "4")
		c := s.dial(t, strings.Replace(query, "polling", "websocket", 1))
		c.sendText("2probe")
		c.expect("3probe")
		if trusted {
			session.Trust()
		}
		c.sendText("5")
		until(t, "it is upgraded", func() bool { return session.Transport() == engineio.WebSocket })
		c.sendText(large)
		if trusted {
			expect(t, s.messages, large[1:])
		} else {
			s.expectEnd(t, engineio.TransportError)
		}
	}
}

// Half frames of strangers are bounded by their header.
func TestFramesOfStrangers(t *testing.T) {
	s := serve(t, engineio.Config{MaxStrangerPayload: 1000})
	header := ws.Header{Fin: true, OpCode: ws.OpText, Masked: true, Length: 1_000_000}
	var frame bytes.Buffer
	if err := ws.WriteHeader(&frame, header); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		_, c := s.openSocket(t, "4")
		_, _ = c.Write(frame.Bytes()) // of the payload nothing
		s.expectEnd(t, engineio.TransportError)
	}
}

func TestOldestStrangersEnd(t *testing.T) {
	var refused refusals
	s := serve(t, engineio.Config{MaxStrangers: 3, OnRefuse: refused.add})
	var sessions []*engineio.Session
	for i := range 3 {
		session, query := s.open(t, "4")
		if i == 1 {
			session.Trust()
		}
		if i == 2 {
			s.post(t, query, "1") // it closes by itself
			s.expectEnd(t, engineio.TransportClose)
		}
		sessions = append(sessions, session)
	}
	for range 2 {
		s.openSocket(t, "4")
	}
	none(t, s.closes) // the first and these two
	s.openSocket(t, "4")
	s.expectEnd(t, engineio.ForcedClose)
	if err := sessions[0].Send(engineio.NewText(nil)); err == nil {
		t.Error("another than the oldest has ended")
	}
	send(t, sessions[1], "still here")
	if got := refused.of(engineio.RefusedStranger); got != 1 {
		t.Errorf("%d refusals are counted", got)
	}
}

// A payload costs its text, however many packets are in it.
func TestPayloadsOfManyPackets(t *testing.T) {
	for name, c := range map[string]struct {
		protocol int
		packet   string
		binary   bool
	}{
		"v4":        {4, "3\x1e", false},
		"v3":        {3, "1:2", false},
		"v3 binary": {3, "\x00\x01\xff2", true},
	} {
		const n = 100_000
		body := []byte(strings.TrimSuffix(strings.Repeat(c.packet, n), "\x1e"))
		if allocated := testing.AllocsPerRun(1, func() {
			if got, err := engineio.CountPackets(c.protocol, bytes.Clone(body), c.binary); got != n || err != nil {
				t.Errorf("%s: %d packets, %v", name, got, err)
			}
		}); allocated > 10 {
			t.Errorf("%s: %v allocations", name, allocated)
		}
	}
}

// A session that is paused in the middle of a payload gets the rest when it goes on.
func TestPauseInsideAPayload(t *testing.T) {
	s := serve(t, engineio.Config{})
	s.handle(func(session *engineio.Session, message string) {
		if message == "a" {
			session.Pause()
		}
	})
	for _, via := range []func(string) string{strings.Clone, viaNetHTTP} {
		session, query := s.open(t, "4")
		answered := s.later(t, "POST", via(query), "4a\x1e4b\x1e4c")
		expect(t, s.messages, "a")
		none(t, s.messages)
		none(t, answered)
		session.Resume()
		expect(t, s.messages, "b")
		expect(t, s.messages, "c")
		if a := next(t, answered); a.body != "ok" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

// Requests for other paths are not the loop's, whatever their query.
func TestPathOfTheEngine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere net/http serves all")
	}
	engine, err := engineio.NewServer(engineio.Config{
		Path: "/engine.io/", OnSession: func(*engineio.Session) engineio.Handler { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Context().Value(http.LocalAddrContextKey) == nil)
	}))
	if h.Listener, err = engine.Listen(h.Config, h.Listener); err != nil {
		t.Fatal(err)
	}
	h.Start()
	t.Cleanup(func() {
		h.Close()
		_ = engine.Shutdown(t.Context())
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // net/http keeps what it has
	for target, loop := range map[string]string{
		"/engine.io/?EIO=4&transport=polling":       "true",
		"/engine.io/?transport=polling&EIO=3&t=x":   "true",
		"/other/?EIO=4&transport=polling":           "false",
		"/api/v1/?q=EIO=4&x=transport=polling":      "false",
		"/engine.io/?xEIO=4&transport=polling":      "false",
		"/engine.io/?EIO=4&transport=pollingx":      "false",
		"/engine.io/?EIO=4&transport=websocket":     "false",
		"/engine.io/?transport=polling&EIO=&x=EIO=": "false",
	} {
		response, err := client.Get(h.URL + target)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if string(got) != loop {
			t.Errorf("%s is the loop's: %s, want %s", target, got, loop)
		}
	}
}

// A client that closes its half behind the request gets its answer.
func TestHalfCloseBehindARequest(t *testing.T) {
	s := serve(t, engineio.Config{})
	for range 50 {
		c := s.raw(t)
		_, _ = io.WriteString(c, "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
		_ = c.(*net.TCPConn).CloseWrite()
		answer, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
			t.Fatalf("answered %q, %v", answer, err)
		}
	}
}

// EndStranger ends the oldest session that nobody vouches for, if it is old enough.
func TestEndStranger(t *testing.T) {
	s := serve(t, engineio.Config{MaxStrangers: 10})
	trusted, _ := s.openSocket(t, "4")
	trusted.Trust()
	first, _ := s.openSocket(t, "4")
	s.openSocket(t, "4")
	if n := s.Strangers(); n != 2 {
		t.Errorf("%d strangers", n)
	}
	if s.EndStranger(time.Hour) {
		t.Error("one has ended that is not as old")
	}
	for range 2 {
		if !s.EndStranger(0) {
			t.Error("none has ended")
		}
	}
	if s.EndStranger(0) {
		t.Error("a third one has ended")
	}
	s.expectEnd(t, engineio.ForcedClose)
	s.expectEnd(t, engineio.ForcedClose)
	if err := first.Send(engineio.NewText(nil)); err == nil {
		t.Error("the oldest is still there")
	}
	send(t, trusted, "still here")
	if n := s.Strangers(); n != 0 {
		t.Errorf("%d strangers are left", n)
	}
}

// OnTrusted hears of the requests of those who are trusted, and of no others.
func TestRequestsOfTheTrusted(t *testing.T) {
	addresses := make(chan string, 10)
	s := serve(t, engineio.Config{OnTrusted: func(r *http.Request) { addresses <- r.RemoteAddr }})
	session, query := s.open(t, "4")
	s.post(t, query, "4x")
	none(t, addresses)
	session.Trust()
	s.post(t, query, "4x")
	if _, _, err := net.SplitHostPort(next(t, addresses)); err != nil {
		t.Error(err)
	}
}

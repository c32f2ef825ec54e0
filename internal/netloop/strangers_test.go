package netloop_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// guarded is a house whose loop has a bound for what is half here, and grants bodies
// what the path of their request says.
func guarded(t *testing.T, most int, handler http.HandlerFunc) (h *house, kept *netloop.Partial, refused chan netloop.Refusal) {
	t.Helper()
	kept, refused = netloop.NewPartial(most), make(chan netloop.Refusal, 1000)
	h = newHouseOn(t, netloop.Config{Partial: kept, Refused: func(why netloop.Refusal) { refused <- why }}, netloop.ListenerConfig{
		Serves: func(target []byte) bool { return strings.HasPrefix(string(target), "/poll") }, MaxBody: 1 << 20,
		Terms: func(target []byte) netloop.Terms {
			switch string(target) {
			case "/poll/none":
				return netloop.Terms{}
			case "/poll/soon":
				return netloop.Terms{Max: 100, Time: 10 * time.Millisecond}
			case "/poll/rate":
				return netloop.Terms{Max: 100, Time: 10 * time.Millisecond, Rate: 1}
			case "/poll/known":
				return netloop.Terms{Max: 1 << 20}
			}
			return netloop.Terms{Max: 1 << 20, Stranger: true}
		},
	}, handler)
	return h, kept, refused
}

// A request whose body is not granted is answered by its head alone.
func TestTheHeadDecides(t *testing.T) {
	h, kept, _ := guarded(t, 1<<20, echo)
	for _, come := range []string{"", "some of it"} {
		p := h.dial(t)
		p.say("POST /poll/none HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n" + come)
		response, body := p.answer()
		if want := fmt.Sprintf("loop POST  %v", netloop.ErrBodyRefused); body != want || !response.Close {
			t.Errorf("%q, close %v, want %q", body, response.Close, want)
		}
		if n := kept.Bytes(); n != 0 {
			t.Errorf("%d bytes are kept", n)
		}
		p.expectEnd() // though the rest of the body never comes
	}
}

// A client that goes on sending gets its answer all the same, and nothing is kept of it.
func TestAnswerBesideARefusedBody(t *testing.T) {
	sent := make(chan struct{})
	h, kept, _ := guarded(t, 1<<20, func(w http.ResponseWriter, r *http.Request) {
		<-sent // what comes while the answer is made is not kept either
		echo(w, r)
	})
	p := h.dial(t)
	go func() {
		defer close(sent)
		_, _ = io.WriteString(p, "POST /poll/none HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n"+strings.Repeat("x", 999_999))
	}()
	if response, _ := p.answer(); response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
	until(t, "nothing is kept", func() bool { return kept.Bytes() == 0 })
}

// All that is half here is bounded, and strangers cannot take what others need.
func TestPartialRequestsAreBounded(t *testing.T) {
	const most = 1_600_000
	h, kept, refused := guarded(t, most, echo)
	half := "POST /poll HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 40_000)
	var peers []*peer
	for len(refused) == 0 {
		p, before := h.dial(t), kept.Bytes()
		p.say(half)
		peers = append(peers, p)
		if len(peers) > 100 {
			t.Fatal("nobody was refused")
		}
		until(t, "it was kept or refused", func() bool { return kept.Bytes() != before || len(refused) > 0 })
		if n := kept.Bytes(); n > most/8 {
			t.Fatalf("%d bytes are kept of strangers, of %d in all", n, most)
		}
	}
	if why := next(t, refused); why != netloop.RefusedPartial {
		t.Errorf("refused for %q", why)
	}
	peers[len(peers)-1].expectEnd()
	p, before := h.dial(t), kept.Bytes()
	p.say(strings.Replace(half, "/poll", "/poll/known", 1))
	until(t, "it is kept", func() bool { return kept.Bytes() > before+30_000 })
	p.say(strings.Repeat("x", 10_000))
	if response, _ := p.answer(); response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
	for _, p := range peers {
		_ = p.Close()
	}
	until(t, "nothing is kept", func() bool { return kept.Bytes() == 0 })
}

func TestTimeForABody(t *testing.T) {
	h, _, refused := guarded(t, 1<<20, echo)
	p := h.dial(t)
	p.say("POST /poll/soon HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n" + strings.Repeat("x", 29))
	p.expectEnd()
	if why := next(t, refused); why != netloop.RefusedTime {
		t.Errorf("refused for %q", why)
	}
	p = h.dial(t) // 29 bytes are good for 29 s more
	p.say("POST /poll/rate HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n" + strings.Repeat("x", 29))
	time.Sleep(50 * time.Millisecond)
	p.say("x")
	if response, _ := p.answer(); response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
}

// Two lengths are how requests are smuggled past a proxy (RFC 9112 section 6.3).
func TestTwoLengths(t *testing.T) {
	h, _, refused := guarded(t, 1<<20, echo)
	for _, request := range []string{
		"POST /poll HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get("/poll"),
		"POST /other HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + get("/other"),
	} {
		p := h.dial(t)
		p.say(request)
		if response, body := p.answer(); response.StatusCode != http.StatusBadRequest || body != "400 Bad Request" || !response.Close {
			t.Errorf("%s %q", response.Status, body)
		}
		p.expectEnd()
		if why := next(t, refused); why != netloop.RefusedFraming {
			t.Errorf("refused for %q", why)
		}
	}
}

// A client that closes its half behind its request is still there for the answer.
func TestHalfClosed(t *testing.T) {
	h := exchanging(t, echo)
	for range 200 {
		p := h.dial(t)
		p.say(post("/poll", "x"))
		_ = p.Conn.(*net.TCPConn).CloseWrite()
		if _, body := p.answer(); body != "loop POST x <nil>" {
			t.Fatalf("body %q", body)
		}
		p.expectEnd()
	}
}

// Who waits for an answer that nobody knows the time of does so no longer.
func TestHalfClosedWhileAnswerIsDeferred(t *testing.T) {
	inside, ended := make(chan struct{}), make(chan struct{})
	h := exchanging(t, func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
		if w.(netloop.Deferrable).Defer(func() {}) {
			t.Error("not gone")
		}
		close(ended)
	})
	p := h.dial(t)
	p.say(get("/poll"))
	next(t, inside)
	_ = p.Conn.(*net.TCPConn).CloseWrite()
	next(t, ended)
	p.expectEnd()
}

func TestRestrictedConnections(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		refused := make(chan netloop.Refusal, 10)
		s := serve(t, kind, netloop.Config{MaxMessage: 1000, Refused: func(why netloop.Refusal) { refused <- why }},
			netloop.UpgradeOptions{Deflate: &netloop.Deflate{}})
		for _, frames := range [][][]byte{
			{text(strings.Repeat("x", 101))},
			{text(strings.Repeat("x", 101))[:20]}, // its header is enough
			{wire(false, 0, ws.OpText, strings.Repeat("x", 60)), wire(true, 0, ws.OpContinuation, strings.Repeat("x", 60))},
		} {
			c, server := s.connect(t)
			server.Restrict(100)
			c.send(text(strings.Repeat("x", 100)))
			next(t, s.messages)
			c.send(frames...)
			c.expectClose(1009)
			if why := next(t, refused); why != netloop.RefusedSize {
				t.Errorf("refused for %q", why)
			}
			var breach *netloop.ProtocolError
			if err := next(t, s.closed); !errors.As(err, &breach) {
				t.Errorf("closed for %v", err)
			}
		}
		c, server := s.connect(t)
		server.Restrict(100)
		server.Trust()
		c.send(text(strings.Repeat("x", 1000)))
		next(t, s.messages)
		none(t, refused)
	})
}

func TestPartialMessagesAreBounded(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		const most = 200_000
		kept := netloop.NewPartial(most)
		s := serve(t, kind, netloop.Config{Partial: kept}, netloop.UpgradeOptions{})
		first, _ := s.connect(t)
		first.send(wire(false, 0, ws.OpText, strings.Repeat("x", 40_000)), wire(true, 0, ws.OpPing, "all there?"))
		first.expect(ws.OpPong, "all there?") // what it has sent grows no more beside the others
		half := text(strings.Repeat("x", 90_000))[:80_000]
		var others []*client
		for range 10 {
			c, _ := s.connect(t)
			others = append(others, c)
			go func() { _, _ = c.Write(half) }()
			if kept.Bytes() > most {
				t.Fatalf("%d bytes are kept, of at most %d", kept.Bytes(), most)
			}
		}
		next(t, s.closed) // as some of them are
		for _, c := range others {
			_ = c.Close()
		}
		for range others[1:] {
			next(t, s.closed)
		}
		until(t, "only the first is left", func() bool { return kept.Bytes() < 80_000 })
		first.send(wire(true, 0, ws.OpContinuation, strings.Repeat("x", 50_000)))
		if m := next(t, s.messages); len(m.text) != 90_000 {
			t.Errorf("a message of %d bytes", len(m.text))
		}
	})
}

package forward_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
	"github.com/sockeye-im/sockeye/internal/cluster/forward"
)

// What comes with the id of no session that can be reached is refused as by one server alone, and nothing is held.
func TestRefusals(t *testing.T) {
	air := clustertest.New()
	a, b, gone := start(t, air, "a"), start(t, air, "b"), start(t, air, "c")
	acquainted(t, a, b, gone)
	_, ofGone := gone.open()
	gone.end()
	until(t, "it is gone", func() bool { return a.Elsewhere(gone.NewID()) == nil })
	other := start(t, clustertest.New(), "a")
	_, ofOther := other.open()
	_, dead := b.open()
	dead = dead[:len(dead)-1] + "-"

	for name, query := range map[string]string{
		"of a node that is gone": ofGone,
		"of no node":             v4 + "&sid=AAAAAAAAAAAAAAAAAAAA",
		"of another cluster":     ofOther,
		"of this node":           v4 + "&sid=" + a.Tag() + "AAAAAAAAAAAAAAAA",
		"too short":              v4 + "&sid=" + b.NewID()[:19],
		"too long":               v4 + "&sid=" + b.NewID() + "A",
		"not of a session":       dead,
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, a.get(query))
			refused(t, a.post(query, "4hello"))
			got := a.request(http.MethodGet, strings.Replace(query, "polling", "websocket", 1), "", upgrading...)
			if got.status != http.StatusBadRequest || got.body != "Session ID unknown" {
				t.Errorf("an upgrade: %d %s", got.status, got.body)
			}
			// The body of what is refused is not waited for.
			c := a.raw(t)
			_, _ = fmt.Fprintf(c, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n4he", query)
			head := make([]byte, 12)
			if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 400" {
				t.Errorf("half a request: %s, %v", head, err)
			}
		})
	}
	a.failedNever()
	if a.Busy() != 0 || a.WebSockets() != 0 {
		t.Errorf("%d and %d are held", a.Busy(), a.WebSockets())
	}
}

var upgrading = []string{"Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}

// raw is a connection to the node.
func (n *node) raw(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.public.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// failed waits until something was not passed on for a cause.
func (n *node) failed(t *testing.T, why forward.Cause, times uint64) {
	t.Helper()
	until(t, "it was counted as "+string(why), func() bool { return n.Failed(why) == times })
	if n.Busy() != 0 {
		t.Errorf("%d are held", n.Busy())
	}
}

// A node that dies without a word is not waited for: its port is closed, and in the end it is gone.
func TestNodeDies(t *testing.T) {
	air := clustertest.New()
	a, b := start(t, air, "a"), start(t, air, "b")
	acquainted(t, a, b)
	session, query := b.open()
	waiting := make(chan answer)
	go func() {
		got, _ := a.ask(t.Context(), http.MethodGet, query, "")
		waiting <- got
	}()
	until(t, "the poll waits", session.Writable)
	b.fallSilent()
	refused(t, <-waiting) // though nothing of it has closed a connection
	a.failed(t, forward.Gone, 1)
	refused(t, a.get(query))
}

func TestNodeIsUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	air := clustertest.New()
	a, b := start(t, air, "a"), start(t, air, "b", func(o *options) { o.at = closed.Addr().String() })
	acquainted(t, a, b)
	_, query := b.open()
	refused(t, a.get(query))
	got := a.request(http.MethodGet, strings.Replace(query, "polling", "websocket", 1), "", upgrading...)
	if got.status != http.StatusBadRequest || a.WebSockets() != 0 {
		t.Errorf("an upgrade: %d, %d are held", got.status, a.WebSockets())
	}
	a.failed(t, forward.Unreachable, 2)
	until(t, "it says so", func() bool { return len(a.Unreachable()) == 1 && strings.Contains(a.logged(), "cannot be reached") })
	if len(b.Unreachable()) > 0 {
		t.Error("the way back is the same")
	}
}

func TestNodeIsSlow(t *testing.T) {
	nodes := some(t, 2, func(o *options) { o.forward.AnswerTimeout = 200 * time.Millisecond })
	a, b := nodes[0], nodes[1]
	_, query := b.open()
	refused(t, a.get(query)) // nothing comes
	a.failed(t, forward.Slow, 1)
	b.closed(engineio.TransportError)
}

// Where another process has the address, with the certificate of another cluster, nothing is passed to it; and nothing is
// taken from one.
func TestOtherCertificate(t *testing.T) {
	other := start(t, clustertest.New(), "a")
	air := clustertest.New()
	at := addressOf(other)
	a, b := start(t, air, "a"), start(t, air, "b", func(o *options) { o.at = at })
	acquainted(t, a, b)
	_, query := b.open()
	refused(t, a.get(query))
	refused(t, a.post(query, "4secret"))
	a.failed(t, forward.Certificate, 2)
	if other.Figures().Taken != 0 {
		t.Error("it was passed to another cluster")
	}

	for name, config := range map[string]*tls.Config{"another cluster's": a.TLS(other.Pin()), "none": {InsecureSkipVerify: true}} {
		conn, err := tls.Dial("tcp", at, config)
		if err == nil { // in TLS 1.3 the answer comes behind the handshake
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, err = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
		if remote := (*net.OpError)(nil); !errors.As(err, &remote) || remote.Op != "remote error" {
			t.Errorf("%s: %v", name, err)
		}
	}
	until(t, "it was counted", func() bool { return other.Figures().Strangers == 1 })
	if n := strings.Count(other.logged(), "whose certificate"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
	if _, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 is taken")
	}
}

// addressOf is where other nodes reach one.
func addressOf(n *node) string { return n.listener.Addr().String() }

// A node that the other has not heard of yet is taken as soon as it has.
func TestNodeIsNew(t *testing.T) {
	air := clustertest.New()
	a := start(t, air, "a")
	air.Lose(func(from, _ string, _ cluster.Kind, body []byte) bool {
		return from != "a" && strings.Contains(string(body), "certificate")
	})
	b, hasty := start(t, air, "b"), start(t, air, "c", func(o *options) { o.forward.ConnectTimeout = 500 * time.Millisecond })
	for _, n := range []*node{b, hasty} {
		until(t, "it knows the other", func() bool { return n.Elsewhere(a.NewID()) != nil })
	}
	_, query := a.open()
	until(t, "it is refused for its certificate", func() bool {
		refused(t, hasty.get(query))
		return hasty.Failed(forward.Certificate) > 0 // and not for how long shaking hands takes on a busy machine
	})
	posted := make(chan answer)
	go func() {
		got, _ := b.ask(t.Context(), http.MethodPost, query, "4hello")
		posted <- got
	}()
	strangers := a.Figures().Strangers
	until(t, "it has tried again", func() bool { return a.Figures().Strangers > strangers })
	air.Lose(nil)
	b.says(<-posted, "ok")
	b.says(b.get(query), "4echo:hello")
}

// What another node has passed on goes no further.
func TestTwoHops(t *testing.T) {
	nodes := some(t, 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	_, query := c.open()
	from := a.As(b.Pin())
	defer from.CloseIdleConnections()
	send := func(path string, header ...string) answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addressOf(b)+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		response, err := from.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		return answer{response.StatusCode, response.Header, string(body)}
	}
	refused(t, send("/engine.io/?"+query, forward.ClientHeader, "192.0.2.1:1"))
	b.failed(t, forward.Twice, 1)
	if c.Figures().Taken != 0 {
		t.Error("it was passed on twice")
	}
	// No session begins that way, nor does anything else.
	for _, path := range []string{"/engine.io/?" + v4, "/engine.io/?" + query} {
		if got := send(path); got.status != http.StatusBadRequest || b.engine.Len() != 0 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

// A body that ends too soon is the end of the session, as at the right node, and of what is held of it.
func TestBodyIsCut(t *testing.T) {
	nodes := some(t, 2)
	a, b := nodes[0], nodes[1]
	_, query := b.open()
	c := a.raw(t)
	_, _ = fmt.Fprintf(c, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n4he", query)
	until(t, "it is on its way", func() bool { return a.Busy() == 1 })
	_ = c.Close()
	b.closed(engineio.TransportError)
	a.failed(t, forward.Cut, 1)
	// Of what is no session nothing is read.
	c = a.raw(t)
	_, _ = fmt.Fprintf(c, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n4he", query)
	head := make([]byte, 12)
	if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 400" {
		t.Errorf("half a request: %s, %v", head, err)
	}
	until(t, "nothing is held", func() bool { return a.Busy() == 0 })
}

// Who is not known yet may send no more by another node than here, and takes no longer over it.
func TestStrangersGainNothing(t *testing.T) {
	nodes := some(t, 2, func(o *options) { o.engine.MaxStrangerPayload = 1000 })
	a, b := nodes[0], nodes[1]
	session, query := b.open()
	for _, n := range []*node{a, b} {
		if got := n.post(query, "4"+strings.Repeat("x", 1000)); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("by %s: %d %s", n.bus.Self(), got.status, got.body)
		}
	}
	a.says(a.post(query, "4hello"), "ok")
	session.Trust()
	long := strings.Repeat("x", 200_000)
	a.says(a.post(query, "4"+long), "ok")
	a.says(a.get(query), "4echo:hello\x1e4echo:"+long)
	b.mu.Lock()
	defer b.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.vouched) != 2 || len(b.trusted) != 2 || a.vouched[0] != b.trusted[0] {
		t.Errorf("vouched for %v, the node of the session saw %v", a.vouched, b.trusted)
	}
}

// What only nodes may say is not believed of anybody else.
func TestHeadersOfNodes(t *testing.T) {
	nodes := some(t, 2)
	a, b := nodes[0], nodes[1]
	session, query := b.open()
	session.Trust()
	got := a.request(http.MethodPost, query, "4hello", forward.ClientHeader, "192.0.2.1:1", "Sockeye-Other", "x")
	a.says(got, "ok")
	if got.header.Get(forward.KnownHeader) != "" {
		t.Error("the client is told what nodes tell each other")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.trusted) != 1 || !strings.HasPrefix(b.trusted[0], "127.0.0.1:") {
		t.Errorf("it came from %v", b.trusted)
	}
}

func TestBounds(t *testing.T) {
	nodes := some(t, 2, func(o *options) { o.forward.MaxRequests, o.forward.MaxWebSockets = 1, 1 })
	a, b := nodes[0], nodes[1]
	session, query := b.open()
	waiting := make(chan answer)
	go func() {
		got, _ := a.ask(t.Context(), http.MethodGet, query, "")
		waiting <- got
	}()
	until(t, "the poll waits", session.Writable)
	refused(t, a.post(query, "4hello"))
	a.Release() // and with it ends what waits
	refused(t, <-waiting)
	if a.Failed(forward.Busy) != 1 || a.Failed(forward.Gone) != 1 {
		t.Errorf("%+v", a.Figures())
	}
}

// Where two nodes have one tag the younger one takes another.
func TestTagOfTwo(t *testing.T) {
	air := clustertest.New()
	older := start(t, air, "a")
	tag := older.Tag()
	time.Sleep(2 * time.Millisecond) // in which the clock goes on: it counts milliseconds
	younger, third := start(t, air, "b", func(o *options) { o.tag = tag }), start(t, air, "c")
	until(t, "it takes another", func() bool { return younger.Tag() != tag })
	acquainted(t, older, younger, third)
	_, query := older.open()
	third.says(third.post(query, "4hello"), "ok")
	_, query = younger.open()
	third.says(third.post(query, "4hello"), "ok")
	if older.Tag() != tag {
		t.Error("both do")
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := forward.Config{Address: "a:1", ConnectTimeout: 1, AnswerTimeout: 1, WriteStall: 1, MaxRequests: 1, MaxWebSockets: 1}
	for want, change := range map[string]func(*forward.Config){
		"address":  func(c *forward.Config) { c.Address = "" },
		"connect":  func(c *forward.Config) { c.ConnectTimeout = 0 },
		"answer":   func(c *forward.Config) { c.AnswerTimeout = 0 },
		"stall":    func(c *forward.Config) { c.WriteStall = 0 },
		"requests": func(c *forward.Config) { c.MaxRequests = 0 },
		"passed":   func(c *forward.Config) { c.MaxWebSockets = 0 },
	} {
		c := good
		change(&c)
		if _, err := forward.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, which does not say %q", err, want)
		}
	}
}

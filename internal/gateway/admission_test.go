package gateway_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

// door is the part of a node that decides by address and origin, with a clock
// of its own.
type door struct {
	*node
	ahead atomic.Int64 // of the time at which it was opened; others read the clock too
}

func (d *door) sleep(t time.Duration) { d.ahead.Add(int64(t)) }

func openDoor(t *testing.T, cfg gateway.Config) *door {
	d, opened := new(door), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d.node = serve(t, limits(cfg), func(s *setup) {
		s.Now = func() time.Time { return opened.Add(time.Duration(d.ahead.Load())) }
	})
	return d
}

// knock asks to be let in; header is name, value, …
func (d *door) knock(from string, header ...string) string {
	r := httptest.NewRequest(http.MethodGet, "http://chat.example/socket.io/", nil)
	r.RemoteAddr = from
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	if err := d.door.Admit(r); err != nil {
		return err.Error()
	}
	return ""
}

const (
	tooFast = "Too many new connections"
	blocked = "Address is blocked"
)

func TestOrigins(t *testing.T) {
	const refused = "Origin not allowed"
	own := openDoor(t, gateway.Config{Origins: []string{"https://app.example"}})
	all := openDoor(t, gateway.Config{Origins: []string{"*"}})
	for origin, want := range map[string]string{
		"":                              "", // no browser
		"http://chat.example":           "", // the server's own page
		"https://CHAT.example":          "",
		"https://app.example":           "",
		"https://App.Example":           "",
		"http://app.example":            refused,
		"https://app.example:8443":      refused,
		"https://app.example.evil.test": refused,
		"https://evil.test":             refused,
		"http://chat.example:8080":      refused,
		"http://evil@chat.example":      refused,
		"http://evil:pw@chat.example":   refused,
		"http://chat.example/":          refused,
		"http://chat.example/path":      refused,
		"http://chat.example?q":         refused,
		"http://chat.example#f":         refused,
		"ftp://chat.example":            refused,
		"//chat.example":                refused,
		"chat.example":                  refused,
		"http://":                       refused,
		"null":                          refused,
		"://":                           refused,
	} {
		var header []string
		if origin != "" {
			header = []string{"Origin", origin}
		}
		if got := own.knock("192.0.2.1:1", header...); got != want {
			t.Errorf("%q: %q, want %q", origin, got, want)
		}
		if got := all.knock("192.0.2.1:1", header...); got != "" {
			t.Errorf("%q, all allowed: %q", origin, got)
		}
	}
	if got := own.count("websocket_connections_refused_total", "reason", "origin"); got != 17 {
		t.Errorf("counted %v", got)
	}
}

// Where it is known how the client has come, its own origin has the same scheme: a page that came over HTTP may be
// anybody's by the time it is there.
func TestSchemeOfTheOwnOrigin(t *testing.T) {
	d := openDoor(t, gateway.Config{TrustedProxies: prefixes(t, "10.0.0.0/8")})
	const direct, proxy = "192.0.2.1:1", "10.0.0.1:1"
	for _, c := range []struct {
		name, from   string
		secure       bool
		proto        []string
		http, https_ bool
	}{
		{"plain, perhaps behind a proxy that nobody told of", direct, false, nil, true, true},
		{"own TLS", direct, true, nil, false, true},
		{"a stranger's word", direct, false, []string{"https"}, true, true},
		{"a stranger's word over TLS", direct, true, []string{"http"}, false, true},
		{"a proxy with TLS", proxy, false, []string{"https"}, false, true},
		{"a proxy without", proxy, false, []string{"http"}, true, false},
		{"a proxy in capitals", proxy, false, []string{" HTTPS "}, false, true},
		{"a proxy that names the WebSocket", proxy, false, []string{"wss"}, false, true},
		{"a proxy that says nothing", proxy, false, nil, true, true},
		{"a proxy that says nothing, over TLS", proxy, true, nil, true, true},
		{"proxies that agree", proxy, false, []string{"https, https"}, false, true},
		{"proxies that do not", proxy, false, []string{"https", "http"}, true, true},
		{"a proxy that says something else", proxy, false, []string{"gopher"}, true, true},
	} {
		for origin, allowed := range map[string]bool{"http://chat.example": c.http, "https://chat.example": c.https_} {
			r := httptest.NewRequest(http.MethodGet, "http://chat.example/ws", http.NoBody)
			r.RemoteAddr = c.from
			r.Header["X-Forwarded-Proto"] = c.proto
			r.Header.Set("Origin", origin)
			if c.secure {
				r.TLS = new(tls.ConnectionState)
			}
			if err := d.door.Admit(r); (err == nil) != allowed {
				t.Errorf("%s: %s: %v", c.name, origin, err)
			}
		}
	}
}

// A refusal reaches the client as the protocol has it.
func TestRefusedRequests(t *testing.T) {
	n := serve(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/socket.io/?EIO=4&transport=polling", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "https://evil.test")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusForbidden || string(body) != `{"code":4,"message":"Origin not allowed"}` {
		t.Errorf("answered %d %s", response.StatusCode, body)
	}
	var status ws.StatusError
	if _, err := n.dial(4, nil, http.Header{"Origin": {"https://evil.test"}}); !errors.As(err, &status) || status != http.StatusBadRequest {
		t.Errorf("WebSocket: %v", err)
	}
	n.mustDial(4, nil, http.Header{"Origin": {n.url}})
}

// Over plain WebSocket a refusal is an answer of HTTP, which says when to come again where that is known.
func TestRefusedNativeRequests(t *testing.T) {
	ask := func(n *node, header ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/ws", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response
	}
	clock := time.Now()
	at := func(s *setup) { s.Now = func() time.Time { return clock } }
	hasty := serve(t, limits(gateway.Config{Connects: perMinute(1)}), at)
	ask(hasty)
	if r := ask(hasty); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "60" {
		t.Errorf("over the rate: %s, again after %q", r.Status, r.Header.Get("Retry-After"))
	}
	for range 99 {
		ask(hasty)
	}
	if r := ask(hasty); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "3600" {
		t.Errorf("who does not stop: %s, again after %q", r.Status, r.Header.Get("Retry-After"))
	}

	crowded := serve(t, limits(gateway.Config{MaxConnectionsPerIP: 1}))
	crowded.device("ada")
	if r := ask(crowded); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("too many connections: %s", r.Status)
	}
	if r := ask(crowded, "Origin", "https://evil.test"); r.StatusCode != http.StatusForbidden {
		t.Errorf("another origin: %s", r.Status)
	}
	barred := serve(t)
	barred.block(netip.MustParseAddr("127.0.0.1"))
	if r := ask(barred); r.StatusCode != http.StatusForbidden || r.Header.Get("Retry-After") != "" {
		t.Errorf("blocked by an administrator: %s", r.Status)
	}
	full := serve(t, limits(gateway.Config{MaxConnections: 1}))
	full.device("ada")
	if r := ask(full); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("at capacity: %s", r.Status)
	}
}

// Whoever owns a /48 has more than an address has, but not once more for each /64 of it, and is not blocked for what
// its neighbours do.
func TestAllowanceOfASite(t *testing.T) {
	const each, site = 10, 10 * 16
	d := openDoor(t, gateway.Config{Connects: perMinute(each)})
	from := func(network int) string { return fmt.Sprintf("[2001:db8:1:%x::1]:1", network) }
	for network := range site {
		if got := d.knock(from(network)); got != "" {
			t.Fatalf("network %d: %s", network, got)
		}
	}
	for network := range 3 * each {
		if got := d.knock(from(site + network)); got != tooFast {
			t.Fatalf("network %d: %q", site+network, got)
		}
	}
	for _, other := range []string{"[2001:db8:2::1]:1", "192.0.2.1:1"} {
		if got := d.knock(other); got != "" {
			t.Errorf("%s: %s", other, got)
		}
	}
	for range 200 {
		d.knock(from(0)) // a neighbour that does not stop
	}
	if got := d.knock(from(0)); got != blocked {
		t.Errorf("who does not stop: %q", got)
	}
	d.sleep(time.Minute)
	if got := d.knock(from(1)); got != "" {
		t.Errorf("its neighbour: %s", got)
	}
}

// The same for connections that are open.
func TestConnectionsOfASite(t *testing.T) {
	const site = 16
	n := serve(t, limits(gateway.Config{MaxConnectionsPerIP: 1, TrustedProxies: prefixes(t, "127.0.0.0/8")}))
	in := func(network int) *device {
		d := n.mustDial(4, nil, http.Header{"X-Forwarded-For": {fmt.Sprintf("2001:db8:1:%x::1", network)}})
		d.connect(map[string]string{"token": n.token("ada")})
		return d
	}
	first := in(0)
	for network := range site - 1 {
		in(1 + network)
	}
	header := http.Header{"X-Forwarded-For": {"2001:db8:1:ffff::1"}}
	var status ws.StatusError
	if _, err := n.dial(4, nil, header); !errors.As(err, &status) {
		t.Errorf("one more: %v", err)
	}
	n.lose(first)
	in(0xffff)
}

func prefixes(t *testing.T, cidrs ...string) []netip.Prefix {
	t.Helper()
	var list []netip.Prefix
	for _, cidr := range cidrs {
		p, err := netip.ParsePrefix(cidr)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// Two requests come from one address if the second finds nothing left of an
// allowance of one.
func TestWhatCountsAsOneAddress(t *testing.T) {
	trusted := prefixes(t, "10.0.0.0/8", "2001:db8:1::1/128", "127.0.0.0/8")
	for _, c := range []struct {
		name                string
		first, second       string
		forFirst, forSecond string
		one                 bool
	}{
		{"ports differ", "192.0.2.1:1", "192.0.2.1:2", "", "", true},
		{"addresses differ", "192.0.2.1:1", "192.0.2.2:1", "", "", false},
		{"IPv4 in IPv6", "192.0.2.1:1", "[::ffff:192.0.2.1]:1", "", "", true},
		{"one /64", "[2001:db8::1]:1", "[2001:db8::ffff:1]:1", "", "", true},
		{"two /64", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", "", "", false},
		{"zones", "[fe80::1%eth0]:1", "[fe80::2%eth1]:1", "", "", true},
		{"a stranger's word", "192.0.2.1:1", "192.0.2.1:1", "198.51.100.1", "198.51.100.2", true},
		{"a proxy's word", "10.0.0.1:1", "10.0.0.2:1", "198.51.100.1", "198.51.100.1", true},
		{"clients of one proxy", "10.0.0.1:1", "10.0.0.1:1", "198.51.100.1", "198.51.100.2", false},
		{"what the client put before", "10.0.0.1:1", "10.0.0.1:1", "1.1.1.1, 198.51.100.1", "2.2.2.2, 198.51.100.1", true},
		{"a chain of proxies", "10.0.0.1:1", "10.0.0.1:1", "198.51.100.1, 10.9.9.9", "198.51.100.2, 10.9.9.9", false},
		{"a forged chain", "10.0.0.1:1", "10.0.0.1:1", "10.1.1.1, 198.51.100.1, 10.9.9.9", "10.2.2.2, 198.51.100.1, 10.9.9.9", true},
		{"garbage behind", "10.0.0.1:1", "10.0.0.1:1", "198.51.100.1, x", "198.51.100.2, x", true},
		{"with ports", "10.0.0.1:1", "10.0.0.1:1", "198.51.100.1:5", "198.51.100.1:6", true},
		{"IPv6 behind a proxy", "10.0.0.1:1", "10.0.0.1:1", "2001:db8:5::1", "[2001:db8:5::2]:7", true},
		{"an IPv6 proxy", "[2001:db8:1::1]:1", "[2001:db8:1::1]:1", "198.51.100.1", "198.51.100.2", false},
		{"its neighbour is none", "[2001:db8:1::2]:1", "[2001:db8:1::2]:1", "198.51.100.1", "198.51.100.2", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openDoor(t, gateway.Config{TrustedProxies: trusted, Connects: perMinute(1)})
			if got := d.knock(c.first, "X-Forwarded-For", c.forFirst); got != "" {
				t.Fatal(got)
			}
			if got := d.knock(c.second, "X-Forwarded-For", c.forSecond) == tooFast; got != c.one {
				t.Errorf("one address: %v, want %v", got, c.one)
			}
		})
	}
}

// Headers of several lines are one list.
func TestForwardedForOnSeveralLines(t *testing.T) {
	d := openDoor(t, gateway.Config{TrustedProxies: prefixes(t, "10.0.0.0/8"), Connects: perMinute(1)})
	const name = "X-Forwarded-For"
	if got := d.knock("10.0.0.1:1", name, "1.1.1.1", name, "198.51.100.1"); got != "" {
		t.Fatal(got)
	}
	if got := d.knock("10.0.0.1:1", name, "2.2.2.2", name, "198.51.100.1"); got != tooFast {
		t.Errorf("got %q", got)
	}
}

func TestWhoDoesNotStopIsBlocked(t *testing.T) {
	const most, enough = 60, 100
	d := openDoor(t, gateway.Config{Connects: perMinute(most)})
	const from, other = "192.0.2.1:1", "192.0.2.2:1"
	for range most {
		if got := d.knock(from); got != "" {
			t.Fatal(got)
		}
	}
	for range enough {
		if got := d.knock(from); got != tooFast {
			t.Fatalf("got %q", got)
		}
	}
	if got := d.knock(from); got != blocked {
		t.Errorf("got %q", got)
	}
	if got := d.knock(other); got != "" {
		t.Errorf("another address: %q", got)
	}
	d.sleep(time.Hour - time.Second)
	if got := d.knock(from); got != blocked {
		t.Errorf("within the hour: %q", got)
	}
	d.sleep(2 * time.Second)
	if got := d.knock(from); got != "" {
		t.Errorf("after it: %q", got)
	}
	for reason, want := range map[string]float64{"rate": enough, "blocked": 2} {
		if got := d.count("websocket_connections_refused_total", "reason", reason); got != want {
			t.Errorf("%s: counted %v, want %v", reason, got, want)
		}
	}
}

// Who waits is let in again at the rate, and is not on the way to being blocked.
func TestTheAllowanceComesBack(t *testing.T) {
	d := openDoor(t, gateway.Config{Connects: perMinute(60)})
	for range 60 {
		d.knock("192.0.2.1:1")
	}
	for range 500 {
		if got := d.knock("192.0.2.1:1"); got != tooFast {
			t.Fatalf("got %q", got)
		}
		d.sleep(time.Second)
		if got := d.knock("192.0.2.1:1"); got != "" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestConnectionsPerAddress(t *testing.T) {
	n := serve(t,
		limits(gateway.Config{MaxConnectionsPerIP: 2, TrustedProxies: prefixes(t, "127.0.0.0/8")}),
	)
	from := func(ip string) http.Header { return http.Header{"X-Forwarded-For": {ip}} }
	in := func(user, ip string) *device {
		t.Helper()
		d := n.mustDial(4, nil, from(ip))
		d.connect(map[string]string{"token": n.token(user)})
		return d
	}
	first := in("ada", "192.0.2.1")
	in("bob", "192.0.2.1")
	var status ws.StatusError
	if _, err := n.dial(4, nil, from("192.0.2.1")); !errors.As(err, &status) {
		t.Errorf("a third one: %v", err)
	}
	if got := n.count("websocket_connections_refused_total", "reason", "connections_per_ip"); got != 1 {
		t.Errorf("counted %v", got)
	}
	in("eve", "192.0.2.2")
	n.lose(first)
	in("ada", "192.0.2.1")
}

// Connections that were let in together cannot all sign in.
func TestConnectionsPerAddressAtSignIn(t *testing.T) {
	n := serve(t, limits(gateway.Config{MaxConnectionsPerIP: 2}))
	var early []*device
	for range 3 {
		early = append(early, n.mustDial(4, nil, nil))
	}
	for _, d := range early[:2] {
		d.connect(map[string]string{"token": n.token("ada")})
	}
	over := early[2]
	over.send("0" + text(map[string]string{"token": n.token("ada")}))
	var f failure
	over.event("error", &f)
	if f.Code != "too_many_connections" || f.Message != "Too many connections" {
		t.Errorf("got %+v", f)
	}
	over.closed()
	// It leaves no trace in the count.
	n.lose(early[0])
	n.device("bob")
	if got := n.gateway.Connections(); got != 2 {
		t.Errorf("%d connections", got)
	}
}

func TestCapacity(t *testing.T) {
	n := serve(t, limits(gateway.Config{MaxConnections: 2}))
	ada, bob := n.device("ada"), n.device("bob")
	over := n.mustDial(4, nil, nil)
	over.send("0" + text(map[string]string{"token": n.token("eve")}))
	over.emit("room:create", `{"id":"over","name":"x"}`)
	var f failure
	over.event("error", &f)
	if f.Code != "server_at_capacity" || f.Message != "Server at capacity" {
		t.Errorf("got %+v", f)
	}
	over.find("the disconnect packet", func(p *packet) bool { return p.kind == '1' })
	over.closed()
	ada.mustFail("room:join", `{"roomId":"over"}`, "room_not_found", "Room not found")
	if got := n.gateway.Connections(); got != 2 {
		t.Errorf("%d connections", got)
	}
	n.lose(bob)
	n.device("eve")
	for status, want := range map[string]float64{"connected": 3, "disconnected": 1, "refused": 1} {
		if got := n.count("websocket_connections_total", "status", status); got != want {
			t.Errorf("%s: counted %v, want %v", status, got, want)
		}
	}
	if got := n.count("websocket_connections_refused_total", "reason", "capacity"); got != 1 {
		t.Errorf("counted %v", got)
	}
}

// Connections that have not signed in cannot fill the node either.
func TestStrangersAreBounded(t *testing.T) {
	d := openDoor(t, gateway.Config{MaxConnections: 2000})
	r := httptest.NewRequest(http.MethodGet, "http://chat.example/socket.io/", nil)
	if err := d.door.AdmitBeside(r, 2199); err != nil {
		t.Errorf("one under: %v", err)
	}
	if err := d.door.AdmitBeside(r, 2200); err == nil || err.Error() != "Server at capacity" {
		t.Errorf("at the bound: %v", err)
	}
}

func TestMetricsCountMessages(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	ada.must("room:create", `{"id":"hall","name":"x"}`)
	for i := range 3 {
		ada.must("room:message", fmt.Sprintf(`{"roomId":"hall","content":"%d"}`, i))
	}
	ada.ask("room:message", `{}`)
	for _, c := range []struct {
		metric string
		labels []string
		want   float64
	}{
		{"websocket_messages_total", []string{"type", "room:message", "status", "success"}, 3},
		{"websocket_messages_total", []string{"type", "room:message", "status", "error"}, 1},
		{"websocket_response_time_seconds", []string{"operation", "room:message"}, 4},
		{"websocket_errors_total", []string{"type", "command", "code", "missing_fields"}, 1},
		{"websocket_connections_total", []string{"status", "connected"}, 1},
	} {
		if got := n.count(c.metric, c.labels...); got != c.want {
			t.Errorf("%s %v is %v, want %v", c.metric, c.labels, got, c.want)
		}
	}
}

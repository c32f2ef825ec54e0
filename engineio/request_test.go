package engineio_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
)

func TestRequestErrors(t *testing.T) {
	s := serve(t, engineio.Config{NoEIO3: true, AllowRequest: func(r *http.Request) error {
		if r.URL.Query().Has("forbid") {
			return errors.New(`not "you"`)
		}
		return nil
	}})
	_, query := s.open(t, "4")
	sid := query[strings.Index(query, "&sid="):] //nolint:gocritic // it is there
	wsSession, _ := s.openSocket(t, "4")
	for _, test := range []struct {
		method, query string
		status        int
		body          string
	}{
		{"GET", "EIO=4", 400, `{"code":0,"message":"Transport unknown"}`},
		{"GET", "EIO=4&transport=abc", 400, `{"code":0,"message":"Transport unknown"}`},
		{"GET", "EIO=4&transport=__proto__", 400, `{"code":0,"message":"Transport unknown"}`},
		{"GET", "EIO=4&transport=polling&sid=none", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"POST", "EIO=4&transport=polling", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"OPTIONS", "EIO=4&transport=polling", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"GET", "EIO=4&transport=websocket", 400, `{"code":3,"message":"Bad request"}`},
		{"GET", "EIO=4&transport=websocket" + sid, 400, `{"code":3,"message":"Bad request"}`},
		{"GET", "EIO=4&transport=polling&sid=" + wsSession.ID(), 400, `{"code":3,"message":"Bad request"}`},
		{"GET", "EIO=4&transport=polling&j=alert(1)", 400, `{"code":3,"message":"Bad request"}`},
		{"GET", "EIO=4&transport=polling&forbid", 403, `{"code":4,"message":"not \"you\""}`},
		{"GET", "transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"GET", "EIO=5&transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"GET", "EIO=3&transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"PUT", query, 400, `{"code":2,"message":"Bad handshake method"}`},
	} {
		a := s.request(t, test.method, test.query, "")
		if a.status != test.status || a.body != test.body || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %s (%s), want %d %s", test.method, test.query, a.status, a.body, a.header.Get("Content-Type"), test.status, test.body)
		}
	}
	if n := s.Len(); n != 2 {
		t.Errorf("%d sessions, want the 2 that were opened", n)
	}
	none(t, s.closes)
}

func TestRefusedUpgrades(t *testing.T) {
	s := serve(t, engineio.Config{NoEIO3: true, AllowRequest: func(r *http.Request) error {
		if r.URL.Query().Has("forbid") {
			return errors.New("not you")
		}
		return nil
	}})
	for query, want := range map[string]string{
		"EIO=4&transport=abc":                "Transport unknown",
		"EIO=4&transport=websocket&sid=none": "Session ID unknown",
		"EIO=4&transport=polling":            "Bad request",
		"EIO=4&transport=websocket&forbid":   "not you",
		"EIO=3&transport=websocket":          "Unsupported protocol version",
		"transport=websocket":                "Unsupported protocol version",
	} {
		a := s.get(t, query, upgrading...)
		if a.status != http.StatusBadRequest || a.body != want {
			t.Errorf("%s: %d %s, want 400 %s", query, a.status, a.body, want)
		}
	}
	a := s.get(t, "EIO=4&transport=websocket", append(upgrading, "Sec-WebSocket-Key", "short")...)
	if a.status != http.StatusBadRequest || !strings.Contains(a.body, "Sec-WebSocket-Key") {
		t.Errorf("bad key: %d %s", a.status, a.body)
	}
	if n := s.Len(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestHandshake(t *testing.T) {
	s := serve(t, engineio.Config{PingInterval: 3 * time.Second, PingTimeout: 2 * time.Second, MaxPayload: 12345})
	a := s.get(t, "EIO=4&transport=polling&token=a%20b&token=c", "X-Test", "1", "Authorization", "Bearer x")
	want := `^0\{"sid":"[\w-]{20}","upgrades":\["websocket"\],"pingInterval":3000,"pingTimeout":2000,"maxPayload":12345\}$`
	if !regexp.MustCompile(want).MatchString(a.body) {
		t.Errorf("open packet %s", a.body)
	}
	if a.header.Get("Content-Type") != "text/plain; charset=UTF-8" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", a.header)
	}
	session := next(t, s.sessions)
	h := session.Handshake()
	if h.Query().Get("token") != "a b" || len(h.Query()["token"]) != 2 || h.Header().Get("X-Test") != "1" || h.Header().Get("Authorization") != "Bearer x" {
		t.Errorf("query %v, header %v", h.Query(), h.Header())
	}
	if host, _, err := net.SplitHostPort(h.RemoteAddr); host != "127.0.0.1" || err != nil || h.Secure || h.Host == "" || time.Since(h.Time) > time.Minute {
		t.Errorf("handshake %+v", h)
	}
	if session.Protocol() != 4 || session.Transport() != engineio.Polling {
		t.Errorf("version %d over %s", session.Protocol(), session.Transport())
	}

	c := s.dial(t, "EIO=4&transport=websocket")
	if open := c.text(); !regexp.MustCompile(strings.Replace(want, `"websocket"`, "", 1)).MatchString(open) {
		t.Errorf("open packet %s", open)
	}
	if session := next(t, s.sessions); session.Transport() != engineio.WebSocket || session.Handshake().Header().Get("Upgrade") == "" {
		t.Errorf("%s %v", session.Transport(), session.Handshake().Header())
	}
	if a := s.get(t, "EIO=3&transport=polling"); !regexp.MustCompile(`^\d+:0\{"sid"`).MatchString(a.body) {
		t.Errorf("version 3: %s", a.body)
	}
}

func TestTransportsAllowed(t *testing.T) {
	if _, err := engineio.NewServer(engineio.Config{}); err == nil {
		t.Error("no error without OnSession")
	}
	if _, err := engineio.NewServer(engineio.Config{OnSession: func(*engineio.Session) engineio.Handler { return nil }, Transports: []string{"pigeon"}}); err == nil {
		t.Error("no error for an unknown transport")
	}
	for _, cfg := range []engineio.Config{{Transports: []string{engineio.Polling}}, {NoUpgrades: true}} {
		s := serve(t, cfg)
		a := s.get(t, "EIO=4&transport=polling")
		if open := parseOpen(t, a.body); len(open.Upgrades) != 0 {
			t.Errorf("upgrades %v", open.Upgrades)
		}
	}
	s := serve(t, engineio.Config{Transports: []string{engineio.WebSocket}})
	if a := s.get(t, "EIO=4&transport=polling"); !strings.Contains(a.body, `"code":0`) {
		t.Errorf("polling: %s", a.body)
	}
	s.openSocket(t, "4")
}

func TestSessionIDs(t *testing.T) {
	const n = 10_000
	seen := make(map[string]bool, n)
	var ones [120]int
	valid := regexp.MustCompile(`^[\w-]{20}$`)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for range n {
		id := engineio.NewID()
		if seen[id] || !valid.MatchString(id) {
			t.Fatalf("%q is bad or was there before", id)
		}
		seen[id] = true
		for i, c := range []byte(id) {
			for bit := range 6 {
				ones[i*6+bit] += strings.IndexByte(alphabet, c) >> bit & 1
			}
		}
	}
	for i, count := range ones { // 8 standard deviations
		if count < n/2-400 || count > n/2+400 {
			t.Errorf("bit %d is set in %d of %d", i, count, n)
		}
	}
}

func TestCookie(t *testing.T) {
	s := serve(t, engineio.Config{Cookie: &http.Cookie{HttpOnly: true, SameSite: http.SameSiteLaxMode}})
	a := s.get(t, "EIO=4&transport=polling")
	sid := next(t, s.sessions).ID()
	if got, want := a.header.Get("Set-Cookie"), "io="+sid+"; Path=/; HttpOnly; SameSite=Lax"; got != want {
		t.Errorf("cookie %q, want %q", got, want)
	}
	s.post(t, "EIO=4&transport=polling&sid="+sid, "4a")

	d := ws.Dialer{}
	var cookie string
	d.OnHeader = func(key, value []byte) error {
		if string(key) == "Set-Cookie" {
			cookie = string(value)
		}
		return nil
	}
	conn, _, _, err := d.Dial(t.Context(), "ws"+strings.TrimPrefix(s.http.URL, "http")+"/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if want := "io=" + next(t, s.sessions).ID(); !strings.HasPrefix(cookie, want) {
		t.Errorf("cookie %q, want %q", cookie, want)
	}
	if a := serve(t, engineio.Config{}).get(t, "EIO=4&transport=polling"); a.header.Get("Set-Cookie") != "" {
		t.Error("a cookie that nobody asked for")
	}
}

func TestCORS(t *testing.T) {
	const good, bad = "https://app.example", "https://evil.example"
	s := serve(t, engineio.Config{CORS: &engineio.CORS{Origins: []string{good}, Credentials: true}})
	a := s.get(t, "EIO=4&transport=polling", "Origin", good)
	if a.header.Get("Access-Control-Allow-Origin") != good || a.header.Get("Access-Control-Allow-Credentials") != "true" || a.header.Get("Vary") != "Origin" {
		t.Errorf("allowed origin: %v", a.header)
	}
	a = s.get(t, "EIO=4&transport=polling", "Origin", bad)
	if a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Access-Control-Allow-Credentials") != "" || a.header.Get("Vary") != "Origin" {
		t.Errorf("other origin: %v", a.header)
	}
	a = s.get(t, "EIO=4&transport=none", "Origin", good) // errors must be readable too
	if a.status != 400 || a.header.Get("Access-Control-Allow-Origin") != good {
		t.Errorf("error: %d %v", a.status, a.header)
	}
	a = s.request(t, "OPTIONS", "EIO=4&transport=polling", "", "Origin", good, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-a,x-b")
	if a.status != 204 || a.header.Get("Access-Control-Allow-Methods") != "GET,POST" || a.header.Get("Access-Control-Allow-Headers") != "x-a,x-b" || a.header.Get("Access-Control-Allow-Origin") != good {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
	s = serve(t, engineio.Config{CORS: &engineio.CORS{Origins: []string{"*"}, Headers: []string{"x-c"}}})
	a = s.request(t, "OPTIONS", "", "", "Origin", bad, "Access-Control-Request-Headers", "x-a")
	if allowed := a.header.Get("Access-Control-Allow-Origin"); a.status != 204 || allowed != "*" && allowed != bad || a.header.Get("Access-Control-Allow-Headers") != "x-c" {
		t.Errorf("preflight of any origin: %d %v", a.status, a.header)
	}
	a = serve(t, engineio.Config{}).get(t, "EIO=4&transport=polling", "Origin", good)
	if a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Vary") != "" {
		t.Errorf("without CORS: %v", a.header)
	}
}

func TestCompression(t *testing.T) {
	long := strings.Repeat("x", 1023) // a packet of 1024 bytes
	for _, test := range []struct {
		threshold    int
		accept, text string
		compress     bool
		want         string
	}{
		{0, "gzip, deflate", long, true, "gzip"},
		{0, "deflate", long, true, "deflate"},
		{0, "br, *", long, true, "gzip"},
		{0, "gzip;q=0, deflate;q=0.5", long, true, "deflate"},
		{0, "br", long, true, ""},
		{0, "", long, true, ""},
		{0, "gzip", long[1:], true, ""},
		{0, "gzip", long, false, ""},
		{100, "gzip", long[:99], true, "gzip"},
		{-1, "gzip", long, true, ""},
	} {
		s := serve(t, engineio.Config{HTTPCompression: test.threshold})
		session, query := s.open(t, "4")
		m := engineio.NewText([]byte(test.text))
		if !test.compress {
			m = m.Uncompressed()
		}
		if err := session.Send(m); err != nil {
			t.Fatal(err)
		}
		a := s.get(t, query, "Accept-Encoding", test.accept)
		if got := a.header.Get("Content-Encoding"); got != test.want {
			t.Errorf("%+.40v: encoding %q", test, got)
		}
		var r io.Reader = strings.NewReader(a.body)
		var err error
		switch a.header.Get("Content-Encoding") {
		case "gzip":
			r, err = gzip.NewReader(r)
		case "deflate":
			r, err = zlib.NewReader(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(r); err != nil || body.String() != "4"+test.text {
			t.Errorf("%+.40v: got %.20q, %v", test, body.String(), err)
		}
	}
}

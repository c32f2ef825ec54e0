package outbound_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// never are addresses of which none is dialled.
var never = []string{
	"127.0.0.1", "127.1.2.3", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::1",
	"0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0", "::ffff:0:127.0.0.1",
	"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.1.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::192.168.0.1",
	"2002:c0a8:101::1", "fc00::1", "fd12:3456:789a::1", "fec0::1", "64:ff9b:1::1",
	"169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fd00:ec2::254", "168.63.129.16",
	"fe80::1", "fe80::1%lo",
	"100.64.0.1", "100.100.100.200", "100.127.255.254", "192.0.0.192",
	"224.0.0.1", "239.255.255.250", "ff02::1", "255.255.255.255", "240.0.0.1",
	"192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "2001::1", "4000::1", "100::1",
}

// TestNeverDialled: each of them is refused before anything is sent to it, as an address and behind a name.
func TestNeverDialled(t *testing.T) {
	var dialled atomic.Int64
	if len(never) < 40 {
		t.Fatalf("there are %d addresses", len(never))
	}
	for _, text := range never {
		address := netip.MustParseAddr(text)
		if err := outbound.Allowed(nil).Check(address); err == nil {
			t.Errorf("%s may be dialled", text)
		}
		client := outbound.NewClient(outbound.Config{
			DialTimeout: time.Minute, OnDial: func(netip.AddrPort) { dialled.Add(1) }, Resolver: answering(t, address),
		})
		for _, url := range []string{
			"https://" + net.JoinHostPort(text, "443"), "http://" + net.JoinHostPort(text, "80"), "https://rebound.example", "http://rebound.example:8080",
		} {
			url = strings.Replace(url, "%lo", "%25lo", 1)
			_, _, _, err := client.Do(request(t, url), 100)
			if _, is := outbound.WhyNot(err); !is {
				t.Errorf("%s to %s: error %v", url, text, err)
			}
		}
		client.Close()
	}
	if n := dialled.Load(); n != 0 {
		t.Errorf("%d were dialled", n)
	}
}

// TestPublic: what is public may be dialled, with TLS.
func TestPublic(t *testing.T) {
	for _, text := range []string{
		"1.1.1.1", "9.9.9.9", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1", "169.253.1.1", "2606:4700::1111",
		"2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1",
	} {
		address := netip.MustParseAddr(text)
		if err := outbound.Allowed(nil).Check(address); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := outbound.Allowed(nil).CheckPlain(address); err == nil {
			t.Errorf("%s may be dialled without TLS", text)
		}
	}
}

// TestAllowed: a prefix that is named permits what is in it, and nothing beside it.
func TestAllowed(t *testing.T) {
	allow := outbound.Allowed{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}
	for text, may := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "fd00:1::5": true, "fd00:2::5": false, "127.0.0.1": false,
		"64:ff9b::10.1.2.3": true, "2002:a01:203::1": false,
	} {
		if err := allow.Check(netip.MustParseAddr(text)); (err == nil) != may {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestDo: an answer is cut, redirects are not followed, no proxy is asked.
func TestDo(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	var elsewhere atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/elsewhere":
			elsewhere.Add(1)
		case "/long":
			_, _ = fmt.Fprint(w, strings.Repeat("x", 1<<20))
		case "/lies":
			w.Header().Set("Content-Length", "1000")
			_, _ = fmt.Fprint(w, "short")
		case "/headers":
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		}
	}))
	defer server.Close()
	client := outbound.NewClient(outbound.Config{Allow: outbound.Allowed{netip.MustParsePrefix("127.0.0.0/8")}, DialTimeout: time.Minute})
	defer client.Close()
	for path, want := range map[string]struct {
		status, bytes int
	}{"/redirect": {302, -1}, "/long": {200, 100}, "/lies": {200, 5}} {
		status, _, body, err := client.Do(request(t, server.URL+path), 100)
		if err != nil || status != want.status || want.bytes >= 0 && len(body) != want.bytes {
			t.Errorf("%s: status %d, %d bytes, error %v", path, status, len(body), err)
		}
	}
	if _, _, _, err := client.Do(request(t, server.URL+"/headers"), 100); err == nil {
		t.Error("a megabyte of headers was taken")
	}
	if elsewhere.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

// FuzzCheck: an address and what it is mapped to are judged alike, and none makes it panic.
func FuzzCheck(f *testing.F) {
	for _, text := range never {
		address := netip.MustParseAddr(text).As16()
		f.Add(address[:])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		address, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		err := outbound.Allowed(nil).Check(address)
		if mapped := outbound.Allowed(nil).Check(netip.AddrFrom16(address.As16())); (err == nil) != (mapped == nil) {
			t.Errorf("%s: %v, as IPv6: %v", address, err, mapped)
		}
		if err == nil && (address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast() || address.IsMulticast() || address.IsUnspecified()) {
			t.Errorf("%s may be dialled", address)
		}
	})
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answering is a resolver whose server says of every name that it has the address.
func answering(t *testing.T, address netip.Addr) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answer(theirs, address.WithZone("").Unmap())
		t.Cleanup(func() { _ = theirs.Close() })
		return ours, nil
	}}
}

// answer answers questions as DNS over TCP does, which is what the resolver speaks over what is no packet connection.
func answer(conn net.Conn, address netip.Addr) {
	defer func() { _ = conn.Close() }()
	for {
		head := make([]byte, 2)
		if _, err := readFull(conn, head); err != nil {
			return
		}
		question := make([]byte, int(head[0])<<8|int(head[1]))
		if _, err := readFull(conn, question); err != nil {
			return
		}
		end := 12
		for end < len(question) && question[end] != 0 {
			end += int(question[end]) + 1
		}
		end += 5 // the root, type and class
		asked := question[end-4 : end]
		reply := append([]byte{question[0], question[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[12:end]...)
		raw, kind := address.AsSlice(), byte(1)
		if address.Is6() {
			kind = 28
		}
		if asked[1] == kind {
			reply[7] = 1
			reply = append(reply, 0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, byte(len(raw)))
			reply = append(reply, raw...)
		}
		if _, err := conn.Write(append([]byte{byte(len(reply) >> 8), byte(len(reply))}, reply...)); err != nil {
			return
		}
	}
}

func readFull(conn net.Conn, into []byte) (int, error) {
	for n := 0; n < len(into); {
		got, err := conn.Read(into[n:])
		if err != nil {
			return n, err
		}
		n += got
	}
	return len(into), nil
}

package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/app"
)

// pair is a certificate and its key in files.
type pair struct{ cert, key string }

func newPair(t *testing.T) pair {
	dir := t.TempDir()
	return pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

func (p pair) args() []string { return []string{"--tls-cert", p.cert, "--tls-key", p.key} }

// issue writes a fresh certificate for localhost, which roots trust.
func (p pair) issue(t *testing.T, serial int64) (roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		p.cert: {Type: "CERTIFICATE", Bytes: raw}, p.key: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(cert)
	return roots
}

// startTLS runs a server that speaks TLS, and has its clients trust roots.
func startTLS(t *testing.T, roots *x509.CertPool, args ...string) *running {
	t.Helper()
	r := start(t, t.TempDir(), args...)
	r.url = strings.Replace(r.url, "http:", "https:", 1)
	r.tls = &tls.Config{RootCAs: roots}
	r.http.Transport.(*http.Transport).TLSClientConfig = r.tls
	return r
}

// Every transport goes over TLS, and the certificate changes under connections that stay.
func TestTLS(t *testing.T) {
	files := newPair(t)
	r := startTLS(t, files.issue(t, 1), append(files.args(), "--dev", "--hsts", "1h")...)
	token := r.login("Ada")
	first := r.connect(token)
	first.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	first.read(`430[{"ok":true`)
	mustPoll(r, token)
	native := r.native(token)
	native.send(`{"type":"chat","roomId":"hall","content":"over TLS"}`)
	first.read(`42["room:message"`)
	long := strings.Repeat("x", 9_000) // several records with what goes with it
	for range 20 {
		first.send(`421["room:message",{"roomId":"hall","content":"` + long + `"}]`)
	}
	for range 20 {
		first.read(`431[{"ok":true`)
	}

	response, err := r.http.Get(r.url + "/health")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := response.Header.Get("Strict-Transport-Security"); got != "max-age=3600" {
		t.Errorf("Strict-Transport-Security: %q", got)
	}
	both := r.tls.Clone()
	both.NextProtos = []string{"h2", "http/1.1"}
	if state, err := r.handshake(both); err != nil || state.NegotiatedProtocol != "http/1.1" {
		t.Errorf("a client that speaks both got %q (%v)", state.NegotiatedProtocol, err)
	}
	if _, body := r.get("/metrics"); !strings.Contains(body, "\nsockeye_tls_certificate_expiry_seconds 1.") {
		t.Errorf("/metrics: %s", body)
	}
	old := r.tls.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := r.handshake(old); err == nil {
		r.t.Error("spoke TLS 1.1")
	}

	r.tls.RootCAs = files.issue(t, 2)
	deadline := time.Now().Add(patience)
	for { // looked at once a second
		_, err := r.handshake(r.tls)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new certificate is not used: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	first.send(`422["room:message",{"roomId":"hall","content":"still here"}]`)
	first.read(`432[{"ok":true`)
	r.stop()
	native.closed()
	first.closed()
	r.end()
}

// mustPoll signs in by long-polling.
func mustPoll(r *running, token string) {
	r.t.Helper()
	const path = "/socket.io/?EIO=4&transport=polling"
	_, opened := r.get(path)
	_, rest, _ := strings.Cut(opened, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if status, body := r.do(http.MethodPost, path+"&sid="+sid, `40{"token":"`+token+`"}`); status != http.StatusOK {
		r.t.Fatalf("posted: %d %s", status, body)
	}
	if status, body := r.get(path + "&sid=" + sid); status != http.StatusOK || !strings.HasPrefix(body, `40{"sid":`) {
		r.t.Errorf("polled: %d %s", status, body)
	}
}

func (r *running) handshake(config *tls.Config) (tls.ConnectionState, error) {
	conn, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState(), nil
}

// Answers without TLS do not speak of it.
func TestNoTLS(t *testing.T) {
	r := start(t, t.TempDir())
	response, err := r.http.Get(r.url + "/health")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := response.Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("Strict-Transport-Security: %q", got)
	}
	if _, body := r.get("/metrics"); strings.Contains(body, "sockeye_tls") {
		t.Error("there is a metric of a certificate")
	}
}

func TestTLSSettingsRefused(t *testing.T) {
	files, other := newPair(t), newPair(t)
	files.issue(t, 1)
	other.issue(t, 2)
	for name, tc := range map[string]struct {
		files pair
		says  []string
	}{
		"no certificate": {pair{"/does/not/exist", files.key}, []string{"tls-cert", "/does/not/exist"}},
		"no key":         {pair{files.cert, "/does/not/exist"}, []string{"tls-key", "/does/not/exist"}},
		"key of another": {pair{files.cert, other.key}, []string{"tls-cert", "tls-key", "does not match"}},
		"a folder":       {pair{t.TempDir(), files.key}, []string{"tls-cert", "directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(t, append(tc.files.args(), "--data", t.TempDir())...)
			err := app.Run(t.Context(), cfg, slog.New(slog.DiscardHandler), func(string) { t.Error("ready") })
			if err == nil {
				t.Fatal("started")
			}
			for _, word := range tc.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%v does not say %s", err, word)
				}
			}
		})
	}
}

// native is a signed-in client of the plain WebSocket protocol.
func (r *running) native(token string) *peer {
	r.t.Helper()
	p := r.dial("/ws")
	p.send(fmt.Sprintf(`{"type":"auth","token":%q}`, token))
	return p
}

// Over its own TLS the server knows by which scheme its pages have come.
func TestOriginOverTLS(t *testing.T) {
	files := newPair(t)
	r := startTLS(t, files.issue(t, 1), append(files.args(), "--dev")...)
	token := r.login("Ada")
	for _, path := range []string{"/socket.io/?EIO=4&transport=websocket", "/ws?token=" + token} {
		for origin, allowed := range map[string]bool{
			r.url: true,
			strings.Replace(r.url, "https", "http", 1): false,
		} {
			d := ws.Dialer{TLSConfig: r.tls, Timeout: patience, Header: ws.HandshakeHeaderHTTP{"Origin": {origin}}}
			conn, _, _, err := d.Dial(t.Context(), strings.Replace(r.url, "https", "wss", 1)+path)
			if (err == nil) != allowed {
				t.Errorf("%s from %s: %v", path, origin, err)
			}
			if err == nil {
				_ = conn.Close()
			}
		}
	}
}

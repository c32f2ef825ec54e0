// Package webpushtest stands in for browsers and their push services in tests: a service over TLS that keeps what it is asked, and
// browsers that read what was meant for them, by RFC 8188 and 8291 and no line of what is tested.
package webpushtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Browser is one that has subscribed.
type Browser struct {
	Endpoint string
	key      *ecdh.PrivateKey
	auth     []byte
}

// NewBrowser returns one with keys of its own.
func NewBrowser(t testing.TB, endpoint string) *Browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := make([]byte, 16)
	_, _ = rand.Read(auth)
	return &Browser{endpoint, key, auth}
}

// BrowserOf returns one with given keys.
func BrowserOf(t testing.TB, endpoint string, private, auth []byte) *Browser {
	t.Helper()
	key, err := ecdh.P256().NewPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{endpoint, key, auth}
}

// P256dh and Auth are what the browser tells the application.
func (b *Browser) P256dh() []byte { return b.key.PublicKey().Bytes() }

// Auth is its secret.
func (b *Browser) Auth() []byte { return b.auth }

// JSON is its PushSubscription.
func (b *Browser) JSON() string {
	text, _ := json.Marshal(map[string]any{
		"endpoint": b.Endpoint, "expirationTime": nil,
		"keys": map[string]string{"p256dh": base64.RawURLEncoding.EncodeToString(b.P256dh()), "auth": base64.RawURLEncoding.EncodeToString(b.auth)},
	})
	return string(text)
}

// Read decrypts the body of a request.
func (b *Browser) Read(body []byte) ([]byte, error) {
	if len(body) < 86 || body[20] != 65 {
		return nil, errors.New("it has no head of aes128gcm with a key")
	}
	salt, size, theirs, record := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:86], body[86:]
	if len(record) > int(size) {
		return nil, errors.New("there is more than one record")
	}
	sender, err := ecdh.P256().NewPublicKey(theirs)
	if err != nil {
		return nil, err
	}
	shared, err := b.key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	prk, err := hkdf.Extract(sha256.New, shared, b.auth)
	if err != nil {
		return nil, err
	}
	ikm, err := hkdf.Expand(sha256.New, prk, "WebPush: info\x00"+string(b.P256dh())+string(theirs), 32)
	if err != nil {
		return nil, err
	}
	if prk, err = hkdf.Extract(sha256.New, ikm, salt); err != nil {
		return nil, err
	}
	key, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, err
	}
	text := strings.TrimRight(string(plain), "\x00")
	if !strings.HasSuffix(text, "\x02") {
		return nil, errors.New("the record is not marked as the last one")
	}
	return []byte(text[:len(text)-1]), nil
}

// Request is one that a service was asked.
type Request struct {
	Path   string
	Proto  string
	Header http.Header
	Body   []byte
}

// Service is a push service over TLS.
type Service struct {
	URL   string
	Roots *x509.CertPool
	// Certificate is what Roots has.
	Certificate *x509.Certificate
	// Asked has every request, in order.
	Asked chan Request

	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by path
}

// NewService starts one that takes everything, until the test ends.
func NewService(t testing.TB) *Service {
	t.Helper()
	s := &Service{Asked: make(chan Request, 1000), answers: make(map[string]http.HandlerFunc)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	s.URL, s.Roots = server.URL, x509.NewCertPool()
	s.Certificate = server.Certificate()
	s.Roots.AddCert(s.Certificate)
	return s
}

// Answer has requests for a path answered so from now on.
func (s *Service) Answer(path string, answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = answer
}

// Status is an answer; header come in pairs.
func Status(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was given up
	}
	s.mu.Lock()
	answer := s.answers[r.URL.Path]
	s.mu.Unlock()
	s.Asked <- Request{r.URL.Path, r.Proto, r.Header.Clone(), body}
	if answer == nil {
		answer = Status(http.StatusCreated)
	}
	answer(w, r)
}

// PublicKey reads a point of P-256, as signatures are checked by it.
func PublicKey(point []byte) (*ecdsa.PublicKey, error) {
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}

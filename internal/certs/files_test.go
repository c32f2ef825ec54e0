package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/certs"
)

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// files are a certificate and its key, which tests write.
type files struct {
	t         *testing.T
	cert, key string
}

// issue makes a certificate with that serial number and returns the contents of the files.
func issue(t *testing.T, serial int64, expires time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: expires.Add(-time.Hour), NotAfter: expires}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// write writes a file whose time of change differs from the one before, as a clock of any grain would have it.
func (f files) write(path string, content []byte, changed time.Time) {
	f.t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Chtimes(path, changed, changed); err != nil {
		f.t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	now := &clock{now: start}
	dir := t.TempDir()
	f := files{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	expires := start.Add(time.Hour)
	cert, key := issue(t, 1, expires)
	f.write(f.cert, cert, start)
	f.write(f.key, key, start)
	var log bytes.Buffer
	source, err := certs.OpenFiles(f.cert, f.key, now.Now, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got := source.Expires(); !got.Equal(expires) {
		t.Errorf("expires %s, want %s", got, expires)
	}
	serial := func() int64 {
		t.Helper()
		got, err := source.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Leaf.SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("certificate %d, want 1", got)
	}

	// Half of the change is there: the key is the old one's. The old pair stays in use, and the log says why, once.
	newCert, newKey := issue(t, 2, expires)
	f.write(f.cert, newCert, start.Add(time.Minute))
	if got := serial(); got != 1 {
		t.Errorf("looked at the files again within a second")
	}
	for range 3 {
		now.advance(time.Second)
		if got := serial(); got != 1 {
			t.Errorf("certificate %d with a key of another, want 1", got)
		}
	}
	if said := strings.Count(log.String(), "level=ERROR"); said != 1 || !strings.Contains(log.String(), "does not match") {
		t.Errorf("complained %d times: %s", said, log.String())
	}
	f.write(f.key, newKey, start.Add(time.Minute))
	now.advance(time.Second)
	if got := serial(); got != 2 {
		t.Errorf("certificate %d, want 2", got)
	}

	// A file that has gone changes nothing either.
	if err := os.Remove(f.key); err != nil {
		t.Fatal(err)
	}
	now.advance(time.Second)
	if got := serial(); got != 2 {
		t.Errorf("certificate %d, want 2", got)
	}
	if err := source.Reload(); err == nil || !strings.HasPrefix(err.Error(), "tls-key: ") {
		t.Errorf("reloaded without a key: %v", err)
	}

	// Reload does not wait for anything.
	newCert, newKey = issue(t, 3, expires)
	f.write(f.cert, newCert, start)
	f.write(f.key, newKey, start)
	if err := source.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 3 {
		t.Errorf("certificate %d, want 3", got)
	}
}

func TestFilesRefused(t *testing.T) {
	dir := t.TempDir()
	f := files{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	cert, key := issue(t, 1, time.Now().Add(time.Hour))
	for name, tc := range map[string]struct {
		cert, key []byte
		says      string
	}{
		"nothing":   {nil, nil, "tls-cert"},
		"swapped":   {key, cert, "tls-cert"},
		"no PEM":    {[]byte("certificate"), key, "tls-cert"},
		"too large": {bytes.Repeat([]byte("x"), 1<<20+1), key, "more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			f.write(f.cert, tc.cert, time.Now())
			f.write(f.key, tc.key, time.Now())
			_, err := certs.OpenFiles(f.cert, f.key, time.Now, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %s", err, tc.says)
			}
		})
	}
}

// Many handshakes at once, while the files change: each gets a certificate that fits its key, and the new one is found.
func TestFilesUnderHandshakes(t *testing.T) {
	start := time.Now()
	now := &clock{now: start}
	dir := t.TempDir()
	f := files{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	put := func(serial int64) {
		cert, key := issue(t, serial, start.Add(time.Hour))
		f.write(f.cert, cert, start.Add(time.Duration(serial)*time.Minute))
		f.write(f.key, key, start.Add(time.Duration(serial)*time.Minute))
	}
	put(1)
	source, err := certs.OpenFiles(f.cert, f.key, now.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var shaking sync.WaitGroup
	for range 4 {
		shaking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := source.Certificate(nil)
				if err != nil || !got.Leaf.PublicKey.(*ecdsa.PublicKey).Equal(got.PrivateKey.(*ecdsa.PrivateKey).Public()) {
					t.Errorf("certificate and key do not belong together (%v)", err)
				}
				now.advance(100 * time.Millisecond)
			}
		})
	}
	for serial := range int64(20) {
		put(2 + serial)
	}
	close(stop)
	shaking.Wait()
	now.advance(time.Second)
	if got, _ := source.Certificate(nil); got.Leaf.SerialNumber.Int64() != 21 {
		t.Errorf("certificate %d, want the last", got.Leaf.SerialNumber)
	}
}

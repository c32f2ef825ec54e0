package blackbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writeCertificate makes a certificate with that serial number and writes it and its key, PEM.
func writeCertificate(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"chat.example.test"},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: raw}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// SIGHUP has the certificate read again and ends nothing; one that is no good is not used; and healthcheck finds a server
// that speaks TLS by the server's own settings, whatever name its certificate is for.
func TestHangupReadsTheCertificate(t *testing.T) {
	skipIfShort(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	srv := start(t, setup{args: []string{"--tls-cert", cert, "--tls-key", key}})
	if code, out := srv.healthcheck("--tls-cert", cert); code != 0 || out != "ok\n" {
		t.Errorf("healthcheck: exit %d, %s", code, out)
	}
	if code, out := srv.healthcheck(); code == 0 {
		t.Errorf("healthcheck without TLS: %s", out)
	}
	writeCertificate(t, cert, key, 2)
	srv.signal(syscall.SIGHUP)
	deadline := time.Now().Add(patience)
	for srv.certificate("chat.example.test").PeerCertificates[0].SerialNumber.Int64() != 2 {
		if time.Now().After(deadline) {
			t.Fatalf("the new certificate is not used\n%s", srv.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	srv.signal(syscall.SIGHUP)
	for !strings.Contains(srv.log.String(), "tls-key") {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is said of the key that is gone\n%s", srv.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := srv.certificate("chat.example.test").PeerCertificates[0].SerialNumber.Int64(); got != 2 {
		t.Errorf("certificate %d, want 2", got)
	}
	srv.stop()
}

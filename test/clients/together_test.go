package clients_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/test/program"
)

// TestTogether has people talk with each other over Socket.IO, the npm package ws and Chromium's WebSocket, through the
// real binary: the files of together/, one subtest each.
func TestTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the server and a browser")
	}
	requirePackages(t)
	requireBrowser(t)
	binary := buildServer(t)
	address := program.Loopback()
	cert, key := issueCertificate(t, address)
	for _, file := range testFiles(t, "together") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			runNode(t, file, "SOCKEYE="+binary, "LOOPBACK="+address, "TLS_CERT="+cert, "TLS_KEY="+key, "NODE_EXTRA_CA_CERTS="+cert)
		})
	}
}

func requireBrowser(t *testing.T) {
	t.Helper()
	browser := os.Getenv("CHROMIUM")
	if browser == "" {
		browser = "/usr/bin/chromium"
	}
	if _, err := exec.LookPath(browser); err != nil {
		t.Fatalf("no browser at %s: install Chromium, or name one in CHROMIUM", browser)
	}
}

// buildServer builds it with the race detector, whose complaints fail the tests; all of them have the same one.
func buildServer(t *testing.T) (path string) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) { return program.Raced(context.Background(), folder) })

// issueCertificate makes a certificate for an address in two files, PEM.
func issueCertificate(t *testing.T, address string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: raw}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

package blackbox_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority is a certificate authority in another process.
type authority struct {
	directory string
	roots     string // file that makes it trusted by its address
	stdin     io.Writer
	log       *journal
}

// startAuthority runs one until the test ends. Its certificates last for that long.
func startAuthority(t *testing.T, validity time.Duration) *authority {
	t.Helper()
	path := filepath.Join(folder, "authority")
	if _, err := os.Stat(path); err != nil {
		if out, err := exec.Command("go", "build", "-C", "authority", "-o", path, ".").CombinedOutput(); err != nil {
			t.Fatalf("build the authority: %v\n%s", err, out)
		}
	}
	a := &authority{roots: filepath.Join(t.TempDir(), "roots.pem"), log: new(journal)}
	command := exec.Command(path, "-roots", a.roots, "-validity", validity.String())
	command.Stderr = a.log
	command.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.stdin = stdin
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("the authority's log:\n%s", a.log)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the authority did not start: %v\n%s", err, a.log)
	}
	a.directory = strings.TrimSpace(line)
	return a
}

// connectsTo tells it where the server is that wants certificates.
func (a *authority) connectsTo(t *testing.T, addr string) {
	t.Helper()
	_, port, _ := strings.Cut(addr, ":")
	if _, err := fmt.Fprintln(a.stdin, port); err != nil {
		t.Fatal(err)
	}
}

// A server that was told its name gets a certificate for it by itself, keeps it over a restart, renews it before it runs
// out, and gets none for another name.
func TestACME(t *testing.T) {
	skipIfShort(t)
	const host, other = "chat.example.test", "talk.example.test"
	// Renewed with an hour of three hours left, and up to six minutes before.
	a := startAuthority(t, 3*time.Hour)
	data := t.TempDir()
	how := setup{
		data: data, env: []string{"SSL_CERT_FILE=" + a.roots},
		args: []string{"--acme-hosts", host + "," + other, "--acme-directory", a.directory, "--acme-email", "admin@example.test"},
	}
	srv := start(t, how)
	a.connectsTo(t, srv.addr)
	issued := srv.certificate(host)
	if len(issued.NegotiatedProtocol) > 0 && issued.NegotiatedProtocol != "http/1.1" {
		t.Errorf("speaks %q", issued.NegotiatedProtocol)
	}
	leaf := issued.PeerCertificates[0]
	if err := leaf.VerifyHostname(host); err != nil {
		t.Error(err)
	}
	if left := time.Until(leaf.NotAfter); left > 3*time.Hour || left < 2*time.Hour {
		t.Errorf("lasts for %s", left)
	}
	if !strings.Contains(leaf.Issuer.CommonName, "Pebble") {
		t.Errorf("issued by %s", leaf.Issuer)
	}
	// The second name's was got without anybody asking for it.
	if err := srv.certificate(other).PeerCertificates[0].VerifyHostname(other); err != nil {
		t.Error(err)
	}
	if err := srv.certificate("").PeerCertificates[0].VerifyHostname(host); err != nil {
		t.Errorf("a client that names no host: %v", err)
	}
	if conn, err := tls.Dial("tcp", srv.addr, &tls.Config{ServerName: "evil.example.test", InsecureSkipVerify: true}); err == nil {
		_ = conn.Close()
		t.Error("has a certificate for a name that is not its own")
	}
	if code, out := srv.healthcheck("--acme-hosts", host); code != 0 {
		t.Errorf("healthcheck: exit %d: %s", code, out)
	}
	srv.stop()

	again := start(t, how)
	if got := again.certificate(host).PeerCertificates[0]; got.SerialNumber.Cmp(leaf.SerialNumber) != 0 {
		t.Error("after a restart it has another certificate")
	}
	again.stop()
}

// certificate shakes hands as a client of that host, and waits for the certificate to be there.
func (s *server) certificate(host string) tls.ConnectionState {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		conn, err := tls.Dial("tcp", s.addr, &tls.Config{ServerName: host, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err == nil {
			defer func() { _ = conn.Close() }()
			return conn.ConnectionState()
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no certificate for %q: %v\n%s", host, err, s.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// healthcheck runs the command against the server.
func (s *server) healthcheck(args ...string) (code int, output string) {
	s.t.Helper()
	command := exec.Command(s.cmd.Path, append([]string{"healthcheck", "--listen", s.addr}, args...)...)
	command.Env = environment(false)
	out, err := command.CombinedOutput()
	if command.ProcessState == nil {
		s.t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(out)
}

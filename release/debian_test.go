//go:build linux

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSoakBareDebian installs the package on a Debian of which there is nothing but the least, in a folder, and runs what it has
// installed as whom it has made; then the binary of the archive alone.
func TestSoakBareDebian(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("takes minutes; set SOCKEYE_SOAK")
	}
	if _, err := exec.LookPath("debootstrap"); err != nil || os.Getuid() != 0 {
		t.Skip("needs debootstrap, as root")
	}
	made := filepath.Join(t.TempDir(), "dist")
	if err := run(t.Context(), []string{"-root", root, "-version", "v1.2.3", "-platforms", "linux/" + runtime.GOARCH, "-out", made}); err != nil {
		t.Fatal(err)
	}
	debian := filepath.Join(t.TempDir(), "debian")
	call(t, "debootstrap", "--variant=minbase", "stable", debian)
	for _, name := range []string{"sockeye_1.2.3-1_" + runtime.GOARCH + ".deb", "sockeye-1.2.3-linux-" + runtime.GOARCH + ".tar.gz"} {
		if err := os.WriteFile(filepath.Join(debian, "root", name), read(t, made, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	began := time.Now()
	said := call(t, "chroot", debian, "sh", "-c", "dpkg --install /root/*.deb")
	if !strings.Contains(said, "systemctl enable --now sockeye") {
		t.Errorf("it does not say what to do next: %s", said)
	}
	info, err := os.Stat(filepath.Join(debian, "var/lib/sockeye"))
	if err != nil || info.Mode().Perm() != 0o700 || info.Sys().(*syscall.Stat_t).Uid == 0 {
		t.Errorf("/var/lib/sockeye: %v, %v", info, err)
	}
	serves(t, exec.Command("chroot", "--userspec=sockeye:sockeye", debian, "/usr/bin/sockeye", "serve", "--config", "/etc/sockeye/sockeye.yaml", "--listen", "127.0.0.1:0"))
	t.Logf("by the package: 2 commands, and a page for the browser after %s", time.Since(began).Round(time.Millisecond))
	call(t, "chroot", debian, "dpkg", "--purge", "sockeye")
	if _, err := os.Stat(filepath.Join(debian, "var/lib/sockeye/sockeye.db")); err != nil {
		t.Errorf("the data did not stay: %v", err)
	}

	began = time.Now()
	call(t, "chroot", debian, "sh", "-c", "tar -xzf /root/*.tar.gz -C /root --strip-components=1")
	serves(t, exec.Command("chroot", debian, "/root/sockeye", "serve", "--data", "/root/data", "--listen", "127.0.0.1:0"))
	t.Logf("by the archive: 2 commands, and a page for the browser after %s", time.Since(began).Round(time.Millisecond))
}

func call(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// serves starts a server, makes an account, looks at the page, and stops the server.
func serves(t *testing.T, server *exec.Cmd) {
	t.Helper()
	var log strings.Builder
	server.Stderr = &log
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill() }()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		_ = server.Wait()
		t.Fatalf("it does not start: %s", log.String())
	}
	_, url, _ := strings.Cut(lines.Text(), "ready: ")
	for path, has := range map[string]string{"/": "<title>Sockeye", "/client/sockeye.js": "export", "/api/docs": "the HTTP API"} {
		if status, body := fetch(t, http.MethodGet, url+path, ""); status != http.StatusOK || !strings.Contains(body, has) {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, body := fetch(t, http.MethodPost, url+"/api/v1/accounts", `{"login":"ada","password":"a good password"}`); status != http.StatusCreated {
		t.Errorf("an account: %d %s", status, body)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // to its end
	}
	if err := server.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, log.String())
	}
}

func fetch(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode, string(content)
}

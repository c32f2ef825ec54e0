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
// installed as whom it has made; then the binary of the archive alone. Two people in a browser talk through either.
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
	page, talked := serves(t, exec.Command("chroot", "--userspec=sockeye:sockeye", debian, "/usr/bin/sockeye", "serve", "--config", "/etc/sockeye/sockeye.yaml", "--listen", "127.0.0.1:0"))
	t.Logf("by the package: 2 commands; the page was there after %s, two people had made accounts and talked after %s",
		page.Sub(began).Round(time.Millisecond), talked.Sub(began).Round(time.Millisecond))
	call(t, "chroot", debian, "dpkg", "--purge", "sockeye")
	if _, err := os.Stat(filepath.Join(debian, "var/lib/sockeye/sockeye.db")); err != nil {
		t.Errorf("the data did not stay: %v", err)
	}

	began = time.Now()
	call(t, "chroot", debian, "sh", "-c", "tar -xzf /root/*.tar.gz -C /root --strip-components=1")
	page, talked = serves(t, exec.Command("chroot", debian, "/root/sockeye", "serve", "--data", "/root/data", "--listen", "127.0.0.1:0"))
	t.Logf("by the archive: 2 commands; the page was there after %s, two people had made accounts and talked after %s",
		page.Sub(began).Round(time.Millisecond), talked.Sub(began).Round(time.Millisecond))
}

func call(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// serves starts a server, looks at the page, has two people talk, and stops the server. It tells when the page was there and when
// they had talked.
func serves(t *testing.T, server *exec.Cmd) (page, talked time.Time) {
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
		if status, body := fetch(t, url+path); status != http.StatusOK || !strings.Contains(body, has) {
			t.Errorf("%s: %d", path, status)
		}
	}
	page = time.Now()
	browser := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "newcomers.test.mjs")
	browser.Dir, browser.Env = "../test/e2e", append(os.Environ(), "SOCKEYE_URL="+url)
	if said, err := browser.CombinedOutput(); err != nil {
		t.Errorf("they do not talk: %v\n%s", err, said)
	}
	talked = time.Now()
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // to its end
	}
	if err := server.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, log.String())
	}
	return page, talked
}

func fetch(t *testing.T, url string) (status int, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
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

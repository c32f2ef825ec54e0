//go:build linux

// Package image_test builds the images that are shipped, and runs what is in them. Buildah does it without a service: a container is a
// folder to it, in which it runs programs by chroot.
package image_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/test/program"
)

// patience is how long anything may take.
const patience = time.Minute

// builder is a store of images in a folder.
type builder struct {
	t      *testing.T
	folder string
}

// newBuilder skips the test where there is no buildah, or no right to use it so.
func newBuilder(t *testing.T) *builder {
	t.Helper()
	if testing.Short() {
		t.Skip("builds an image")
	}
	if _, err := exec.LookPath("buildah"); err != nil || os.Getuid() != 0 {
		t.Skip("needs buildah, as root")
	}
	return &builder{t: t, folder: t.TempDir()}
}

func (b *builder) command(args ...string) *exec.Cmd {
	all := append([]string{"--root", filepath.Join(b.folder, "root"), "--runroot", filepath.Join(b.folder, "run"), "--storage-driver", "vfs"}, args...)
	command := exec.CommandContext(b.t.Context(), "buildah", all...)
	command.Env = append(os.Environ(), "TMPDIR="+b.folder)
	return command
}

// do runs buildah to its end, and returns what it says, without white space around it.
func (b *builder) do(args ...string) string {
	b.t.Helper()
	command := b.command(args...)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		b.t.Fatalf("buildah %s: %v\n%s", strings.Join(args, " "), err, problems.String())
	}
	return strings.TrimSpace(string(out))
}

// build builds an image, and returns a container of it.
func (b *builder) build(file string, args ...string) (container string) {
	b.t.Helper()
	from := filepath.Join(b.folder, "context")
	binaries := filepath.Join(from, "linux-"+runtime.GOARCH)
	for folder, mode := range map[string]os.FileMode{binaries: 0o755, filepath.Join(from, "volume", "data"): 0o700} { // as make image does
		if err := os.MkdirAll(folder, mode); err != nil {
			b.t.Fatal(err)
		}
	}
	if _, err := program.Shipped(b.t.Context(), binaries); err != nil {
		b.t.Fatal(err)
	}
	b.do(append(append([]string{"bud", "--isolation", "chroot", "--format", "docker", "--tag", "sockeye", "--file", filepath.Join("../../deploy/image", file)}, args...), from)...)
	return b.do("from", "--pull-never", "sockeye")
}

// config is what an image says of how it is run, as far as it is looked at.
type config struct {
	User, StopSignal      string
	Entrypoint, Cmd, Env  []string
	Volumes, ExposedPorts map[string]struct{}
	Healthcheck           struct{ Test []string }
}

func (b *builder) config() (c config) {
	b.t.Helper()
	var inspected struct{ Docker struct{ Config config } }
	if err := json.Unmarshal([]byte(b.do("inspect", "--type", "image", "sockeye")), &inspected); err != nil {
		b.t.Fatal(err)
	}
	return inspected.Docker.Config
}

// TestImage builds the image, and has a server in it be asked, found healthy and stopped.
func TestImage(t *testing.T) {
	b := newBuilder(t)
	container := b.build("Containerfile")
	c := b.config()
	_, volume := c.Volumes["/data"]
	_, port := c.ExposedPorts["3000/tcp"]
	if c.User != "65532:65532" || c.StopSignal != "SIGTERM" || !slices.Equal(c.Entrypoint, []string{"/sockeye"}) || !slices.Equal(c.Cmd, []string{"serve"}) ||
		!slices.Equal(c.Healthcheck.Test, []string{"CMD", "/sockeye", "healthcheck"}) || !slices.Contains(c.Env, "SOCKEYE_DATA=/data") || !volume || !port {
		t.Errorf("the image says %+v", c)
	}
	root := b.do("mount", container)
	if names := namesIn(t, root); !slices.Equal(names, []string{"data", "sockeye"}) {
		t.Errorf("the image has %q", names)
	}
	// It warns of what whoever runs the image decides: TLS, and the limit for descriptors.
	// An address of its own, for the container shares the host's network, where other tests listen on port 3000.
	out, _ := b.command("run", "--isolation", "chroot", container, "--", "/sockeye", "doctor", "--listen", program.Loopback()+":3000").Output()
	if said := string(out); strings.Contains(said, "TROUBLE") || strings.Contains(said, "WARNING: folder") || !strings.Contains(said, "0 troubles") {
		t.Errorf("doctor: %s", said)
	}
	b.serve(container, root)
}

// namesIn are the names in a folder.
func namesIn(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// serve runs the server of a container, whose root is that folder, from its start to an orderly end.
func (b *builder) serve(container, root string) {
	b.t.Helper()
	host := program.Loopback()
	server := b.command("run", "--isolation", "chroot", container, "--", "/sockeye", "serve", "--listen", host+":0")
	var log bytes.Buffer
	server.Stderr = &log
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		_ = server.Wait()
		b.t.Fatalf("it does not start: %s", log.String())
	}
	_, url, _ := strings.Cut(lines.Text(), "ready: ")
	pid := find(b.t, host)
	ended := false
	b.t.Cleanup(func() {
		if !ended {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_ = server.Wait()
		}
	})
	if status := ask(b.t, url+"/health"); status != http.StatusOK {
		b.t.Errorf("/health: %d", status)
	}
	if status := ask(b.t, url+"/"); status != http.StatusOK && status != http.StatusServiceUnavailable { // without a web app it says so
		b.t.Errorf("/: %d", status)
	}
	address := strings.TrimPrefix(url, "http://")
	if said := b.do("run", "--isolation", "chroot", container, "--", "/sockeye", "healthcheck", "--listen", address); said != "ok" {
		b.t.Errorf("healthcheck: %s", said)
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err != nil || !strings.Contains(string(status), "Uid:\t65532\t65532\t65532\t65532") {
		b.t.Errorf("it does not run as 65532: %v\n%s", err, status)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		b.t.Fatal(err)
	}
	for lines.Scan() { // to its end
	}
	ended = true
	if err := server.Wait(); err != nil {
		b.t.Errorf("it ended with %v: %s", err, log.String())
	}
	if !strings.Contains(log.String(), "draining") {
		b.t.Errorf("it did not drain: %s", log.String())
	}
	checkWritten(b.t, root)
}

// checkWritten says that the server has written nothing but its data: the root may be read-only.
func checkWritten(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(root, "data") {
			return filepath.SkipDir
		}
		info, err := entry.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Uid == 65532 {
			t.Errorf("it has written %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// find finds the process of the server with that address, which no other has.
func find(t *testing.T, host string) int {
	t.Helper()
	wanted := []byte("/sockeye\x00serve\x00--listen\x00" + host)
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range processes {
		line, err := os.ReadFile(path)
		if err == nil && bytes.HasPrefix(line, wanted) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("the server's process is not found")
	return 0
}

func ask(t *testing.T, url string) (status int) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Error(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// TestSoakMediaImage builds the image with ffmpeg, on a Debian that debootstrap makes in place of the one from a registry.
func TestSoakMediaImage(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("takes minutes; set SOCKEYE_SOAK")
	}
	b := newBuilder(t)
	if _, err := exec.LookPath("debootstrap"); err != nil {
		t.Skip("needs debootstrap")
	}
	debian := filepath.Join(b.folder, "debian")
	if out, err := exec.CommandContext(t.Context(), "debootstrap", "--variant=minbase", "stable", debian).CombinedOutput(); err != nil {
		t.Fatalf("debootstrap: %v\n%s", err, out)
	}
	base := b.do("from", "scratch")
	b.do("copy", base, debian, "/")
	b.do("commit", "--format", "docker", base, "debian")
	container := b.build("Containerfile.media", "--build-arg", "BASE=localhost/debian", "--pull-never")
	if c := b.config(); c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/sockeye"}) {
		t.Errorf("the image says %+v", c)
	}
	if out := b.do("run", "--isolation", "chroot", container, "--", "ffmpeg", "-version"); !strings.HasPrefix(out, "ffmpeg version") {
		t.Errorf("ffmpeg: %s", out)
	}
	b.serve(container, b.do("mount", container))
}

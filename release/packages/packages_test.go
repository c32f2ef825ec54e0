package main

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVersions(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3": "1.2.3", "v1.2.3-rc.1": "1.2.3~rc.1", "v1.2.3-4-g0123abc": "1.2.3+4.g0123abc",
		"v1.2.3-rc.1-4-g0123abc-dirty": "1.2.3~rc.1+4.g0123abc+dirty", "0123abc": "0~g0123abc", "0123abc-dirty": "0~g0123abc+dirty",
		"dev": "0~gdev", "v1.2.3-dirty": "1.2.3+dirty",
	} {
		if got := versionOf(version); got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}

// make makes the packages of a program that says what it is, some time apart, and returns where they are.
func makePackages(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{"sockeye": "#!/bin/sh\necho sockeye\n", "sockeye.1": ".TH", "sockeye.bash": "#", "_sockeye": "#", "sockeye.fish": "#"} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	out := t.TempDir()
	err := run([]string{"-binary", filepath.Join(folder, "sockeye"), "-described", folder, "-version", "v1.2.3", "-arch", "amd64", "-time", "1700000000", "-out", out})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSameBytes makes packages twice, of files that were written at other times and in other folders.
func TestSameBytes(t *testing.T) {
	one, two := makePackages(t), makePackages(t)
	for _, name := range []string{"sockeye_1.2.3-1_amd64.deb", "sockeye-1.2.3-1.x86_64.rpm"} {
		var sums [2][sha256.Size]byte
		for i, folder := range []string{one, two} {
			content, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			sums[i] = sha256.Sum256(content)
		}
		if sums[0] != sums[1] {
			t.Errorf("%s is not the same twice", name)
		}
	}
}

// TestDebIsUnderstood asks Debian's own program, and unpacks the package into a folder.
func TestDebIsUnderstood(t *testing.T) {
	file := filepath.Join(makePackages(t), "sockeye_1.2.3-1_amd64.deb")
	info := ask(t, "dpkg-deb", "--info", file)
	for _, line := range []string{"Package: sockeye", "Version: 1.2.3-1", "Architecture: amd64", "Depends: passwd", "/etc/sockeye/sockeye.yaml"} {
		if !strings.Contains(info+ask(t, "dpkg-deb", "--ctrl-tarfile", file), line) {
			t.Errorf("it lacks %q:\n%s", line, info)
		}
	}
	folder := t.TempDir()
	ask(t, "dpkg-deb", "--extract", file, folder)
	for name, mode := range map[string]os.FileMode{
		"usr/bin/sockeye": 0o755, "usr/lib/systemd/system/sockeye.service": 0o644, "usr/lib/systemd/system/sockeye.socket": 0o644,
		"etc/sockeye/sockeye.yaml": 0o644, "usr/share/man/man1/sockeye.1": 0o644, "usr/share/bash-completion/completions/sockeye": 0o644,
	} {
		found, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if found.Mode().Perm() != mode || !found.ModTime().Equal(time.Unix(1700000000, 0)) {
			t.Errorf("%s: %v, %v", name, found.Mode(), found.ModTime())
		}
	}
}

// TestRPMIsUnderstood asks rpm itself.
func TestRPMIsUnderstood(t *testing.T) {
	file := filepath.Join(makePackages(t), "sockeye-1.2.3-1.x86_64.rpm")
	info := ask(t, "rpm", "--query", "--package", "--info", "--list", "--requires", "--scripts", file)
	for _, line := range []string{"Version     : 1.2.3", "License     : Apache-2.0", "/usr/bin/sockeye", "/usr/lib/systemd/system/sockeye.socket", "shadow-utils", "useradd --system"} {
		if !strings.Contains(info, line) {
			t.Errorf("it lacks %q:\n%s", line, info)
		}
	}
	ask(t, "rpm", "--checksig", "--nosignature", file)
}

// ask runs a program that is not everywhere, and returns what it says.
func ask(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("there is no %s", name)
	}
	command := exec.Command(name, args...)
	var problems strings.Builder
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, problems.String())
	}
	return string(out)
}

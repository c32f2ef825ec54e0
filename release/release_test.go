package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// at is the time of all files.
var at = time.Unix(1700000000, 0).UTC()

// root is the folder of the repository.
const root = ".."

// copied copies what git has of the repository, as it is in the folder, and the web app that was built.
func copied(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "cmd", "client", "deploy", "engineio", "internal",
		"socketio", "web/package-lock.json", "go.mod", "go.sum", "LICENSE", "NOTICE", "README.md", "CHANGELOG.md").Output()
	if err != nil {
		t.Skipf("not a repository of git: %v", err)
	}
	names := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	built, err := filepath.Glob(root + "/internal/web/dist/*")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "elsewhere", "sockeye")
	for _, name := range names {
		copyFile(t, filepath.Join(root, name), filepath.Join(folder, name))
	}
	for _, name := range built {
		err := filepath.WalkDir(name, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			inside, err := filepath.Rel(root, path)
			copyFile(t, path, filepath.Join(folder, inside))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return // deleted, and not committed yet
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// makeHere makes what is released of one platform, but for packages and the client library, whose tools have tests of their own. What
// is in the archive for Windows is no program: to compress one with the race detector takes as long as to build it.
func makeHere(t *testing.T, from string, level int) (out string) {
	t.Helper()
	out = t.TempDir()
	r := &release{root: from, out: out, version: "v1.2.3", at: at, level: level}
	work := t.TempDir()
	described, err := r.describe(t.Context(), work)
	if err != nil {
		t.Fatal(err)
	}
	p := platform{"linux", "amd64"}
	binary, err := r.build(t.Context(), p, work)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(work, "other")
	if err := os.WriteFile(other, []byte(inZip), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{r.archive(p, binary, described), r.materials(p, binary), r.archive(platform{"windows", "amd64"}, other, described), r.sums()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// inZip is in place of the program for Windows.
const inZip = "a program for Windows\n"

// TestRelease makes what is released of one platform, and looks into it.
func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the server")
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	one := makeHere(t, here, flate.BestSpeed)
	sums := read(t, one, "SHA256SUMS")
	if bytes.Count(sums, []byte("\n")) != 3 {
		t.Errorf("not 3 files:\n%s", sums)
	}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if got := fmt.Sprintf("%x", sha256.Sum256(read(t, one, name))); got != sum {
			t.Errorf("%s: %s, and SHA256SUMS says %s", name, got, sum)
		}
	}
	checkArchives(t, one)
	checkMaterials(t, one)
}

var shipped = []string{
	"CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "deploy/haproxy/haproxy.cfg", "deploy/nginx/sockeye.conf", "deploy/systemd/sockeye.service",
	"deploy/systemd/sockeye.socket", "share/_sockeye", "share/sockeye.1", "share/sockeye.bash", "share/sockeye.fish",
}

// checkArchives looks into both kinds, and runs what is in the first.
func checkArchives(t *testing.T, folder string) {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(read(t, folder, "sockeye-1.2.3-linux-amd64.tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(header.Name, "sockeye-1.2.3-linux-amd64/")
		names = append(names, name)
		if !header.ModTime.Equal(at) || header.Uid != 0 || header.Uname != "" {
			t.Errorf("%s: %+v", name, header)
		}
		if name == "sockeye" && runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
			runIt(t, archive, os.FileMode(header.Mode))
		}
	}
	if want := append(slices.Clone(shipped), "sockeye"); !slices.Equal(names, want) {
		t.Errorf("the tar.gz has %q", names)
	}
	content := read(t, folder, "sockeye-1.2.3-windows-amd64.zip")
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	names = nil
	for _, file := range archive.File {
		name := strings.TrimPrefix(file.Name, "sockeye-1.2.3-windows-amd64/")
		names = append(names, name)
		if name == "sockeye.exe" {
			if got := unzipped(t, file); got != inZip || file.Mode() != 0o755 {
				t.Errorf("%s is %q, with mode %s", name, got, file.Mode())
			}
		}
	}
	if want := append(slices.Clone(shipped), "sockeye.exe"); !slices.Equal(names, want) {
		t.Errorf("the zip has %q", names)
	}
}

func unzipped(t *testing.T, file *zip.File) string {
	t.Helper()
	in, err := file.Open()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(in)
	if err := errors.Join(err, in.Close()); err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func runIt(t *testing.T, content io.Reader, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sockeye")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, mode)
	if err == nil {
		_, err = io.Copy(file, content)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "sockeye v1.2.3 (go") {
		t.Errorf("%v: %s", err, out)
	}
}

// checkMaterials compares the list with what the go command says of the program.
func checkMaterials(t *testing.T, folder string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(read(t, folder, "sockeye-1.2.3-linux-amd64.cdx.json")))
	decoder.DisallowUnknownFields()
	var list bom
	if err := decoder.Decode(&list); err != nil {
		t.Fatal(err)
	}
	known := make(map[string]component)
	for _, c := range list.Components {
		if _, twice := known[c.Ref]; twice || c.Name == "" || c.Version == "" || !strings.HasPrefix(c.PURL, "pkg:") {
			t.Errorf("%+v", c)
		}
		known[c.Ref] = c
	}
	path, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}}{{end}}{{end}}", root+"/cmd/sockeye").Output()
	if err != nil {
		t.Fatal(err)
	}
	for module := range strings.FieldsSeq(string(path)) {
		name, version, _ := strings.Cut(module, "@")
		if known[name].Version != version {
			t.Errorf("%s is in the program, and %+v in the list", module, known[name])
		}
	}
	if known["std"].Version == "" || known["npm:svelte"].Version == "" || len(list.Dependencies) != 1 || len(list.Dependencies[0].DependsOn) != len(known) {
		t.Errorf("%d materials, of which %d are depended on", len(known), len(list.Dependencies))
	}
	if list.SpecVersion != "1.6" || list.Metadata.Component.Version != "v1.2.3" || list.Metadata.Timestamp != "2023-11-14T22:13:20Z" {
		t.Errorf("%+v", list.Metadata)
	}
}

func TestWrongCalls(t *testing.T) {
	mine := t.TempDir()
	if err := os.WriteFile(filepath.Join(mine, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		says string
	}{
		{nil, "version"},
		{[]string{"-version", "v1", "-platforms", "plan9/amd64"}, `"plan9/amd64", it must be one of linux/amd64`},
		{[]string{"-version", "v1", "-time", "1", "-root", t.TempDir()}, "make web"},
	} {
		if err := run(t.Context(), append(tc.args, "-out", mine)); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%q: %v", tc.args, err)
		}
	}
	r := &release{out: mine}
	if err := r.empty(); err == nil || len(read(t, mine, "thesis.txt")) != 0 {
		t.Errorf("a folder of somebody else's: %v", err)
	}
	own := &release{out: filepath.Join(mine, "dist")}
	for range 2 {
		if err := own.empty(); err != nil {
			t.Errorf("a folder of its own: %v", err)
		}
		if err := os.WriteFile(filepath.Join(own.out, "of the last time"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSoakSameBytes makes the release of one platform in two folders with different paths.
func TestSoakSameBytes(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("builds the server twice; set SOCKEYE_SOAK")
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, again := read(t, makeHere(t, here, flate.BestCompression), "SHA256SUMS"), read(t, makeHere(t, copied(t), flate.BestCompression), "SHA256SUMS")
	if !bytes.Equal(sums, again) {
		t.Errorf("not the same twice:\n%s\n%s", sums, again)
	}
}

// TestSoakEveryPlatform builds the server, and vets all packages, for each platform that is released.
func TestSoakEveryPlatform(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("builds the server for five platforms; set SOCKEYE_SOAK")
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	r := &release{root: here, version: "v1.2.3"}
	// What a program of each begins with, that is not one for another system.
	magic := map[string]string{"linux": "\x7fELF", "darwin": "\xcf\xfa\xed\xfe", "windows": "MZ"}
	for _, name := range allPlatforms {
		p, err := platformOf(name)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		folder := t.TempDir()
		binary, err := r.build(t.Context(), p, folder)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		content := read(t, filepath.Dir(binary), filepath.Base(binary))
		if !bytes.HasPrefix(content, []byte(magic[p.os])) {
			t.Errorf("%s begins with %q", p, content[:4])
		}
		info, err := buildinfo.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []debug.BuildSetting{{Key: "GOOS", Value: p.os}, {Key: "GOARCH", Value: p.arch}, {Key: "CGO_ENABLED", Value: "0"}} {
			if !slices.Contains(info.Settings, want) {
				t.Errorf("%s says %v, and not %v", p, info.Settings, want)
			}
		}
		built := time.Since(began)
		if err := r.call(t.Context(), here, append(unset, "GOOS="+p.os, "GOARCH="+p.arch), "go", "vet", "./..."); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		t.Logf("%s: %d bytes, built in %s, vetted in %s", p, len(content), built.Round(time.Second), (time.Since(began) - built).Round(time.Second))
	}
}

// TestSoakCleanClones has make release called in two clean clones, with a cache each, and compares all hashes.
func TestSoakCleanClones(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("takes long; set SOCKEYE_SOAK")
	}
	var sums [2][]byte
	for i := range sums {
		clone := filepath.Join(t.TempDir(), strings.Repeat("deep/", i), "sockeye")
		for _, command := range [][]string{{"git", "clone", "-q", root, clone}, {"make", "-C", clone, "release", "VERSION=v1.2.3"}} {
			c := exec.CommandContext(t.Context(), command[0], command[1:]...)
			c.Env = append(os.Environ(), "GOCACHE="+filepath.Join(filepath.Dir(clone), "cache"))
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%q: %v\n%s", command, err, out)
			}
		}
		sums[i] = read(t, filepath.Join(clone, "dist"), "SHA256SUMS")
	}
	if !bytes.Equal(sums[0], sums[1]) || len(sums[0]) == 0 {
		t.Errorf("two clean clones differ:\n%s\n%s", sums[0], sums[1])
	}
	t.Logf("\n%s", sums[0])
}

func read(t *testing.T, folder, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

package roots

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

const mark = "-----BEGIN CERTIFICATE-----"

func TestWhatTheSystemTrusts(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	long := string(bytes.Repeat([]byte("# a comment\n"), 10_000))
	none, empty, absent := write("none.pem", long), write("empty.pem", ""), filepath.Join(dir, "absent")
	one, late := write("one.pem", mark+"\n"), write("late.pem", long+mark+"\n")
	full, bare := filepath.Dir(write("full/a.pem", mark)), filepath.Dir(write("bare/README", long))
	var cut []string // in two by the end of a read, wherever
	for i := range len(mark) {
		cut = append(cut, write("cut.pem", string(bytes.Repeat([]byte("#"), 16<<10-i))+mark))
		if !(system{files: cut[i:]}).hasSome() {
			t.Errorf("a certificate that begins %d bytes before the end of a read is not found", i)
		}
	}
	for _, c := range []struct {
		looked system
		has    bool
	}{
		{system{}, false},
		{system{files: []string{absent}, folders: []string{absent}}, false},
		{system{files: []string{one}}, true},
		{system{files: []string{late}}, true},
		{system{files: []string{absent, one}}, true},
		{system{files: []string{none, one}}, false}, // crypto/x509 reads the first alone
		{system{files: []string{empty}, folders: []string{bare}}, false},
		{system{files: []string{empty}, folders: []string{absent, bare, full}}, true},
		{system{files: []string{dir}, folders: []string{full}}, true},
	} {
		if has := c.looked.hasSome(); has != c.has {
			t.Errorf("%+v: %v", c.looked, has)
		}
	}
}

// Two of the settings of OpenSSL say where to look instead.
func TestTheEnvironmentNamesOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.pem"), []byte(mark), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", filepath.Join(dir, "absent"))
	t.Setenv("SSL_CERT_DIR", filepath.Join(dir, "absent"))
	if systemHasSome() {
		t.Error("found where nothing is")
	}
	t.Setenv("SSL_CERT_DIR", filepath.Join(dir, "absent")+":"+dir)
	if !systemHasSome() {
		t.Error("not found in a folder")
	}
	t.Setenv("GODEBUG", "x509usefallbackroots=1")
	if systemHasSome() {
		t.Error("the fallback is not asked for")
	}
}

// All that are built in can be read.
func TestMozilla(t *testing.T) {
	if n := len(mozilla().Subjects()); n < 100 { //nolint:staticcheck // not the system's
		t.Errorf("%d authorities", n)
	}
}

package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sockeye-im/sockeye/internal/backup"
)

// contents are of parts of all sizes around a block of tar.
func contents() map[string]string {
	return map[string]string{
		"sockeye.db": strings.Repeat("a page ", 300), "jwt.secret": "secret\n", "acme/account": strings.Repeat("k", 512),
		"acme/deep/er": "", "files/" + strings.Repeat("long", 60): strings.Repeat("x", 513),
	}
}

func manifest(parts map[string]string) backup.Manifest {
	m := backup.Manifest{
		Program: "v1", CreatedAt: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), Database: "sqlite", Schema: 10, ReadableFrom: 10, Epoch: "e",
	}
	for _, name := range []string{"sockeye.db", "jwt.secret", "acme/account", "acme/deep/er", "files/" + strings.Repeat("long", 60)} {
		m.Parts = append(m.Parts, backup.Part{Name: name, Size: int64(len(parts[name])), Mode: 0o600})
	}
	return m
}

func write(t *testing.T) []byte {
	t.Helper()
	parts := contents()
	var file bytes.Buffer
	err := backup.Write(t.Context(), &file, manifest(parts), func(_ context.Context, part backup.Part, to io.Writer) error {
		_, err := io.WriteString(to, parts[part.Name])
		return err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func read(from io.Reader) (m backup.Manifest, parts map[string]string, err error) {
	r, err := backup.NewReader(from)
	if err != nil {
		return m, nil, err
	}
	parts = make(map[string]string)
	err = r.Each(context.Background(), func(part backup.Part, content io.Reader) error {
		text, err := io.ReadAll(content)
		parts[part.Name] = string(text)
		return err
	}, nil)
	return r.Manifest(), parts, err
}

func TestRoundTrip(t *testing.T) {
	file := write(t)
	for name, from := range map[string]io.Reader{"whole": bytes.NewReader(file), "byte by byte": iotest.OneByteReader(bytes.NewReader(file))} {
		m, parts, err := read(from)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if fmt.Sprint(parts) != fmt.Sprint(contents()) {
			t.Errorf("%s: the parts are %v", name, parts)
		}
		want := manifest(contents())
		want.Format = 1
		if fmt.Sprint(m) != fmt.Sprint(want) {
			t.Errorf("%s: the manifest is %+v", name, m)
		}
	}
	// Parts that nobody reads are proven too.
	r, err := backup.NewReader(bytes.NewReader(file))
	if err == nil {
		err = r.Each(t.Context(), func(backup.Part, io.Reader) error { return nil }, nil)
	}
	if err != nil {
		t.Errorf("without reading: %v", err)
	}
}

// TestAnyTarUnpacksIt: nobody depends on this program to get at what is his.
func TestAnyTarUnpacksIt(t *testing.T) {
	archive := tar.NewReader(bytes.NewReader(write(t)))
	var names []string
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	if got := strings.Join(names, " "); !strings.HasPrefix(got, "sockeye-backup.json data/sockeye.db data/jwt.secret ") || !strings.HasSuffix(got, " SHA256SUMS sockeye-backup.end") {
		t.Errorf("it has %s", got)
	}
}

// sample has one of each some places of a file, another one each time, so that they are all looked at some day.
const sample = 7

// TestFlippedBytesAreFound, wherever they are.
func TestFlippedBytesAreFound(t *testing.T) {
	file := write(t)
	for at := rand.IntN(sample); at < len(file); at += sample {
		damaged := bytes.Clone(file)
		damaged[at] ^= 1 << rand.IntN(8)
		_, _, err := read(bytes.NewReader(damaged))
		if err == nil {
			t.Fatalf("byte %d of %d was %#x, is %#x, and nobody minds", at, len(file), file[at], damaged[at])
		}
		if !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrNotBackup) && !errors.Is(err, backup.ErrCutOff) && !errors.Is(err, backup.ErrNewer) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

func TestCutsAreFound(t *testing.T) {
	file := write(t)
	for size := rand.IntN(sample); size < len(file); size += sample {
		if _, _, err := read(bytes.NewReader(file[:size])); !errors.Is(err, backup.ErrCutOff) && !errors.Is(err, backup.ErrNotBackup) && !errors.Is(err, backup.ErrDamaged) {
			t.Fatalf("with %d of %d bytes: %v", size, len(file), err)
		}
	}
	for _, more := range []string{"x", strings.Repeat("\x00", 512), string(file)} {
		if _, _, err := read(strings.NewReader(string(file) + more)); !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrCutOff) {
			t.Errorf("with %d bytes more: %v", len(more), err)
		}
	}
}

func TestWords(t *testing.T) {
	file := write(t)
	at := bytes.Index(file, []byte("secret\n"))
	flipped := bytes.Clone(file)
	flipped[at] = 'S'
	newer := bytes.Replace(file, []byte(`"format": 1,`), []byte(`"format": 9,`), 1)
	for name, test := range map[string]struct {
		file []byte
		is   error
		says string
	}{
		"flipped":        {flipped, backup.ErrDamaged, "SHA-256 of data/jwt.secret is not"},
		"cut in a part":  {file[:bytes.Index(file, []byte("a page"))+2048+50], backup.ErrCutOff, "ends in data/sockeye.db"},
		"cut at the end": {file[:len(file)-1], backup.ErrCutOff, "not the end of a backup"},
		"empty":          {nil, backup.ErrNotBackup, "empty"},
		"another file":   {[]byte("#!/bin/sh\necho hello world\n"), backup.ErrNotBackup, "no backup of sockeye"},
		"newer":          {newer, backup.ErrNewer, `format 9 and was written by sockeye "v1"`},
	} {
		if _, _, err := read(bytes.NewReader(test.file)); !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// headed is the beginning of a backup with that manifest, which nothing follows.
func headed(manifest string) io.Reader {
	var forged bytes.Buffer
	w := tar.NewWriter(&forged)
	_ = w.WriteHeader(&tar.Header{Name: "sockeye-backup.json", Size: int64(len(manifest)), Mode: 0o600})
	_, _ = io.WriteString(w, manifest)
	_ = w.Close()
	forged.Write(make([]byte, 4096))
	return &forged
}

// TestForgedNames: a backup whose sums are right leads nowhere else either, and has no say in the terminal that shows it.
func TestForgedNames(t *testing.T) {
	for _, name := range []string{"../x", "/etc/passwd", "a//b", "a/../b", ".", "", "a/", "a\nb", "a\x1b[2Jb", "a\u009b2Jb"} {
		m := backup.Manifest{Parts: []backup.Part{{Name: name, Size: 0, Mode: 0o600}}}
		nothing := func(context.Context, backup.Part, io.Writer) error { return nil }
		if err := backup.Write(t.Context(), io.Discard, m, nothing, nil); err == nil {
			t.Errorf("a part %q was written", name)
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := backup.NewReader(headed(`{"format":1,"parts":[{"name":` + string(quoted) + `,"size":0,"mode":"0600"}]}`)); !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("a part %q: %v", name, err)
		}
	}
	_, err := backup.NewReader(headed(`{"format":1,"program":"1\u001b[2J","parts":[{"name":"a","size":0,"mode":"0600"}]}`))
	if !errors.Is(err, backup.ErrDamaged) || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("a program that clears the screen: %v", err)
	}
}

// TestForgedSizes: they are all together a number of bytes.
func TestForgedSizes(t *testing.T) {
	_, err := backup.NewReader(headed(`{"format":1,"parts":[{"name":"a","size":9223372036854775807,"mode":"0600"},{"name":"b","size":1,"mode":"0600"}]}`))
	if !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// TestForgedNumberOfParts: whoever reads does so up to the last one that is possible, whatever follows.
func TestForgedNumberOfParts(t *testing.T) {
	_, err := backup.NewReader(headed(`{"format":1,"parts":[` + strings.Repeat("{},", 1<<19) + `{"size":"not looked at"}]}`))
	if err == nil || !strings.Contains(err.Error(), "at most 524288 parts") {
		t.Errorf("got %v", err)
	}
}

// TestForgedHoles: an entry that says that it is endless is none, and nobody reads to its end.
func TestForgedHoles(t *testing.T) {
	const size = 1 << 60
	text := fmt.Sprintf(`{"format":1,"parts":[{"name":"a","size":%d,"mode":"0600"}]}`, size)
	records := ""
	for _, record := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=data/a", fmt.Sprintf("GNU.sparse.realsize=%d", size)} {
		records += fmt.Sprintf("%d %s\n", len(record)+4, record) // each has a length of two digits
	}
	sparse := fmt.Sprintf("1\n%d\n0\n", size)
	sparse += strings.Repeat("\x00", 512-len(sparse))
	var forged bytes.Buffer
	w := tar.NewWriter(&forged)
	for _, entry := range []struct {
		header tar.Header
		text   string
	}{
		{tar.Header{Name: "sockeye-backup.json", Mode: 0o600}, text},
		{tar.Header{Name: "PaxHeaders.0/a", Typeflag: 'x'}, records},
		{tar.Header{Name: "data/a", Mode: 0o600}, sparse},
	} {
		entry.header.Size = int64(len(entry.text))
		if entry.header.Typeflag == 'x' {
			forged.Write(rawHeader(entry.header.Name, entry.text))
			continue
		}
		if err := w.WriteHeader(&entry.header); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, entry.text)
		_ = w.Flush()
	}
	_ = w.Close()
	forged.Write(make([]byte, 4096))
	if _, _, err := read(&forged); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// rawHeader is an extended header with its records, which package tar writes for nobody.
func rawHeader(name, records string) []byte {
	block := make([]byte, 1024)
	copy(block, name)
	copy(block[100:], "0000600\x000000000\x000000000\x00"+fmt.Sprintf("%011o\x00", len(records))+"00000000000\x00        x")
	copy(block[257:], "ustar\x0000")
	sum := 0
	for _, b := range block[:512] {
		sum += int(b)
	}
	copy(block[148:], fmt.Sprintf("%06o\x00 ", sum))
	copy(block[512:], records)
	return block
}

// TestSourceThatLies: what is shorter or longer than the manifest says is no backup.
func TestSourceThatLies(t *testing.T) {
	for _, content := range []string{"abc", "abcde"} {
		m := backup.Manifest{Parts: []backup.Part{{Name: "a", Size: 4, Mode: 0o600}}}
		err := backup.Write(t.Context(), io.Discard, m, func(_ context.Context, _ backup.Part, to io.Writer) error {
			_, err := io.WriteString(to, content)
			return err
		}, nil)
		if err == nil {
			t.Errorf("%d bytes for 4 were taken", len(content))
		}
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "b")
	good := write(t)
	save := func(content []byte, fault error) error {
		return backup.Save(path, func(to io.Writer) error {
			_, err := to.Write(content)
			return errors.Join(err, fault)
		})
	}
	if err := save(good, nil); err != nil {
		t.Fatal(err)
	}
	fault := errors.New("no more")
	if err := save([]byte("half"), fault); !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, good) {
		t.Errorf("the former backup is gone: %v", err)
	}
	// A process that died has left it.
	if err := os.WriteFile(path+".partial", bytes.Repeat(good, 10), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := save(good[:100], nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() != 100 {
		t.Errorf("it is %v, %v", info, err)
	}
	if names, _ := filepath.Glob(dir + "/*"); len(names) != 1 {
		t.Errorf("there are %v", names)
	}
	held := backup.Save(path, func(io.Writer) error {
		if err := save(good, nil); !errors.Is(err, backup.ErrBusy) {
			t.Errorf("a second one at the same time: %v", err)
		}
		return nil
	})
	if held != nil {
		t.Error(held)
	}
	if err := os.WriteFile(path, []byte("my only copy of a novel"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := save(good, nil); !errors.Is(err, backup.ErrNotBackup) || !strings.Contains(err.Error(), "not replaced") {
		t.Errorf("over another file: %v", err)
	}
}

// FuzzRead: whatever a file holds, reading it ends, without a panic, and only what Write has written is whole.
func FuzzRead(f *testing.F) {
	var file bytes.Buffer
	m := backup.Manifest{Parts: []backup.Part{{Name: "a", Size: 1, Mode: 0o600}}}
	if err := backup.Write(f.Context(), &file, m, func(_ context.Context, _ backup.Part, to io.Writer) error {
		_, err := to.Write([]byte("x"))
		return err
	}, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add(file.Bytes()[:1024])
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, _, err := read(bytes.NewReader(content)); err == nil && !bytes.HasPrefix(content, []byte("sockeye-backup.json")) {
			t.Error("it was read")
		}
	})
}

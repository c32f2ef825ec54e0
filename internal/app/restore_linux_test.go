package app_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/backup"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// nobody is the user whose folders root works in.
const nobody = 65534

// give makes files nobody's.
func give(t *testing.T, paths ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	for _, path := range paths {
		if err := os.Lchown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
}

// used is a folder that a server has run in, with these files beside what it has itself.
func used(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if _, err := account.OpenSecret(dir); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(dir), func([]chat.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		put(t, filepath.Join(dir, name), content)
	}
	return dir
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// whole is a backup of a folder.
func whole(t *testing.T, dir string) (file []byte, skipped []string) {
	t.Helper()
	var to bytes.Buffer
	skipped, err := app.Backup(t.Context(), dir, "1.2.3", &to, func(backup.Manifest) error { return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return to.Bytes(), skipped
}

func restore(t *testing.T, dir string, file []byte) error {
	t.Helper()
	return app.Restore(t.Context(), dir, bytes.NewReader(file), func(backup.Manifest) error { return nil }, nil)
}

// forged is a backup with all sums right, of parts that no server has.
func forged(t *testing.T, m backup.Manifest, contents ...string) []byte {
	t.Helper()
	var to bytes.Buffer
	m.Database, m.Program = "sqlite", "1.2.3"
	for i := range m.Parts {
		m.Parts[i].Size, m.Parts[i].Mode = int64(len(contents[i])), 0o600
	}
	at := 0
	err := backup.Write(t.Context(), &to, m, func(_ context.Context, _ backup.Part, to io.Writer) error {
		at++
		_, err := io.WriteString(to, contents[at-1])
		return err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// TestRestoreFollowsNoLinks: whoever has the folder has nothing else of the machine by a restore into it.
func TestRestoreFollowsNoLinks(t *testing.T) {
	good, _ := whole(t, used(t, map[string]string{"acme/key": "key"}))
	outside := forged(t, backup.Manifest{Schema: sqlite.NewestSchema(), ReadableFrom: sqlite.NewestSchema(), Parts: []backup.Part{{Name: "sockeye.db"}, {Name: "lost+found/x"}}}, "x", "written")
	for name, file := range map[string][]byte{"restore.unfinished": good, "sockeye.lock": good, "lost+found": outside} {
		dir, elsewhere := t.TempDir(), t.TempDir()
		victim := filepath.Join(elsewhere, "victim")
		put(t, victim, "precious")
		to := victim
		if name == "lost+found" {
			to = elsewhere
		}
		link := filepath.Join(dir, name)
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
		give(t, dir, link)
		if err := restore(t, dir, file); err == nil {
			t.Errorf("%s: it was restored", name)
		}
		unharmed(t, name, victim)
		if names, _ := os.ReadDir(elsewhere); len(names) != 1 {
			t.Errorf("%s: beside the victim is %v", name, names)
		}
	}
}

// unharmed wants a victim as root has made it.
func unharmed(t *testing.T, name, victim string) {
	t.Helper()
	content, err := os.ReadFile(victim)
	if err != nil || string(content) != "precious" {
		t.Errorf("%s: the victim holds %q, %v", name, content, err)
	}
	info, err := os.Stat(victim)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("%s: the victim is somebody else's: %v, %v", name, info, err)
	}
}

// TestRestoreWritesNoOtherNames: a file that has a name in the folder and another one elsewhere stays as it is.
func TestRestoreWritesNoOtherNames(t *testing.T) {
	good, _ := whole(t, used(t, nil))
	for name, wrong := range map[string]bool{"restore.unfinished": false, "sockeye.lock": true} {
		top := t.TempDir() // one file system
		dir, victim := filepath.Join(top, "data"), filepath.Join(top, "victim")
		put(t, victim, "precious")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(victim, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		give(t, dir)
		if err := restore(t, dir, good); (err != nil) != wrong {
			t.Errorf("%s: %v", name, err)
		}
		unharmed(t, name, victim)
	}
}

// TestRestoredFilesBelongToTheFoldersOwner, all of them, and what an earlier restore has left does not matter.
func TestRestoredFilesBelongToTheFoldersOwner(t *testing.T) {
	good, _ := whole(t, used(t, map[string]string{"acme/deep/key": "key"}))
	dir := t.TempDir()
	put(t, filepath.Join(dir, "restore.unfinished"), "")
	put(t, filepath.Join(dir, "acme", "old"), "of another backup")
	put(t, filepath.Join(dir, ".sockeye.db.restoring"), "half")
	give(t, dir)
	if err := restore(t, dir, good); err != nil {
		t.Fatal(err)
	}
	var names []string
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Sys().(*syscall.Stat_t).Uid != nobody {
			t.Errorf("%s is not the owner's", path)
		}
		name, _ := filepath.Rel(dir, path)
		names = append(names, name)
		return err
	})
	if got := strings.Join(names, " "); err != nil || got != ". acme acme/deep acme/deep/key jwt.secret sockeye.db sockeye.lock" {
		t.Errorf("it has %s, %v", got, err)
	}
}

// TestFailedRestoreRemovesItsMarkLast: however the process ends meanwhile, what is left is known to be unfinished.
func TestFailedRestoreRemovesItsMarkLast(t *testing.T) {
	good, _ := whole(t, used(t, map[string]string{"zones/a": "a", "acme": "key"}))
	dir := t.TempDir()
	events, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(events) }()
	if _, err := unix.InotifyAddWatch(events, dir, unix.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	if err := restore(t, dir, good[:len(good)-1]); err == nil {
		t.Fatal("a half was restored")
	}
	var buffer [4096]byte
	n, err := unix.Read(events, buffer[:])
	if err != nil {
		t.Fatal(err)
	}
	var removed []string
	for rest := buffer[:n]; len(rest) > 0; {
		size := int(rest[12]) // of the name, which is short
		removed = append(removed, string(bytes.TrimRight(rest[16:16+size], "\x00")))
		rest = rest[16+size:]
	}
	if want := "restore.unfinished sockeye.lock"; len(removed) != 6 || strings.Join(removed[4:], " ") != want || !slices.Contains(removed, "zones") {
		t.Errorf("they went in the order %v", removed)
	}
}

// TestRestoreOfNoDatabase: what a backup calls a database is one of sockeye, and of the version that was said.
func TestRestoreOfNoDatabase(t *testing.T) {
	database, err := os.ReadFile(filepath.Join(used(t, nil), sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	newest := sqlite.NewestSchema()
	for name, test := range map[string]struct {
		content              string
		schema, readableFrom int64
		says                 string
	}{
		"one byte":       {"x", newest, newest, "no database of sockeye"},
		"nothing":        {"", newest, newest, "no database of sockeye"},
		"older":          {string(database), newest - 1, newest - 1, "its schema is version"},
		"for older ones": {string(database), newest, 1, "its schema is version"},
	} {
		dir := t.TempDir()
		file := forged(t, backup.Manifest{Schema: test.schema, ReadableFrom: test.readableFrom, Parts: []backup.Part{{Name: sqlite.FileName}}}, test.content)
		if err := restore(t, dir, file); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %v was left, %v", name, left, err)
		}
	}
}

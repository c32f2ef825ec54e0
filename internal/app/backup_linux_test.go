package app_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/backup"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// TestBackupReadsForNobodyElse: a link in the data folder leads root to what the folder's owner may read, and no further.
func TestBackupReadsForNobodyElse(t *testing.T) {
	dir, top := used(t, map[string]string{"root.key": "made by root in the folder"}), t.TempDir()
	for _, folder := range []string{filepath.Dir(top), top} {
		if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // anybody may look in
			t.Fatal(err)
		}
	}
	for name, of := range map[string]struct {
		mode        os.FileMode
		group, user int
	}{
		"secret": {0o600, 0, 0}, "group": {0o640, nobody, 0}, "notgroup": {0o604, nobody, 0}, "all": {0o644, 0, 0}, "his": {0o600, 0, nobody}, "root/hidden": {0o644, 0, 0},
	} {
		path := filepath.Join(top, name)
		put(t, path, name)
		give(t, dir) // or it is skipped
		if err := os.Chmod(path, of.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, of.user, of.group); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{
		"secret": "secret", "group": "group", "notgroup": "notgroup", "all": "all", "his": "his", "hidden": "root/hidden", "folder": "", "chain": "../" + filepath.Base(dir) + "/secret",
	} {
		if err := os.Symlink(filepath.Join(top, to), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	file, skipped := whole(t, dir)
	if want := []string{"chain", "folder/notgroup", "folder/root", "folder/secret", "hidden", "notgroup", "secret"}; !slices.Equal(skipped, want) {
		t.Errorf("it was skipped: %v", skipped)
	}
	restored := filepath.Join(t.TempDir(), "new")
	if err := restore(t, restored, file); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(restored + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	if got := strings.Join(names, " "); got != "all folder group his jwt.secret root.key sockeye.db sockeye.lock" {
		t.Errorf("it has %s", got)
	}
}

// TestBackupWithoutImpossibleNames: a file with a name that no part can have does not keep the others out.
func TestBackupWithoutImpossibleNames(t *testing.T) {
	names := []string{"clears\x1b[2J", "not \xff UTF-8", "two\nlines"}
	_, skipped := whole(t, used(t, map[string]string{names[0]: "a", names[1]: "b", names[2]: "c"}))
	if !slices.Equal(skipped, names) {
		t.Errorf("it was skipped: %q", skipped)
	}
}

// TestBackupOfAnotherDatabase: nor is a link in the place of the database followed to that of somebody else.
func TestBackupOfAnotherDatabase(t *testing.T) {
	theirs, dir := used(t, nil), t.TempDir()
	if err := os.Symlink(filepath.Join(theirs, sqlite.FileName), filepath.Join(dir, sqlite.FileName)); err != nil {
		t.Fatal(err)
	}
	give(t, dir)
	none := func(backup.Manifest) error { t.Error("it was begun"); return nil }
	if _, err := app.Backup(t.Context(), dir, "1.2.3", io.Discard, none, nil); err == nil || !strings.Contains(err.Error(), "is a link") {
		t.Errorf("got %v", err)
	}
}

// TestBackupHoldsFewFiles: small files are taken as they are at first, as long as memory is not all of them.
func TestBackupHoldsFewFiles(t *testing.T) {
	const files, atMost, size = 24, 16, 1 << 20
	many := make(map[string]string, files)
	for i := range files {
		many[fmt.Sprintf("file%02d", i)] = strings.Repeat("a", size)
	}
	dir := used(t, many)
	var to bytes.Buffer
	if _, err := app.Backup(t.Context(), dir, "1.2.3", &to, func(backup.Manifest) error {
		for name := range many {
			put(t, filepath.Join(dir, name), strings.Repeat("b", size))
		}
		return nil
	}, nil); err != nil {
		t.Fatal(err)
	}
	archive, err := backup.NewReader(&to)
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	if err := archive.Each(t.Context(), func(part backup.Part, content io.Reader) error {
		first := make([]byte, 1)
		_, err := io.ReadFull(content, first)
		if strings.HasPrefix(part.Name, "file") && first[0] == 'a' {
			held++
		}
		return err
	}, nil); err != nil {
		t.Fatal(err)
	}
	if held < atMost-1 || held > atMost {
		t.Errorf("%d files of %d were held in memory", held, files)
	}
}

//go:build unix

package backup_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sockeye-im/sockeye/internal/backup"
)

// TestSaveUsesNothingThatStandsThere: whatever has the name of the file while it is written, a backup does not go into it.
func TestSaveUsesNothingThatStandsThere(t *testing.T) {
	good := write(t)
	for name, place := range map[string]func(victim, partial string) error{
		"a link":           os.Symlink,
		"a second name":    os.Link,
		"a link to none":   func(victim, partial string) error { return os.Symlink(victim+"2", partial) },
		"a pipe":           func(_, partial string) error { return syscall.Mkfifo(partial, 0o600) },
		"a folder":         func(_, partial string) error { return os.Mkdir(partial, 0o700) },
		"another file":     func(_, partial string) error { return os.WriteFile(partial, []byte("my only copy of a novel"), 0o600) },
		"somebody else's":  func(_, partial string) error { return placeForNobody(partial, good) },
		"an empty one too": func(_, partial string) error { return placeForNobody(partial, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, victim := filepath.Join(dir, "b"), filepath.Join(dir, "victim")
			if err := os.WriteFile(victim, good, 0o600); err != nil {
				t.Fatal(err)
			}
			err := place(victim, path+".partial")
			if errors.Is(err, errNotRoot) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			err = backup.Save(path, func(to io.Writer) error {
				_, err := io.WriteString(to, "secrets")
				return err
			})
			if err == nil || !strings.Contains(err.Error(), path+".partial is in the way") {
				t.Errorf("got %v", err)
			}
			if now, err := os.ReadFile(victim); err != nil || string(now) != string(good) {
				t.Errorf("the victim has %d bytes, %v", len(now), err)
			}
			if _, err := os.Lstat(path + ".partial"); err != nil {
				t.Errorf("it is gone: %v", err)
			}
			if names, _ := filepath.Glob(dir + "/*"); len(names) != 2 {
				t.Errorf("there are %v", names)
			}
		})
	}
}

var errNotRoot = errors.New("only root can give files away")

// placeForNobody makes a file of another user's, whom everybody may write to.
func placeForNobody(path string, content []byte) error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	const nobody = 65534
	return errors.Join(os.WriteFile(path, content, 0o600), os.Chmod(path, 0o666), os.Chown(path, nobody, nobody))
}

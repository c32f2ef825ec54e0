package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// partialSuffix is what the name of a file ends with that is still being written.
const partialSuffix = ".partial"

// ErrBusy says that another backup is being written to the same file.
var ErrBusy = errors.New("another backup is being written to it")

// Save writes a file that is there as a whole or not at all: beside its name first, synced, and renamed, with mode 0600. A
// backup of that name is replaced; a file that is none is left alone. What a process that died has left beside the name is
// removed; whatever else stands there is refused. The errors ErrBusy, ErrNotBackup and those of the file system come wrapped.
func Save(path string, write func(io.Writer) error) (err error) {
	if err := mayReplace(path); err != nil {
		return err
	}
	partial := path + partialSuffix
	file, err := create(partial)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err = write(&steady{file: file}); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(partial, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return SyncFolder(filepath.Dir(path))
}

// syncEvery is how many bytes are written between two syncs: a server whose commits wait for the same disk waits for little
// each time, rather than once for all.
const syncEvery = 1 << 20

// steady writes to a file, and syncs it now and then.
type steady struct {
	file  *os.File
	ahead int // bytes that are not synced
}

func (s *steady) Write(p []byte) (written int, err error) {
	for len(p) > 0 && err == nil {
		n := 0
		n, err = s.file.Write(p[:min(len(p), syncEvery-s.ahead)])
		written, p, s.ahead = written+n, p[n:], s.ahead+n
		if err == nil && s.ahead == syncEvery {
			err, s.ahead = s.file.Sync(), 0
		}
	}
	return written, err
}

// create makes a file anew and locks it.
func create(partial string) (file *os.File, err error) {
	if err := removeStale(partial); err != nil {
		return nil, err
	}
	file, err = os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, err
	}
	// Another process may have taken it for one that is left behind, before it was locked.
	err = lock(file)
	if err == nil && !isSame(file, partial) {
		err = ErrBusy
	}
	if err == nil {
		err = file.Chmod(0o600) // whatever the umask
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// removeStale removes what a process that died has left, if it is that.
func removeStale(partial string) (err error) {
	info, err := os.Lstat(partial)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular() || !isOwn(info):
		return fmt.Errorf("%s is in the way, and no backup of yours has left it: remove it, or name another file", partial)
	}
	file, err := os.Open(partial)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := lock(file); err != nil {
		return err
	}
	if !isSame(file, partial) {
		return ErrBusy
	}
	if info.Size() > 0 && !begins(file) {
		return fmt.Errorf("%s is in the way: %w. Remove it, or name another file", partial, ErrNotBackup)
	}
	return os.Remove(partial)
}

// isSame reports whether a file is still what has that name.
func isSame(file *os.File, path string) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	at, err := os.Lstat(path)
	return err == nil && os.SameFile(info, at)
}

// mayReplace fails where something stands in the place that is no backup.
func mayReplace(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder: name a file in it", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", path)
	}
	if !Is(path) {
		return fmt.Errorf("%s is there already, and is not replaced: %w", path, ErrNotBackup)
	}
	return nil
}

// Is reports whether a file begins as a backup does.
func Is(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	return begins(file)
}

func begins(file io.Reader) bool {
	start := make([]byte, len(manifestName))
	_, err := io.ReadFull(file, start)
	return err == nil && string(start) == manifestName
}

// SyncFolder puts the names in a folder on disk. Windows does so by itself.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

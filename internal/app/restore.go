package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sockeye-im/sockeye/internal/backup"
	"github.com/sockeye-im/sockeye/internal/machine"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// Restore makes a data folder of a backup: a new one, or in an empty one, which keeps its owner. The folder is whole once
// Restore has returned without an error; before that, however the process ends, no server starts in it, and another Restore
// begins anew. After an error the folder is as it was, as far as it could be. ready is called with what the backup is of,
// before anything is changed; it may refuse.
func Restore(ctx context.Context, dir string, from io.Reader, ready func(backup.Manifest) error, progress backup.Progress) (err error) {
	archive, err := backup.NewReader(from)
	if err != nil {
		return fmt.Errorf("the backup cannot be used: %w", err)
	}
	m := archive.Manifest()
	if err := restorable(&m); err != nil {
		return fmt.Errorf("the backup cannot be used: %w", err)
	}
	if err := ready(m); err != nil {
		return err
	}
	r, err := beginRestore(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.end(err)) }()
	if disk, known := machine.DiskOf(dir); known && disk.Free < uint64(m.Size()) { //nolint:gosec // it is not negative
		return fmt.Errorf("the disk of %s has %s free, the backup needs %s", dir, backup.Bytes(int64(disk.Free)), backup.Bytes(m.Size())) //nolint:gosec // disks are smaller
	}
	err = archive.Each(ctx, r.take, progress)
	switch {
	case errors.Is(err, backup.ErrDamaged) || errors.Is(err, backup.ErrCutOff):
		return fmt.Errorf("the backup cannot be used: %w", err)
	case err != nil:
		return err
	}
	return r.finish(ctx, &m)
}

// restorable reports what this program cannot restore.
func restorable(m *backup.Manifest) error {
	if m.Database != "sqlite" {
		return fmt.Errorf("its database is %q, this version restores sqlite only", m.Database)
	}
	if err := sqlite.CanUse(m.Schema, m.ReadableFrom); err != nil {
		return fmt.Errorf("it was made by sockeye %s: %w", m.Program, err)
	}
	for _, part := range m.Parts {
		if part.Name != sqlite.FileName && passing(part.Name) {
			return fmt.Errorf("%w: it has a part %s", backup.ErrDamaged, part.Name)
		}
	}
	if m.Parts[0].Name != sqlite.FileName {
		return fmt.Errorf("%w: its first part is %s, not %s", backup.ErrDamaged, m.Parts[0].Name, sqlite.FileName)
	}
	return nil
}

// restoring is a folder on its way. All of it is done through root: its owner may change it meanwhile, and has links in it
// that lead elsewhere.
type restoring struct {
	dir    string
	made   bool // the folder is ours
	unlock func() error
	root   *os.Root
	give   giving // a file to the folder's owner
}

// databasePart is what the database is called until it is known to be whole.
const databasePart = "." + sqlite.FileName + ".restoring"

func beginRestore(dir string) (_ *restoring, err error) {
	r := &restoring{dir: dir}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		r.made = true
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file: name a folder that is new or empty", dir)
	}
	if _, err := os.Lstat(filepath.Join(dir, lockName)); err != nil && !r.made {
		if err := mustBeEmpty(dir); err != nil { // before the lock is made in a folder of somebody else's
			return nil, err
		}
	}
	if r.unlock, err = lockFolder(dir); err != nil {
		if errors.Is(err, errInUse) {
			err = fmt.Errorf("%w: restore into a new folder, stop the server, and start it with that", err)
		}
		return nil, err
	}
	if err := mustBeEmpty(dir); err != nil {
		return nil, errors.Join(err, r.unlock())
	}
	if r.root, err = os.OpenRoot(dir); err != nil {
		return nil, errors.Join(err, r.unlock())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.end(err))
		}
	}()
	if r.give, err = givingTo(dir); err != nil {
		return nil, err
	}
	if r.made {
		if err := backup.SyncFolder(filepath.Dir(filepath.Clean(dir))); err != nil {
			return nil, err
		}
	}
	err = r.write(unfinishedName, 0o600, strings.NewReader("This folder holds a part of a backup. Run sockeye restore again.\n"))
	if err != nil && !errors.Is(err, fs.ErrExist) { // an earlier one has left it
		return nil, err
	}
	if err := backup.SyncFolder(dir); err != nil {
		return nil, err
	}
	return r, r.clear() // of what an earlier one has left
}

// mustBeEmpty fails if a folder holds anything but what an unfinished restore has left.
func mustBeEmpty(dir string) error {
	if info, err := os.Lstat(filepath.Join(dir, unfinishedName)); err == nil && info.Mode().IsRegular() {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(dir, sqlite.FileName)); err == nil {
		return fmt.Errorf("the folder %s holds the data of a server: restore into a new folder, and start the server with that", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		switch name := entry.Name(); name {
		case lostAndFound, lockName:
		default:
			return fmt.Errorf("the folder %s is not empty, it has %s: restore into a new or an empty one", dir, name)
		}
	}
	return nil
}

// clear removes all but the lock and what says that the folder is unfinished.
func (r *restoring) clear() error {
	entries, err := fs.ReadDir(r.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); name != unfinishedName && name != lockName && name != lostAndFound {
			err = errors.Join(err, r.root.RemoveAll(name))
		}
	}
	return err
}

// take writes a part.
func (r *restoring) take(part backup.Part, content io.Reader) error {
	name := part.Name
	if name == sqlite.FileName {
		name = databasePart
	}
	for folder := range parents(name) {
		if err := r.root.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := r.give.named(r.root, folder); err != nil {
			return err
		}
	}
	return r.write(name, fs.FileMode(part.Mode)&0o700, content) // whatever it was: all of it is for the owner alone
}

// parents are the folders above a file, the outermost first.
func parents(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(name) {
			if name[i] == '/' && !yield(name[:i]) {
				return
			}
		}
	}
}

// write makes a file that is not there, and puts it on disk.
func (r *restoring) write(name string, mode fs.FileMode, content io.Reader) (err error) {
	file, err := r.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, content); err != nil {
		return err
	}
	return errors.Join(file.Chmod(mode), r.give.file(file), file.Sync())
}

// finish makes a whole folder of one that has all parts.
func (r *restoring) finish(ctx context.Context, m *backup.Manifest) error {
	if _, err := sqlite.Restored(ctx, filepath.Join(r.dir, databasePart), m.Schema, m.ReadableFrom); err != nil {
		return err
	}
	if err := r.give.named(r.root, lockName); err != nil {
		return err
	}
	if err := r.root.Chmod(".", 0o700); err != nil && !errors.Is(err, fs.ErrPermission) { // a volume's root may be somebody else's
		return err
	}
	if err := r.root.Rename(databasePart, sqlite.FileName); err != nil {
		return err
	}
	if err := r.syncFolders(); err != nil {
		return err
	}
	return r.removeMark()
}

// removeMark takes away what says that the folder is unfinished.
func (r *restoring) removeMark() error {
	if err := r.root.Remove(unfinishedName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return backup.SyncFolder(r.dir)
}

// syncFolders puts all names on disk.
func (r *restoring) syncFolders() error {
	return fs.WalkDir(r.root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err == nil && path == lostAndFound && entry.IsDir():
			return fs.SkipDir
		case err != nil || !entry.IsDir():
			return err
		}
		return backup.SyncFolder(filepath.Join(r.dir, filepath.FromSlash(path)))
	})
}

// end lets the folder go; after a failure with nothing of the backup in it.
func (r *restoring) end(failed error) error {
	var err error
	if failed != nil {
		err = r.undo()
	}
	err = errors.Join(err, r.root.Close())
	if failed != nil && r.made && err == nil {
		err = os.RemoveAll(r.dir)
	}
	return errors.Join(err, r.unlock())
}

// undo makes the folder as it was. What says that it is unfinished goes once nothing else is there.
func (r *restoring) undo() error {
	if err := r.clear(); err != nil {
		return err
	}
	if err := backup.SyncFolder(r.dir); err != nil {
		return err
	}
	if err := r.removeMark(); err != nil {
		return err
	}
	if err := r.root.Remove(lockName); !errors.Is(err, fs.ErrNotExist) { // not everywhere is one
		return err
	}
	return nil
}

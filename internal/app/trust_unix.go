//go:build unix

package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// trust is in the owner of a folder, as far as root must not read for somebody else what he may not. Others have no more
// rights than the system gives them.
type trust struct{ owner *syscall.Stat_t }

func trustOf(dir string) (t trust, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return t, err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && owner.Uid != 0 {
		t.owner = owner
	}
	return t, nil
}

// mayRead reports whether the owner may read a file, and gets to it.
func (t trust) mayRead(path string, file fs.FileInfo) bool {
	if t.owner == nil {
		return true
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil || !t.has(file, 0o4) {
		return false
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || !t.has(info, 0o1) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// has reports whether the owner has a right (4 to read, 1 to search) to a file. Which groups he is in besides is not known.
func (t trust) has(file fs.FileInfo, right fs.FileMode) bool {
	of, ok := file.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return false
	case of.Uid == t.owner.Uid:
		return true
	case of.Gid == t.owner.Gid:
		right <<= 3
	}
	return file.Mode()&right != 0
}

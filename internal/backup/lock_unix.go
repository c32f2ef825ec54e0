//go:build unix

package backup

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// lock keeps other processes out of a file until it is closed.
func lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrBusy
	}
	return err
}

// isOwn reports whether a file belongs to this process's user, and has one name only.
func isOwn(info fs.FileInfo) bool {
	of, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(of.Uid) == os.Geteuid() && of.Nlink == 1
}

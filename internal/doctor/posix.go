//go:build unix

package doctor

import (
	"io/fs"
	"os"
	"syscall"
)

// posix reports whether modes mean something.
const posix = true

// checkOwners finds files that the folder's owner cannot use, as a command that was run as root leaves them.
func checkOwners(dir string, folder fs.FileInfo, found *findings) {
	owner, ok := folder.Sys().(*syscall.Stat_t)
	entries, err := os.ReadDir(dir)
	if !ok || err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			continue // it is gone
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != owner.Uid && entry.Name() != "lost+found" {
			found.trouble("Give everything to the user that the server runs as: chown -R USER "+dir,
				"%s belongs to another user (%d) than the data folder (%d)", entry.Name(), stat.Uid, owner.Uid)
		}
	}
}

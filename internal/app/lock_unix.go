//go:build unix

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockFolder makes the data folder if needed and keeps a second server out of
// it for as long as this process lives.
func lockFolder(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("data folder: %s is a link, and leads elsewhere: remove it", filepath.Join(dir, lockName))
	}
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data folder %s is %w", dir, errInUse)
		}
		return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
	}
	return file.Close, nil
}

// lockPlace is the file by which a folder is locked, by a name that no other file has, here or elsewhere: who has it
// locked is the only one. It is empty where the machine does not say which one it is.
func lockPlace(dir string) string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	var at syscall.Stat_t
	if err := syscall.Stat(filepath.Join(dir, lockName), &at); err != nil {
		return ""
	}
	return fmt.Sprintf("%s %d %d", strings.TrimSpace(string(boot)), at.Dev, at.Ino)
}
